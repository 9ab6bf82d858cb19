"""A past log worked off again by live dispatch, on the time of the log."""

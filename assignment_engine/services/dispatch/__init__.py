"""Live dispatch: the next right task, the moment somebody is free."""

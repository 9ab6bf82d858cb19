"""The one definition of the 17 features, on whole arrays."""

"""Logs of past work from other systems: how their columns are read, replayed and learned from."""

"""The use cases: each takes a unit of work and does one thing whole."""

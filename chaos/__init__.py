"""Faults at random against a whole installation under load, and what must hold nevertheless: ``python -m chaos``."""

"""Targets of fuzzing, and what feeds them; no part of the product."""

"""Decides who should do what, and stays right about it while the work happens."""

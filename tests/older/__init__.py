"""Databases as older versions of the program left them."""

"""Measurements of speed and memory; each module is a command, `--json` prints JSON lines."""

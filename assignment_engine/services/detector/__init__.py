"""The realtime detector: what goes wrong while work goes on, before somebody has to ask."""

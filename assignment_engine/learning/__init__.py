"""Learning from outcomes: decisions in, model bundles out; and an organisation to learn from when there is none."""

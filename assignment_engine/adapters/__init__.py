"""What reaches outside this process; known to the wiring only."""

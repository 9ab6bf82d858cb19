"""The whole batch at once: prices, a linear program, knapsacks and local search, with a bound on what is possible."""

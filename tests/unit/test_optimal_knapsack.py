"""The compiled knapsacks, against trying all sets."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from assignment_engine.allocation.optimal import knapsack


def random_items(seed: int):
    """Items in falling profit per size, and a capacity."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 10))
    items, profit, size = np.arange(count), rng.exponential(1.0, count), rng.integers(0, 12, count)
    knapsack.sort_by_density(items, profit, size, count)
    return profit, size, int(rng.integers(0, 30))


@pytest.mark.parametrize("solve", [knapsack.by_table, knapsack.by_branching])
def test_finds_the_best_set(solve):
    for seed in range(200):
        profit, size, capacity = random_items(seed)
        chosen = np.zeros(profit.size, np.uint8)
        found = solve(profit, size, capacity, chosen)
        best = max(
            np.dot(profit, taken) for taken in product((0, 1), repeat=profit.size) if np.dot(size, taken) <= capacity
        )
        assert found == pytest.approx(best)
        assert np.dot(profit, chosen) == pytest.approx(best)
        assert np.dot(size, chosen) <= capacity


def test_items_are_sorted_by_profit_per_size_and_nothing_weighs_most():
    items, profit, size = np.arange(4), np.array([1.0, 4.0, 9.0, 1.0]), np.array([1, 2, 3, 0])
    knapsack.sort_by_density(items, profit, size, 4)
    assert items.tolist() == [3, 2, 1, 0]
    assert profit.tolist() == [1.0, 9.0, 4.0, 1.0]
    assert size.tolist() == [0, 3, 2, 1]


def test_a_search_cut_short_answers_with_a_bound():
    rng = np.random.default_rng(5)
    size = rng.integers(1000, 2000, 300) * 2  # even sizes never fill an odd capacity
    profit = size + 10.0
    chosen = np.zeros(300, np.uint8)
    bound = knapsack.by_branching(profit, size, 200_001, chosen)
    assert np.dot(size, chosen) <= 200_001
    assert np.dot(profit, chosen) <= bound
    assert bound <= 200_001 + 10.0 * 100

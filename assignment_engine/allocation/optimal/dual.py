"""Task prices: every person fills their capacity as well as possible, and conflicts set the prices.

With a price for each task instead of each second, every person faces a knapsack problem. Σ task prices + Σ best profits
is a bound as well, and a tighter one than the linear program gives, because nobody can do half a task. The sets that
the knapsacks choose fill capacity to the brim, which makes them good material for plans.
"""

from __future__ import annotations

import numpy as np

from assignment_engine.allocation.optimal import knapsack
from assignment_engine.allocation.optimal.model import Model
from assignment_engine.allocation.optimal.prices import safe_sum
from assignment_engine.allocation.optimal.relaxation import Relaxation
from assignment_engine.features.arrays import Floats

PATIENCE = 15
SHRINK = 0.7


class TaskPrices:
    """Prices that move against conflicts by subgradient steps; `bound` is the lowest bound met."""

    def __init__(self, model: Model, relaxation: Relaxation) -> None:
        self._model = model
        self._value = np.ascontiguousarray(model.value.T)
        self._seconds = np.ascontiguousarray(model.seconds.T)
        self._place = relaxation.prices.place
        worth = relaxation.valuation.worth
        self._price: Floats = np.where(np.isfinite(worth), worth, 0.0)
        self._best = self._price
        self._stalled = 0
        self.sets = np.zeros(self._value.shape, dtype=np.uint8)
        self.reach = 1.0
        self.bound = np.inf

    @property
    def best(self) -> Floats:
        """The prices of the lowest bound, shape (n,)."""
        return self._best

    def evaluate(self, price: Floats) -> float:
        """The bound at these prices; `sets` becomes the best sets."""
        profits = knapsack.best_sets(self._value, self._seconds, self._model.capacity, price, self._place, self.sets)
        return safe_sum(profits + float(self._place @ self._model.limit), price) + 1e-12 * abs(profits)

    def forced_changes(self) -> Floats:
        """What the lowest bound changes at most when a pair is chosen, shape (n, m)."""
        changes = np.empty_like(self._value)
        knapsack.forced_changes(self._value, self._seconds, self._model.capacity, self._best, self._place, changes)
        return changes.T

    def step(self, aim: float) -> float:
        """Evaluate the present prices and move them towards a bound of `aim`; returns the bound found."""
        bound = self.evaluate(self._price)
        if bound < self.bound - 1e-7 * abs(bound):
            self._best, self._stalled = self._price, 0
        else:
            self._stalled += 1
            if self._stalled > PATIENCE:
                self.reach, self._stalled, self._price = SHRINK * self.reach, 0, self._best
        self.bound = min(self.bound, bound)
        slope = 1.0 - self.sets.sum(axis=0, dtype=np.float64)
        optional = ~self._model.mandatory
        slope[optional & (self._price <= 0.0) & (slope > 0.0)] = 0.0
        length = self.reach * max(self.bound - aim, 1e-6 * abs(self.bound)) / max(float(slope @ slope), 1e-9)
        price = self._price - length * slope
        self._price = np.where(optional, np.maximum(price, 0.0), price)
        return bound

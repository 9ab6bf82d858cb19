"""The linear program over pairs of good reduced value, with more pairs until its prices hold for all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from assignment_engine.allocation.optimal.model import Budget, Incumbent, Model
from assignment_engine.allocation.optimal.prices import Prices, Valuation, best_people, subgradient, valuation
from assignment_engine.allocation.optimal.program import FEW_PAIRS, Columns, solve_linear
from assignment_engine.features.arrays import Floats, Ints

FIRST_CANDIDATES = 10
MORE_CANDIDATES = 5
SUBGRADIENT_STEPS = 100
ROUNDS = 10
TIGHT = 1e-5
ABSENCE = 4.0
SECONDS_PER_PAIR = 1e-5  # the program does not watch the clock at every step


@dataclass(frozen=True)
class Relaxation:
    """Prices, what they say, and how far each of some pairs is chosen in the linear program, 0 to 1, shape (k,)."""

    prices: Prices
    valuation: Valuation
    columns: Columns
    shares: Floats

    @property
    def worth(self) -> Floats:
        """What each task is worth at the prices, shape (n,); 0 for those that nobody can do."""
        return np.where(np.isfinite(self.valuation.worth), self.valuation.worth, 0.0)


def relax(model: Model, budget: Budget, incumbent: Incumbent) -> Relaxation:
    """Solve the relaxation as well as the budget allows; every bound met on the way tightens the incumbent's."""
    small = model.value.size <= FEW_PAIRS
    prices, _ = subgradient(model, budget.part(0.4), 0 if small else SUBGRADIENT_STEPS)
    columns = Columns(*np.nonzero(model.eligible)) if small else _columns(model, prices, FIRST_CANDIDATES)
    best = Relaxation(prices, valuation(model, prices), columns, np.zeros(columns.tasks.size))
    incumbent.tighten(best.valuation.bound)
    for _ in range(ROUNDS):
        if not columns.tasks.size or budget.left < SECONDS_PER_PAIR * columns.tasks.size:
            break
        answer = solve_linear(model, columns, budget, ABSENCE * model.spread + 1.0)
        if answer is None:
            break
        found = valuation(model, answer.prices)
        incumbent.tighten(found.bound)
        better = Relaxation(answer.prices, found, columns, answer.shares)
        # While pairs are missing, the program's own prices may be worse than those that chose the pairs.
        best = better if found.bound <= best.valuation.bound else replace(best, columns=columns, shares=answer.shares)
        if found.bound - answer.value <= TIGHT * abs(found.bound) or incumbent.bound == -np.inf:
            break
        columns = _with_more(model, columns, answer.prices)
    return best


def _columns(model: Model, prices: Prices, candidates: int) -> Columns:
    people = best_people(model, prices, candidates)
    tasks = np.repeat(np.arange(people.shape[0]), people.shape[1])
    able = model.eligible[tasks, people.ravel()]
    return Columns(tasks[able], people.ravel()[able])


def _with_more(model: Model, columns: Columns, prices: Prices) -> Columns:
    """The columns, and the best people of each task at prices that the program found without them."""
    m = model.shape[1]
    more = _columns(model, prices, MORE_CANDIDATES)
    keys: Ints = np.union1d(columns.tasks * m + columns.people, more.tasks * m + more.people)
    return Columns(*np.divmod(keys, m))

"""The exact finish: leave out pairs that no better plan can use, and search the rest by branch and bound."""

from __future__ import annotations

import numpy as np

from assignment_engine.allocation.optimal.model import Budget, Incumbent, Model
from assignment_engine.allocation.optimal.problem import NOBODY
from assignment_engine.allocation.optimal.program import Columns, solve_integer
from assignment_engine.allocation.optimal.relaxation import Relaxation
from assignment_engine.features.arrays import Bools, Floats

SAFETY = 1e-6


def useful(model: Model, incumbent: Incumbent, bound: float, reduced: Floats) -> Bools:
    """Pairs that a plan better than the incumbent can use, shape (n, m).

    Parameters
    ----------
    bound : a bound from some prices.
    reduced : what the bound loses at least when the pair is chosen (≤ 0; more is taken as 0), shape (n, m).
    """
    if incumbent.missing:
        return model.eligible
    needed = incumbent.value + 0.999 * model.quantum - 1e-9 * max(1.0, abs(bound))
    return model.eligible & (bound + np.minimum(reduced, 0.0) >= needed)


def useful_at_prices(model: Model, incumbent: Incumbent, relaxation: Relaxation) -> Bools:
    """The same at the capacity prices of a relaxation."""
    reduced = relaxation.prices.reduced(model, slice(None)) - relaxation.worth[:, None]
    return useful(model, incumbent, relaxation.valuation.bound, reduced)


def finish(model: Model, incumbent: Incumbent, pairs: Bools, budget: Budget) -> bool:
    """Search among `pairs`; improves the incumbent and its bound. Returns whether the search was complete."""
    tasks, people = np.nonzero(pairs)
    absence = (model.shape[0] + 1.0) * (model.spread + 1.0) if incumbent.missing else None
    answer = solve_integer(model, Columns(tasks, people), budget, absence)
    if answer.chosen is not None:
        assigned = np.full(model.shape[0], NOBODY, dtype=np.int64)
        assigned[tasks[answer.chosen]] = people[answer.chosen]
        incumbent.offer(assigned)
    if incumbent.missing == 0:
        bound = max(answer.bound, incumbent.value)
        incumbent.tighten(bound + SAFETY * max(1.0, abs(bound)))
    elif answer.complete:
        incumbent.tighten(-np.inf)
    return answer.complete

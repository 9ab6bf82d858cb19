"""The easy case: only the number of tasks per person counts, as with one task each."""

from __future__ import annotations

import numpy as np

from assignment_engine.allocation.optimal.model import Model
from assignment_engine.allocation.optimal.problem import NOBODY
from assignment_engine.features.arrays import Ints

MOST_CELLS = 20_000_000


def places(model: Model) -> Ints | None:
    """How many tasks each person can take, shape (m,), where it does not matter which; otherwise None."""
    n, m = model.shape
    if not n or not m:
        return np.zeros(m, dtype=np.int64)
    far = int(model.capacity.max()) + 1
    ordered = np.sort(np.where(model.eligible, model.seconds, far), axis=0)
    able = model.eligible.sum(axis=0)
    fewest = _fitting(np.where(ordered < far, ordered, 0)[::-1], model) - (n - able)  # the others come first, as 0
    most = np.minimum(_fitting(ordered, model), able)
    fewest, most = np.minimum(fewest, model.limit), np.minimum(most, model.limit)
    cells = n * (int(most.sum()) + n)
    return most if np.array_equal(np.minimum(fewest, most), most) and cells <= MOST_CELLS else None


def _fitting(ordered: Ints, model: Model) -> Ints:
    """How many of the tasks fit when taken in this order, shape (m,)."""
    return np.asarray((np.cumsum(ordered, axis=0) <= model.capacity).sum(axis=0), dtype=np.int64)


def solve(model: Model, room: Ints) -> Ints:
    """The best assignment (each person once for each place), by the Hungarian method."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415  (slow to import)

    n, m = model.shape
    person = np.append(np.repeat(np.arange(m), room), np.full(n, NOBODY))
    absence = np.where(model.mandatory, -(n + 1.0) * (model.spread + 1.0), 0.0)
    value = np.full((n, person.size), -np.inf)
    value[:, : person.size - n] = model.value[:, person[: person.size - n]]
    value[np.arange(n), person.size - n + np.arange(n)] = absence
    tasks, chosen = linear_sum_assignment(value, maximize=True)
    assigned = np.full(n, NOBODY, dtype=np.int64)
    assigned[tasks] = person[chosen]
    return assigned

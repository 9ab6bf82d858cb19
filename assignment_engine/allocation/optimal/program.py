"""The linear and the integer program over some of the pairs, solved by HiGHS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from assignment_engine.allocation.optimal.model import Budget, Model
from assignment_engine.allocation.optimal.prices import Prices
from assignment_engine.features.arrays import Bools, Floats, Ints

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FEW_PAIRS = 5_000
SHORTEST = 0.01
_OPTIMAL, _STOPPED, _INFEASIBLE = 0, 1, 2


class Columns(NamedTuple):
    """Pairs of task and employee, shape (k,)."""

    tasks: Ints
    people: Ints


class LinearAnswer(NamedTuple):
    """How far each column is chosen, 0 to 1, the prices, and the value."""

    shares: Floats
    prices: Prices
    value: float


class IntegerAnswer(NamedTuple):
    """Which columns are chosen (None: nothing found), and an upper bound on all choices of them.

    `bound` is −inf where there is no choice at all, and `complete` says that nothing is left to search.
    """

    chosen: Bools | None
    bound: float
    complete: bool


@dataclass(frozen=True)
class Program:
    """Maximise value · x: each task once, capacity and limits in shares of themselves.

    A mandatory task may stay undone at the price `absence`, as a column after those of the pairs; None: it must not.
    """

    value: Floats
    once: csr_array
    rules: csr_array
    most: Floats
    least_once: Floats
    limited: Ints

    @classmethod
    def of(cls, model: Model, columns: Columns, absence: float | None) -> Program:
        from scipy import sparse  # noqa: PLC0415  (slow to import)

        n, m = model.shape
        tasks, people = columns
        undone = np.flatnonzero(model.mandatory) if absence is not None else np.empty(0, dtype=np.int64)
        k, width = tasks.size, tasks.size + undone.size
        capacity = np.maximum(model.capacity, 1).astype(np.float64)
        limited = np.flatnonzero((model.limit > 0) & (model.limit < n))
        position = np.arange(k)
        takes = sparse.csr_array((model.seconds[tasks, people] / capacity[people], (people, position)), (m, width))
        counts = sparse.csr_array((1.0 / model.limit[people], (people, position)), (m, width))
        return cls(
            value=np.concatenate([model.value[tasks, people], np.full(undone.size, -(absence or 0.0))]),
            once=sparse.csr_array((np.ones(width), (np.append(tasks, undone), np.arange(width))), (n, width)),
            rules=sparse.vstack([takes, counts[limited]], format="csr"),
            most=np.concatenate([model.capacity / capacity, np.ones(limited.size)]),
            least_once=model.mandatory.astype(np.float64),
            limited=limited,
        )


def solve_linear(model: Model, columns: Columns, budget: Budget, absence: float) -> LinearAnswer | None:
    """The linear program; None when there was no time."""
    from scipy import sparse  # noqa: PLC0415
    from scipy.optimize import linprog  # noqa: PLC0415

    m, k = model.shape[1], columns.tasks.size
    program = Program.of(model, columns, absence)
    must, may = np.flatnonzero(model.mandatory), np.flatnonzero(~model.mandatory)
    solve: Any = linprog  # the stubs know dense matrices only
    result = solve(
        -program.value,
        A_ub=sparse.vstack([program.rules, program.once[may]], format="csc"),
        b_ub=np.concatenate([program.most, np.ones(may.size)]),
        A_eq=program.once[must] if must.size else None,
        b_eq=np.ones(must.size) if must.size else None,
        method="highs-ds" if k <= FEW_PAIRS else "highs-ipm",
        options={"time_limit": max(budget.left, SHORTEST)},
    )
    if result.status != _OPTIMAL:
        return None
    dual = np.maximum(0.0, -result.ineqlin.marginals)
    place = np.zeros(m)
    place[program.limited] = dual[m : m + program.limited.size] / model.limit[program.limited]
    prices = Prices(dual[:m] / np.maximum(model.capacity, 1), place)
    return LinearAnswer(result.x[:k], prices, -float(result.fun))


def solve_integer(model: Model, columns: Columns, budget: Budget, absence: float | None) -> IntegerAnswer:
    """The integer program, searched while the budget lasts."""
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415

    k = columns.tasks.size
    program = Program.of(model, columns, absence)
    if not program.value.size:
        return IntegerAnswer(None, -np.inf if program.least_once.any() else 0.0, complete=True)
    result = milp(
        -program.value,
        integrality=np.ones(program.value.size, dtype=np.int64),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(program.once, program.least_once, np.ones(program.least_once.size)),
            LinearConstraint(program.rules, -np.inf, program.most),
        ],
        options={"time_limit": max(budget.left, SHORTEST), "mip_rel_gap": 0.0},
    )
    if result.status == _INFEASIBLE:
        return IntegerAnswer(None, -np.inf, complete=True)
    bound = np.inf if result.mip_dual_bound is None else -float(result.mip_dual_bound)
    chosen = None if result.x is None else np.asarray(result.x[:k] > 0.5)
    return IntegerAnswer(chosen, bound, complete=result.status == _OPTIMAL)

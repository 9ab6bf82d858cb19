"""One call from a problem to its solution."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from assignment_engine.allocation.optimal import exact, transport, warmup
from assignment_engine.allocation.optimal.model import Budget, Incumbent, Model
from assignment_engine.allocation.optimal.problem import GapProblem, GapSolution
from assignment_engine.allocation.optimal.relaxation import relax
from assignment_engine.allocation.optimal.rounding import filled, rounded
from assignment_engine.features.arrays import Ints

SMALL = 1_500
SEARCHABLE = 20_000
SHARE_OF_RELAXATION = 0.5
SHARE_OF_EXACT = 0.5
SHARE_OF_WAITING = 0.9


def solve_gap(
    problem: GapProblem,
    time_budget_seconds: float,
    seed: int = 0,
    *,
    starts: Sequence[Ints] = (),
    clock: Callable[[], float] = time.monotonic,
) -> GapSolution:
    """The best assignment that the time allows, with a bound on what is possible.

    Parameters
    ----------
    starts : assignments to begin with, shape (n,) each, −1 is nobody; the solution is never worse than these.
    clock : seconds that never run backwards.

    Notes
    -----
    The same seed gives the same solution as long as the time does not run out.
    """
    budget = Budget.start(time_budget_seconds, clock)
    model = Model.of(problem)
    incumbent = Incumbent(model)
    for assigned in starts:
        incumbent.offer(assigned)
    rounds = _solve(model, incumbent, budget, seed)
    assigned = filled(model, incumbent.assigned)  # a task that is worth nothing is better done than not
    value, missing = model.total(assigned), model.missing(assigned) + model.hopeless
    bound = max(incumbent.bound, value) if missing == 0 else incumbent.bound
    if model.hopeless:
        bound = -np.inf
    return GapSolution(assigned, value, bound, missing, budget.spent, rounds)


def _solve(model: Model, incumbent: Incumbent, budget: Budget, seed: int) -> int:
    room = transport.places(model)
    if room is not None:
        incumbent.offer(transport.solve(model, room))
        incumbent.tighten(incumbent.value if incumbent.missing == 0 else -np.inf)
        return 0
    pairs = int(np.count_nonzero(model.eligible))
    compiling = warmup.begin() if pairs > SMALL else None
    relaxation = relax(model, budget.part(SHARE_OF_RELAXATION), incumbent)
    incumbent.offer(rounded(model, relaxation))
    if pairs <= SMALL and not incumbent.closed:
        useful = exact.useful_at_prices(model, incumbent, relaxation)
        if exact.finish(model, incumbent, useful, budget.part(SHARE_OF_EXACT)):
            return 0
        compiling = warmup.begin()
    if compiling is None or incumbent.closed:
        return 0
    if not warmup.ended(compiling, budget.part(SHARE_OF_WAITING)):
        if pairs <= SEARCHABLE:
            exact.finish(model, incumbent, exact.useful_at_prices(model, incumbent, relaxation), budget)
        return 0
    from assignment_engine.allocation.optimal.improve import Improvement  # noqa: PLC0415  (loads numba)

    return Improvement(model, relaxation, incumbent, budget, seed).run()

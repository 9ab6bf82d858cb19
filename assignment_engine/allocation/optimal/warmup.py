"""The compiler works beside the linear program, and nobody waits for it longer than the budget."""

from __future__ import annotations

from functools import cache
from threading import Thread

import numpy as np

from assignment_engine.allocation.optimal.model import Budget, Incumbent, Model
from assignment_engine.allocation.optimal.problem import GapProblem
from assignment_engine.allocation.optimal.relaxation import relax

_FOREVER = Budget(lambda: 0.0, 0.0, 1.0)


@cache
def begin() -> Thread:
    """Start compiling what local search needs, once; with a cache on disk it is read from there."""
    thread = Thread(target=compile_all, name="compile-local-search")
    thread.start()
    return thread


def ended(thread: Thread, budget: Budget) -> bool:
    """Wait for the compiler while the budget lasts; whether it is done."""
    thread.join(timeout=budget.left)
    return not thread.is_alive()


def compile_all() -> None:
    """Run every compiled loop once on a tiny problem."""
    from assignment_engine.allocation.optimal.improve import Improvement  # noqa: PLC0415  (loads numba)

    value = np.array([[3.0, 2.0], [2.0, 3.0], [2.5, 2.25]])
    model = Model.of(GapProblem(value, np.array([2, 3, 2]), np.array([4, 4])))
    incumbent = Incumbent(model)
    relaxation = relax(model, _FOREVER, incumbent)
    Improvement(model, relaxation, incumbent, _FOREVER, 0).rehearse()

"""The methods by name."""

from __future__ import annotations

from collections.abc import Collection

from assignment_engine.allocation.allocators import (
    DEFAULT_BALANCE_WEIGHT,
    Allocator,
    BalancedAllocator,
    GreedyAllocator,
)
from assignment_engine.allocation.optimal.allocator import DEFAULT_TIME_BUDGET_SECONDS, OptimalAllocator
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.types import Method, Objective


def allocator(
    method: Method | str,
    *,
    weight: float | None = None,
    time_budget_seconds: float | None = None,
    objective: Objective | str | None = None,
    mandatory: bool | Collection[str] = False,
) -> Allocator:
    """The allocator of that name; `weight` is for balanced, all else for optimal, see `OptimalAllocator`.

    Raises
    ------
    InvalidInputError
        If there is no such method or objective, the weight or the time is out of range, or another objective than the
        weighted one or mandatory tasks are asked of a method that knows none.
    """
    if method not in list(Method):
        raise InvalidInputError.at("/method", f"expected one of {', '.join(Method)} (got {method!r})")
    goal = Objective.WEIGHTED if objective is None else objective
    if goal not in list(Objective):
        raise InvalidInputError.at("/objective", f"expected one of {', '.join(Objective)} (got {objective!r})")
    if Method(method) is Method.OPTIMAL:
        seconds = DEFAULT_TIME_BUDGET_SECONDS if time_budget_seconds is None else time_budget_seconds
        return OptimalAllocator(seconds, Objective(goal), mandatory)
    for name, asked in (("objective", goal != Objective.WEIGHTED), ("mandatory", bool(mandatory))):
        if asked:
            raise InvalidInputError.at(f"/{name}", f"only the method optimal knows it, and this one is {method}")
    if Method(method) is Method.BALANCED:
        return BalancedAllocator(DEFAULT_BALANCE_WEIGHT if weight is None else weight)
    return GreedyAllocator()

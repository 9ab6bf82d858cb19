"""The methods by name."""

from __future__ import annotations

from assignment_engine.allocation.allocators import (
    DEFAULT_BALANCE_WEIGHT,
    Allocator,
    BalancedAllocator,
    GreedyAllocator,
)
from assignment_engine.allocation.optimal.allocator import OptimalAllocator
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.types import Method


def allocator(
    method: Method | str, *, weight: float | None = None, time_budget_seconds: float | None = None
) -> Allocator:
    """The allocator of that name; `weight` is for balanced, `time_budget_seconds` for optimal.

    Raises
    ------
    InvalidInputError
        If there is no such method, or the weight or the time is out of range.
    """
    if method not in list(Method):
        raise InvalidInputError.at("/method", f"expected one of {', '.join(Method)} (got {method!r})")
    if Method(method) is Method.BALANCED:
        return BalancedAllocator(DEFAULT_BALANCE_WEIGHT if weight is None else weight)
    if Method(method) is Method.OPTIMAL:
        return OptimalAllocator() if time_budget_seconds is None else OptimalAllocator(time_budget_seconds)
    return GreedyAllocator()

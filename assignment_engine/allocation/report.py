"""How good a plan is, measured the same way for every method."""

from __future__ import annotations

import numpy as np

from assignment_engine.allocation.allocators import Allocation
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.plans import LoadSpread, Report
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.pairs import Loads


def report_of(problem: AllocationProblem, allocation: Allocation) -> Report:
    """Value and bound on the scores at the start, and the spread of load before and after."""
    value, bound = allocation.measured
    return Report(
        value=value,
        bound=bound,
        gap=relative_gap(value, bound),
        total_score=float(sum(choice.score for choice in allocation.choices)),
        load_before=load_spread(problem, problem.pairs.initial),
        load_after=load_spread(problem, allocation.loads),
        warnings=(*problem.warnings, *allocation.warnings),
        objective=allocation.objective,
    )


def relative_gap(value: float, bound: float) -> float:
    """|bound − value| / |bound|; 0 where they are equal, 1 where the bound alone is 0."""
    return 0.0 if bound == value else abs(bound - value) / (abs(bound) or abs(value))


def load_spread(problem: AllocationProblem, loads: Loads) -> LoadSpread:
    """Gini and Jain's index of load / capacity over the people with capacity."""
    ratios = _ratios(loads, problem.capacity)
    return LoadSpread(
        gini=gini(ratios),
        jain=jain(ratios),
        max_ratio=float(ratios.max(initial=0.0)),
        by_employee={
            employee.employee_id: float(seconds / capacity)
            for employee, seconds, capacity in zip(problem.employees, loads.seconds, problem.capacity, strict=True)
            if capacity > 0
        },
    )


def _ratios(loads: Loads, capacity: Ints) -> Floats:
    able = capacity > 0
    return np.asarray(loads.seconds[able] / capacity[able], dtype=np.float64)


def gini(values: Floats) -> float:
    """Gini coefficient of non-negative values: 0 when all are equal (or none), towards 1 when one has everything."""
    total = float(values.sum())
    if total == 0.0:
        return 0.0
    ranks = np.arange(1, values.size + 1)
    return float(2.0 * (ranks * np.sort(values)).sum() / (values.size * total) - (values.size + 1) / values.size)


def jain(values: Floats) -> float:
    """Jain's fairness index (Σx)² / (n Σx²): 1 when all are equal (or none), 1/n when one has everything."""
    squares = float((values * values).sum())
    return 1.0 if squares == 0.0 else float(values.sum()) ** 2 / (values.size * squares)

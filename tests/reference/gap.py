"""The generalised assignment problem solved by trying everything."""

from __future__ import annotations

from itertools import product

import numpy as np

from assignment_engine.allocation.optimal.problem import GapProblem


def violations(problem: GapProblem, assigned) -> list[str]:
    """What is wrong with an assignment, mandatory tasks aside; plain loops over pairs."""
    n, m = problem.value.shape
    wrong, load, count = [], [0] * m, [0] * m
    for task in range(n):
        person = int(assigned[task])
        if person == -1:
            continue
        if not np.isfinite(problem.value[task, person]):
            wrong.append(f"pair {task}, {person}")
        load[person] += int(problem.seconds[task, person] if problem.seconds.ndim == 2 else problem.seconds[task])
        count[person] += 1
    wrong += [f"capacity of {person}" for person in range(m) if load[person] > problem.capacity[person]]
    if problem.limit is not None:
        wrong += [f"limit of {person}" for person in range(m) if count[person] > problem.limit[person]]
    return wrong


def value_of(problem: GapProblem, assigned) -> float:
    return sum(float(problem.value[task, person]) for task, person in enumerate(assigned) if person != -1)


def missing(problem: GapProblem, assigned) -> int:
    """Mandatory tasks without a person."""
    mandatory = np.broadcast_to(problem.mandatory, problem.value.shape[:1])
    return sum(bool(must) and person == -1 for must, person in zip(mandatory, assigned, strict=True))


def allowed(problem: GapProblem) -> list[tuple[int, ...]]:
    """Every assignment that breaks no rule."""
    n, m = problem.value.shape
    return [assigned for assigned in product(range(-1, m), repeat=n) if not violations(problem, assigned)]


def best(problem: GapProblem) -> tuple[int, float]:
    """Fewest mandatory tasks missing, and the greatest value with so few."""
    fewest, negative = min((missing(problem, a), -value_of(problem, a)) for a in allowed(problem))
    return fewest, -negative

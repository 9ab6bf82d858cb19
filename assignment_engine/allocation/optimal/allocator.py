"""The optimal method: the whole batch at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from assignment_engine.allocation.allocators import (
    Allocation,
    Allocator,
    BalancedAllocator,
    Choice,
    GreedyAllocator,
    greedy_order,
    scored,
    shown,
)
from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.allocation.optimal.problem import NOBODY, GapProblem
from assignment_engine.allocation.optimal.solve import solve_gap
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.types import Method
from assignment_engine.features.arrays import Floats, Ints

DEFAULT_TIME_BUDGET_SECONDS = 10.0
Objective = Literal["weighted", "score", "cost"]


@dataclass(frozen=True)
class OptimalAllocator:
    """Maximises the total over the whole batch, on the scores at the problem's start.

    Parameters
    ----------
    time_budget_seconds : when it ends, the best plan so far is the answer.
    objective : "weighted" is Σ priority weight · score, "score" is Σ score; "cost" reads scores as costs and makes
        Σ score smallest, with every task mandatory.
    mandatory : give up value rather than leave a task undone.
    """

    time_budget_seconds: float = DEFAULT_TIME_BUDGET_SECONDS
    objective: Objective = "weighted"
    mandatory: bool = False
    seed: int = 0
    clock: Callable[[], float] = time.monotonic
    method: Method = Method.OPTIMAL

    def __post_init__(self) -> None:
        if not (math.isfinite(self.time_budget_seconds) and self.time_budget_seconds > 0.0):
            raise InvalidInputError.at(
                "/time_budget_seconds", f"expected a number above 0 (got {self.time_budget_seconds!r})"
            )
        if self.objective not in ("weighted", "score", "cost"):
            raise InvalidInputError.at("/objective", f"expected weighted, score or cost (got {self.objective!r})")

    def allocate(self, problem: AllocationProblem, *, progress: bool = False) -> Allocation:
        begun = self.clock()
        scores = start_scores(problem, progress=progress)
        rows = _rows_by_id(problem)
        gap = GapProblem(
            value=self._values(problem, scores)[rows],
            seconds=problem.seconds[rows],
            capacity=problem.capacity - problem.pairs.initial.seconds,
            limit=_places(problem),
            mandatory=self.mandatory or self.objective == "cost",
        )
        starts = [_people(problem, method)[rows] for method in (GreedyAllocator(), BalancedAllocator())]
        left = self.time_budget_seconds - (self.clock() - begun)
        solution = solve_gap(gap, max(0.0, left), self.seed, starts=starts, clock=self.clock)
        assigned = np.empty_like(rows)
        assigned[rows] = solution.assigned
        return self._allocation(problem, scores, assigned, solution.bound)

    def _values(self, problem: AllocationProblem, scores: Floats) -> Floats:
        if self.objective == "weighted":
            weights = np.array([task.priority.weight for task in problem.tasks], dtype=np.float64)
            return scores * weights[:, None]
        return -scores if self.objective == "cost" else scores

    def _allocation(self, problem: AllocationProblem, scores: Floats, assigned: Ints, bound: float) -> Allocation:
        """Every choice has the score and load of the problem's start: that is what was decided on."""
        initial = problem.pairs.initial
        loads = initial.copy()
        choices = []
        for task in greedy_order(problem):
            employee = int(assigned[task])
            if employee == NOBODY:
                continue
            score = float(scores[task, employee])
            choices.append(
                Choice(task, employee, score, float(initial.hours[employee]), float(initial.active[employee]))
            )
            loads.add(employee, problem.needed_by(task, employee))
        return Allocation(tuple(choices), loads, bound if self.objective == "weighted" else None)


def start_scores(problem: AllocationProblem, *, progress: bool = False) -> Floats:
    """Scores at the problem's start, shape (n, m); NaN where a rule or missing data forbids the pair."""
    loads = problem.pairs.initial
    prepared = problem.scorer.prepare(problem.pairs, loads)
    eligibility = Eligibility.of(problem)
    scores = np.full(problem.shape, np.nan)
    for task in shown(range(len(problem.tasks)), "scoring", "task", progress=progress):
        candidates, row = scored(prepared.row, task, eligibility.candidates(task, loads))
        scores[task, candidates] = row.scores
    return scores


def _rows_by_id(problem: AllocationProblem) -> Ints:
    """Tasks in the order of their ids, so that the order of the input decides nothing."""
    return np.array(sorted(range(len(problem.tasks)), key=lambda row: problem.tasks[row].task_id), dtype=np.int64)


def _places(problem: AllocationProblem) -> Ints | None:
    most = problem.constraints.max_assignments
    return None if most is None else np.maximum(most - problem.pairs.initial.count, 0)


def _people(problem: AllocationProblem, allocator: Allocator) -> Ints:
    """Whom another method would give each task, shape (n,)."""
    assigned = np.full(len(problem.tasks), NOBODY, dtype=np.int64)
    for choice in allocator.allocate(problem).choices:
        assigned[choice.task] = choice.employee
    return assigned

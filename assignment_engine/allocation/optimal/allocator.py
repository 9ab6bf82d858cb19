"""The optimal method: the whole batch at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from assignment_engine.allocation.allocators import (
    Allocation,
    Allocator,
    BalancedAllocator,
    Choice,
    GreedyAllocator,
    Onlooker,
    greedy_order,
    shown,
)
from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.allocation.measure import Measured
from assignment_engine.allocation.optimal.problem import NOBODY, GapProblem, GapSolution
from assignment_engine.allocation.optimal.solve import solve_gap
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.errors import FieldError, InvalidInputError
from assignment_engine.domain.types import Method, Objective
from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.features.pairs import Loads
from assignment_engine.scoring.protocol import ScoreRow, scored

DEFAULT_TIME_BUDGET_SECONDS = 10.0
SHARE_OF_SEARCH = 0.5


@dataclass(frozen=True)
class OptimalAllocator:
    """Maximises the total over the whole batch, on the scores at the problem's start.

    Parameters
    ----------
    time_budget_seconds : when it ends, the best plan so far is the answer; where scoring takes long, the search has
        half of it all the same.
    objective : "weighted" is Σ priority weight · score, "score" is Σ score; "cost" makes the Σ of the problem's costs
        smallest, with every task mandatory.
    mandatory : give up value rather than leave a task undone: all of them, or those with the given ids. Tasks that are
        required from somebody who can take them always are.
    """

    time_budget_seconds: float = DEFAULT_TIME_BUDGET_SECONDS
    objective: Objective = Objective.WEIGHTED
    mandatory: bool | Collection[str] = False
    seed: int = 0
    clock: Callable[[], float] = time.monotonic
    method: Method = Method.OPTIMAL

    def __post_init__(self) -> None:
        if not (math.isfinite(self.time_budget_seconds) and self.time_budget_seconds > 0.0):
            raise InvalidInputError.at(
                "/time_budget_seconds", f"expected a number above 0 (got {self.time_budget_seconds!r})"
            )
        if self.objective not in list(Objective):
            raise InvalidInputError.at("/objective", f"expected one of {', '.join(Objective)} (got {self.objective!r})")

    def allocate(
        self, problem: AllocationProblem, *, progress: bool = False, onlooker: Onlooker | None = None
    ) -> Allocation:
        if (self.objective == Objective.COST) != (problem.costs is not None):
            raise InvalidInputError.at("/costs", 'expected costs with the objective "cost", and with no other')
        begun = self.clock()
        scores = start_scores(problem, progress=progress)
        must = self._mandatory(problem) | _required(problem, scores)
        values = self._values(problem, scores)
        rows = _rows_by_id(problem)
        gap = GapProblem(
            value=values[rows],
            seconds=problem.seconds[rows],
            capacity=problem.capacity - problem.pairs.initial.seconds,
            limit=_places(problem),
            mandatory=must[rows],
        )
        starts = [_people(problem, method)[rows] for method in (GreedyAllocator(), BalancedAllocator())]
        left = max(SHARE_OF_SEARCH * self.time_budget_seconds, self.time_budget_seconds - (self.clock() - begun))
        solution = solve_gap(gap, left, self.seed, starts=starts, clock=self.clock)
        assigned = np.empty_like(rows)
        assigned[rows] = solution.assigned
        measured = _measured(values, assigned, solution)
        choices, loads = _chosen(problem, scores, assigned, onlooker)
        if self.objective == Objective.COST:
            measured = Measured(-measured.value, -measured.bound)
        missing = [f"mandatory tasks that found nobody: {solution.missing}"] if solution.missing else []
        return Allocation(choices, loads, measured, Objective(self.objective), tuple(missing))

    def _values(self, problem: AllocationProblem, scores: Floats) -> Floats:
        """What each pair is worth, shape (n, m); NaN where it must not be chosen."""
        if problem.costs is not None:
            return np.where(np.isnan(scores), np.nan, -problem.costs)
        if self.objective == Objective.SCORE:
            return scores
        return scores * np.array([task.priority.weight for task in problem.tasks], dtype=np.float64)[:, None]

    def _mandatory(self, problem: AllocationProblem) -> Bools:
        """Which tasks must be done, shape (n,)."""
        if isinstance(self.mandatory, bool):
            return np.full(len(problem.tasks), self.mandatory or self.objective == Objective.COST)
        ids = [task.task_id for task in problem.tasks]
        unknown = [
            FieldError(f"/mandatory/{row}", f"there is no pending task {task_id!r} in this plan")
            for row, task_id in enumerate(self.mandatory)
            if task_id not in set(ids)
        ]
        if unknown:
            raise InvalidInputError(unknown)
        return np.array([i in set(self.mandatory) or self.objective == Objective.COST for i in ids], dtype=bool)


def _measured(values: Floats, assigned: Ints, solution: GapSolution) -> Measured:
    """Σ value of the plan, and a bound: that of the solver, or where tasks stay undone the best value of each task.

    A solver's bound with mandatory tasks is one on complete plans. A task that is worth less than nothing to anybody
    counts only if it is done.
    """
    tasks = np.flatnonzero(assigned != NOBODY)
    value = float(values[tasks, assigned[tasks]].sum())
    best = np.fmax.reduce(values, axis=1, initial=-np.inf)
    bound = float(np.maximum(best, 0.0).sum() + np.minimum(best[tasks], 0.0).sum())
    if solution.missing == 0:
        bound = min(bound, solution.bound)
    return Measured(value, max(value, bound))  # sums in another order may differ in the last digit


def _chosen(
    problem: AllocationProblem, scores: Floats, assigned: Ints, onlooker: Onlooker | None
) -> tuple[tuple[Choice, ...], Loads]:
    """Every choice has the score and load of the problem's start: that is what was decided on."""
    initial = problem.pairs.initial
    loads = initial.copy()
    choices = []
    for task in greedy_order(problem):
        employee = int(assigned[task])
        if employee == NOBODY:
            continue
        score = float(scores[task, employee])
        if onlooker is not None:
            candidates = (~np.isnan(scores[task])).nonzero()[0]
            row = ScoreRow(scores[task, candidates], scores[task, candidates])
            onlooker.add(task, candidates, row, int(np.searchsorted(candidates, employee)), initial)
        choices.append(Choice(task, employee, score, float(initial.hours[employee]), float(initial.active[employee])))
        loads.add(employee, problem.needed_by(task, employee))
    return tuple(choices), loads


def start_scores(problem: AllocationProblem, *, progress: bool = False) -> Floats:
    """Scores at the problem's start, shape (n, m); NaN where a rule or missing data forbids the pair."""
    loads = problem.pairs.initial
    prepared = problem.scorer.prepare(problem.pairs, loads)
    eligibility = Eligibility.of(problem)
    scores = np.full(problem.shape, np.nan)
    for task in shown(range(len(problem.tasks)), "scoring", "task", progress=progress):
        candidates, row = scored(prepared, task, eligibility.candidates(task, loads))
        scores[task, candidates] = row.scores
    return scores


def _required(problem: AllocationProblem, scores: Floats) -> Bools:
    """Tasks that must go to one person who can take them, shape (n,): they are done like mandatory ones."""
    required = {task_id for task_id, _ in problem.constraints.required}
    asked = np.array([task.task_id in required for task in problem.tasks], dtype=bool)
    return np.asarray(asked & ~np.isnan(scores).all(axis=1))


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

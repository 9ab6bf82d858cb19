"""Greedy and balanced: one task after the other, each to the best person at that moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.allocation.measure import Measured, StartMeasure
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.records import Task
from assignment_engine.domain.types import Method, Objective
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.pairs import Loads
from assignment_engine.scoring.protocol import DECIMALS, ScoreRow, scored

DEFAULT_BALANCE_WEIGHT = 0.3
_NEAR = 2.0 * 10.0**-DECIMALS
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class Choice(NamedTuple):
    """One pair that was chosen, with its score and the person's load at that moment."""

    task: int
    employee: int
    score: float
    hours: float
    active: float


@dataclass(frozen=True)
class Allocation:
    """Choices in the order they were made, the loads at the end, and how good that is.

    `measured` is the objective on the scores at the problem's start; for "cost" its bound is a lower one.
    """

    choices: tuple[Choice, ...]
    loads: Loads
    measured: Measured
    objective: Objective = Objective.WEIGHTED
    warnings: tuple[str, ...] = ()


class Onlooker(Protocol):
    """Sees every choice of a plan, in their order."""

    def add(self, task: int, candidates: Ints, row: ScoreRow, chosen: int, loads: Loads) -> None:
        """`task` goes to a position among its candidates; the loads are still those that this was decided on."""
        ...


class Allocator(Protocol):
    """Solves a problem; `tests/contract/test_allocators.py` is the suite that each must pass."""

    @property
    def method(self) -> Method: ...

    def allocate(
        self, problem: AllocationProblem, *, progress: bool = False, onlooker: Onlooker | None = None
    ) -> Allocation:
        """Choose a person for as many tasks as the rules allow."""
        ...


@dataclass(frozen=True)
class GreedyAllocator:
    """Required tasks, then by priority, deadline, age and id; the best score each; ties by lower load, then id."""

    method: Method = Method.GREEDY

    def allocate(
        self, problem: AllocationProblem, *, progress: bool = False, onlooker: Onlooker | None = None
    ) -> Allocation:
        return _one_by_one(problem, greedy_order(problem), self._best, onlooker, progress=progress)

    def _best(self, row: ScoreRow, load: _LoadOf) -> int:
        near = near_best(row.scores)
        if near.size == 1:
            return int(near[0])
        return int(near[_first_best(rounded(row.scores[near]), rounded(row.raw[near]), -load(near))])


@dataclass(frozen=True)
class BalancedAllocator:
    """Required tasks, then by priority and id; the best of (1 − weight) · score + weight · (1 − load); ties by lower
    load, then id.
    """

    weight: float = DEFAULT_BALANCE_WEIGHT
    method: Method = Method.BALANCED

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight <= 1.0:
            raise InvalidInputError.at("/weight", f"expected a number from 0 to 1 (got {self.weight!r})")

    def allocate(
        self, problem: AllocationProblem, *, progress: bool = False, onlooker: Onlooker | None = None
    ) -> Allocation:
        order = sorted(range(len(problem.tasks)), key=lambda row: _balanced_key(problem.tasks[row]))
        return _one_by_one(problem, order, self._best, onlooker, progress=progress)

    def _best(self, row: ScoreRow, load: _LoadOf) -> int:
        loads = load(np.arange(row.scores.size))
        adjusted = (1.0 - self.weight) * row.scores + self.weight * (1.0 - loads)
        near = near_best(adjusted)
        return int(near[_first_best(rounded(adjusted[near]), -loads[near], rounded(row.raw[near]))])


_LoadOf = Callable[[Ints], Floats]  # positions among the candidates → their load ratios


class _Best(Protocol):
    def __call__(self, row: ScoreRow, load: _LoadOf) -> int: ...


def greedy_order(problem: AllocationProblem) -> list[int]:
    """Tasks by priority, deadline, age and id."""
    return sorted(range(len(problem.tasks)), key=lambda row: _greedy_key(problem.tasks[row]))


def _greedy_key(task: Task) -> tuple[int, datetime, datetime, str]:
    return -task.priority.level, task.deadline or _END_OF_TIME, task.created_at or _END_OF_TIME, task.task_id


def _balanced_key(task: Task) -> tuple[int, str]:
    return -task.priority.level, task.task_id


def rounded(values: Floats) -> Floats:
    """Scores as they are compared: to nine decimals."""
    return np.round(values, DECIMALS)


def near_best(values: Floats) -> Ints:
    """Positions of all values that may be the largest once they are rounded, shape (k,) with k ≥ 1, ascending."""
    near: Ints = (values >= values.max() - _NEAR).nonzero()[0]
    return near


def load_ratio(loads: Loads, capacity: Ints, employees: Ints) -> Floats:
    """Load over capacity, 0 to 1; 1 without capacity. Counted in whole seconds, so that equal loads are equal."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.fmin(loads.seconds[employees] / capacity[employees], 1.0)


def _load_at(loads: Loads, capacity: Ints, candidates: Ints, positions: Ints) -> Floats:
    return load_ratio(loads, capacity, candidates[positions])


def _first_best(*keys: Floats) -> int:
    """Position of the largest key; the next keys decide between equals, then the lower position."""
    left = np.arange(keys[0].size)
    for key in keys:
        values = key[left]
        left = left[values == values.max()]
        if left.size == 1:
            break
    return int(left[0])


def _required_first(problem: AllocationProblem, order: Sequence[int]) -> list[int]:
    """What must go to one person comes before what has a choice, which would take that person's hours."""
    required = {task_id for task_id, _ in problem.constraints.required}
    return sorted(order, key=lambda row: problem.tasks[row].task_id not in required) if required else list(order)


def _one_by_one(
    problem: AllocationProblem, order: Sequence[int], best: _Best, onlooker: Onlooker | None, *, progress: bool
) -> Allocation:
    loads = problem.pairs.initial.copy()
    scores = problem.scorer.prepare(problem.pairs, loads)
    eligibility = Eligibility.of(problem)
    measure = StartMeasure(problem, eligibility)
    choices = []
    for task in shown(_required_first(problem, order), "allocating", "task", progress=progress):
        candidates, row = scored(scores, task, eligibility.candidates(task, loads))
        load = partial(_load_at, loads, problem.capacity, candidates)
        position = best(row, load) if candidates.size else None
        measure.add(task, candidates, row, position)
        if position is None:
            continue
        if onlooker is not None:
            onlooker.add(task, candidates, row, position, loads)
        employee = int(candidates[position])
        choices.append(
            Choice(
                task, employee, float(row.scores[position]), float(loads.hours[employee]), float(loads.active[employee])
            )
        )
        loads.add(employee, problem.needed_by(task, employee))
        scores.employee_changed(employee)
        measure.employee_changed(employee)
    return Allocation(tuple(choices), loads, measure.measured)


def shown(rows: Iterable[int], what: str, unit: str, *, progress: bool) -> Iterable[int]:
    """`rows`, with a progress bar where one is wanted and the wait is long enough to need it."""
    if not progress:
        return rows
    from tqdm import tqdm  # noqa: PLC0415  (only where a person watches)

    return tqdm(rows, desc=what, unit=unit, delay=2.0, leave=False)

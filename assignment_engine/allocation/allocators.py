"""Greedy and balanced: one task after the other, each to the best person at that moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

import numpy as np

from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.records import Task
from assignment_engine.domain.types import Method
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.pairs import Loads
from assignment_engine.scoring.protocol import DECIMALS, ScoreRow

DEFAULT_BALANCE_WEIGHT = 0.3
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
    """Choices in the order they were made, and the loads at the end.

    `bound` is a valid upper bound on the value of every plan, where the method knows one.
    """

    choices: tuple[Choice, ...]
    loads: Loads
    bound: float | None = None


class Allocator(Protocol):
    """Solves a problem; `tests/contract/test_allocators.py` is the suite that each must pass."""

    @property
    def method(self) -> Method: ...

    def allocate(self, problem: AllocationProblem, *, progress: bool = False) -> Allocation:
        """Choose a person for as many tasks as the rules allow."""
        ...


@dataclass(frozen=True)
class GreedyAllocator:
    """Tasks by priority, deadline, age and id; the best score each; ties by lower load, then id."""

    method: Method = Method.GREEDY

    def allocate(self, problem: AllocationProblem, *, progress: bool = False) -> Allocation:
        return _one_by_one(problem, greedy_order(problem), self._best, progress=progress)

    def _best(self, row: ScoreRow, load: Floats) -> int:
        return _first_best(rounded(row.scores), rounded(row.raw), -load)


@dataclass(frozen=True)
class BalancedAllocator:
    """Tasks by priority and id; the best of (1 − weight) · score + weight · (1 − load); ties by lower load, then id."""

    weight: float = DEFAULT_BALANCE_WEIGHT
    method: Method = Method.BALANCED

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight <= 1.0:
            raise InvalidInputError.at("/weight", f"expected a number from 0 to 1 (got {self.weight!r})")

    def allocate(self, problem: AllocationProblem, *, progress: bool = False) -> Allocation:
        order = sorted(range(len(problem.tasks)), key=lambda row: _balanced_key(problem.tasks[row]))
        return _one_by_one(problem, order, self._best, progress=progress)

    def _best(self, row: ScoreRow, load: Floats) -> int:
        adjusted = (1.0 - self.weight) * row.scores + self.weight * (1.0 - load)
        return _first_best(rounded(adjusted), -load, rounded(row.raw))


class _Best(Protocol):
    def __call__(self, row: ScoreRow, load: Floats) -> int: ...


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


def load_ratio(loads: Loads, capacity: Ints, employees: Ints) -> Floats:
    """Load over capacity, 0 to 1; 1 without capacity. Counted in whole seconds, so that equal loads are equal."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.fmin(loads.seconds[employees] / capacity[employees], 1.0)


def _first_best(*keys: Floats) -> int:
    """Position of the largest key; the next keys decide between equals, then the lower position."""
    left = np.arange(keys[0].size)
    for key in keys:
        values = key[left]
        left = left[values == values.max()]
        if left.size == 1:
            break
    return int(left[0])


def _one_by_one(problem: AllocationProblem, order: Sequence[int], best: _Best, *, progress: bool) -> Allocation:
    loads = problem.pairs.initial.copy()
    scores = problem.scorer.prepare(problem.pairs, loads)
    eligibility = Eligibility.of(problem)
    choices = []
    for task in shown(order, "allocating", "task", progress=progress):
        candidates, row = scored(scores.row, task, eligibility.candidates(task, loads))
        if not candidates.size:
            continue
        position = best(row, load_ratio(loads, problem.capacity, candidates))
        employee = int(candidates[position])
        choices.append(
            Choice(
                task, employee, float(row.scores[position]), float(loads.hours[employee]), float(loads.active[employee])
            )
        )
        loads.add(employee, problem.needed_by(task, employee))
        scores.employee_changed(employee)
    return Allocation(tuple(choices), loads)


class _Row(Protocol):
    def __call__(self, task: int, employees: Ints) -> ScoreRow: ...


def scored(row: _Row, task: int, candidates: Ints) -> tuple[Ints, ScoreRow]:
    """The candidates that have a score at all, and their scores."""
    if not candidates.size:
        return candidates, ScoreRow(np.empty(0), np.empty(0))
    scores, raw = row(task, candidates)
    there = ~np.isnan(scores)
    return (
        (candidates, ScoreRow(scores, raw)) if there.all() else (candidates[there], ScoreRow(scores[there], raw[there]))
    )


def shown(rows: Iterable[int], what: str, unit: str, *, progress: bool) -> Iterable[int]:
    """`rows`, with a progress bar where one is wanted and the wait is long enough to need it."""
    if not progress:
        return rows
    from tqdm import tqdm  # noqa: PLC0415  (only where a person watches)

    return tqdm(rows, desc=what, unit=unit, delay=2.0, leave=False)

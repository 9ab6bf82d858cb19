"""Pieces of a problem: some of its tasks and some of its people, packed to travel, and problems made of them again."""

from __future__ import annotations

import pickle
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.constraints import Constraints, Pair
from assignment_engine.domain.records import Employee, Priors, Task
from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.features.pairs import everyone
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.scoring.forest.readiness import PAIRS_WORTH_PREPARING, pays
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from assignment_engine.scoring.protocol import Scorer

_ONLY_FOR_READERS: dict[str, object] = {"title": None, "description": None}


@dataclass(frozen=True)
class Terms:
    """What all pieces of a problem have in common; it goes to the cluster once, with the model.

    `pairs` is the size of the whole problem, by which it pays to load the compiled forest, or not.
    """

    pairs: int
    scorer: Scorer
    matcher: SkillMatcher
    constraints: Constraints
    now: datetime
    priors: Priors

    @classmethod
    def of(cls, problem: AllocationProblem) -> Terms:
        """Those of `problem`; outcomes are those of everybody, not of the people in one piece."""
        constraints = problem.constraints.model_copy(update={"forbidden": frozenset(), "required": frozenset()})
        n, m = problem.shape
        return cls(n * m, _fresh(problem.scorer), problem.matcher, constraints, problem.now, _priors(problem))


@dataclass(frozen=True)
class TaskSlice:
    """Some tasks, `rows` (k,) in the whole problem, what a score of each counts, and all that is about them alone."""

    rows: Ints
    weight: Floats
    tasks: tuple[Task, ...]
    seconds: Ints
    completed: frozenset[str]
    forbidden: frozenset[Pair]
    required: frozenset[Pair]
    rejections: frozenset[Pair]


@dataclass(frozen=True)
class PeopleSlice:
    """Some people, `columns` (k,) in the whole problem, ascending, so that ties end as they do there."""

    columns: Ints
    people: tuple[Employee, ...]
    capacity: Ints


@dataclass(frozen=True)
class Piece:
    """A problem of some tasks and people. `closed` (k,) marks tasks that are required from somebody elsewhere."""

    problem: AllocationProblem
    rows: Ints
    columns: Ints
    weight: Floats
    closed: Bools


class Slicer:
    """Cuts a problem into packed slices; `weight` (n,) is what a score of each task counts."""

    def __init__(self, problem: AllocationProblem, weight: Floats) -> None:
        self._problem, self._weight = problem, weight
        self._forbidden = _by_task(problem.constraints.forbidden)
        self._required = _by_task(problem.constraints.required)
        self._rejections = _by_task(problem.rejections)

    def tasks(self, rows: Ints) -> bytes:
        """These tasks, without the texts that no feature is computed from."""
        tasks = tuple(self._problem.tasks[row].model_copy(update=_ONLY_FOR_READERS) for row in rows)
        completed = self._problem.completed
        return packed(
            TaskSlice(
                rows=rows,
                weight=self._weight[rows],
                tasks=tasks,
                seconds=self._problem.seconds[rows],
                completed=frozenset(d for task in tasks for d in task.dependencies if d in completed),
                forbidden=_of(self._forbidden, tasks),
                required=_of(self._required, tasks),
                rejections=_of(self._rejections, tasks),
            )
        )

    def people(self, columns: Ints) -> bytes:
        """These people, in the order of their ids."""
        columns = np.sort(columns)
        people = tuple(self._problem.employees[column] for column in columns)
        return packed(PeopleSlice(columns, people, self._problem.capacity[columns]))


def piece(terms: Terms, packed_tasks: bytes, packed_people: bytes) -> Piece:
    """The problem of these tasks and these people."""
    work: TaskSlice = unpacked(packed_tasks)
    staff: PeopleSlice = unpacked(packed_people)
    here = {person.employee_id for person in staff.people}
    away = {task_id for task_id, employee_id in work.required if employee_id not in here}
    problem = AllocationProblem(
        tasks=work.tasks,
        employees=staff.people,
        constraints=terms.constraints.model_copy(update={"forbidden": work.forbidden, "required": work.required}),
        now=terms.now,
        scorer=terms.scorer,
        matcher=terms.matcher,
        seconds=work.seconds,
        capacity=staff.capacity,
        completed=work.completed,
        priors=terms.priors,
        rejections=work.rejections,
    )
    _load_forest(terms, problem)
    closed = np.array([task.task_id in away for task in work.tasks], dtype=bool)
    return Piece(problem, work.rows, staff.columns, work.weight, closed)


def required(tasks: Sequence[Task], constraints: Constraints) -> Bools:
    """Which of these tasks must go to one person, shape (k,)."""
    ids = {task_id for task_id, _ in constraints.required}
    return np.array([task.task_id in ids for task in tasks], dtype=bool)


def packed(value: object) -> bytes:
    """A few dozen bytes for each record: what one machine sends and what a worker keeps."""
    return zlib.compress(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), 1)


def unpacked(content: bytes) -> Any:
    return pickle.loads(zlib.decompress(content))  # noqa: S301  (made by `packed`; Dask moves everything like this)


def _fresh(scorer: Scorer) -> Scorer:
    """The scorer as it was loaded: what it has computed for itself since need not travel. Workers share the cores."""
    if type(scorer) is not LightGbmScorer:
        return scorer
    return replace(scorer, bundle=replace(scorer.bundle), threads=1)


def _load_forest(terms: Terms, problem: AllocationProblem) -> None:
    """Load the compiled forest for the sake of all pieces, each of which alone may be too small for it."""
    scorer = terms.scorer
    if not isinstance(scorer, LightGbmScorer) or scorer.not_covered or not problem.employees:
        return
    if pays(scorer.forest, terms.pairs) and not pays(scorer.forest, PAIRS_WORTH_PREPARING):
        from assignment_engine.scoring.forest.rows import ForestRows  # noqa: PLC0415  (numba takes half a second)

        ForestRows.of(scorer.forest, problem.pairs, problem.pairs.initial)


def _priors(problem: AllocationProblem) -> Priors:
    """The outcomes of everybody, and how often anybody was given work of some kind."""
    priors = problem.priors or everyone(problem.employees)
    if priors.handled:
        return priors
    handled: dict[str, dict[str, float]] = {}
    for person in problem.employees:
        recent = person.history.recent if person.history else None
        for kind, done in (recent.handled if recent else {}).items():
            totals = handled.setdefault(kind, {})
            for name, count in done.items():
                totals[name] = totals.get(name, 0.0) + count
    return priors.model_copy(update={"handled": handled})


def _by_task(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    grouped: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        grouped[pair[0]].append(pair)
    return grouped


def _of(pairs: dict[str, list[Pair]], tasks: Sequence[Task]) -> frozenset[Pair]:
    if not pairs:
        return frozenset()
    return frozenset(pair for task in tasks for pair in pairs.get(task.task_id, ()))

"""Rules about a task, alone or with a person: forbidden and required pairs, earlier rejections, dependencies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.constraints import Pair
from assignment_engine.domain.plans import Change, Obstacle
from assignment_engine.features.arrays import Bools, Floats, Ints, floats
from assignment_engine.features.pairs import Loads


class PairRule:
    """Forbidden pairs, and required ones, which block everybody else."""

    code = Obstacle.PAIR

    def __init__(self, problem: AllocationProblem) -> None:
        self._problem = problem
        self._forbidden = _by_task(problem, problem.constraints.forbidden)
        self._required = _by_task(problem, problem.constraints.required)

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        return _stacked([self._blocked(task) for task in tasks.tolist()])

    def _blocked(self, task: int) -> Bools | None:
        elsewhere = self._required_elsewhere(task)
        return _mask(self._forbidden, task, len(self._problem.employees)) if elsewhere is None else elsewhere

    def _required_elsewhere(self, task: int) -> Bools | None:
        if task not in self._required:
            return None
        mask = np.ones(len(self._problem.employees), dtype=bool)
        mask[self._required[task]] = False
        return mask

    def sizes(self, task: int, loads: Loads) -> Floats:
        people = len(self._problem.employees)
        masks = (self._required_elsewhere(task), _mask(self._forbidden, task, people))
        return floats(0.75 * np.sum([np.zeros(people), *(mask for mask in masks if mask is not None)], axis=0))

    def changes(self, task: int, employee: int, loads: Loads) -> list[Change]:
        person = self._problem.employees[employee].employee_id
        return [Change(kind=self.code, employee_id=person, from_=pair) for pair in self._blocking(task, employee)]

    def _blocking(self, task: int, employee: int) -> list[str]:
        """The pairs in the way: that this one is forbidden, that another one is required, or both."""
        blocking = ["forbidden"] if employee in self._forbidden.get(task, ()) else []
        if task in self._required:
            blocking.append(f"required: {self._problem.employees[self._required[task][0]].employee_id}")
        return blocking

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return f"cannot be paired with this task ({', '.join(self._blocking(task, employee))})"


class RejectionRule:
    """Who refused a task before never gets it again; nothing lifts that."""

    code = Obstacle.REJECTED

    def __init__(self, problem: AllocationProblem) -> None:
        self._people = len(problem.employees)
        self._rejected = _by_task(problem, problem.rejections)

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        return _stacked([_mask(self._rejected, task, self._people) for task in tasks.tolist()])

    def sizes(self, task: int, loads: Loads) -> Floats:
        return np.full(self._people, np.inf)

    def changes(self, task: int, employee: int, loads: Loads) -> list[Change]:
        return []

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return "rejected this task before"


@dataclass(frozen=True)
class DependencyRule:
    problem: AllocationProblem
    code: Obstacle = Obstacle.DEPENDENCY

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        return np.array([[bool(self.problem.unfinished[task])] for task in tasks.tolist()])

    def _waits_for(self, task: int) -> str:
        return ", ".join(self.problem.unfinished[task])

    def sizes(self, task: int, loads: Loads) -> Floats:
        return np.ones(len(self.problem.employees))

    def changes(self, task: int, employee: int, loads: Loads) -> list[Change]:
        return [Change(kind=self.code, from_=self._waits_for(task))]

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return f"must wait for {self._waits_for(task)}"


def _by_task(problem: AllocationProblem, pairs: Iterable[Pair]) -> dict[int, list[int]]:
    """Employee indices by task index; pairs that are not in the problem do not matter."""
    if not pairs:
        return {}
    task_row = {task.task_id: i for i, task in enumerate(problem.tasks)}
    employee_row = {employee.employee_id: i for i, employee in enumerate(problem.employees)}
    by_task: dict[int, list[int]] = defaultdict(list)
    for task_id, employee_id in pairs:
        if task_id in task_row and employee_id in employee_row:
            by_task[task_row[task_id]].append(employee_row[employee_id])
    return dict(by_task)


def _stacked(masks: Sequence[Bools | None]) -> Bools | None:
    """One row for each task; None when nobody is blocked from any."""
    someone = next((mask for mask in masks if mask is not None), None)
    if someone is None:
        return None
    return np.array([np.zeros_like(someone) if mask is None else mask for mask in masks])


def _mask(by_task: dict[int, list[int]], task: int, people: int) -> Bools | None:
    if task not in by_task:
        return None
    mask = np.zeros(people, dtype=bool)
    mask[by_task[task]] = True
    return mask

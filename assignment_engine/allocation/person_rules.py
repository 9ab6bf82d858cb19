"""Rules about a person: available, able, in the department, with time left."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter

import numpy as np

from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.plans import Change, Obstacle
from assignment_engine.domain.types import SECONDS_PER_HOUR, hours_between
from assignment_engine.features.arrays import Bools, Floats, Ints, floats
from assignment_engine.features.pairs import Loads

Minimum = tuple[tuple[str, float], ...]
WEEK_HOURS = 40.0
SHIFT_HOURS = 8.0


@dataclass(frozen=True)
class AvailabilityRule:
    problem: AllocationProblem
    code: Obstacle = Obstacle.AVAILABILITY

    @cached_property
    def _away(self) -> Bools:
        return np.array([not e.availability_status.eligible for e in self.problem.employees], dtype=bool)

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        return self._away

    def sizes(self, task: int, loads: Loads) -> Floats:
        return np.full(len(self.problem.employees), 0.5)

    def changes(self, task: int, employee: int, loads: Loads) -> list[Change]:
        person = self.problem.employees[employee]
        status = person.availability_status.value
        return [Change(kind=self.code, employee_id=person.employee_id, from_=status, to="available")]

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return f"is {self.problem.employees[employee].availability_status.value}"


@dataclass(frozen=True)
class CapacityRule:
    problem: AllocationProblem
    code: Obstacle = Obstacle.CAPACITY

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        return loads.seconds + self.problem.needed_for(tasks) > self.problem.capacity

    def _missing(self, task: int, loads: Loads) -> Ints:
        """Seconds of capacity that are missing, shape (m,)."""
        return loads.seconds + self.problem.needed(task) - self.problem.capacity

    def sizes(self, task: int, loads: Loads) -> Floats:
        return self._missing(task, loads) / (SECONDS_PER_HOUR * WEEK_HOURS)

    def changes(self, task: int, employee: int, loads: Loads) -> list[Change]:
        person = self.problem.employees[employee]
        to = int(self.problem.capacity[employee] + self._missing(task, loads)[employee]) / SECONDS_PER_HOUR
        return [Change(kind=self.code, employee_id=person.employee_id, from_=person.max_workload, to=to)]

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return f"is {self._missing(task, loads)[employee] / SECONDS_PER_HOUR:.4g} h short of capacity"


@dataclass(frozen=True)
class MaxAssignmentsRule:
    problem: AllocationProblem
    limit: int
    code: Obstacle = Obstacle.MAX_ASSIGNMENTS

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        return loads.count >= self.limit

    def sizes(self, task: int, loads: Loads) -> Floats:
        return floats(0.25 * (loads.count + 1 - self.limit))

    def changes(self, task: int, employee: int, loads: Loads) -> list[Change]:
        person = self.problem.employees[employee].employee_id
        return [Change(kind=self.code, employee_id=person, from_=self.limit, to=int(loads.count[employee]) + 1)]

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return f"has {int(loads.count[employee])} active assignments, the most allowed is {self.limit}"


class MinimumLevelRule:
    """Exact and alias matches only: similarity never opens a hard door."""

    code = Obstacle.MINIMUM_LEVEL

    def __init__(self, problem: AllocationProblem) -> None:
        self._problem = problem
        self._general = problem.matcher.levels(problem.constraints.minimum_levels)
        self._levels = [problem.matcher.levels(e.skills or {}) for e in problem.employees]
        self._lacks: dict[Minimum, Floats] = {}

    def _minimum(self, task: int) -> Minimum:
        asked = self._problem.tasks[task]
        factor = 1.0 if self._problem.live is None else self._problem.live.factors.get(asked.task_id, 1.0)
        own = {name: level * factor for name, level in self._problem.matcher.levels(asked.minimum_levels).items()}
        names = sorted(own.keys() | self._general.keys())
        return tuple((name, max(own.get(name, 0.0), self._general.get(name, 0.0))) for name in names)

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        return np.array([self._lack(self._minimum(task)) > 0.0 for task in tasks.tolist()])

    def sizes(self, task: int, loads: Loads) -> Floats:
        return self._lack(self._minimum(task))

    def _lack(self, minimum: Minimum) -> Floats:
        """Sum of the levels that each person lacks, shape (m,); the same minimum is computed once."""
        if minimum not in self._lacks:
            self._lacks[minimum] = floats(
                [sum(max(0.0, level - held.get(name, 0.0)) for name, level in minimum) for held in self._levels]
            )
        return self._lacks[minimum]

    def _lacking(self, task: int, employee: int) -> list[tuple[str, float, float]]:
        held = self._levels[employee]
        lacking = [(n, level, held.get(n, 0.0)) for n, level in self._minimum(task) if held.get(n, 0.0) < level]
        return [(self._as_given(task, name), level, has) for name, level, has in lacking]

    def _as_given(self, task: int, skill: str) -> str:
        """What the task, or else the rule of the plan, calls this skill where it asks most of it."""
        canonical = self._problem.matcher.canonical
        asked = (self._problem.tasks[task].minimum_levels, self._problem.constraints.minimum_levels)
        named = [(level, name) for levels in asked for name, level in levels.items() if canonical(name) == skill]
        return max(named, key=itemgetter(0))[1]

    def changes(self, task: int, employee: int, loads: Loads) -> list[Change]:
        person = self._problem.employees[employee].employee_id
        return [
            Change(kind=self.code, employee_id=person, skill=name, from_=level, to=held or None)
            for name, level, held in self._lacking(task, employee)
        ]

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return "has " + ", ".join(f"{n} at {held:g} of {level:g}" for n, level, held in self._lacking(task, employee))


class DepartmentRule:
    code = Obstacle.DEPARTMENT

    def __init__(self, problem: AllocationProblem) -> None:
        self._problem = problem
        self._departments = np.array([e.department or "" for e in problem.employees], dtype=object)
        self._wanted = np.array([task.department or "" for task in problem.tasks], dtype=object)

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        wanted = self._wanted[tasks, None]
        return np.asarray((self._departments != wanted) & (wanted != ""), dtype=bool)

    def sizes(self, task: int, loads: Loads) -> Floats:
        return np.full(len(self._problem.employees), 0.75)

    def changes(self, task: int, employee: int, loads: Loads) -> list[Change]:
        person = self._problem.employees[employee]
        return [Change(kind=self.code, employee_id=person.employee_id, from_=person.department)]

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        person, wanted = self._problem.employees[employee], self._problem.tasks[task].department
        return f"is in department {person.department or 'none'}, not {wanted}"


class ShiftEndRule:
    """The work must fit between now and the end of the person's shift; no known end is no limit."""

    code = Obstacle.SHIFT_END

    def __init__(self, problem: AllocationProblem) -> None:
        self._problem = problem
        left = [None if e.shift_end is None else hours_between(problem.now, e.shift_end) for e in problem.employees]
        self._left = np.nan_to_num(floats(left), nan=np.inf)

    def _missing(self, task: int) -> Floats:
        """Hours by which the work is too long for the shift, shape (m,)."""
        return self._problem.needed(task) / SECONDS_PER_HOUR - self._left

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        return self._problem.needed_for(tasks) / SECONDS_PER_HOUR - self._left > 0.0

    def sizes(self, task: int, loads: Loads) -> Floats:
        return self._missing(task) / SHIFT_HOURS

    def changes(self, task: int, employee: int, loads: Loads) -> list[Change]:
        person, left = self._problem.employees[employee].employee_id, float(self._left[employee])
        to = self._problem.needed_by(task, employee) / SECONDS_PER_HOUR
        return [Change(kind=self.code, employee_id=person, from_=left, to=to)]

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return f"has {self._missing(task)[employee]:.4g} h too little left of the shift"

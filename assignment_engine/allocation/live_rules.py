"""The rules of live dispatch: who is there, has units left and serves the queue, and is it time for the task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.live import Live
from assignment_engine.domain.plans import Change, Obstacle
from assignment_engine.domain.records import Employee
from assignment_engine.features.arrays import Bools, Floats, Ints, floats
from assignment_engine.features.pairs import Loads


@dataclass(frozen=True)
class _LiveRule:
    """A rule that nothing but time or a person lifts."""

    problem: AllocationProblem
    live: Live

    def sizes(self, task: int, loads: Loads) -> Floats:
        return np.full(len(self.problem.employees), np.inf)

    def changes(self, task: int, employee: int, loads: Loads) -> list[Change]:
        return []

    def _mask(self, blocks: Callable[[Employee], bool]) -> Bools:
        return np.array([blocks(employee) for employee in self.problem.employees], dtype=bool)


@dataclass(frozen=True)
class PresenceRule(_LiveRule):
    """Only people who are logged in and not paused."""

    code: Obstacle = Obstacle.PRESENCE

    @cached_property
    def _absent(self) -> Bools:
        return self._mask(lambda e: e.employee_id not in self.live.free_units)

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        return self._absent

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return "is not logged in, or paused"


@dataclass(frozen=True)
class UnitsRule(_LiveRule):
    """The task's units must be left."""

    code: Obstacle = Obstacle.UNITS

    @cached_property
    def _left(self) -> Floats:
        return floats([self.live.free_units.get(e.employee_id, np.inf) for e in self.problem.employees])

    @cached_property
    def _needed(self) -> Floats:
        return floats([task.units for task in self.problem.tasks])

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        return self._left < self._needed[tasks, None]

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        left = self.live.free_units.get(self.problem.employees[employee].employee_id, 0)
        return f"has {left} of the {self.problem.tasks[task].units} units left that the task takes"


@dataclass(frozen=True)
class QueueRule(_LiveRule):
    """Whoever names queues serves only those."""

    code: Obstacle = Obstacle.QUEUE

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        return np.array([self._serve_others(self.problem.tasks[task].queue) for task in tasks.tolist()])

    def _serve_others(self, queue: str) -> Bools:
        return self._mask(lambda e: bool(e.queues) and queue not in e.queues)

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return f"does not serve queue {self.problem.tasks[task].queue}"


@dataclass(frozen=True)
class ScheduleRule(_LiveRule):
    """Before its scheduled date a task is nobody's."""

    code: Obstacle = Obstacle.SCHEDULED

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        dates = [self.problem.tasks[task].scheduled_date for task in tasks.tolist()]
        today = self.problem.now.date()
        return np.array([[scheduled is not None and scheduled > today] for scheduled in dates])

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return f"must wait until {self.problem.tasks[task].scheduled_date}"


@dataclass(frozen=True)
class ReservedRule(_LiveRule):
    """For a while a task is kept for the person who is preferred."""

    code: Obstacle = Obstacle.RESERVED

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        return np.array([self._others(self.problem.tasks[task].task_id) for task in tasks.tolist()])

    def _others(self, task_id: str) -> Bools:
        preferred = self.live.reserved.get(task_id)
        return self._mask(lambda e: preferred is not None and e.employee_id != preferred)

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return f"must wait: {self.live.reserved[self.problem.tasks[task].task_id]} is asked first"


LiveRule = PresenceRule | UnitsRule | QueueRule | ScheduleRule | ReservedRule


def live_rules(problem: AllocationProblem, live: Live) -> list[LiveRule]:
    """Those that can block anybody."""
    rules: list[LiveRule] = [PresenceRule(problem, live), UnitsRule(problem, live)]
    if any(employee.queues for employee in problem.employees):
        rules.append(QueueRule(problem, live))
    if any(task.scheduled_date for task in problem.tasks):
        rules.append(ScheduleRule(problem, live))
    if live.reserved:
        rules.append(ReservedRule(problem, live))
    return rules

"""The rules of live dispatch: who is there, has units left and serves the queue, and is it time for the task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.live import Live
from assignment_engine.domain.plans import Change, Obstacle
from assignment_engine.features.arrays import Bools, Floats
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

    def _mask(self, blocks: Callable[[str], bool]) -> Bools:
        return np.array([blocks(e.employee_id) for e in self.problem.employees], dtype=bool)


@dataclass(frozen=True)
class PresenceRule(_LiveRule):
    """Only people who are logged in and not paused."""

    code: Obstacle = Obstacle.PRESENCE

    @cached_property
    def _absent(self) -> Bools:
        return self._mask(lambda employee_id: employee_id not in self.live.free_units)

    def blocked(self, task: int, loads: Loads) -> Bools | None:
        return self._absent

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return "is not logged in, or paused"


@dataclass(frozen=True)
class UnitsRule(_LiveRule):
    """The task's units must be left."""

    code: Obstacle = Obstacle.UNITS

    def blocked(self, task: int, loads: Loads) -> Bools | None:
        needed, left = self.problem.tasks[task].units, self.live.free_units
        return self._mask(lambda employee_id: left.get(employee_id, needed) < needed)

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        left = self.live.free_units.get(self.problem.employees[employee].employee_id, 0)
        return f"has {left} of the {self.problem.tasks[task].units} units left that the task takes"


@dataclass(frozen=True)
class QueueRule(_LiveRule):
    """Whoever names queues serves only those."""

    code: Obstacle = Obstacle.QUEUE

    def blocked(self, task: int, loads: Loads) -> Bools | None:
        queue = self.problem.tasks[task].queue
        return np.array([bool(e.queues) and queue not in e.queues for e in self.problem.employees], dtype=bool)

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return f"does not serve queue {self.problem.tasks[task].queue}"


@dataclass(frozen=True)
class ScheduleRule(_LiveRule):
    """Before its scheduled date a task is nobody's."""

    code: Obstacle = Obstacle.SCHEDULED

    def blocked(self, task: int, loads: Loads) -> Bools | None:
        scheduled = self.problem.tasks[task].scheduled_date
        if scheduled is None or scheduled <= self.problem.now.date():
            return None
        return np.ones(len(self.problem.employees), dtype=bool)

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        return f"must wait until {self.problem.tasks[task].scheduled_date}"


@dataclass(frozen=True)
class ReservedRule(_LiveRule):
    """For a while a task is kept for the person who is preferred."""

    code: Obstacle = Obstacle.RESERVED

    def blocked(self, task: int, loads: Loads) -> Bools | None:
        preferred = self.live.reserved.get(self.problem.tasks[task].task_id)
        return None if preferred is None else self._mask(lambda employee_id: employee_id != preferred)

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

"""An independent check of a plan against its problem, written from the rules and not from any allocator.

Plain loops over records on purpose: nothing here is shared with the code that makes plans.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.live import Live
from assignment_engine.domain.plans import Obstacle, Plan, PlannedAssignment
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.types import SECONDS_PER_HOUR, hours_between, whole_seconds


@dataclass(frozen=True)
class Violation:
    """One thing wrong with a plan. `code` is an `Obstacle` or one of: unknown, duplicate, missing, score, hours."""

    code: str
    task_id: str
    employee_id: str | None
    detail: str


def verify(problem: AllocationProblem, plan: Plan) -> list[Violation]:
    """Every violation of `plan`; an empty list means that it may be made real."""
    check = _Check(problem)
    violations = [*check.coverage(plan)]
    for assignment in plan.assignments:
        violations.extend(check.pair(assignment))
    return [*violations, *check.totals(plan)]


class _Check:
    def __init__(self, problem: AllocationProblem) -> None:
        self._problem = problem
        self._constraints = problem.constraints
        self._tasks = {task.task_id: (row, task) for row, task in enumerate(problem.tasks)}
        self._employees = {e.employee_id: (row, e) for row, e in enumerate(problem.employees)}
        self._required = dict(problem.constraints.required)
        self._live = problem.live

    def coverage(self, plan: Plan) -> Iterator[Violation]:
        """Every task is in the plan exactly once."""
        times = Counter([a.task_id for a in plan.assignments] + [u.task_id for u in plan.unassigned])
        for task_id, count in times.items():
            if count > 1:
                yield Violation("duplicate", task_id, None, f"is in the plan {count} times")
        for task_id in sorted(self._tasks.keys() - times.keys()):
            yield Violation("missing", task_id, None, "is neither assigned nor unassigned")
        for task_id in sorted(times.keys() - self._tasks.keys()):
            yield Violation("unknown", task_id, None, "is not a task of this problem")

    def pair(self, assignment: PlannedAssignment) -> Iterator[Violation]:
        """All that is wrong with one pair, whatever else is in the plan."""
        if assignment.employee_id not in self._employees:
            yield self._violation("unknown", assignment, "is not an employee of this problem")
            return
        if assignment.task_id not in self._tasks:
            return
        (row, task), (column, employee) = self._tasks[assignment.task_id], self._employees[assignment.employee_id]
        if math.isnan(assignment.score) or not 0.0 <= assignment.score <= 1.0:
            yield self._violation("score", assignment, f"score {assignment.score} is not between 0 and 1")
        if not math.isfinite(assignment.hours) or whole_seconds(assignment.hours) != self._needed(row, column):
            yield self._violation("hours", assignment, f"takes {self._needed(row, column) / SECONDS_PER_HOUR} h")
        for code, detail in [
            *self._person(task, employee),
            *self._pairing(task, employee),
            *self._timing(row, employee),
        ]:
            yield self._violation(code, assignment, detail)

    def _person(self, task: Task, employee: Employee) -> Iterator[tuple[Obstacle, str]]:
        if self._live is not None:
            yield from self._presence(self._live, task, employee)
        elif self._constraints.respect_availability and employee.availability_status not in ("available", "partial"):
            yield Obstacle.AVAILABILITY, f"is {employee.availability_status}"
        if self._constraints.require_department and task.department and employee.department != task.department:
            yield Obstacle.DEPARTMENT, f"is in department {employee.department}, not {task.department}"
        canonical = self._problem.matcher.canonical
        held: dict[str, float] = {}
        for name, level in (employee.skills or {}).items():
            held[canonical(name)] = max(level, held.get(canonical(name), 0.0))
        factor = 1.0 if self._live is None else self._live.factors.get(task.task_id, 1.0)
        own = [(name, level * factor) for name, level in task.minimum_levels.items()]
        for name, level in [*own, *self._constraints.minimum_levels.items()]:
            if held.get(canonical(name), 0.0) < level:
                yield Obstacle.MINIMUM_LEVEL, f"has {name} at {held.get(canonical(name), 0.0)} of {level}"

    def _presence(self, live: Live, task: Task, employee: Employee) -> Iterator[tuple[Obstacle, str]]:
        if employee.employee_id not in live.free_units:
            yield Obstacle.PRESENCE, "is not logged in, or paused"
        elif live.free_units[employee.employee_id] < task.units:
            yield Obstacle.UNITS, f"takes {task.units} units, {live.free_units[employee.employee_id]} are left"
        if employee.queues and task.queue not in employee.queues:
            yield Obstacle.QUEUE, f"does not serve queue {task.queue}"
        if task.scheduled_date is not None and task.scheduled_date > self._problem.now.date():
            yield Obstacle.SCHEDULED, f"is scheduled for {task.scheduled_date}"
        if live.reserved.get(task.task_id, employee.employee_id) != employee.employee_id:
            yield Obstacle.RESERVED, f"{live.reserved[task.task_id]} is asked first"

    def _pairing(self, task: Task, employee: Employee) -> Iterator[tuple[Obstacle, str]]:
        pair = (task.task_id, employee.employee_id)
        if pair in self._constraints.forbidden:
            yield Obstacle.PAIR, "this pair is forbidden"
        if self._required.get(task.task_id, employee.employee_id) != employee.employee_id:
            yield Obstacle.PAIR, f"this task is required for {self._required[task.task_id]}"
        if pair in self._problem.rejections:
            yield Obstacle.REJECTED, "this person rejected the task before"

    def _timing(self, row: int, employee: Employee) -> Iterator[tuple[Obstacle, str]]:
        column = self._employees[employee.employee_id][0]
        if self._constraints.ready_only and self._problem.unfinished[row]:
            yield Obstacle.DEPENDENCY, f"waits for {', '.join(self._problem.unfinished[row])}"
        if self._constraints.respect_shift_end and employee.shift_end is not None:
            left = hours_between(self._problem.now, employee.shift_end)
            if self._needed(row, column) / SECONDS_PER_HOUR > left:
                yield Obstacle.SHIFT_END, f"the shift ends in {left:.4g} h"

    def totals(self, plan: Plan) -> Iterator[Violation]:
        """What only the whole plan can break: capacity and the number of assignments."""
        limit = self._constraints.max_assignments
        by_employee: dict[str, list[PlannedAssignment]] = {}
        for assignment in plan.assignments:
            if assignment.task_id in self._tasks and assignment.employee_id in self._employees:
                by_employee.setdefault(assignment.employee_id, []).append(assignment)
        for employee_id, assignments in by_employee.items():
            column, employee = self._employees[employee_id]
            taken = sum(self._needed(self._tasks[a.task_id][0], column) for a in assignments)
            free = whole_seconds(employee.max_workload) - whole_seconds(employee.current_workload)
            if taken > free:
                detail = f"takes {taken / SECONDS_PER_HOUR} h of {free / SECONDS_PER_HOUR} h that are free"
                yield self._violation(Obstacle.CAPACITY, assignments[-1], detail)
            active = (employee.history.active_tasks if employee.history else 0) + len(assignments)
            if limit is not None and active > limit:
                yield self._violation(Obstacle.MAX_ASSIGNMENTS, assignments[-1], f"has {active} of at most {limit}")

    def _needed(self, row: int, column: int) -> int:
        return self._problem.needed_by(row, column)

    @staticmethod
    def _violation(code: str, assignment: PlannedAssignment, detail: str) -> Violation:
        return Violation(str(code), assignment.task_id, assignment.employee_id, detail)

"""The planning problem: built from records, validated once, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np

from assignment_engine.domain.constraints import Constraints, Pair
from assignment_engine.domain.dependencies import find_cycle, told_cycle
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.intake import refuse_duplicates
from assignment_engine.domain.live import Live
from assignment_engine.domain.records import Employee, Priors, Task
from assignment_engine.domain.types import (
    DEFAULT_ESTIMATED_HOURS,
    MAX_HOURS,
    SECONDS_PER_HOUR,
    TaskStatus,
    whole_seconds,
)
from assignment_engine.features.arrays import Floats, Ints, floats
from assignment_engine.features.pairs import Pairs, build_pairs
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.scoring.protocol import Scorer

MOST_NAMED = 5


@dataclass(frozen=True)
class AllocationProblem:
    """n tasks, m employees (both in the order of their ids where ties are broken), the rules and the scorer.

    `seconds` is what a task takes from a person's capacity: shape (n,), or (n, m) where it depends on the person.
    `costs`, shape (n, m), are those of the objective "cost"; NaN where the pair must not be chosen.
    """

    tasks: tuple[Task, ...]
    employees: tuple[Employee, ...]
    constraints: Constraints
    now: datetime
    scorer: Scorer
    matcher: SkillMatcher
    seconds: Ints = field(repr=False)
    capacity: Ints = field(repr=False)
    completed: frozenset[str] = field(repr=False)
    priors: Priors | None = None
    rejections: frozenset[Pair] = frozenset()
    warnings: tuple[str, ...] = ()
    live: Live | None = None
    costs: Floats | None = field(repr=False, default=None)

    @cached_property
    def pairs(self) -> Pairs:
        """The arrays that features are computed from, made when first needed."""
        return build_pairs(
            self.tasks,
            self.employees,
            self.now,
            matcher=self.matcher,
            priors=self.priors,
            completed=self.completed,
        )

    @cached_property
    def unfinished(self) -> tuple[tuple[str, ...], ...]:
        """For each task the dependencies that are not known to be completed."""
        return tuple(tuple(d for d in task.dependencies if d not in self.completed) for task in self.tasks)

    @property
    def shape(self) -> tuple[int, int]:
        """(n tasks, m employees)."""
        return len(self.tasks), len(self.employees)

    def needed(self, task: int) -> Ints:
        """Seconds that `task` takes: shape (m,) where they differ per person, otherwise a scalar array."""
        return np.asarray(self.seconds[task])

    def needed_for(self, tasks: Ints) -> Ints:
        """The same for k tasks: shape (k, m), or (k, 1) where it is the same for everybody."""
        return self.seconds[tasks] if self.seconds.ndim == 2 else self.seconds[tasks, None]

    def needed_by(self, task: int, employee: int) -> int:
        """Seconds that `task` takes from `employee`."""
        return int(self.seconds[task, employee] if self.seconds.ndim == 2 else self.seconds[task])


def build_problem(
    tasks: Sequence[Task],
    employees: Sequence[Employee],
    *,
    now: datetime,
    scorer: Scorer,
    constraints: Constraints | None = None,
    matcher: SkillMatcher | None = None,
    priors: Priors | None = None,
    hours: Floats | None = None,
    costs: Floats | None = None,
    completed: frozenset[str] = frozenset(),
    rejections: frozenset[Pair] = frozenset(),
    warnings: Sequence[str] = (),
    live: Live | None = None,
) -> AllocationProblem:
    """Check the input and turn it into arrays.

    Parameters
    ----------
    now : timezone-aware moment that everything is measured from.
    hours : what each task takes from each person, shape (n, m) in the order given; by default the task's estimate.
    costs : what each pair costs, same shape, for the objective "cost"; NaN where the pair must not be chosen.
    completed : ids of tasks known to be done, beside those in `tasks`.
    rejections : (task, employee) pairs that were refused before and must not come back.
    live : who is present now, for dispatch; takes the place of `availability_status`.

    Raises
    ------
    InvalidInputError
        If an id comes twice, dependencies form a cycle, `now` has no zone, `hours` or `costs` do not fit, or a
        constraint names somebody unknown.
    """
    constraints = constraints or Constraints()
    matcher = matcher or SkillMatcher()
    if now.tzinfo is None:
        raise InvalidInputError.at("/now", "expected a time with a time zone")
    refuse_duplicates(tasks, "/tasks")
    refuse_duplicates(employees, "/employees")
    _refuse_unknown_pairs(constraints, tasks, employees)
    _refuse_cycles(tasks)
    order = sorted(range(len(employees)), key=lambda i: employees[i].employee_id)
    people = tuple(employees[i] for i in order)
    waiting = [task for task in tasks if task.status is TaskStatus.PENDING]
    done = completed | {task.task_id for task in tasks if task.status is TaskStatus.COMPLETED}
    seconds, unestimated = _needed_seconds(tasks, hours, len(people))
    rows = np.array([task.status is TaskStatus.PENDING for task in tasks], dtype=bool)
    if costs is not None:
        costs = _checked_costs(costs, len(tasks), len(people))[rows][:, order]
    seconds = seconds[rows] if seconds.ndim == 1 else seconds[rows][:, order]
    return AllocationProblem(
        tasks=tuple(waiting),
        employees=people,
        constraints=constraints,
        now=now,
        scorer=scorer,
        matcher=matcher,
        seconds=seconds,
        capacity=np.array([whole_seconds(e.max_workload) for e in people], dtype=np.int64),
        completed=done,
        priors=priors,
        rejections=rejections,
        warnings=(*warnings, *_problem_warnings(tasks, unestimated)),
        live=live,
        costs=costs,
    )


def _problem_warnings(tasks: Sequence[Task], unestimated: int) -> list[str]:
    warnings = []
    left_out = [f"{task.task_id} is {task.status}" for task in tasks if task.status is not TaskStatus.PENDING]
    if left_out:
        named = "; ".join(left_out[:MOST_NAMED]) + ("; …" if len(left_out) > MOST_NAMED else "")
        warnings.append(f"tasks left out because their status is not pending: {len(left_out)} ({named})")
    if unestimated:
        warnings.append(f"tasks without estimated_hours, counted as {DEFAULT_ESTIMATED_HOURS} h of load: {unestimated}")
    return warnings


def _needed_seconds(tasks: Sequence[Task], hours: Floats | None, people: int) -> tuple[Ints, int]:
    if hours is not None:
        if hours.shape != (len(tasks), people) or not np.all((hours >= 0) & (hours <= MAX_HOURS)):
            raise InvalidInputError.at(
                "/hours", f"expected hours from 0 to {MAX_HOURS:.0f}, shape ({len(tasks)}, {people}), got {hours.shape}"
            )
        return np.rint(hours * SECONDS_PER_HOUR).astype(np.int64), 0
    estimates = [task.estimated_hours for task in tasks]
    missing = sum(e is None and t.status is TaskStatus.PENDING for e, t in zip(estimates, tasks, strict=True))
    seconds = [max(1, whole_seconds(DEFAULT_ESTIMATED_HOURS if e is None else e)) for e in estimates]
    return np.array(seconds, dtype=np.int64), missing


def _checked_costs(costs: Floats, tasks: int, people: int) -> Floats:
    if costs.shape != (tasks, people) or np.isinf(costs).any():
        raise InvalidInputError.at(
            "/costs", f"expected finite numbers or NaN, shape ({tasks}, {people}), got {costs.shape}"
        )
    return floats(costs)


def _refuse_unknown_pairs(constraints: Constraints, tasks: Sequence[Task], employees: Sequence[Employee]) -> None:
    known_tasks = {task.task_id for task in tasks}
    known_employees = {employee.employee_id for employee in employees}
    for name, pairs in (("forbidden", constraints.forbidden), ("required", constraints.required)):
        for task_id, employee_id in sorted(pairs):
            if task_id not in known_tasks:
                raise InvalidInputError.at(f"/constraints/{name}", f"there is no task {task_id!r} in this plan")
            if employee_id not in known_employees:
                raise InvalidInputError.at(f"/constraints/{name}", f"there is no employee {employee_id!r} in this plan")


def _refuse_cycles(tasks: Sequence[Task]) -> None:
    """Raise InvalidInputError naming the members when tasks wait for each other in a circle."""
    cycle = find_cycle({task.task_id: task.dependencies for task in tasks if task.dependencies})
    if cycle:
        row = next(i for i, task in enumerate(tasks) if task.task_id == cycle[0])
        raise InvalidInputError.at(f"/tasks/{row}/dependencies", told_cycle(cycle))

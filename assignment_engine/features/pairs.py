"""Everything about n tasks and m employees that features are computed from, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

import numpy as np

from assignment_engine.domain.records import Employee, EmployeeHistory, Priors, Tally, Task
from assignment_engine.domain.types import Availability, TaskStatus, hours_between, whole_seconds
from assignment_engine.features import formulas
from assignment_engine.features.arrays import Floats, Ints, floats
from assignment_engine.features.recent import RecentArrays, build_recent
from assignment_engine.features.skills import SkillMatcher

AVAILABILITY_VALUES = {
    Availability.AVAILABLE: 1.0,
    Availability.PARTIAL: 0.5,
    Availability.BUSY: 0.0,
    Availability.AWAY: 0.0,
    Availability.OFFLINE: 0.0,
}


@dataclass
class Loads:
    """What each employee carries; changes while a plan is made. All arrays have shape (m,)."""

    hours: Floats
    seconds: Ints
    active: Floats
    count: Ints

    def add(self, employee: int, seconds: int) -> None:
        """Give `employee` one more active task that takes `seconds`."""
        self.seconds[employee] += seconds
        self.hours[employee] += seconds / 3600.0
        self.active[employee] += 1.0
        self.count[employee] += 1

    def copy(self) -> Loads:
        return Loads(self.hours.copy(), self.seconds.copy(), self.active.copy(), self.count.copy())


@dataclass(frozen=True)
class EmployeeArrays:
    """Shape (m,) each; NaN where not known. `department` is (m, d + 1), `success` (m, c + 1), see `Pairs`."""

    experience_years: Floats
    max_hours: Floats
    availability: Floats
    performance: Floats
    avg_completion_hours: Floats
    department: Floats
    success: Floats
    held: Floats


@dataclass(frozen=True)
class TaskArrays:
    """Shape (n,) each; NaN where not known. The index arrays point into the employees' tables."""

    priority: Floats
    complexity: Floats
    estimated_hours: Floats
    time_pressure: Floats
    dependencies: Floats
    age_hours: Floats
    department: Ints
    category: Ints
    requirement: Ints


@dataclass(frozen=True)
class Requirement:
    """A set of required skills: columns of the employees' `held` table and the levels asked for, shape (s,)."""

    columns: Ints
    levels: Floats


@dataclass(frozen=True)
class Pairs:
    """n tasks × m employees at one moment, ready for features; nothing here has n · m elements.

    `employees.held` is (m, s): the level each person holds of each skill that some task requires, similar skills
    counted by their similarity. `employees.department` and `.success` hold a column for each department and category
    of the tasks; their last column stands for *not known*. `requirements[-1]` does not exist: tasks whose skills are
    not known have the index −1.
    """

    employee_ids: tuple[str, ...]
    task_ids: tuple[str, ...]
    employees: EmployeeArrays
    tasks: TaskArrays
    requirements: tuple[Requirement, ...]
    initial: Loads = field(repr=False)
    recent: RecentArrays | None = field(default=None, repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        """(n tasks, m employees)."""
        return len(self.task_ids), len(self.employee_ids)

    def of_employees(self, rows: Ints) -> Pairs:
        """The same tasks with these employees, in this order; one person may come several times."""
        arrays = {f.name: getattr(self.employees, f.name)[rows] for f in fields(EmployeeArrays)}
        return replace(
            self,
            employee_ids=tuple(self.employee_ids[row] for row in rows),
            employees=EmployeeArrays(**arrays),
            initial=Loads(*(getattr(self.initial, f.name)[rows] for f in fields(Loads))),
            recent=self.recent and self.recent.of_employees(rows),
        )

    def skill_match(self, task: Ints, employee: Ints) -> Floats:
        """Mean share of the required levels that is held, for broadcastable index arrays; NaN when not known."""
        task, employee = np.broadcast_arrays(task, employee)
        keys = self.tasks.requirement[task]
        match = np.full(keys.shape, np.nan)
        for key in np.unique(keys[keys >= 0]):
            requirement, where = self.requirements[key], keys == key
            if not requirement.columns.size:
                match[where] = 1.0
                continue
            held = self.employees.held[employee[where][:, None], requirement.columns].T
            shares = (formulas.level_share(own, level) for own, level in zip(held, requirement.levels, strict=True))
            match[where] = sum(shares) / requirement.columns.size  # one after the other, as compiled code adds them
        return match


def build_pairs(
    tasks: Sequence[Task],
    employees: Sequence[Employee],
    now: datetime,
    *,
    matcher: SkillMatcher,
    priors: Priors | None = None,
    completed: frozenset[str] = frozenset(),
) -> Pairs:
    """Turn records into arrays.

    Parameters
    ----------
    now : the moment that ages and deadlines are measured from; timezone-aware.
    priors : outcomes of everybody; by default the sum over `employees`.
    completed : ids of tasks that are done, beside those in `tasks`; other dependencies count as unfinished.
    """
    departments = _index(task.department for task in tasks)
    categories = _index(category for e in employees if e.history for category in e.history.by_category)
    skills, requirements, requirement_of = _requirements(tasks, matcher)
    done = completed | {task.task_id for task in tasks if task.status is TaskStatus.COMPLETED}
    return Pairs(
        employee_ids=tuple(e.employee_id for e in employees),
        task_ids=tuple(t.task_id for t in tasks),
        employees=EmployeeArrays(
            experience_years=floats([e.experience_years for e in employees]),
            max_hours=floats([e.max_workload for e in employees]),
            availability=floats([AVAILABILITY_VALUES[e.availability_status] for e in employees]),
            performance=formulas.performance(floats([e.performance_rating for e in employees])),
            avg_completion_hours=_avg_completion(employees),
            department=_department_table(employees, departments),
            success=_success_table(employees, categories, priors or everyone(employees)),
            held=_held_table(employees, skills, matcher),
        ),
        tasks=TaskArrays(
            priority=floats([t.priority.level for t in tasks]),
            complexity=floats([t.complexity_score for t in tasks]),
            estimated_hours=floats([t.estimated_hours for t in tasks]),
            time_pressure=_time_pressure(tasks, now),
            dependencies=floats([len(set(t.dependencies) - done) for t in tasks]),
            age_hours=floats([hours_between(t.created_at, now) if t.created_at else None for t in tasks]),
            department=_lookup((t.department for t in tasks), departments),
            category=_lookup((t.category for t in tasks), categories),
            requirement=requirement_of,
        ),
        requirements=requirements,
        initial=_initial_loads(employees),
        recent=build_recent(tasks, employees, now, priors),
    )


def everyone(employees: Sequence[Employee]) -> Priors:
    """The outcomes of all these employees together."""
    tallies = [e.history.outcomes for e in employees if e.history]
    return Priors(everyone=Tally(good=sum(t.good for t in tallies), total=sum(t.total for t in tallies)))


def _index(names: Iterable[str | None]) -> dict[str | None, int]:
    return {name: i for i, name in enumerate(sorted({n for n in names if n is not None}))}


def _lookup(names: Iterable[str | None], index: Mapping[str | None, int]) -> Ints:
    """Positions in `index`; what is not there gets the last column."""
    return np.array([index.get(name, len(index)) for name in names], dtype=np.int64)


def _initial_loads(employees: Sequence[Employee]) -> Loads:
    active = [e.history.active_tasks if e.history else None for e in employees]
    return Loads(
        hours=floats([e.current_workload for e in employees]),
        seconds=np.array([whole_seconds(e.current_workload) for e in employees], dtype=np.int64),
        active=floats(active),
        count=np.array([tasks or 0 for tasks in active], dtype=np.int64),
    )


def _avg_completion(employees: Sequence[Employee]) -> Floats:
    histories = [e.history or EmployeeHistory() for e in employees]
    return formulas.mean_hours(floats([h.completed_hours for h in histories]), floats([h.completed for h in histories]))


def _time_pressure(tasks: Sequence[Task], now: datetime) -> Floats:
    hours_left = floats([hours_between(now, t.deadline) if t.deadline else None for t in tasks])
    with np.errstate(divide="ignore", invalid="ignore"):
        return formulas.time_pressure(floats([t.estimated_hours for t in tasks]), hours_left)


def _department_table(employees: Sequence[Employee], departments: Mapping[str | None, int]) -> Floats:
    table = np.full((len(employees), len(departments) + 1), np.nan)
    for row, employee in enumerate(employees):
        done = employee.history.by_department if employee.history else {}
        total = sum(done.values())
        if total > 0:
            table[row, :-1] = 0.0
            for name, work in done.items():
                if name in departments:
                    table[row, departments[name]] = work / total
        if employee.department in departments:
            table[row, departments[employee.department]] = 1.0
    return table


def _success_table(employees: Sequence[Employee], categories: Mapping[str | None, int], priors: Priors) -> Floats:
    overall = formulas.smoothed_share(
        floats(priors.everyone.good), floats(priors.everyone.total), floats(0.5), formulas.EVERYONE_PRIOR
    )
    table = np.full((len(employees), len(categories) + 1), np.nan)
    for row, employee in enumerate(employees):
        history = employee.history or EmployeeHistory()
        if not (history.outcomes.total or priors.everyone.total):
            continue
        own = formulas.smoothed_share(
            floats(history.outcomes.good), floats(history.outcomes.total), overall, formulas.EMPLOYEE_PRIOR
        )
        table[row] = own
        for name, tally in history.by_category.items():
            table[row, categories[name]] = formulas.smoothed_share(
                floats(tally.good), floats(tally.total), own, formulas.CATEGORY_PRIOR
            )
    return table


def _requirements(tasks: Sequence[Task], matcher: SkillMatcher) -> tuple[list[str], tuple[Requirement, ...], Ints]:
    """All required skills, their distinct sets, and for each task the index of its set (−1 when not known)."""
    keys: dict[tuple[tuple[str, float], ...], int] = {}
    of_task = np.full(len(tasks), -1, dtype=np.int64)
    for row, task in enumerate(tasks):
        if task.required_skills is not None:
            key = matcher.requirement(task.required_skills)
            of_task[row] = keys.setdefault(key, len(keys))
    skills = sorted({name for key in keys for name, _ in key})
    column = {name: i for i, name in enumerate(skills)}
    requirements = tuple(
        Requirement(np.array([column[name] for name, _ in key], dtype=np.int64), floats([level for _, level in key]))
        for key in keys
    )
    return skills, requirements, of_task


def _held_table(employees: Sequence[Employee], skills: Sequence[str], matcher: SkillMatcher) -> Floats:
    """(m, s) level held of each skill: the best of own level × similarity; NaN where a person's skills are unknown."""
    held = np.zeros((len(employees), len(skills)))
    if not skills:
        return held
    levels = [None if e.skills is None else matcher.levels(e.skills) for e in employees]
    names = sorted({name for own in levels for name in own or ()})
    similarity = matcher.similarity(skills, names)
    column = {name: i for i, name in enumerate(names)}
    for row, own in enumerate(levels):
        if own is None:
            held[row] = np.nan
        elif own:
            held[row] = (similarity[:, [column[name] for name in own]] * floats(list(own.values()))).max(axis=1)
    return held

"""The 17 features of one pair in plain Python, written from their table and from nothing else."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from assignment_engine.domain.records import Employee, EmployeeHistory, Tally, Task

NAN = math.nan
NAMES = (
    "experience_years",
    "workload_ratio",
    "availability",
    "performance",
    "active_tasks",
    "avg_completion_hours",
    "priority",
    "complexity",
    "estimated_hours",
    "time_pressure",
    "dependencies",
    "task_age_hours",
    "skill_match",
    "experience_complexity_ratio",
    "capacity_fit",
    "department_match",
    "success_rate",
)


def features(
    employee: Employee,
    task: Task,
    now: datetime,
    *,
    everyone: Tally,
    done: frozenset[str],
    aliases: Mapping[str, Sequence[str]],
) -> dict[str, float]:
    """All features by name, in the order of the table; `everyone` holds the outcomes of all people."""
    history, hours = employee.history, task.estimated_hours
    return {
        "experience_years": number(employee.experience_years),
        "workload_ratio": workload_ratio(employee),
        "availability": {"available": 1.0, "partial": 0.5}.get(employee.availability_status.value, 0.0),
        "performance": number(employee.performance_rating) / 5,
        "active_tasks": number(history and history.active_tasks),
        "avg_completion_hours": history.completed_hours / history.completed if history and history.completed else NAN,
        "priority": {"critical": 4.0, "high": 3.0, "medium": 2.0, "low": 1.0}[task.priority.value],
        "complexity": number(task.complexity_score),
        "estimated_hours": number(hours),
        "time_pressure": time_pressure(hours, task.deadline, now),
        "dependencies": float(len({d for d in task.dependencies if d not in done})),
        "task_age_hours": NAN if task.created_at is None else hours_from(task.created_at, now),
        "skill_match": skill_match(employee.skills, task.required_skills, aliases),
        "experience_complexity_ratio": at_most(10.0, experience_per_complexity(employee, task)),
        "capacity_fit": capacity_fit(employee, hours),
        "department_match": department_match(employee, task.department),
        "success_rate": success_rate(history, task.category, everyone),
    }


def number(value: float | None) -> float:
    return NAN if value is None else float(value)


def at_most(limit: float, value: float) -> float:
    return value if math.isnan(value) else min(limit, value)


def hours_from(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / 3600


def workload_ratio(employee: Employee) -> float:
    if employee.max_workload == 0:
        return 1.0
    return min(1.0, employee.current_workload / employee.max_workload)


def time_pressure(hours: float | None, deadline: datetime | None, now: datetime) -> float:
    if deadline is None:
        return 0.0
    if deadline <= now:
        return 1.0
    return NAN if hours is None else min(1.0, hours / hours_from(now, deadline))


def experience_per_complexity(employee: Employee, task: Task) -> float:
    return number(employee.experience_years) / (1 + 9 * number(task.complexity_score))


def capacity_fit(employee: Employee, hours: float | None) -> float:
    free = employee.max_workload - employee.current_workload
    if hours is None:
        return NAN
    return 0.0 if free <= 0 else max(0.0, 1 - hours / free)


def department_match(employee: Employee, department: str | None) -> float:
    if department is None:
        return NAN
    if employee.department == department:
        return 1.0
    done = employee.history.by_department if employee.history else {}
    total = sum(done.values())
    return done.get(department, 0.0) / total if total else NAN


def success_rate(history: EmployeeHistory | None, category: str | None, everyone: Tally) -> float:
    history = history or EmployeeHistory()
    if history.outcomes.total == 0 and everyone.total == 0:
        return NAN
    overall = (everyone.good + 2.5) / (everyone.total + 5)
    own = (history.outcomes.good + 10 * overall) / (history.outcomes.total + 10)
    tally = history.by_category.get(category, Tally()) if category else Tally()
    return (tally.good + 5 * own) / (tally.total + 5)


def canonical(name: str, aliases: Mapping[str, Sequence[str]]) -> str:
    """The one name of a skill."""
    plain = " ".join(name.lower().split())
    return next((target for target, others in aliases.items() if plain in others), plain)


def canonical_levels(skills: Mapping[str, float], aliases: Mapping[str, Sequence[str]]) -> dict[str, float]:
    names = {canonical(name, aliases) for name in skills}
    return {n: max(level for other, level in skills.items() if canonical(other, aliases) == n) for n in names}


def skill_match(
    held: Mapping[str, float] | None, required: Mapping[str, float] | None, aliases: Mapping[str, Sequence[str]]
) -> float:
    if required is None:
        return NAN
    if not required:
        return 1.0
    if held is None:
        return NAN
    own, wanted = canonical_levels(held, aliases), canonical_levels(required, aliases)
    shares = []
    for name, level in wanted.items():
        best = max((have * similarity(name, other) for other, have in own.items()), default=0.0)
        shares.append(min(best / level, 1.0))
    return sum(shares) / len(shares)


def similarity(one: str, other: str) -> float:
    """1 for the same name, the cosine of the counts of 2- and 3-letter pieces from 0.8 up, otherwise 0."""
    if one == other:
        return 1.0
    if any(len(token) < 4 for name in (one, other) for token in name.split()):
        return 0.0
    a, b = pieces(one), pieces(other)
    dot = sum(count * b[piece] for piece, count in a.items())
    cosine = dot / math.sqrt(sum(n * n for n in a.values()) * sum(n * n for n in b.values()))
    return min(cosine, 1.0) if cosine >= 0.8 else 0.0


def pieces(name: str) -> Counter[str]:
    return Counter(name[i : i + n] for n in (2, 3) for i in range(len(name) - n + 1))

"""The tasks of the simulated organisation as they come in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.random import Generator

from assignment_engine.domain.records import Task
from assignment_engine.domain.types import Priority
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.learning.catalogue import DEPARTMENTS
from assignment_engine.learning.people import KINDS, SKILLS

_NOT_ON_RECORD = {
    "required_skills": 0.05, "complexity_score": 0.06, "estimated_hours": 0.06, "created_at": 0.03, "category": 0.03,
    "department": 0.05,
}  # fmt: skip
_WAITING_HOURS = {Priority.CRITICAL: 0.5, Priority.HIGH: 2.0, Priority.MEDIUM: 8.0, Priority.LOW: 24.0}
_PRIORITY_SHARES = [0.06, 0.24, 0.5, 0.2]
_NO_DEADLINE = 0.2
_RECENT = 40


@dataclass(frozen=True)
class Job:
    """A task as recorded, with gaps, and what is true of it. `columns` and `required` are its skills and levels."""

    task: Task
    kind: int
    department: int
    columns: Ints
    required: Floats
    hours: float
    complexity: float
    decided_at: datetime
    deadline: datetime | None

    @property
    def pressure(self) -> float:
        """Estimated hours over calendar hours to the deadline at the decision; 0 without one."""
        if self.deadline is None:
            return 0.0
        return min(1.0, self.hours / ((self.deadline - self.decided_at) / timedelta(hours=1)))


def draw_job(rng: Generator, number: int, decided_at: datetime) -> Job:
    """The task that is assigned at `decided_at`, while its deadline can still be met."""
    kind = int(rng.choice(len(KINDS), p=_kind_shares()))
    department, pattern = KINDS[kind]
    skills = rng.choice(pattern.skills, int(rng.integers(1, len(pattern.skills) + 1)), replace=False)
    complexity = round(float(np.clip(rng.normal(pattern.complexity, 0.18), 0.0, 1.0)), 2)
    required = np.round(np.clip(complexity + rng.normal(0.15, 0.15, len(skills)), 0.1, 1.0) * 20) / 20
    hours = round(max(0.25, pattern.hours * float(rng.lognormal(0.0, 0.6))) * 4) / 4
    priority = tuple(Priority)[int(rng.choice(4, p=_PRIORITY_SHARES))]
    notice = None if rng.random() < _NO_DEADLINE else hours / min(1.0, float(rng.beta(1.1, 4.0)) + 0.02)
    waiting = float(rng.exponential(_WAITING_HOURS[priority]))
    created_at = decided_at - _whole(min(waiting, 0.6 * notice, notice - hours) if notice else waiting)
    deadline = created_at + _whole(notice) if notice else None
    record = {
        "required_skills": {str(s): float(level) for s, level in zip(skills, required, strict=True)},
        "complexity_score": complexity,
        "estimated_hours": hours,
        "created_at": created_at,
        "category": pattern.category,
        "department": DEPARTMENTS[department].name,
    }
    task = Task(
        task_id=f"task-{number + 1:05d}",
        title=str(rng.choice(pattern.titles)).format(rng.choice(DEPARTMENTS[department].places)),
        priority=priority,
        deadline=deadline,
        dependencies=_dependencies(rng, number),
        **{name: value for name, value in record.items() if rng.random() >= _NOT_ON_RECORD[name]},
    )
    columns = np.array([SKILLS.index(str(skill)) for skill in skills], dtype=np.int64)
    return Job(task, kind, department, columns, required, hours, complexity, decided_at, deadline)


def _kind_shares() -> list[float]:
    return [DEPARTMENTS[d].share / len(DEPARTMENTS[d].kinds) for d, _ in KINDS]


def _whole(hours: float) -> timedelta:
    return timedelta(seconds=round(hours * 3600))


def _dependencies(rng: Generator, number: int) -> tuple[str, ...]:
    """One task in eight waits for one or two of those just before it."""
    if number < _RECENT or rng.random() >= 0.125:
        return ()
    back = rng.choice(_RECENT, int(rng.integers(1, 3)), replace=False)
    return tuple(f"task-{number - int(b):05d}" for b in sorted(back))

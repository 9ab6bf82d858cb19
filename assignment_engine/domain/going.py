"""Work that is going on, as those see it who watch over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from assignment_engine.domain.assignments import AssignmentStatus, Expected


@dataclass(frozen=True)
class ActiveWork:
    """One active assignment. `touched_at` is the last sign of progress, `paused_seconds` how long its person paused."""

    assignment_id: str
    task_id: str
    employee_id: str
    status: AssignmentStatus
    assigned_at: datetime
    touched_at: datetime
    eta: tuple[datetime, datetime] | None
    expected: Expected | None
    paused_seconds: int
    deadline: datetime | None
    category: str | None
    estimated_hours: float | None


class FinishedWork(NamedTuple):
    """A piece of finished work: hours from its assignment to its completion, and what was known of it before."""

    hours: float
    employee_id: str
    category: str | None
    estimated_hours: float | None


@dataclass(frozen=True)
class LoggedWork:
    """A logged assignment that was finished, or still goes on (`completed_at` is None then)."""

    employee_id: str
    category: str | None
    estimated_hours: float | None
    features: Mapping[str, Any]
    assigned_at: datetime
    completed_at: datetime | None
    paused_seconds: int


@dataclass(frozen=True)
class NewEta:
    """What an active assignment is expected to take, and when it will be complete."""

    assignment_id: str
    expected: Expected
    eta: tuple[datetime, datetime]

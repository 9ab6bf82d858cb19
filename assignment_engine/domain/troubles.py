"""What the detector finds, and what it looks at beside the work that goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from assignment_engine.domain.live import AlertSubject


class TroubleKind(StrEnum):
    """The kinds of alerts that the detector raises and clears."""

    LATE = "late"
    STUCK = "stuck"
    OVERLOAD = "overload"
    STARVING = "starving"
    ACCEPTANCE = "acceptance"


@dataclass(frozen=True)
class Trouble:
    """Something that a person should look at; the smaller `urgency`, the sooner.

    `holds` is False for what is no reason to raise an alert any more, but none to clear it either. `assignment_id` is
    the work that must still be going on when the alert is raised.
    """

    kind: TroubleKind
    subject: str
    about: AlertSubject
    reason: str
    severity: str = "warning"
    urgency: float = 0.0
    holds: bool = True
    assignment_id: str | None = None


class Carried(NamedTuple):
    """Somebody whose load is near their capacity or above it, in seconds."""

    employee_id: str
    carried_seconds: int
    max_seconds: int


class WaitingLong(NamedTuple):
    """A pending task that somebody may look at, and since when it waits."""

    task_id: str
    queue: str
    enqueued_at: datetime


class DueSoon(NamedTuple):
    """A pending task with a deadline."""

    task_id: str
    deadline: datetime
    category: str | None
    estimated_hours: float | None


class Answer(NamedTuple):
    """What became of an offer."""

    queue: str
    accepted: bool

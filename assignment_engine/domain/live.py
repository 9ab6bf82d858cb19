"""What live dispatch knows: sessions, places in queues, alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from pydantic import Field

from assignment_engine.domain.assignments import Assignment, AssignmentStatus
from assignment_engine.domain.queues import Queue
from assignment_engine.domain.records import Record
from assignment_engine.domain.types import TaskStatus
from assignment_engine.domain.worklists import MyJob


@dataclass(frozen=True)
class Live:
    """What live dispatch adds to the rules of planning.

    `free_units` holds everybody who is present and not paused; `factors` (1 where a task is missing) relax minimum
    levels; `reserved` names who is asked first.
    """

    free_units: Mapping[str, int]
    factors: Mapping[str, float] = field(default_factory=dict)
    reserved: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Session:
    """One log-in of one person; `fence` counts their sessions."""

    session_id: str
    employee_id: str
    fence: int
    opened_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None = None
    close_reason: str | None = None
    paused: bool = False


@dataclass(frozen=True)
class Held:
    """An assignment that is locked with its person and its task, and what is known of them.

    Parameters
    ----------
    session_id : the open session of the person.
    is_waited_for : whether other tasks depend on this one.
    now : when all this was read.
    """

    assignment: Assignment
    taken: TakenFacts
    task: TaskFacts
    carried: PersonFacts
    session_id: str | None
    queue: Queue
    is_waited_for: bool
    now: datetime

    @property
    def locked(self) -> Locked:
        """What need not be read again."""
        found = self.assignment
        return Locked({found.employee_id: self.carried}, {found.task_id: self.task}, {found.id: self.taken})


@dataclass(frozen=True)
class TakenFacts:
    """The status of a locked assignment, what it takes from its person, and the context that it counts for."""

    status: AssignmentStatus
    seconds: int
    units: int
    context: Mapping[str, str] | None


@dataclass(frozen=True)
class PersonFacts:
    """What a locked person carries and may carry, in seconds."""

    carried_seconds: int
    max_seconds: int


@dataclass(frozen=True)
class TaskFacts:
    """What decides about the outcome of a locked task, and its context."""

    status: TaskStatus
    deadline: datetime | None
    estimated_seconds: int | None
    category: str | None
    department: str | None
    context: Mapping[str, str]


@dataclass(frozen=True)
class Locked:
    """People and tasks that a transaction has locked and read already."""

    people: Mapping[str, PersonFacts] = field(default_factory=dict)
    tasks: Mapping[str, TaskFacts] = field(default_factory=dict)
    assignments: Mapping[str, TakenFacts] = field(default_factory=dict)


class Spot(NamedTuple):
    """A waiting task as it stands in its queue; the record is the same while none of this changes."""

    task_id: str
    version: int
    dispatch_key: str
    rank_at: datetime
    enqueued_at: datetime


@dataclass(frozen=True)
class Place:
    """Where a task waits: its rank, who may look at it (None: nobody now) and when time changes that (None: never)."""

    rank_at: datetime
    dispatch_key: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True)
class Stream:
    """The tasks of one dispatch key: one queue, one set of minimum levels."""

    dispatch_key: str
    queue: Queue
    minimum_levels: Mapping[str, float]


class Presence(Record):
    """What a person's client is told at log-in and at each heartbeat."""

    person_id: str
    session: str
    fence: int
    heartbeat_seconds: float
    timeout_seconds: float
    paused: bool = False
    assignments: tuple[Assignment, ...] = ()


class OpenSession(Record):
    """Whether a person is logged in."""

    person_id: str
    session: Presence | None = None


class PersonStatus(Record):
    """One person who is logged in."""

    person_id: str
    name: str | None
    is_logged_in: bool
    is_busy: bool
    last_heartbeat: datetime | None
    paused: bool
    load: float = Field(description="share of the capacity that is taken, 0 to 1")
    current: tuple[MyJob, ...] = ()


class Completed(Record):
    """A finished assignment, and the next one that came in the same breath."""

    completed: Assignment
    next: Assignment | None = None


class Released(Record):
    """What a log-out gave back."""

    released: tuple[Assignment, ...] = ()


class AlertSubject(StrEnum):
    """What the subject of an alert is the id of."""

    TASK = "task"
    EMPLOYEE = "employee"
    OTHER = "other"


ALERT_RAISED, ALERT_CLEARED = "AlertRaised", "AlertCleared"
ALERT_EVENTS = frozenset({ALERT_RAISED, ALERT_CLEARED})
"""The events that tell of alerts."""


class Alert(Record):
    """Something a person should look at."""

    id: str
    kind: str
    severity: Literal["info", "warning", "critical"]
    subject: str
    reason: str
    raised_at: datetime
    cleared_at: datetime | None = None


def person_key(employee_id: str) -> str:
    """The dispatch key of tasks for which one person is asked first."""
    return f"p:{employee_id}"

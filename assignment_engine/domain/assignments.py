"""A real assignment of a task to a person, and the one table of what can happen to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from assignment_engine.domain.errors import TransitionError
from assignment_engine.domain.records import Record
from assignment_engine.domain.types import TaskStatus


class AssignmentStatus(StrEnum):
    OFFERED = "offered"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    COMPLETED = "completed"
    FAILED = "failed"
    RELEASED = "released"
    CANCELLED = "cancelled"

    @property
    def active(self) -> bool:
        """Whether it counts toward load and makes the person busy."""
        return self in ACTIVE


EVENT_TYPES = {
    "offer": "JobOffered",
    "assign": "JobAssigned",
    "push": "JobAssigned",
    "accept": "JobAccepted",
    "reject": "JobRejected",
    "expire": "JobOfferExpired",
    "complete": "JobCompleted",
    "fail": "JobFailed",
    "release": "JobReleased",
    "cancel": "JobCancelled",
}
REOPENED = "JobReopened"
ACTIVE = frozenset({AssignmentStatus.OFFERED, AssignmentStatus.ASSIGNED, AssignmentStatus.ACCEPTED})
NEVER_TAKEN = frozenset({AssignmentStatus.OFFERED, AssignmentStatus.REJECTED, AssignmentStatus.EXPIRED})
"""What does not count as work that a person was given."""


class Event(StrEnum):
    """What can happen to an assignment."""

    OFFER = "offer"
    ASSIGN = "assign"
    PUSH = "push"
    ACCEPT = "accept"
    REJECT = "reject"
    EXPIRE = "expire"
    COMPLETE = "complete"
    FAIL = "fail"
    RELEASE = "release"
    CANCEL = "cancel"


class Assignment(Record):
    """One assignment, from its making to its outcome. Serialises with the field names of the HTTP contract."""

    id: str
    task_id: str = Field(serialization_alias="ticket_id")
    employee_id: str = Field(serialization_alias="technician_id")
    assigned_by: str
    status: AssignmentStatus
    method: str
    score: float | None = None
    confidence: float | None = None
    scorer: str | None = None
    assigned_at: datetime
    accepted_at: datetime | None = None
    rejected_at: datetime | None = None
    rejection_reason: str | None = None
    completed_at: datetime | None = None
    eta_p50: datetime | None = None
    eta_p90: datetime | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def ticket_id(self) -> str:
        return self.task_id

    @property
    def technician_id(self) -> str:
        return self.employee_id


@dataclass(frozen=True)
class Transition:
    """From which states an event is possible (none for a new assignment), and what it makes of both records."""

    sources: frozenset[AssignmentStatus]
    target: AssignmentStatus
    task_status: TaskStatus
    stamps: tuple[str, ...] = ()


_WAITING = frozenset({AssignmentStatus.OFFERED, AssignmentStatus.ASSIGNED})
_HELD = frozenset({AssignmentStatus.ASSIGNED, AssignmentStatus.ACCEPTED})
_NEW: frozenset[AssignmentStatus] = frozenset()

TRANSITIONS: dict[Event, Transition] = {
    Event.OFFER: Transition(_NEW, AssignmentStatus.OFFERED, TaskStatus.ASSIGNED),
    Event.ASSIGN: Transition(_NEW, AssignmentStatus.ASSIGNED, TaskStatus.ASSIGNED),
    Event.PUSH: Transition(_NEW, AssignmentStatus.ACCEPTED, TaskStatus.IN_PROGRESS, ("accepted_at",)),
    Event.ACCEPT: Transition(_WAITING, AssignmentStatus.ACCEPTED, TaskStatus.IN_PROGRESS, ("accepted_at",)),
    Event.REJECT: Transition(_WAITING, AssignmentStatus.REJECTED, TaskStatus.PENDING, ("rejected_at",)),
    Event.EXPIRE: Transition(frozenset({AssignmentStatus.OFFERED}), AssignmentStatus.EXPIRED, TaskStatus.PENDING),
    Event.COMPLETE: Transition(_HELD, AssignmentStatus.COMPLETED, TaskStatus.COMPLETED, ("completed_at",)),
    Event.FAIL: Transition(_HELD, AssignmentStatus.FAILED, TaskStatus.FAILED),
    Event.RELEASE: Transition(ACTIVE, AssignmentStatus.RELEASED, TaskStatus.PENDING),
    Event.CANCEL: Transition(ACTIVE, AssignmentStatus.CANCELLED, TaskStatus.CANCELLED),
}


@dataclass(frozen=True)
class Expected:
    """How many seconds work takes from its assignment to its completion: at even odds, and with 90 % safety."""

    p50: int
    p90: int

    def from_moment(self, moment: datetime) -> tuple[datetime, datetime]:
        """When it will be complete, if it is assigned then."""
        return moment + timedelta(seconds=self.p50), moment + timedelta(seconds=self.p90)


@dataclass(frozen=True)
class NewAssignment:
    """An assignment that does not exist yet; `advance` brings it to life.

    `seconds` and `units` are what it takes from the person's capacity, frozen for its whole life. `session_id` is the
    session that got it live, and gives it back when it closes. `expected` is None where nobody can say.
    """

    id: str
    task_id: str
    employee_id: str
    assigned_by: str
    method: str
    seconds: int
    units: int = 1
    score: float | None = None
    confidence: float | None = None
    scorer: str | None = None
    preview_id: str | None = None
    allow_overload: bool = False
    session_id: str | None = None
    offer_expires_at: datetime | None = None
    expected: Expected | None = None


@dataclass(frozen=True)
class Advance:
    """What an event did: the assignment as it is now, its status before (None: it is new), the task's new status."""

    event: Event
    before: AssignmentStatus | None
    assignment: Assignment
    task_status: TaskStatus
    new: NewAssignment | None = None
    reason: str | None = None


def advance(
    assignment: Assignment | NewAssignment, event: Event, now: datetime, *, reason: str | None = None
) -> Advance:
    """Let `event` happen to `assignment` at `now`.

    Raises
    ------
    TransitionError
        If the table has no way from the present status (or from nothing) by this event.
    """
    transition = TRANSITIONS[event]
    stamps = dict.fromkeys(transition.stamps, now)
    if isinstance(assignment, NewAssignment):
        if transition.sources:
            raise TransitionError(event, "not assigned yet")
        return Advance(
            event, None, _born(assignment, transition, now, stamps), transition.task_status, assignment, reason
        )
    if assignment.status not in transition.sources:
        raise TransitionError(event, assignment.status)
    changed: dict[str, object] = {"status": transition.target, "updated_at": now, **stamps}
    if event is Event.REJECT:
        changed["rejection_reason"] = reason
    after = assignment.model_copy(update=changed)
    return Advance(event, assignment.status, after, transition.task_status, reason=reason)


def _born(new: NewAssignment, transition: Transition, now: datetime, stamps: dict[str, datetime]) -> Assignment:
    eta_p50, eta_p90 = new.expected.from_moment(now) if new.expected else (None, None)
    return Assignment(
        id=new.id,
        task_id=new.task_id,
        employee_id=new.employee_id,
        assigned_by=new.assigned_by,
        status=transition.target,
        method=new.method,
        score=new.score,
        confidence=new.confidence,
        scorer=new.scorer,
        assigned_at=now,
        accepted_at=stamps.get("accepted_at"),
        eta_p50=eta_p50,
        eta_p90=eta_p90,
        created_at=now,
        updated_at=now,
    )

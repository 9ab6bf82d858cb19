"""Records that exist only because they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.plans import FinalizeResult, Preview, ScorerInfo
from assignment_engine.domain.records import Employee, Record, Task
from assignment_engine.domain.types import Arm, Hours, Id, Instant, Priority, Text

T = TypeVar("T")


class StoredPreview(Record):
    """A preview with everything that finalizing it needs, whichever instance does it.

    `tasks` are the planned tasks as they were; the ids in `new_tasks` and `new_employees` came inline and are
    inserted when the database does not know them. `features` has a row (None: missing) for each assignment, its columns
    named by `feature_names`; where these are empty, the 17. `arms` are those of the assignments where tasks are held
    out, and `control` scored those of the control arm.
    """

    preview: Preview
    created_at: Instant
    created_by: str
    constraints: Constraints
    tasks: tuple[Task, ...]
    new_tasks: frozenset[str] = frozenset()
    new_employees: tuple[Employee, ...] = ()
    features: tuple[tuple[float | None, ...], ...] = ()
    feature_names: tuple[str, ...] = ()
    arms: tuple[Arm, ...] = ()
    control: ScorerInfo | None = None
    result: FinalizeResult | None = None


class PastAssignment(Record):
    """Finished work of one person, imported or our own; what histories are counted from."""

    task_id: Id
    employee_id: Id
    category: Text | None = None
    department: Text | None = None
    assigned_at: Instant
    started_at: Instant | None = None
    completed_at: Instant | None = None
    hours: Hours | None = None
    outcome: Literal["good", "bad"] | None = None


class JsonText(str):
    """JSON that is written already: it goes into a column of JSON as it is."""

    __slots__ = ()


@dataclass(frozen=True)
class PlannedDecision:
    """What one choice of a preview was compared with: its place among all candidates, and some of these as JSON."""

    decision_id: str
    rank: int
    candidates: JsonText


@dataclass(frozen=True)
class TrainingRow:
    """One logged decision: the features of the chosen pair as they were, and later its outcome.

    `arm` is that of the hold-out, None where none is made.
    """

    log_id: str
    decision_id: str
    assignment_id: str
    task_id: str
    employee_id: str
    features: Mapping[str, float | None]
    assignment_score: float
    confidence: float
    method: str
    scorer: str
    logged_at: datetime
    candidates: Mapping[str, object] | JsonText | None = None
    rank: int | None = None
    propensity: float | None = None
    arm: Arm | None = None


@dataclass(frozen=True)
class LoggedDecision:
    """A logged decision and what has become of it; `candidates` are pairs that were not chosen.

    `outcome` and `acceptance` are 1, 0 or None; `known_at` is when the outcome became known. `deadline` is that of
    work which is still going on.
    """

    decision_id: str
    decided_at: datetime
    task_id: str
    employee_id: str
    features: Mapping[str, float | None]
    candidates: tuple[Mapping[str, Any], ...]
    method: str
    propensity: float | None
    arm: Arm | None
    outcome: int | None
    acceptance: int | None
    known_at: datetime | None
    deadline: datetime | None
    department: str | None


@dataclass(frozen=True)
class FinishedTask:
    """A task that was completed: its texts, what a person or a record says of it, and when it came, was first given to
    somebody and was completed."""

    task_id: str
    title: str
    description: str
    category: str | None
    complexity: float | None
    hours: float | None
    created_at: datetime
    given_at: datetime
    completed_at: datetime


@dataclass(frozen=True)
class DoneWork:
    """One person's finished work on a stored task, which came at `created_at`."""

    task_id: str
    employee_id: str
    category: str | None
    priority: Priority
    deadline: datetime | None
    created_at: datetime
    began_at: datetime
    ended_at: datetime
    worked_seconds: int | None


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list; `total` is counted up to a cap, `next_after` continues where page numbers get deep."""

    items: tuple[T, ...]
    total: int
    total_is_capped: bool
    page: int
    limit: int
    next_after: str | None = None


@dataclass(frozen=True)
class StoredResponse:
    """The first answer to a request with an idempotency key."""

    request_hash: str
    status: int
    body: bytes


@dataclass(frozen=True)
class Lease:
    """A task for one process at a time, held by `holder`; `fence` counts up with every change of holder."""

    name: str
    holder: str
    fence: int
    expires_at: datetime


@dataclass(frozen=True)
class WorkerRow:
    """One loop of one process, as the others see it."""

    worker_id: str
    instance_id: str
    kind: str
    started_at: datetime
    last_seen_at: datetime
    busy_with: str | None = None


@dataclass(frozen=True)
class Finding:
    """One broken invariant of the database (`error`), or something to look at (`warning`)."""

    severity: Literal["error", "warning"]
    code: str
    subject: str
    detail: str

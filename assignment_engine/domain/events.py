"""Events: those that the engine publishes, and those about tickets that it takes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.json_schema import SkipJsonSchema

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.records import Record, Task
from assignment_engine.domain.types import Count, Id, Instant, RecordId, TaskStatus, Word


class Published(Record):
    """The envelope in which an event goes out; positions have no gaps, and each event has one position for ever."""

    event_id: str
    position: Count = Field(description="1 for the first event, 2 for the next, …")
    data: dict[str, Any] = Field(
        description="event_type, assignment_id, ticket_id, technician_id, timestamp; reason; others for alerts"
    )


@dataclass(frozen=True)
class Cursor:
    """How far one reader of the published events has come; after failures it waits until `due_at`."""

    name: str
    position: int
    failures: int = 0
    due_at: datetime | None = None
    error: str | None = None


def _refuse_status(_value: object) -> object:
    raise ValueError("this field is read only")


class TicketCreated(Task):
    """There is a new ticket; it carries the fields of the task that it becomes."""

    model_config = ConfigDict(title="TicketCreated")

    event_id: Id
    event_type: Literal["TicketCreated"]
    timestamp: Instant
    task_id: RecordId = Field(alias="ticket_id")
    status: SkipJsonSchema[Annotated[TaskStatus, BeforeValidator(_refuse_status)]] = TaskStatus.PENDING

    @property
    def task(self) -> Task:
        """The task, with the fields that were given."""
        given = self.model_fields_set & Task.model_fields.keys()
        return Task.model_construct(given, **{name: getattr(self, name) for name in Task.model_fields})


class TicketStatusChanged(Record):
    """A ticket has another status elsewhere."""

    event_id: Id
    event_type: Literal["TicketStatusChanged"]
    ticket_id: Id
    status: Word = Field(description="`completed` and `cancelled` end the work; others are noted")
    timestamp: Instant


TicketEvent: TypeAlias = TicketCreated | TicketStatusChanged
TICKET_EVENTS: Mapping[str, type[TicketCreated] | type[TicketStatusChanged]] = {
    "TicketCreated": TicketCreated,
    "TicketStatusChanged": TicketStatusChanged,
}


def read_ticket_event(fields: Mapping[str, object]) -> TicketEvent:
    """The event of these fields.

    Raises
    ------
    InvalidInputError
        Naming what is wrong.
    """
    kind = fields.get("event_type")
    if not isinstance(kind, str) or kind not in TICKET_EVENTS:
        raise InvalidInputError.at("/event_type", f"expected one of {', '.join(TICKET_EVENTS)}")
    try:
        return TICKET_EVENTS[kind].model_validate(dict(fields))
    except ValidationError as exc:
        raise InvalidInputError.from_pydantic(exc) from exc


class ReceivedStatus(StrEnum):
    """What became of an event that came in."""

    STARTED = "started"
    DONE = "done"
    IGNORED = "ignored"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether it had its effect, or never will."""
        return self in (ReceivedStatus.DONE, ReceivedStatus.IGNORED)


class Received(Record):
    """An event that came in, and what became of it; a failed one may be sent again."""

    event_id: str
    event_type: str
    source: str
    status: ReceivedStatus
    attempts: Count
    error: str | None = None
    received_at: Instant
    finished_at: Instant | None = None

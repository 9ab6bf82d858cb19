"""Events about tickets: each takes effect once, however often and on however many ways it comes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from assignment_engine.domain.errors import DatabaseUnavailableError, EngineError, TransitionError
from assignment_engine.domain.events import Received, ReceivedStatus, TicketCreated, TicketEvent
from assignment_engine.domain.records import Task
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

_log = logging.getLogger(__name__)

HTTP = "http"
UNREADABLE = "unreadable"
COMPLETED = frozenset({"completed"})
CANCELLED = frozenset({"cancelled", "canceled"})
MOST_ATTEMPTS = 5
ABANDONED = f"{MOST_ATTEMPTS} attempts ended with the process that made them"

Effect = Callable[[UnitOfWork], None]


class Effects(Protocol):
    """What events do to our work."""

    def create(self, unit: UnitOfWork, task: Task) -> None:
        """There is work to do."""

    def complete(self, unit: UnitOfWork, task_id: str) -> None:
        """The ticket is done."""

    def cancel(self, unit: UnitOfWork, task_id: str) -> None:
        """The ticket is not to be done."""


class EventsIn:
    """Takes events in, and puts aside those that cannot have their effect."""

    def __init__(self, database: Database, effects: Effects) -> None:
        self._database, self._effects = database, effects

    def receive(self, event: TicketEvent, source: str = HTTP) -> Received:
        """Let the event have its effect, unless it had it before; what became of it.

        It is put aside (`failed`, with its error) when the effect is not possible. The attempt is counted in a
        transaction of its own, so that an event which takes the process along does not do so for ever.

        Raises
        ------
        DatabaseUnavailableError
            When it is not known what became of it; send it again.
        """
        data = event.model_dump(mode="json", by_alias=True, exclude_unset=True)
        before = self._database.run(partial(_begin, event.event_id, event.event_type, source, data))
        if before.status.ended:
            return before
        if before.status is ReceivedStatus.STARTED and before.attempts >= MOST_ATTEMPTS and source != HTTP:
            return self._end(event.event_id, ReceivedStatus.FAILED, ABANDONED)
        try:
            return self._try(event)
        except DatabaseUnavailableError:
            raise
        except EngineError as exc:
            return self._end(event.event_id, ReceivedStatus.FAILED, f"{type(exc).__name__}: {exc}")

    def put_aside(self, event_id: str, source: str, data: Mapping[str, object], error: str) -> Received:
        """Keep an event that cannot even be read, with the reason; nothing when it has ended otherwise."""
        before = self._database.run(partial(_begin, event_id, UNREADABLE, source, data))
        return before if before.status.ended else self._end(event_id, ReceivedStatus.FAILED, error)

    def _try(self, event: TicketEvent) -> Received:
        try:
            return self._database.run(partial(self._apply, event))
        except TransitionError:  # somebody may have done the same at this moment; then there is nothing left to do
            return self._database.run(partial(self._apply, event))

    def _apply(self, event: TicketEvent, unit: UnitOfWork) -> Received:
        now = unit.now()
        before = unit.inbox.lock(event.event_id)
        if before.status.ended:
            return before
        effect = self._effect(event)
        if effect is None:
            _log.info("event %s has a status that changes nothing here", event.event_id)
            return unit.inbox.end(event.event_id, ReceivedStatus.IGNORED, now)
        effect(unit)
        return unit.inbox.end(event.event_id, ReceivedStatus.DONE, now)

    def _effect(self, event: TicketEvent) -> Effect | None:
        if isinstance(event, TicketCreated):
            return partial(self._effects.create, task=event.task)
        status = event.status.strip().lower()
        if status in COMPLETED:
            return partial(self._effects.complete, task_id=event.ticket_id)
        if status in CANCELLED:
            return partial(self._effects.cancel, task_id=event.ticket_id)
        return None

    def _end(self, event_id: str, status: ReceivedStatus, error: str) -> Received:
        _log.warning("event %s is put aside: %s", event_id, error.partition(":")[0])
        return self._database.run(lambda unit: _end_unless_ended(event_id, status, error, unit))


def _begin(event_id: str, event_type: str, source: str, data: Mapping[str, object], unit: UnitOfWork) -> Received:
    return unit.inbox.begin(event_id, event_type, source, data, unit.now())


def _end_unless_ended(event_id: str, status: ReceivedStatus, error: str, unit: UnitOfWork) -> Received:
    """Somebody else may have had more luck with the same event meanwhile."""
    present = unit.inbox.lock(event_id)
    return present if present.status.ended else unit.inbox.end(event_id, status, unit.now(), error)

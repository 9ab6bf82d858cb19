"""Events that came in: each takes effect once, and those that cannot are put aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.events import Received, ReceivedStatus
from assignment_engine.domain.stored import Page
from assignment_engine.store.paging import fetch_page
from assignment_engine.store.rows import insert_missing
from assignment_engine.store.tables import inbox

LONGEST_ERROR = 500
_FIELDS = tuple(Received.model_fields)
_QUERY = select(*(inbox.c[name] for name in _FIELDS))


class Inbox:
    """Received events by id."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, event_id: str, event_type: str, source: str, data: Mapping[str, object], now: datetime) -> Received:
        """Count one more attempt, unless the event has ended; how it stood before. Commit this before trying.

        An attempt that never ends, because it takes the process along, is so counted too.
        """
        if not self._find(event_id, lock=True):
            row = {"event_id": event_id, "event_type": event_type, "source": source, "data": dict(data)}
            new = {**row, "status": ReceivedStatus.STARTED, "received_at": now}
            insert_missing(self._connection, inbox, [new])
        before = self.lock(event_id)
        if not before.status.ended:
            self._set(event_id, status=ReceivedStatus.STARTED, attempts=inbox.c.attempts + 1)
        return before

    def lock(self, event_id: str) -> Received:
        """The event, locked until the transaction ends, or NotFoundError."""
        found = self._find(event_id, lock=True)
        if not found:
            raise NotFoundError("event", event_id)
        return found[0]

    def end(self, event_id: str, status: ReceivedStatus, now: datetime, error: str | None = None) -> Received:
        """What became of it."""
        self._set(event_id, status=status, finished_at=now, error=error and error[:LONGEST_ERROR])
        return self.lock(event_id)

    def list(
        self,
        *,
        page: int = 1,
        limit: int = 50,
        sort: str = "-received_at",
        after: str | None = None,
        status: ReceivedStatus | None = None,
    ) -> Page[Received]:
        """One page of events, the latest first."""
        query = _QUERY if status is None else _QUERY.where(inbox.c.status == status)
        sorts = {name: inbox.c[name] for name in ("event_id", "received_at", "status")}
        return fetch_page(
            self._connection, query, inbox.c.event_id, sorts, _records, sort=sort, page=page, limit=limit, after=after
        )

    def _find(self, event_id: str, *, lock: bool) -> tuple[Received, ...]:
        query = _QUERY.where(inbox.c.event_id == event_id)
        return _records(self._connection.execute(query.with_for_update() if lock else query).all())

    def _set(self, event_id: str, **values: object) -> None:
        self._connection.execute(update(inbox).where(inbox.c.event_id == event_id).values(**values))


def _records(rows: Sequence[Row[Any]]) -> tuple[Received, ...]:
    return tuple(Received(**{name: getattr(row, name) for name in _FIELDS}) for row in rows)

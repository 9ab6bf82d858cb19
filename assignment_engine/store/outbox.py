"""Published events: their positions, the feed of them, and how far each reader has come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, exists, func, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.errors import EventsAheadError, EventsArchivedError
from assignment_engine.domain.events import Cursor, Published
from assignment_engine.store.rows import insert_missing
from assignment_engine.store.tables import cursors, outbox

NUMBERING = "outbox"
"""The cursor that holds the last position given."""
LONGEST_ERROR = 255


class Outbox:
    """Events, written in the transaction of what they tell of.

    Their ids come from a sequence, so a smaller one may be committed after a larger. Readers go by `position`, which
    committed rows are given without gaps, one batch at a time.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def has_unnumbered(self) -> bool:
        """Whether committed events wait for their position."""
        return bool(self._connection.execute(select(exists().where(outbox.c.position.is_(None)))).scalar_one())

    def number(self, most: int) -> int:
        """Give the next positions to at most `most` events, in the order of their ids; how many got one.

        An event that follows from another was written when that one was committed, so it has the larger id, and
        whoever sees it sees the other one too: such events never change places.
        """
        last = self.newest(lock=True)
        query = select(outbox.c.id).where(outbox.c.position.is_(None)).order_by(outbox.c.id).limit(most)
        ids = self._connection.execute(query).scalars().all()
        if ids:
            rows = [{"row_id": row_id, "given": last + rank} for rank, row_id in enumerate(ids, start=1)]
            numbered = update(outbox).where(outbox.c.id == bindparam("row_id")).values(position=bindparam("given"))
            self._connection.execute(numbered, rows)
            moved = update(cursors).where(cursors.c.name == NUMBERING)
            self._connection.execute(moved.values(position=last + len(ids)))
        return len(ids)

    def newest(self, *, lock: bool = False) -> int:
        """The last position that was given, 0 before the first; with `lock`, nobody else gives one meanwhile."""
        query = select(cursors.c.position).where(cursors.c.name == NUMBERING)
        locking = query.with_for_update(key_share=True) if lock else query
        found: int | None = self._connection.execute(locking).scalar_one_or_none()
        if found is None and lock:
            insert_missing(self._connection, cursors, [{"name": NUMBERING}])
            found = self._connection.execute(locking).scalar_one()
        return found or 0

    def after(self, position: int, limit: int, employee_id: str | None = None) -> tuple[Published, ...]:
        """The next events behind `position`, of everybody or of one person's assignments."""
        query = select(outbox.c.event_id, outbox.c.position, outbox.c.data).where(outbox.c.position > position)
        if employee_id is not None:
            query = query.where(outbox.c.employee_id == employee_id)
        rows = self._connection.execute(query.order_by(outbox.c.position).limit(limit))
        return tuple(Published(event_id=row.event_id, position=row.position, data=row.data) for row in rows)

    def require(self, position: int) -> None:
        """Refuse a position behind which events are missing, or that was never given; 0 is before the oldest one left.

        Raises
        ------
        EventsArchivedError, EventsAheadError
        """
        if position:
            first: int | None = self._connection.execute(select(func.min(outbox.c.position))).scalar_one()
            newest = self.newest()
            oldest = newest + 1 if first is None else first
            if position + 1 < oldest:
                raise EventsArchivedError(position, oldest)
            if position > newest:
                raise EventsAheadError(position, newest)

    def waiting(self) -> int:
        """How many events have no position yet."""
        query = select(func.count()).select_from(outbox).where(outbox.c.position.is_(None))
        return self._connection.execute(query).scalar_one()


class Cursors:
    """How far each reader has come. Write them only while holding the reader's lease."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> Cursor:
        """The reader's cursor; a reader that was never seen is at the beginning."""
        found = self._read(cursors.c.name == name)
        return found[0] if found else Cursor(name, 0)

    def all(self) -> tuple[Cursor, ...]:
        """The cursors of all readers, by name."""
        return self._read(cursors.c.name != NUMBERING)

    def move(self, name: str, position: int, now: datetime) -> None:
        """The reader has come as far as `position`, and all is well."""
        self._set(name, position=position, failures=0, due_at=None, error=None, updated_at=now)

    def fail(self, cursor: Cursor, error: str, now: datetime, pause_seconds: float) -> None:
        """The reader came as far as `cursor` says, and failed for the time that it says; it waits now."""
        due_at = now + timedelta(seconds=pause_seconds)
        told = {"failures": cursor.failures, "due_at": due_at, "error": error[:LONGEST_ERROR]}
        self._set(cursor.name, position=cursor.position, updated_at=now, **told)

    def _read(self, condition: Any) -> tuple[Cursor, ...]:
        names = ("name", "position", "failures", "due_at", "error")
        query = select(*(cursors.c[name] for name in names)).where(condition).order_by(cursors.c.name)
        return tuple(Cursor(*row) for row in self._connection.execute(query))

    def _set(self, name: str, **values: object) -> None:
        changed = update(cursors).where(cursors.c.name == name).values(**values)
        if self._connection.execute(changed).rowcount == 0:
            insert_missing(self._connection, cursors, [{"name": name}])
            self._connection.execute(changed)

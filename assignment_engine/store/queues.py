"""Queues: their settings."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.queues import DEFAULT_QUEUE, Queue
from assignment_engine.store.rows import insert_missing, rows_in
from assignment_engine.store.tables import queues


class Queues:
    """Queues. One that was never set has the default settings."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> Queue | None:
        """The stored settings; the default queue always has some."""
        stored = self._stored([name]).get(name)
        return Queue(name=name) if stored is None and name == DEFAULT_QUEUE else stored

    def named(self, names: Collection[str], *, lock: bool = False) -> dict[str, Queue]:
        """The settings of each of these queues; with `lock`, nobody sets them until the transaction ends."""
        stored = self._stored(names, lock=lock)
        return {name: stored.get(name) or Queue(name=name) for name in names}

    def list(self) -> tuple[Queue, ...]:
        """All that were set, and the default one, by name."""
        stored = {row.name: Queue(**row.settings) for row in self._connection.execute(select(queues))}
        return tuple(queue for _, queue in sorted({DEFAULT_QUEUE: Queue(name=DEFAULT_QUEUE), **stored}.items()))

    def hold(self, name: str, now: datetime) -> Queue:
        """The settings of a queue, which is there from now on; nobody else sets them until the transaction ends."""
        default = {"settings": Queue(name=name).model_dump(mode="json"), "updated_at": now}
        insert_missing(self._connection, queues, [{"name": name, **default}])
        return self.named([name], lock=True)[name]

    def put(self, queue: Queue, now: datetime) -> None:
        """Set a queue, which need not have been there."""
        values = {"settings": queue.model_dump(mode="json"), "updated_at": now}
        insert_missing(self._connection, queues, [{"name": queue.name, **values}])
        self._connection.execute(update(queues).where(queues.c.name == queue.name).values(**values))

    def _stored(self, names: Collection[str], *, lock: bool = False) -> dict[str, Queue]:
        rows = rows_in(self._connection, select(queues), queues.c.name, names, lock=lock)
        return {row.name: Queue(**row.settings) for row in rows}

"""Who works in the background: one row for each loop of each process."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.stored import WorkerRow
from assignment_engine.store.rows import insert_missing
from assignment_engine.store.tables import workers

KEPT = timedelta(days=1)
ALIVE = timedelta(seconds=30)
LONGEST_TEXT = 255


class Workers:
    """The loops that were seen within a day."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def seen(self, rows: Sequence[WorkerRow]) -> None:
        """These loops are alive, and busy with this."""
        for row in rows:
            busy_with = row.busy_with and row.busy_with[:LONGEST_TEXT]
            alive = update(workers).where(workers.c.worker_id == row.worker_id)
            alive = alive.values(last_seen_at=row.last_seen_at, busy_with=busy_with)
            if self._connection.execute(alive).rowcount == 0:
                insert_missing(self._connection, workers, [{**asdict(row), "busy_with": busy_with}])

    def gone(self, worker_ids: Collection[str]) -> None:
        """These loops have ended."""
        self._connection.execute(delete(workers).where(workers.c.worker_id.in_(sorted(worker_ids))))

    def purge(self, now: datetime) -> None:
        """Forget loops that were not seen for a day."""
        self._connection.execute(delete(workers).where(workers.c.last_seen_at < now - KEPT))

    def alive(self, kind: str, now: datetime) -> bool:
        """Whether some loop of this kind was seen lately."""
        query = select(workers.c.worker_id).where(workers.c.kind == kind, workers.c.last_seen_at >= now - ALIVE)
        return self._connection.execute(query.limit(1)).first() is not None

    def all(self) -> tuple[WorkerRow, ...]:
        """Every loop that is remembered, by instance and kind."""
        query = select(workers).order_by(workers.c.instance_id, workers.c.kind, workers.c.worker_id)
        return tuple(WorkerRow(**row._mapping) for row in self._connection.execute(query))  # noqa: SLF001

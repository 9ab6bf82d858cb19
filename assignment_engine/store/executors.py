"""Which processes run jobs, and which of them died."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.background import Executor
from assignment_engine.store.tables import job_executors


class Executors:
    """The processes that run jobs, and the ones that died."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def seen(self, executor_id: str, engine: str, now: datetime) -> None:
        """This process is alive."""
        mine = job_executors.c.executor_id == executor_id
        if self._connection.execute(update(job_executors).where(mine).values(last_seen_at=now)).rowcount == 0:
            row = {"executor_id": executor_id, "engine": engine, "started_at": now, "last_seen_at": now}
            self._connection.execute(insert(job_executors), row)

    def silent(self, engine: str, before: datetime, but: str) -> tuple[str, ...]:
        """Lock the processes of this engine that were not seen since `before`; whom another one has is left out."""
        query = select(job_executors.c.executor_id).where(
            job_executors.c.engine == engine,
            job_executors.c.last_seen_at < before,
            job_executors.c.executor_id != but,
        )
        query = query.order_by(job_executors.c.executor_id).with_for_update(skip_locked=True)
        return tuple(self._connection.execute(query).scalars())

    def leave(self, executor_id: str, long_ago: datetime) -> None:
        """This process ends: whoever looks next takes over what it had."""
        mine = job_executors.c.executor_id == executor_id
        self._connection.execute(update(job_executors).where(mine).values(last_seen_at=long_ago))

    def forget(self, executor_id: str) -> None:
        """What this process had was taken over."""
        self._connection.execute(delete(job_executors).where(job_executors.c.executor_id == executor_id))

    def list(self) -> tuple[Executor, ...]:
        rows = self._connection.execute(select(job_executors).order_by(job_executors.c.executor_id))
        return tuple(Executor(row.executor_id, row.engine, row.started_at, row.last_seen_at) for row in rows)

"""Counts for those who watch; each reads an index alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.assignments import AssignmentStatus
from assignment_engine.domain.types import Priority, TaskStatus
from assignment_engine.domain.watching import Counts, SeenWorker, Unsent, Waiting
from assignment_engine.store.tables import employees, outbox, task_assignments, tasks, workers

_PRIORITIES = {priority.level: priority.value for priority in Priority}


class Counting:
    """What there is of everything."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def waiting(self) -> tuple[Waiting, ...]:
        """Pending tasks by queue and priority."""
        key = (tasks.c.queue, tasks.c.priority_level)
        query = (
            select(*key, func.count().label("tasks"), func.min(tasks.c.enqueued_at).label("oldest_at"))
            .where(tasks.c.status == TaskStatus.PENDING, tasks.c.deleted_at.is_(None))
            .group_by(*key)
            .order_by(*key)
        )
        rows = self._connection.execute(query)
        return tuple(Waiting(row.queue, _PRIORITIES[row.priority_level], row.tasks, row.oldest_at) for row in rows)

    def tasks(self, statuses: Collection[TaskStatus]) -> Counts:
        """Tasks in these statuses, by status and processing status."""
        key = (tasks.c.status, tasks.c.processing_status)
        of_these = (tasks.c.status.in_(sorted(statuses)), tasks.c.deleted_at.is_(None))
        query = select(*key, func.count().label("tasks")).where(*of_these).group_by(*key)
        by_status: Counter[str] = Counter()
        by_processing: Counter[str] = Counter()
        for row in self._connection.execute(query):
            by_status[row.status] += row.tasks
            by_processing[row.processing_status] += row.tasks
        return Counts(by_status, by_processing)

    def employees(self) -> int:
        """How many people there are."""
        query = select(func.count()).select_from(employees).where(employees.c.deleted_at.is_(None))
        return self._connection.execute(query).scalar_one()

    def assignments(self, statuses: Collection[AssignmentStatus]) -> Mapping[str, int]:
        """Assignments in these statuses, by status."""
        status = task_assignments.c.status
        query = select(status, func.count()).where(status.in_(sorted(statuses))).group_by(status)
        rows = self._connection.execute(query)
        return {row[0]: row[1] for row in rows}

    def unsent(self) -> Unsent:
        """Events that nobody has numbered yet."""
        query = select(func.count(), func.min(outbox.c.created_at)).where(outbox.c.position.is_(None))
        row = self._connection.execute(query).one()
        return Unsent(row[0], row[1])

    def workers(self, since: datetime) -> tuple[SeenWorker, ...]:
        """Workers that were seen after `since`, the latest first."""
        query = select(workers).where(workers.c.last_seen_at > since)
        rows = self._connection.execute(query.order_by(workers.c.last_seen_at.desc(), workers.c.worker_id))
        return tuple(SeenWorker(r.worker_id, r.instance_id, r.kind, r.busy_with, r.last_seen_at) for r in rows)

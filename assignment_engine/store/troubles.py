"""What the detector looks at beside the work that goes on: loads, tasks that wait, answers to offers."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, literal_column, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.troubles import Answer, Carried, DueSoon, WaitingLong
from assignment_engine.store.rows import hours_of
from assignment_engine.store.tables import employees, ml_training_data, tasks

_CARRIED: ColumnElement[int] = employees.c.external_seconds + employees.c.assigned_seconds
_PENDING: ColumnElement[bool] = literal_column("tasks.status = 'pending'")  # as the index says it
_ANSWERED: ColumnElement[bool] = literal_column("ml_training_data.acceptance IS NOT NULL")


class Troubles:
    """Questions whose answers may be alerts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def loaded(self, percent: int) -> tuple[Carried, ...]:
        """People who carry more than so many percent of their capacity, by id."""
        query = select(employees.c.employee_id, _CARRIED, employees.c.max_seconds)
        above = employees.c.max_seconds * percent < _CARRIED * 100
        found = query.where(employees.c.deleted_at.is_(None), _CARRIED > 0, above).order_by(employees.c.employee_id)
        return tuple(Carried(*row) for row in self._connection.execute(found))

    def waiting_since(self, dispatch_keys: Collection[str], before: datetime, limit: int) -> tuple[WaitingLong, ...]:
        """Tasks of these streams that wait since before a moment, those first that wait longest."""
        query = select(tasks.c.task_id, tasks.c.queue, tasks.c.enqueued_at)
        mine = (tasks.c.dispatch_key.in_(sorted(dispatch_keys)), tasks.c.enqueued_at < before)
        found = query.where(*mine).order_by(tasks.c.enqueued_at, tasks.c.task_id).limit(limit)
        return tuple(WaitingLong(*row) for row in self._connection.execute(found)) if dispatch_keys else ()

    def due_before(self, moment: datetime, limit: int) -> tuple[DueSoon, ...]:
        """Pending tasks whose deadline is before a moment, the nearest first."""
        query = select(*(tasks.c[name] for name in ("task_id", "deadline", "category", "estimated_seconds")))
        mine = (_PENDING, tasks.c.deadline < moment, tasks.c.deleted_at.is_(None))
        found = query.where(*mine).order_by(tasks.c.deadline, tasks.c.task_id).limit(limit)
        return tuple(
            DueSoon(
                row.task_id,
                row.deadline,
                row.category,
                None if row.estimated_seconds is None else hours_of(row.estimated_seconds),
            )
            for row in self._connection.execute(found)
        )

    def answers(self, method: str, since: datetime, limit: int) -> tuple[Answer, ...]:
        """What became of the newest offers of a method, the oldest first."""
        query = select(tasks.c.queue, ml_training_data.c.acceptance)
        joined = query.join(tasks, tasks.c.task_id == ml_training_data.c.task_id)
        mine = (_ANSWERED, ml_training_data.c.logged_at > since, ml_training_data.c.method == method)
        found = joined.where(*mine).order_by(ml_training_data.c.logged_at.desc()).limit(limit)
        return tuple(Answer(row.queue, row.acceptance == 1) for row in self._connection.execute(found))[::-1]

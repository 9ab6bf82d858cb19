"""Finished tasks: as people wrote them, with what is known of them, and the work on them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.conversations import TriagedField
from assignment_engine.domain.stored import DoneWork, FinishedTask
from assignment_engine.domain.types import Priority, TaskStatus
from assignment_engine.store.rows import hours_of
from assignment_engine.store.tables import past_assignments, task_triage, tasks

AT_ONCE = 2000


class FinishedTasks:
    """The newest finished tasks, and the work on them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest(self, most: int | None = None) -> list[FinishedTask]:
        """At most so many, the one that came last first.

        What triage filled in itself counts as not known, or it would learn from its own.
        """
        rows = self._connection.execute(_query().limit(most), execution_options={"yield_per": AT_ONCE})
        return [_task(row) for row in rows]

    def work(self, most: int | None = None) -> list[DoneWork]:
        """At most so many pieces of finished work on stored tasks, that on the task that came last first."""
        past = past_assignments.c
        columns = (tasks.c.category, tasks.c.priority, tasks.c.deadline, tasks.c.created_at)
        query = (
            select(past.task_id, past.employee_id, past.completed_at, past.worked_seconds, *columns)
            .add_columns(func.coalesce(past.started_at, past.assigned_at).label("began_at"))
            .join(tasks, tasks.c.task_id == past.task_id)
            .where(tasks.c.deleted_at.is_(None), past.completed_at.is_not(None))
            .order_by(tasks.c.created_at.desc(), past.task_id, past.employee_id, past.assigned_at)
        )
        return [_work(row) for row in self._connection.execute(query.limit(most))]


def _query() -> Select[Any]:
    past = past_assignments.c
    work = (
        select(
            past.task_id,
            func.min(past.assigned_at).label("given_at"),
            func.max(past.completed_at).label("completed_at"),
            func.sum(past.worked_seconds).label("worked_seconds"),
        )
        .group_by(past.task_id)
        .subquery()
    )
    columns = (tasks.c.task_id, tasks.c.title, tasks.c.description, tasks.c.category, tasks.c.complexity_score)
    return (
        select(*columns, tasks.c.created_at, work.c.given_at, work.c.completed_at, work.c.worked_seconds)
        .add_columns(task_triage.c.findings)
        .join_from(tasks, work, work.c.task_id == tasks.c.task_id)
        .outerjoin(task_triage, task_triage.c.task_id == tasks.c.task_id)
        .where(tasks.c.deleted_at.is_(None), tasks.c.status == TaskStatus.COMPLETED, work.c.completed_at.is_not(None))
        .order_by(tasks.c.created_at.desc(), tasks.c.task_id)
    )


def _task(row: Row[Any]) -> FinishedTask:
    filled = {finding["field"] for finding in row.findings or () if finding["applied"]}
    return FinishedTask(
        task_id=row.task_id,
        title=row.title or "",
        description=row.description or "",
        category=None if TriagedField.CATEGORY in filled else row.category,
        complexity=None if TriagedField.COMPLEXITY in filled else row.complexity_score,
        hours=None if row.worked_seconds is None else hours_of(int(row.worked_seconds)),
        created_at=row.created_at,
        given_at=row.given_at,
        completed_at=row.completed_at,
    )


def _work(row: Row[Any]) -> DoneWork:
    return DoneWork(
        task_id=row.task_id,
        employee_id=row.employee_id,
        category=row.category,
        priority=Priority(row.priority),
        deadline=row.deadline,
        created_at=row.created_at,
        began_at=row.began_at,
        ended_at=row.completed_at,
        worked_seconds=None if row.worked_seconds is None else int(row.worked_seconds),
    )

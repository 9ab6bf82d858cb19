"""Assignments: reading them, and the one place that writes what happens to them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.assignments import Advance, Assignment, AssignmentStatus
from assignment_engine.domain.constraints import Pair
from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.stored import Page
from assignment_engine.store.paging import fetch_page
from assignment_engine.store.recording import record_advances
from assignment_engine.store.rows import rows_in
from assignment_engine.store.tables import task_assignments

_RENAMED = {"id": "assignment_id", "method": "assignment_method", "score": "assignment_score"}
_COLUMNS = {name: task_assignments.c[_RENAMED.get(name, name)] for name in Assignment.model_fields}
_QUERY = select(*(column.label(name) for name, column in _COLUMNS.items()))
_ID = task_assignments.c.assignment_id
_SORTS = {name: _COLUMNS[name] for name in ("id", "status", "assigned_at", "completed_at", "created_at", "updated_at")}


class Assignments:
    """Assignments and their history."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, advances: Sequence[Advance], actor: str) -> None:
        """Write what happened: assignments, tasks, loads, audit and events; all of it, or nothing.

        Each assignment comes at most once. Work that ends is given back before new work is taken.

        Raises
        ------
        NotFoundError
            If a task, a person or an assignment is not there.
        TaskTakenError
            If a task has an active assignment already.
        CapacityExceededError
            If new work does not fit into what is left of somebody's capacity, and may not exceed it.
        TransitionError
            If an assignment is no longer in the state that the event found, or a task is closed.
        """
        if advances:
            record_advances(self._connection, advances, actor)

    def get(self, assignment_id: str) -> Assignment:
        """The assignment, or NotFoundError."""
        found = self.get_many([assignment_id])
        if not found:
            raise NotFoundError("assignment", assignment_id)
        return found[0]

    def get_many(self, ids: Collection[str]) -> tuple[Assignment, ...]:
        """Those of `ids` that exist, by id."""
        return _records(rows_in(self._connection, _QUERY, _ID, ids))

    def active(self, task_ids: Collection[str] | None = None) -> tuple[Assignment, ...]:
        """Active assignments, of these tasks or of all, by task."""
        column = task_assignments.c.active_task_id
        if task_ids is not None:
            return _records(rows_in(self._connection, _QUERY, column, task_ids))
        return _records(self._connection.execute(_QUERY.where(column.is_not(None)).order_by(column)).all())

    def rejections(self, task_ids: Collection[str]) -> frozenset[Pair]:
        """(task, employee) of every assignment that was rejected."""
        query = select(task_assignments.c.task_id, task_assignments.c.employee_id).where(
            task_assignments.c.status == AssignmentStatus.REJECTED
        )
        rows = rows_in(self._connection, query, task_assignments.c.task_id, task_ids)
        return frozenset((row.task_id, row.employee_id) for row in rows)

    def list(
        self,
        *,
        page: int = 1,
        limit: int = 50,
        sort: str = "-assigned_at",
        after: str | None = None,
        employee_id: str | None = None,
        task_id: str | None = None,
        status: str | None = None,
    ) -> Page[Assignment]:
        """One page of assignments, the latest first by default."""
        filters = {"employee_id": employee_id, "task_id": task_id, "status": status}
        query = _QUERY.where(*(_COLUMNS[name] == value for name, value in filters.items() if value is not None))
        return fetch_page(
            self._connection, query, _ID, _SORTS, _records, sort=sort, page=page, limit=limit, after=after
        )


def _records(rows: Sequence[Row[Any]]) -> tuple[Assignment, ...]:
    return tuple(Assignment(**{name: getattr(row, name) for name in _COLUMNS}) for row in rows)

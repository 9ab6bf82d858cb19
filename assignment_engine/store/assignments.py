"""Assignments: reading them, and the one place that writes what happens to them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.assignments import ACTIVE, Advance, Assignment, AssignmentStatus
from assignment_engine.domain.constraints import Pair
from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.live import Held, Locked
from assignment_engine.domain.records import StoredTask
from assignment_engine.domain.stored import Page, TrainingRow
from assignment_engine.domain.worklists import HistoryEntry, Ticket
from assignment_engine.store.batch import Batch
from assignment_engine.store.holding import COLUMNS, assignment_of, hold
from assignment_engine.store.paging import fetch_page
from assignment_engine.store.recording import record_advances, record_reopening
from assignment_engine.store.rows import rows_in
from assignment_engine.store.tables import audit_log, task_assignments, tasks

_QUERY = select(*(column.label(name) for name, column in COLUMNS.items()))
_ID = task_assignments.c.assignment_id
_SORTS = {name: COLUMNS[name] for name in ("id", "status", "assigned_at", "completed_at", "created_at", "updated_at")}


class Assignments:
    """Assignments and their history."""

    def __init__(self, connection: Connection, writes: Batch) -> None:
        self._connection, self._writes = connection, writes

    def record(
        self,
        advances: Sequence[Advance],
        actor: str,
        decisions: Sequence[TrainingRow] = (),
        locked: Locked | None = None,
    ) -> None:
        """Write what happened: assignments, tasks, loads, outcomes, decisions, audit and events; all of it, or nothing.

        Each assignment comes at most once. Work that ends is given back before new work is taken. What the
        transaction has `locked` already is not read again.

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
            record_advances(self._connection, self._writes, advances, actor, decisions, locked or Locked())

    def reopen(self, task: StoredTask, last: Assignment | None, now: datetime, actor: str) -> None:
        """A completed task waits again; `last` is the assignment that completed it, whose person is locked."""
        record_reopening(self._connection, task.task_id, last, now, actor)

    def hold(self, assignment_id: str, employee_id: str | None = None) -> Held:
        """The assignment (of this person), locked with its person and task, or NotFoundError."""
        held = hold(self._connection, _ID, assignment_id, employee_id)
        if held is None:
            raise NotFoundError("assignment", assignment_id)
        return held

    def hold_active_on(self, task_id: str, employee_id: str | None = None) -> Held | None:
        """The active assignment of a task, locked with its person; None when nobody has it, or not this person."""
        return hold(self._connection, task_assignments.c.active_task_id, task_id, employee_id)

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

    def active_of(self, employee_ids: Collection[str]) -> tuple[Assignment, ...]:
        """Active assignments of these people, the oldest of each first."""
        column = task_assignments.c.employee_id
        query = _QUERY.where(task_assignments.c.status.in_(sorted(ACTIVE)))
        found = _records(rows_in(self._connection, query, column, employee_ids))
        return tuple(sorted(found, key=lambda a: (a.employee_id, a.assigned_at, a.id)))

    def of_session(self, employee_id: str, session_id: str) -> tuple[Assignment, ...]:
        """Active assignments that a session got live, by id."""
        mine = (task_assignments.c.employee_id == employee_id, task_assignments.c.session_id == session_id)
        query = _QUERY.where(*mine, task_assignments.c.status.in_(sorted(ACTIVE)))
        return _records(self._connection.execute(query.order_by(_ID)).all())

    def last_of(self, task_id: str) -> Assignment | None:
        """The latest assignment of a task, whatever became of it."""
        query = _QUERY.where(task_assignments.c.task_id == task_id)
        latest = query.order_by(task_assignments.c.assigned_at.desc(), _ID.desc()).limit(1)
        found = _records(self._connection.execute(latest).all())
        return found[0] if found else None

    def missed_offers(self, now: datetime, limit: int) -> tuple[Assignment, ...]:
        """Offers that nobody accepted in time, the oldest first."""
        column = task_assignments.c.offer_expires_at
        query = _QUERY.where(column <= now, task_assignments.c.status == AssignmentStatus.OFFERED)
        return _records(self._connection.execute(query.order_by(column, _ID).limit(limit)).all())

    def next_missed(self) -> datetime | None:
        """When the next offer is missed."""
        column = task_assignments.c.offer_expires_at
        found: datetime | None = self._connection.execute(
            select(column).where(column.is_not(None)).order_by(column).limit(1)
        ).scalar_one_or_none()
        return found

    def tickets(self, task_ids: Collection[str]) -> dict[str, Ticket]:
        """What lists of jobs show of these tasks, those deleted since among them."""
        fields = ("ticket_number", "title", "priority", "scheduled_date")
        query = select(tasks.c.task_id.label("id"), *(tasks.c[name] for name in fields))
        rows = rows_in(self._connection, query, tasks.c.task_id, task_ids)
        return {row.id: Ticket(**row._mapping) for row in rows}  # noqa: SLF001  (SQLAlchemy's public name)

    def offer_ends(self, assignment_ids: Collection[str]) -> dict[str, datetime]:
        """When those of these assignments that are offers go on to somebody else."""
        expires_at = task_assignments.c.offer_expires_at
        query = select(_ID, expires_at).where(expires_at.is_not(None))
        rows = rows_in(self._connection, query, _ID, assignment_ids)
        return {row.assignment_id: row.offer_expires_at for row in rows}

    def history(self, assignment_id: str) -> tuple[HistoryEntry, ...]:
        """What happened to the assignment, the first first."""
        query = select(audit_log).where(audit_log.c.assignment_id == assignment_id).order_by(audit_log.c.audit_id)
        return tuple(_entry(row) for row in self._connection.execute(query))

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
        query = _QUERY.where(*(COLUMNS[name] == value for name, value in filters.items() if value is not None))
        return fetch_page(
            self._connection, query, _ID, _SORTS, _records, sort=sort, page=page, limit=limit, after=after
        )


def _records(rows: Sequence[Row[Any]]) -> tuple[Assignment, ...]:
    return tuple(assignment_of(row) for row in rows)


def _entry(row: Row[Any]) -> HistoryEntry:
    detail = row.detail or {}
    return HistoryEntry(
        at=row.at,
        actor=row.actor,
        event=row.event,
        before=row.from_status,
        after=row.to_status,
        reason=row.reason,
        score=detail.get("score"),
        scorer=detail.get("scorer"),
    )

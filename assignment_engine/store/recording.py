"""How changes of assignments are written: locks, loads, rows, audit and events, set by set in one savepoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.assignments import EVENT_TYPES, Advance, NewAssignment
from assignment_engine.domain.errors import CapacityExceededError, NotFoundError, TaskTakenError, TransitionError
from assignment_engine.domain.types import TaskStatus, new_id, utc_text
from assignment_engine.store.errors import ConstraintError
from assignment_engine.store.rows import Values, chunks, insert_rows, rows_in, update_rows
from assignment_engine.store.tables import audit_log, employees, outbox, task_assignments, tasks

_CLOSED = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})
_CHANGING = (
    *("status", "accepted_at", "rejected_at", "rejection_reason", "completed_at", "eta_p50", "eta_p90", "updated_at"),
)
_KEPT = ("task_id", "employee_id", "assigned_by", "scorer", "confidence", "assigned_at", "created_at")
_FROZEN = ("seconds", "units", "allow_overload", "preview_id")


@dataclass
class _Load:
    """What one person gains in this batch; `guarded` is the highest point that has to fit into the capacity."""

    seconds: int = 0
    tasks: int = 0
    units: int = 0
    guarded: int | None = None

    def give_back(self, seconds: int, units: int) -> None:
        self.seconds -= seconds
        self.tasks -= 1
        self.units -= units

    def take(self, new: NewAssignment) -> int:
        """Add `new`; the seconds gained so far."""
        self.seconds += new.seconds
        self.tasks += 1
        self.units += new.units
        if not new.allow_overload:
            self.guarded = self.seconds
        return self.seconds


def record_advances(connection: Connection, advances: Sequence[Advance], actor: str) -> None:
    with connection.begin_nested():
        people = _lock_people(connection, advances)
        _lock_tasks(connection, advances)
        before = _lock_assignments(connection, [a for a in advances if a.new is None])
        loads: defaultdict[str, _Load] = defaultdict(_Load)
        changes = [_changed_row(advance, before, loads) for advance in advances if advance.new is None]
        births = [_new_row(a, a.new, loads, people) for a in advances if a.new is not None]
        _add_loads(connection, loads)
        _set_task_statuses(connection, advances)
        update_rows(connection, task_assignments, changes, {})
        _insert_births(connection, births)
        insert_rows(connection, audit_log, [_audit_row(advance, actor) for advance in advances])
        insert_rows(connection, outbox, [_event_row(advance) for advance in advances])


def _lock_people(connection: Connection, advances: Sequence[Advance]) -> dict[str, Row[Any]]:
    columns = (employees.c[n] for n in ("employee_id", "external_seconds", "assigned_seconds", "max_seconds"))
    query = select(*columns).where(employees.c.deleted_at.is_(None))
    ids = {advance.assignment.employee_id for advance in advances}
    found = {row.employee_id: row for row in rows_in(connection, query, employees.c.employee_id, ids, lock=True)}
    _refuse_missing("employee", ids, found)
    return found


def _lock_tasks(connection: Connection, advances: Sequence[Advance]) -> None:
    query = select(tasks.c.task_id, tasks.c.status).where(tasks.c.deleted_at.is_(None))
    ids = {advance.assignment.task_id for advance in advances}
    found = {row.task_id: row.status for row in rows_in(connection, query, tasks.c.task_id, ids, lock=True)}
    _refuse_missing("task", ids, found)
    for advance in advances:
        if advance.new is not None and found[advance.assignment.task_id] in _CLOSED:
            raise TransitionError(advance.event, found[advance.assignment.task_id])


def _lock_assignments(connection: Connection, advances: Sequence[Advance]) -> dict[str, Row[Any]]:
    columns = (task_assignments.c[name] for name in ("assignment_id", "status", "seconds", "units"))
    key = task_assignments.c.assignment_id
    ids = {advance.assignment.id for advance in advances}
    found = {row.assignment_id: row for row in rows_in(connection, select(*columns), key, ids, lock=True)}
    _refuse_missing("assignment", ids, found)
    for advance in advances:
        status = found[advance.assignment.id].status
        if status != advance.before:
            raise TransitionError(advance.event, status)
    return found


def _refuse_missing(kind: str, ids: set[str], found: Mapping[str, object]) -> None:
    missing = sorted(ids - found.keys())
    if missing:
        raise NotFoundError(kind, missing[0])


def _changed_row(advance: Advance, before: Mapping[str, Row[Any]], loads: Mapping[str, _Load]) -> tuple[str, Values]:
    after = advance.assignment
    if not after.status.active:
        frozen = before[after.id]
        loads[after.employee_id].give_back(frozen.seconds, frozen.units)
    values: Values = {name: getattr(after, name) for name in _CHANGING}
    return after.id, {**values, "active_task_id": after.task_id if after.status.active else None}


def _new_row(
    advance: Advance, new: NewAssignment, loads: Mapping[str, _Load], people: Mapping[str, Row[Any]]
) -> Values:
    after = advance.assignment
    person = people[after.employee_id]
    gained = loads[after.employee_id].take(new)
    return {
        **{name: getattr(after, name) for name in (*_KEPT, *_CHANGING)},
        **{name: getattr(new, name) for name in _FROZEN},
        "assignment_id": after.id,
        "active_task_id": after.task_id,
        "assignment_method": after.method,
        "assignment_score": after.score,
        "load_seconds": person.external_seconds + person.assigned_seconds + gained,
        "capacity_seconds": person.max_seconds,
        "session_id": None,
    }


def _add_loads(connection: Connection, loads: Mapping[str, _Load]) -> None:
    """Change the counters; the same statement that adds load refuses what does not fit."""
    refused = []
    for employee_id, load in sorted(loads.items()):
        statement = update(employees).where(employees.c.employee_id == employee_id)
        if load.guarded is not None:
            carried = employees.c.external_seconds + employees.c.assigned_seconds
            statement = statement.where(carried + load.guarded <= employees.c.max_seconds)
        statement = statement.values(
            assigned_seconds=employees.c.assigned_seconds + load.seconds,
            active_tasks=employees.c.active_tasks + load.tasks,
            active_units=employees.c.active_units + load.units,
        )
        if connection.execute(statement).rowcount != 1:
            refused.append(employee_id)
    if refused:
        raise CapacityExceededError(refused)


def _set_task_statuses(connection: Connection, advances: Sequence[Advance]) -> None:
    last = {advance.assignment.task_id: advance for advance in advances}
    groups: defaultdict[tuple[Any, ...], list[str]] = defaultdict(list)
    for task_id, advance in sorted(last.items()):
        groups[advance.task_status, advance.assignment.updated_at].append(task_id)
    for (status, at), task_ids in groups.items():
        changed = update(tasks).values(status=status, version=tasks.c.version + 1, updated_at=at)
        for part in chunks(task_ids):
            connection.execute(changed.where(tasks.c.task_id.in_(part)))


def _insert_births(connection: Connection, births: Sequence[Values]) -> None:
    try:
        with connection.begin_nested():
            insert_rows(connection, task_assignments, births)
    except ConstraintError as exc:
        taken = _taken(connection, [str(row["task_id"]) for row in births])
        if not taken:
            raise
        raise TaskTakenError(taken) from exc


def _taken(connection: Connection, task_ids: Sequence[str]) -> list[str]:
    """Tasks that have an active assignment, or that are given more than once."""
    column = task_assignments.c.active_task_id
    active = {row[0] for row in rows_in(connection, select(column), column, task_ids)}
    return sorted(active | {task_id for task_id in task_ids if task_ids.count(task_id) > 1})


def _audit_row(advance: Advance, actor: str) -> Values:
    after = advance.assignment
    return {
        "at": after.updated_at,
        "actor": actor,
        "event": advance.event,
        "assignment_id": after.id,
        "task_id": after.task_id,
        "employee_id": after.employee_id,
        "from_status": advance.before,
        "to_status": after.status,
        "reason": advance.reason,
        "detail": _birth_detail(advance),
    }


def _birth_detail(advance: Advance) -> Values | None:
    """How a new assignment came about."""
    if advance.new is None:
        return None
    names = ("method", "score", "confidence", "scorer", "allow_overload")
    return {name: getattr(advance.new, name) for name in names}


def _event_row(advance: Advance) -> Values:
    after = advance.assignment
    kind = EVENT_TYPES[advance.event]
    data: Values = {
        "event_type": kind,
        "assignment_id": after.id,
        "ticket_id": after.task_id,
        "technician_id": after.employee_id,
        "timestamp": utc_text(after.updated_at),
    }
    if advance.reason is not None and advance.new is None:
        data["reason"] = advance.reason
    return {"event_id": new_id(), "event_type": kind, "data": data, "created_at": after.updated_at}

"""How changes of assignments are written: locks, rows, audit, events and loads, set by set."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, Select, bindparam, case, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql.dml import UpdateBase

from assignment_engine.domain.assignments import (
    EVENT_TYPES,
    REOPENED,
    Advance,
    Assignment,
    AssignmentStatus,
    NewAssignment,
)
from assignment_engine.domain.errors import (
    CapacityExceededError,
    NotFoundError,
    Shortfall,
    TaskTakenError,
    TransitionError,
)
from assignment_engine.domain.live import Locked, PersonFacts, TakenFacts, TaskFacts
from assignment_engine.domain.stored import TrainingRow
from assignment_engine.domain.types import SECONDS_PER_HOUR, TaskStatus, new_id, utc_text
from assignment_engine.store.batch import Batch
from assignment_engine.store.contexts import count_contexts, counted
from assignment_engine.store.dialects import UtcDateTime
from assignment_engine.store.free import free_at
from assignment_engine.store.outcomes import mark_reopened, record_outcomes
from assignment_engine.store.rows import Values, insert_rows, rows_in
from assignment_engine.store.tables import audit_log, employees, ml_training_data, outbox, task_assignments, tasks
from assignment_engine.store.training import training_values

_CLOSED = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})
_HELD = frozenset({TaskStatus.ASSIGNED, TaskStatus.IN_PROGRESS})
_NEXT_VERSION = ("version", tasks.c.version + 1)
_CARRIED = employees.c.external_seconds + employees.c.assigned_seconds
_SUM = employees.c.assigned_seconds + bindparam("seconds", type_=BigInteger())
_FITS = _CARRIED + bindparam("highest", type_=BigInteger()) <= employees.c.max_seconds


def _adding(assigned_seconds: ColumnElement[int]) -> UpdateBase:
    return (
        update(employees)
        .where(employees.c.employee_id == bindparam("employee"))
        .ordered_values(  # MariaDB lets later expressions see earlier ones: each comes before what it is about
            ("free_at", free_at(bindparam("units", type_=BigInteger()), bindparam("now", type_=UtcDateTime()))),
            ("assigned_seconds", assigned_seconds),
            ("active_tasks", employees.c.active_tasks + bindparam("tasks", type_=BigInteger())),
            ("active_units", employees.c.active_units + bindparam("units", type_=BigInteger())),
        )
    )


_ADD_LOAD = _adding(_SUM)
_ADD_GUARDED_LOAD = _adding(case((_FITS, _SUM)))  # NULL where it does not fit, which the column refuses
_NOTHING_LOCKED = Locked()
_PEOPLE: Select[Any] = select(
    *(employees.c[name] for name in ("employee_id", "external_seconds", "assigned_seconds", "max_seconds"))
).where(employees.c.deleted_at.is_(None))
_TASKS: Select[Any] = select(
    *(tasks.c[n] for n in ("task_id", "status", "deadline", "estimated_seconds", "category", "department", "context"))
).where(tasks.c.deleted_at.is_(None))
_TAKEN: Select[Any] = select(
    *(task_assignments.c[name] for name in ("assignment_id", "status", "seconds", "units", "context"))
)
_HOLDERS: Select[Any] = select(task_assignments.c.active_task_id, task_assignments.c.employee_id)
_CHANGING = (
    *("status", "accepted_at", "rejected_at", "rejection_reason", "completed_at", "eta_p50", "eta_p90", "updated_at"),
)
_KEPT = ("task_id", "employee_id", "assigned_by", "scorer", "confidence", "assigned_at", "created_at")
_FROZEN = ("seconds", "units", "allow_overload", "preview_id", "session_id", "offer_expires_at")


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

    def fits(self, person: PersonFacts) -> bool:
        return self.guarded is None or person.carried_seconds + self.guarded <= person.max_seconds


def record_advances(
    connection: Connection,
    writes: Batch,
    advances: Sequence[Advance],
    actor: str,
    decisions: Sequence[TrainingRow] = (),
    locked: Locked = _NOTHING_LOCKED,
) -> None:
    people = _lock_people(connection, advances, locked)
    their_tasks = _lock_tasks(connection, advances, locked)
    before = _lock_assignments(connection, [a for a in advances if a.new is None], locked)
    _refuse_taken(connection, advances, their_tasks)
    loads: defaultdict[str, _Load] = defaultdict(_Load)
    changes = [_changed_row(advance, before, loads) for advance in advances if advance.new is None]
    contexts = {a.assignment.id: _context_of(a, before, their_tasks) for a in advances}
    births = [_new_row(a, a.new, loads, people, contexts) for a in advances if a.new is not None]
    _refuse_beyond(loads, people)
    _set_task_statuses(writes, advances)
    writes.update(task_assignments, changes)
    writes.insert(task_assignments, births)
    record_outcomes(writes, advances, their_tasks)
    count_contexts(writes, advances, contexts)
    writes.insert(ml_training_data, [training_values(row) for row in decisions])
    writes.insert(audit_log, [_audit_row(advance, actor) for advance in advances])
    writes.insert(outbox, [_event_row(advance) for advance in advances])
    _add_loads(writes, loads, max(advance.assignment.updated_at for advance in advances))
    writes.flush()


def record_reopening(connection: Connection, task_id: str, last: Assignment | None, now: datetime, actor: str) -> None:
    """A completed task waits again, from now on; its person and the task are locked."""
    waits = {"status": TaskStatus.PENDING, "enqueued_at": now, "rank_at": now, "dispatch_key": None, "due_at": now}
    reopened = update(tasks).where(tasks.c.task_id == task_id)
    connection.execute(reopened.values(**waits, version=tasks.c.version + 1, updated_at=now))
    who = {"assignment_id": last and last.id, "employee_id": last and last.employee_id}
    status = {"from_status": TaskStatus.COMPLETED, "to_status": last and last.status}
    audit = {"at": now, "actor": actor, "event": "reopen", "task_id": task_id, **who, **status}
    insert_rows(connection, audit_log, [audit])
    ids = {"ticket_id": task_id} if last is None else _ids(last)
    data = {"event_type": REOPENED, **ids, "timestamp": utc_text(now)}
    event = {"event_id": new_id(), "event_type": REOPENED, "data": data, "created_at": now}
    insert_rows(connection, outbox, [{**event, "employee_id": last and last.employee_id}])
    if last is not None:
        mark_reopened(connection, last, now)


def _lock_people(connection: Connection, advances: Sequence[Advance], locked: Locked) -> Mapping[str, PersonFacts]:
    ids = {advance.assignment.employee_id for advance in advances}
    if ids <= locked.people.keys():
        return locked.people
    found = {row.employee_id: row for row in rows_in(connection, _PEOPLE, employees.c.employee_id, ids, lock=True)}
    _refuse_missing("employee", ids, found)
    return {
        key: PersonFacts(row.external_seconds + row.assigned_seconds, row.max_seconds) for key, row in found.items()
    }


def _lock_tasks(connection: Connection, advances: Sequence[Advance], locked: Locked) -> Mapping[str, TaskFacts]:
    ids = {advance.assignment.task_id for advance in advances}
    found = locked.tasks if ids <= locked.tasks.keys() else lock_task_facts(connection, ids)
    _refuse_missing("task", ids, found)
    for advance in advances:
        if advance.new is not None and found[advance.assignment.task_id].status in _CLOSED:
            raise TransitionError(advance.event, found[advance.assignment.task_id].status)
    return found


def lock_task_facts(connection: Connection, ids: Collection[str]) -> dict[str, TaskFacts]:
    """Lock tasks and read what their outcomes depend on."""
    return {r.task_id: _task_facts(r) for r in rows_in(connection, _TASKS, tasks.c.task_id, ids, lock=True)}


def _task_facts(row: Row[Any]) -> TaskFacts:
    return TaskFacts(
        TaskStatus(row.status), row.deadline, row.estimated_seconds, row.category, row.department, row.context
    )


def _context_of(
    advance: Advance, before: Mapping[str, TakenFacts], their_tasks: Mapping[str, TaskFacts]
) -> Mapping[str, str] | None:
    """What an assignment counts for: frozen when it is made."""
    if advance.new is None:
        return before[advance.assignment.id].context
    return counted(their_tasks[advance.assignment.task_id].context)


def _lock_assignments(connection: Connection, advances: Sequence[Advance], locked: Locked) -> Mapping[str, TakenFacts]:
    ids = {advance.assignment.id for advance in advances}
    found = locked.assignments
    if not ids <= found.keys():
        rows = rows_in(connection, _TAKEN, task_assignments.c.assignment_id, ids, lock=True)
        found = {r.assignment_id: TakenFacts(AssignmentStatus(r.status), r.seconds, r.units, r.context) for r in rows}
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


def _changed_row(advance: Advance, before: Mapping[str, TakenFacts], loads: Mapping[str, _Load]) -> tuple[str, Values]:
    after = advance.assignment
    if not after.status.active:
        frozen = before[after.id]
        loads[after.employee_id].give_back(frozen.seconds, frozen.units)
    values: Values = {name: getattr(after, name) for name in _CHANGING}
    return after.id, {
        **values,
        "active_task_id": after.task_id if after.status.active else None,
        "offer_expires_at": None,
    }


def _new_row(
    advance: Advance,
    new: NewAssignment,
    loads: Mapping[str, _Load],
    people: Mapping[str, PersonFacts],
    contexts: Mapping[str, Mapping[str, str] | None],
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
        "expected_p50": new.expected and new.expected.p50,
        "expected_p90": new.expected and new.expected.p90,
        "context": contexts[after.id],
        "load_seconds": person.carried_seconds + gained,
        "capacity_seconds": person.max_seconds,
    }


def _refuse_beyond(loads: Mapping[str, _Load], people: Mapping[str, PersonFacts]) -> None:
    """Before anything is written, name everybody whose new work does not fit."""
    refused = [key for key, load in sorted(loads.items()) if not load.fits(people[key])]
    if refused:
        raise CapacityExceededError([_shortfall(key, loads[key], people[key]) for key in refused])


def _shortfall(employee_id: str, load: _Load, person: PersonFacts) -> Shortfall:
    left = max(0, person.max_seconds - person.carried_seconds)
    return Shortfall(employee_id, left / SECONDS_PER_HOUR, (load.guarded or 0) / SECONDS_PER_HOUR)


def _add_loads(writes: Batch, loads: Mapping[str, _Load], now: datetime) -> None:
    """Change the counters; the same statement that adds load refuses what does not fit."""
    for employee_id, load in sorted(loads.items()):
        row = {"employee": employee_id, "seconds": load.seconds, "tasks": load.tasks, "units": load.units, "now": now}
        if load.guarded is None:
            writes.add(_ADD_LOAD, [row])
        else:
            writes.add(_ADD_GUARDED_LOAD, [{**row, "highest": load.guarded}])


def _set_task_statuses(writes: Batch, advances: Sequence[Advance]) -> None:
    last = {advance.assignment.task_id: advance for advance in advances}
    writes.update(tasks, [(key, _task_values(advance)) for key, advance in sorted(last.items())], _NEXT_VERSION)


def _task_values(advance: Advance) -> Values:
    """A task that is given back has no place in its queue until somebody finds it."""
    at = advance.assignment.updated_at
    due_at = at if advance.task_status is TaskStatus.PENDING else None
    return {"status": advance.task_status, "updated_at": at, "dispatch_key": None, "due_at": due_at}


def _refuse_taken(connection: Connection, advances: Sequence[Advance], their_tasks: Mapping[str, TaskFacts]) -> None:
    """The rows are locked, so that nobody can take a task between this check and the write."""
    ended = {a.assignment.task_id for a in advances if a.new is None and not a.assignment.status.active}
    wanted = [advance.assignment.task_id for advance in advances if advance.new is not None]
    taken = {t for t in wanted if their_tasks[t].status in _HELD and t not in ended}
    taken |= {task_id for task_id, times in Counter(wanted).items() if times > 1}
    if taken:
        raise TaskTakenError(sorted(taken), _holders(connection, taken))


def _holders(connection: Connection, task_ids: Collection[str]) -> dict[str, str]:
    """Who has these tasks now."""
    rows = rows_in(connection, _HOLDERS, task_assignments.c.active_task_id, task_ids, lock=True)
    return {row.active_task_id: row.employee_id for row in rows}


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
    data: Values = {"event_type": kind, **_ids(after), "timestamp": utc_text(after.updated_at)}
    if advance.reason is not None and advance.new is None:
        data["reason"] = advance.reason
    return {
        "event_id": new_id(),
        "event_type": kind,
        "data": data,
        "created_at": after.updated_at,
        "employee_id": after.employee_id,
    }


def _ids(assignment: Assignment) -> Values:
    return {
        "assignment_id": assignment.id,
        "ticket_id": assignment.task_id,
        "technician_id": assignment.employee_id,
    }

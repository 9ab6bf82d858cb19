"""People: their own fields, and what they carry."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, or_, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.errors import ActiveWorkError, NotFoundError, StaleVersionError
from assignment_engine.domain.records import Employee, StoredEmployee
from assignment_engine.domain.stored import Page
from assignment_engine.domain.types import Availability, whole_seconds
from assignment_engine.store.dialects import database_now
from assignment_engine.store.free import refresh_free
from assignment_engine.store.history import COUNTS, counts_of, history_of
from assignment_engine.store.paging import fetch_page
from assignment_engine.store.prepared import PREPARED
from assignment_engine.store.rows import (
    Values,
    add_rows,
    hours_of,
    living_ids,
    refuse_unchangeable,
    rows_in,
    seconds_of,
    update_rows,
)
from assignment_engine.store.sessions import close_session
from assignment_engine.store.tables import employee_history, employees

_KIND = "employee"
_PLAIN = (
    "name",
    "experience_years",
    "availability_status",
    "performance_rating",
    "department",
    "max_units",
    "shift_end",
)
_FIELDS = (*_PLAIN, "skills", "queues", "current_workload", "max_workload")
_PRESENCE = ("active_units", "session_id", "paused", "free_at")
_SAME = (*_PLAIN, "skills", "queues", "version", "created_at", "updated_at", *_PRESENCE)
_WORKLOAD: ColumnElement[int] = employees.c.external_seconds + employees.c.assigned_seconds
_SORTS = {
    **{name: employees.c[name] for name in ("employee_id", *_PLAIN, "active_tasks", "created_at", "updated_at")},
    "current_workload": _WORKLOAD,
    "max_workload": employees.c.max_seconds,
}
LIVING = select(employees).where(employees.c.deleted_at.is_(None))

_ANY_FREE = (
    select(employees.c.employee_id)
    .where(employees.c.free_at <= bindparam("moment", type_=employees.c.free_at.type))
    .limit(1)
)
_HOLD = (
    LIVING.outerjoin(employee_history, employee_history.c.employee_id == employees.c.employee_id)
    .add_columns(*COUNTS)
    .where(employees.c.employee_id == bindparam("employee"))
    .with_for_update(key_share=True, of=employees)
    .execution_options(**{PREPARED: True})
)


class Employees:
    """People. Their `current_workload` is what they brought along plus their active assignments.

    A deleted id may be used again. Histories given inline are not kept: they are counted from finished work.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, people: Sequence[Employee], now: datetime) -> None:
        """Add `people`, or raise AlreadyExistsError naming the first who is there."""
        add_rows(self._connection, employees, _KIND, [_new_row(person, now) for person in people])

    def put(self, people: Sequence[Employee], now: datetime) -> tuple[int, int]:
        """Add those who are new, change the given fields of the others; how many of each."""
        assigned = self._assigned_seconds([person.employee_id for person in people])
        known = [person for person in people if person.employee_id in assigned]
        self.add([person for person in people if person.employee_id not in assigned], now)
        changes = [(p.employee_id, _values(p, p.model_fields_set, assigned[p.employee_id])) for p in known]
        self._update([(employee_id, values) for employee_id, values in changes if values], now)
        refresh_free(self._connection, [person.employee_id for person in known], now)
        return len(people) - len(known), len(known)

    def get(self, employee_id: str) -> StoredEmployee:
        """The person, or NotFoundError when there is none, or no longer."""
        found = self.get_many([employee_id])
        if not found:
            raise NotFoundError(_KIND, employee_id)
        return found[0]

    def get_many(self, ids: Collection[str] | None = None, *, with_history: bool = True) -> tuple[StoredEmployee, ...]:
        """Those of `ids` that exist (None: everybody), by id; without history, it only holds the active tasks."""
        if ids is None:
            rows: Sequence[Row[Any]] = self._connection.execute(LIVING.order_by(employees.c.employee_id)).all()
        else:
            rows = rows_in(self._connection, LIVING, employees.c.employee_id, ids)
        if not with_history:
            return tuple(_record(row, ()) for row in rows)
        return self._with_history(rows, None if ids is None else [row.employee_id for row in rows])

    def names(self, ids: Collection[str]) -> dict[str, str | None]:
        """The names of these people, those deleted since among them."""
        query = select(employees.c.employee_id, employees.c.name)
        rows = rows_in(self._connection, query, employees.c.employee_id, ids)
        return {row.employee_id: row.name for row in rows}

    def change(
        self, employee_id: str, changes: Mapping[str, object], now: datetime, expected_version: int | None = None
    ) -> StoredEmployee:
        """Change the given fields.

        Raises
        ------
        StaleVersionError
            If the record no longer has the expected version.
        """
        refuse_unchangeable(changes, _FIELDS, StoredEmployee.model_fields)
        assigned = self._assigned_seconds([employee_id])
        current = self.get(employee_id)
        if expected_version not in (None, current.version):
            raise StaleVersionError
        if not changes:
            return current
        fields: dict[str, Any] = {name: getattr(current, name) for name in _FIELDS}
        changed = Employee(employee_id=employee_id, **{**fields, **changes})
        self._update([(employee_id, _values(changed, changes, assigned[employee_id]))], now)
        refresh_free(self._connection, [employee_id], now)
        return self.get(employee_id)

    def remove(self, employee_id: str) -> None:
        """Delete the person; assignments, audit and history stay.

        Raises
        ------
        ActiveWorkError
            While they have active assignments.
        """
        self.lock([employee_id])
        history = self.get(employee_id).history
        if history and history.active_tasks:
            raise ActiveWorkError(_KIND, employee_id)
        now = database_now(self._connection)
        close_session(self._connection, employee_id, "deleted", now)
        self._update([(employee_id, {"deleted_at": now})], now)

    def list(
        self,
        *,
        page: int = 1,
        limit: int = 50,
        sort: str = "employee_id",
        after: str | None = None,
        q: str | None = None,
        department: str | None = None,
        availability: str | None = None,
    ) -> Page[StoredEmployee]:
        """One page of people; `q` looks into ids and names."""
        query = LIVING
        if q:
            query = query.where(or_(*(employees.c[n].icontains(q, autoescape=True) for n in ("employee_id", "name"))))
        for column, value in ((employees.c.department, department), (employees.c.availability_status, availability)):
            if value is not None:
                query = query.where(column == value)
        return fetch_page(
            self._connection,
            query,
            employees.c.employee_id,
            _SORTS,
            self._with_history,
            sort=sort,
            page=page,
            limit=limit,
            after=after,
        )

    def free(self, now: datetime, limit: int, after: StoredEmployee | None = None) -> tuple[StoredEmployee, ...]:
        """People who may be given more work now, those first who have been free longest."""
        query = LIVING.where(employees.c.free_at <= now)
        if after is not None:
            same = and_(employees.c.free_at == after.free_at, employees.c.employee_id > after.employee_id)
            query = query.where(or_(employees.c.free_at > after.free_at, same))
        rows = self._connection.execute(query.order_by(employees.c.free_at, employees.c.employee_id).limit(limit)).all()
        return self._with_history(rows, [row.employee_id for row in rows])

    def is_any_free(self, now: datetime) -> bool:
        """Whether anybody may be given more work now."""
        return self._connection.execute(_ANY_FREE, {"moment": now}).first() is not None

    def hold(self, employee_id: str) -> StoredEmployee | None:
        """Lock a person and read them; None when there is nobody, or no longer."""
        rows = self._connection.execute(_HOLD, {"employee": employee_id}).all()
        return _record(rows[0], rows) if rows else None

    def next_free(self, now: datetime) -> datetime | None:
        """When the next person's rest is over."""
        query = select(func.min(employees.c.free_at)).where(employees.c.free_at > now)
        found: datetime | None = self._connection.execute(query).scalar_one()
        return found

    def take(self, person: StoredEmployee) -> bool:
        """Lock a free person whom nobody else has locked, if they carry what they did when they were read."""
        names = ("employee_id", "version", "session_id", "free_at", "active_units")
        same = [employees.c[name] == getattr(person, name) for name in names]
        query = select(employees.c.employee_id).where(*same, _WORKLOAD.in_([whole_seconds(person.current_workload)]))
        locked = query.with_for_update(key_share=True, skip_locked=True)
        return self._connection.execute(locked).one_or_none() is not None

    def lock(self, ids: Collection[str]) -> set[str]:
        """Lock these people by id until the transaction ends; returns those that exist."""
        return living_ids(self._connection, employees, ids, lock=True)

    def ids(self) -> tuple[str, ...]:
        """Everybody, in their order."""
        query = select(employees.c.employee_id).where(employees.c.deleted_at.is_(None))
        return tuple(self._connection.execute(query.order_by(employees.c.employee_id)).scalars())

    def existing(self, ids: Collection[str]) -> set[str]:
        return living_ids(self._connection, employees, ids)

    def _assigned_seconds(self, ids: Collection[str]) -> dict[str, int]:
        """What the people carry of our own assignments; locks them."""
        query = select(employees.c.employee_id, employees.c.assigned_seconds).where(employees.c.deleted_at.is_(None))
        rows = rows_in(self._connection, query, employees.c.employee_id, ids, lock=True)
        return {row.employee_id: row.assigned_seconds for row in rows}

    def _update(self, rows: Sequence[tuple[str, Values]], now: datetime) -> None:
        stamped = [(employee_id, {**values, "updated_at": now}) for employee_id, values in rows]
        update_rows(self._connection, employees, stamped, {"version": employees.c.version + 1})

    def _with_history(self, rows: Sequence[Row[Any]], ids: Collection[str] | None = None) -> tuple[StoredEmployee, ...]:
        counts = counts_of(self._connection, ids)
        return tuple(_record(row, counts.get(row.employee_id, ())) for row in rows)


def _new_row(person: Employee, now: datetime) -> Values:
    values = _values(person, _FIELDS, 0)
    return {"employee_id": person.employee_id, **values, "created_at": now, "updated_at": now}


def _values(person: Employee, fields: Collection[str], assigned_seconds: int) -> Values:
    """Columns and values of those `fields`."""
    values: Values = {name: getattr(person, name) for name in (*_PLAIN, "skills") if name in fields}
    if "queues" in fields:
        values["queues"] = list(person.queues)
    if "max_workload" in fields:
        values["max_seconds"] = seconds_of(person.max_workload, "max_workload")
    if "current_workload" in fields:
        workload = seconds_of(person.current_workload, "current_workload")
        values["external_seconds"] = max(0, workload - assigned_seconds)
    return values


def _record(row: Row[Any], counts: Sequence[Row[Any]]) -> StoredEmployee:
    """What was checked before it was stored is not checked again: a plan reads everybody."""
    known = {name: value for name in _SAME if (value := getattr(row, name)) is not None}
    known |= {
        "employee_id": row.employee_id,
        "availability_status": Availability(row.availability_status),
        "queues": tuple(row.queues),
        "current_workload": hours_of(row.external_seconds + row.assigned_seconds),
        "max_workload": hours_of(row.max_seconds),
        "history": history_of(counts, row.active_tasks),
    }
    return StoredEmployee.unchecked(**known)

"""Who is logged in. Heartbeats write here only, so that nobody who locks a person waits for one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, case, literal, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.assignments import ACTIVE
from assignment_engine.domain.live import Session
from assignment_engine.domain.types import new_id
from assignment_engine.store.batch import Batch
from assignment_engine.store.free import refresh_free
from assignment_engine.store.rows import insert_rows, rows_in
from assignment_engine.store.tables import employees, sessions, task_assignments

_QUERY: Select[Any] = select(
    sessions.c.session_id,
    sessions.c.employee_id,
    sessions.c.fence,
    sessions.c.opened_at,
    sessions.c.last_seen_at,
    sessions.c.closed_at,
    sessions.c.close_reason,
    employees.c.paused,
).join(employees, employees.c.employee_id == sessions.c.employee_id)


def _latest(now: ColumnElement[Any]) -> ColumnElement[Any]:
    """When the last sign of life was: `now`, unless others have noted a later one since."""
    column = sessions.c.last_seen_at
    return case((column > now, column), else_=now)


_NOTE = (
    update(sessions)
    .where(sessions.c.open_employee_id == bindparam("employee"))
    .values(last_seen_at=_latest(bindparam("now", type_=sessions.c.last_seen_at.type)))
)


class Sessions:
    """Log-ins. Opening, closing and pausing need the person to be locked."""

    def __init__(self, connection: Connection, writes: Batch) -> None:
        self._connection, self._writes = connection, writes

    def open(self, employee_id: str, now: datetime) -> Session:
        """A new session. An older one that is still open ends, and its work belongs to the new one."""
        superseded = close_session(self._connection, employee_id, "superseded", now)
        fence = employees.c.session_fence + 1
        session_id = new_id()
        values = {"session_id": session_id, "session_fence": fence, "paused": False}
        person = employees.c.employee_id == employee_id
        self._connection.execute(update(employees).where(person).values(values))
        count = self._connection.execute(select(employees.c.session_fence).where(person)).scalar_one()
        row = {"session_id": session_id, "employee_id": employee_id, "fence": count, "opened_at": now}
        insert_rows(self._connection, sessions, [{**row, "open_employee_id": employee_id, "last_seen_at": now}])
        if superseded is not None:
            self._adopt(employee_id, superseded, session_id)
        refresh_free(self._connection, [employee_id], now)
        return Session(session_id, employee_id, count, now, now)

    def _adopt(self, employee_id: str, old: str, new: str) -> None:
        mine = (task_assignments.c.employee_id == employee_id, task_assignments.c.session_id == old)
        active = task_assignments.c.status.in_(sorted(ACTIVE))
        self._connection.execute(update(task_assignments).where(*mine, active).values(session_id=new))

    def current(self, employee_id: str, *, lock: bool = False) -> Session | None:
        """The open session of a person; with `lock`, no sign of life is noted until the transaction ends."""
        query = _QUERY.where(sessions.c.open_employee_id == employee_id)
        locking = query.with_for_update(key_share=True, of=sessions) if lock else query
        found = self._connection.execute(locking).one_or_none()
        return None if found is None else _record(found)

    def seen(self, employee_id: str, session_id: str | None, now: datetime) -> bool:
        """Note a sign of life of the open session, or of none when it is not `session_id`; whether there was one.

        A process that was stopped in between does not take back what others have noted since.
        """
        statement = update(sessions).where(sessions.c.open_employee_id == employee_id)
        if session_id is not None:
            statement = statement.where(sessions.c.session_id == session_id)
        return (
            self._connection.execute(
                statement.values(last_seen_at=_latest(literal(now, sessions.c.last_seen_at.type)))
            ).rowcount
            == 1
        )

    def note(self, employee_id: str, now: datetime) -> None:
        """Note a sign of life of the open session, if there is one, with what is written next."""
        self._writes.add(_NOTE, [{"employee": employee_id, "now": now}])

    def close(self, employee_id: str, reason: str, now: datetime) -> str | None:
        """End the open session; its id."""
        return close_session(self._connection, employee_id, reason, now)

    def pause(self, employee_id: str, now: datetime, *, paused: bool) -> None:
        """No more work comes to a person who is paused."""
        person = employees.c.employee_id == employee_id
        self._connection.execute(update(employees).where(person).values(paused=paused))
        refresh_free(self._connection, [employee_id], now)

    def wrap_up(self, employee_id: str, until: datetime) -> None:
        """Whoever is free rests until then."""
        resting = update(employees).where(employees.c.employee_id == employee_id, employees.c.free_at.is_not(None))
        self._connection.execute(resting.values(free_at=until))

    def silent(self, since: datetime, limit: int) -> list[Session]:
        """Open sessions without a sign of life since then."""
        query = _QUERY.where(sessions.c.open_employee_id.is_not(None), sessions.c.last_seen_at < since)
        return [_record(row) for row in self._connection.execute(query.order_by(sessions.c.session_id).limit(limit))]

    def present(self, employee_ids: Collection[str]) -> frozenset[str]:
        """Which of these people are logged in and not paused."""
        query = select(employees.c.employee_id).where(employees.c.session_id.is_not(None), ~employees.c.paused)
        rows = rows_in(self._connection, query, employees.c.employee_id, employee_ids)
        return frozenset(row.employee_id for row in rows)

    def open_sessions(self) -> Sequence[Row[Any]]:
        """Everybody who is logged in, with what they carry, by id."""
        columns = ("employee_id", "name", "paused", "external_seconds", "assigned_seconds", "max_seconds")
        query: Select[Any] = select(*(employees.c[name] for name in columns), sessions.c.last_seen_at)
        joined = query.join(sessions, sessions.c.open_employee_id == employees.c.employee_id)
        is_open = sessions.c.open_employee_id.is_not(None)
        return self._connection.execute(joined.where(is_open).order_by(employees.c.employee_id)).all()


def close_session(connection: Connection, employee_id: str, reason: str, now: datetime) -> str | None:
    """End the open session of a person, who is free no more; its id."""
    is_open = sessions.c.open_employee_id == employee_id
    session_id = connection.execute(select(sessions.c.session_id).where(is_open)).scalar_one_or_none()
    if session_id is None:
        return None
    ended = update(sessions).where(sessions.c.session_id == session_id)
    connection.execute(ended.values(closed_at=now, close_reason=reason, open_employee_id=None))
    gone = update(employees).where(employees.c.employee_id == employee_id)
    connection.execute(gone.values(session_id=None, paused=False, free_at=None))
    return str(session_id)


def _record(row: Row[Any]) -> Session:
    return Session(*tuple(row))

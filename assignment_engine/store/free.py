"""Who may be given more work live, and since when: a column that every change of presence and load keeps true."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, null, update
from sqlalchemy.engine import Connection

from assignment_engine.store.rows import chunks
from assignment_engine.store.tables import employees


def free_at(added_units: ColumnElement[int], now: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value of the column when `added_units` more are taken."""
    is_free = and_(
        employees.c.session_id.is_not(None),
        employees.c.paused.is_(False),
        employees.c.active_units + added_units < employees.c.max_units,
    )
    return case((is_free, func.coalesce(employees.c.free_at, now)), else_=null())


def refresh_free(connection: Connection, employee_ids: Collection[str], now: datetime) -> None:
    """Find the column anew for these people."""
    value = free_at(literal(0), literal(now, employees.c.free_at.type))
    for part in chunks(sorted(employee_ids)):
        connection.execute(update(employees).where(employees.c.employee_id.in_(part)).values(free_at=value))

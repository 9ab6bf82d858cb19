"""What waits before a task, and who is there to work it off: counts over indexes, never row by row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.waits import PresentPerson
from assignment_engine.store.tables import employees, past_assignments, sessions, tasks


class Backlog:
    """Counts for estimates of waiting."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sizes(self) -> dict[str, int]:
        """How many tasks wait in each stream."""
        key = tasks.c.dispatch_key
        query = select(key, func.count()).where(key.is_not(None)).group_by(key)
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def ahead(self, dispatch_keys: Collection[str], first: datetime, last: datetime) -> Mapping[str, tuple[int, int]]:
        """How many tasks of each of these streams come before each of two places."""
        key, rank_at = tasks.c.dispatch_key, tasks.c.rank_at
        before_first = func.sum(case((rank_at < first, 1), else_=0))
        query = select(key, before_first, func.count()).where(key.in_(sorted(dispatch_keys)), rank_at < last)
        rows = self._connection.execute(query.group_by(key)) if dispatch_keys else ()
        return {row[0]: (int(row[1]), row[2]) for row in rows}

    def present(self, now: datetime) -> tuple[PresentPerson, ...]:
        """Everybody who is logged in and not paused, by id."""
        person = employees.c
        query = (
            select(person.employee_id, person.skills, person.queues, person.active_units, person.free_at)
            .add_columns(sessions.c.opened_at)
            .join(sessions, sessions.c.open_employee_id == person.employee_id)
            .where(sessions.c.open_employee_id.is_not(None), ~person.paused)
            .order_by(person.employee_id)
        )
        return tuple(
            PresentPerson(
                employee_id=row.employee_id,
                skills=row.skills or {},
                queues=tuple(row.queues),
                opened_at=row.opened_at,
                is_busy=row.active_units > 0 or (row.free_at is not None and row.free_at > now),
            )
            for row in self._connection.execute(query)
        )

    def completions(self, since: datetime) -> dict[str, int]:
        """How much each person has finished since then."""
        past = past_assignments.c
        query = select(past.employee_id, func.count()).where(past.completed_at >= since).group_by(past.employee_id)
        return {row[0]: row[1] for row in self._connection.execute(query)}

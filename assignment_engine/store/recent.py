"""What people were given lately, read from their assignments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.assignments import NEVER_TAKEN
from assignment_engine.domain.records import Recent, RecentWork
from assignment_engine.domain.types import RECENT_HALF_LIFE_HOURS, hours_between
from assignment_engine.store.rows import chunks
from assignment_engine.store.tables import task_assignments, tasks

RECENT_DAYS = 30
RECENT_ASSIGNMENTS = 50


def recent_work(connection: Connection, employee_ids: Collection[str], now: datetime) -> dict[str, RecentWork]:
    """For each of the people; bounded in time and number, so that it costs the same however long they have worked."""
    given: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for part in chunks(sorted(set(employee_ids))):
        for row in connection.execute(_given(part, now)):
            given[row.employee_id].append(row)
    return {employee_id: _work(given[employee_id]) for employee_id in employee_ids}


def _given(employee_ids: Collection[str], now: datetime) -> Select[Any]:
    """The newest assignments of each person, the oldest first."""
    mine = task_assignments.c
    place = func.row_number().over(
        partition_by=mine.employee_id, order_by=(mine.assigned_at.desc(), mine.assignment_id.desc())
    )
    newest = (
        select(mine.employee_id, mine.assigned_at, mine.assignment_id, mine.task_id, place.label("place"))
        .where(mine.employee_id.in_(employee_ids))
        .where(mine.assigned_at > now - timedelta(days=RECENT_DAYS))
        .where(mine.assigned_at <= now)
        .where(mine.status.not_in(sorted(NEVER_TAKEN)))
        .subquery()
    )
    return (
        select(newest.c.employee_id, newest.c.assigned_at, tasks.c.category, tasks.c.department)
        .join(tasks, tasks.c.task_id == newest.c.task_id)
        .where(newest.c.place <= RECENT_ASSIGNMENTS)
        .order_by(newest.c.employee_id, newest.c.assigned_at, newest.c.assignment_id)
    )


def _work(rows: Iterable[Row[Any]]) -> RecentWork:
    by_hour = [0.0] * 24
    overall, categories, departments = _Fading(), _Fading(), _Fading()
    for row in rows:
        at = row.assigned_at
        by_hour[at.astimezone(UTC).hour] += 1.0
        overall.add("", at)
        categories.add(row.category, at)
        departments.add(row.department, at)
    return RecentWork(
        overall=overall.counts().get(""),
        by_category=categories.counts(),
        by_department=departments.counts(),
        by_hour=tuple(by_hour),
    )


class _Fading:
    """Counts by name that halve with time; events come in the order of time."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[datetime, float]] = {}

    def add(self, name: str | None, at: datetime) -> None:
        if name is None:
            return
        before, count = self._of.get(name, (at, 0.0))
        self._of[name] = at, count * 0.5 ** (hours_between(before, at) / RECENT_HALF_LIFE_HOURS) + 1.0

    def counts(self) -> dict[str, Recent]:
        return {name: Recent(last_at=at, count=count) for name, (at, count) in self._of.items()}

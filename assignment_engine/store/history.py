"""Finished work of people, what is counted from it, and the outcomes of everybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, case, delete, func, insert, literal_column, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql import bindparam

from assignment_engine.domain.records import ContextIds, EmployeeHistory, Priors, RecentWork, Tally
from assignment_engine.domain.stored import PastAssignment
from assignment_engine.store.contexts import handled, totals
from assignment_engine.store.recent import recent_work
from assignment_engine.store.rows import Values, chunks, hours_of, insert_rows, living_ids, rows_in, seconds_of
from assignment_engine.store.tables import employee_history, employees, past_assignments

_KEY = ("task_id", "employee_id", "assigned_at")
_FIELDS = ("category", "department", "started_at", "completed_at", "outcome")

_NONE: ColumnElement[str] = literal_column("''")
_CATEGORY = func.coalesce(past_assignments.c.category, _NONE)
_DEPARTMENT = func.coalesce(past_assignments.c.department, _NONE)

COUNTED = select(
    past_assignments.c.employee_id,
    _CATEGORY.label("category"),
    _DEPARTMENT.label("department"),
    func.count(past_assignments.c.worked_seconds).label("completed"),
    func.coalesce(func.sum(past_assignments.c.worked_seconds), 0).label("completed_seconds"),
    func.sum(case((past_assignments.c.outcome == "good", 1), else_=0)).label("good"),
    func.count(past_assignments.c.outcome).label("judged"),
).group_by(past_assignments.c.employee_id, _CATEGORY, _DEPARTMENT)

COUNTS = (
    employee_history.c.department.label("done_for"),
    *(employee_history.c[name] for name in ("category", "completed", "completed_seconds", "good", "judged")),
)
"""What is counted of a person's work, in each category and department."""


class History:
    """Finished work, imported or our own; the counts of each person follow it in the same transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, past: Sequence[PastAssignment]) -> tuple[int, int]:
        """Write finished work, the last one given for each task, person and start winning; created and updated.

        Work is counted as completed when it has hours, or a time of completion from which they follow.
        """
        rows = {(p.task_id, p.employee_id, p.assigned_at): _row(p) for p in past}
        people = {p.employee_id for p in past}
        living_ids(self._connection, employees, people, lock=True)
        known = self._known({p.task_id for p in past}) & rows.keys()
        insert_rows(self._connection, past_assignments, [row for key, row in rows.items() if key not in known])
        self._update([rows[key] for key in sorted(known)])
        self.recompute(people)
        return len(rows) - len(known), len(known)

    def recompute(self, employee_ids: Collection[str]) -> None:
        """Count the history of these people again from their finished work."""
        for part in chunks(sorted(employee_ids)):
            self._connection.execute(delete(employee_history).where(employee_history.c.employee_id.in_(part)))
            counted = COUNTED.where(past_assignments.c.employee_id.in_(part))
            self._connection.execute(insert(employee_history).from_select(list(employee_history.c.keys()), counted))

    def completed(self, task_ids: Collection[str]) -> frozenset[str]:
        """Those of `task_ids` that somebody has completed, whether or not the task itself is known."""
        column = past_assignments.c.task_id
        query = select(column).where(past_assignments.c.completed_at.is_not(None))
        return frozenset(row[0] for row in rows_in(self._connection, query, column, task_ids))

    def priors(self) -> Priors:
        """Outcomes of everybody; the version changes with them."""
        total = func.coalesce(func.sum(employee_history.c.judged), 0)
        good = func.coalesce(func.sum(employee_history.c.good), 0)
        row = self._connection.execute(select(good.label("good"), total.label("total"))).one()
        return Priors(
            version=f"{int(row.good)}/{int(row.total)}", everyone=Tally(good=float(row.good), total=float(row.total))
        )

    def known_priors(self) -> Priors | None:
        """The outcomes of everybody; None while there are none."""
        priors = self.priors()
        return priors if priors.everyone.total else None

    def recent(self, employee_ids: Collection[str], now: datetime) -> dict[str, RecentWork]:
        """What each of these people was given in the last 30 days, of which the newest 50 assignments count.

        Offers that were never taken do not. `handled` is left empty.
        """
        return recent_work(self._connection, employee_ids, now)

    def handled(self, employee_ids: Collection[str], ids: ContextIds) -> dict[str, dict[str, dict[str, float]]]:
        """How often each of these people was given work with these ids, ever; without those who never were."""
        return handled(self._connection, employee_ids, ids)

    def handled_by_anybody(self, ids: ContextIds) -> dict[str, dict[str, float]]:
        """How often work with these ids was given to anybody, 0 where it never was."""
        return totals(self._connection, ids)

    def _known(self, task_ids: Collection[str]) -> set[tuple[Any, ...]]:
        query = select(*(past_assignments.c[name] for name in _KEY))
        return {tuple(row) for row in rows_in(self._connection, query, past_assignments.c.task_id, task_ids)}

    def _update(self, rows: Sequence[Values]) -> None:
        if not rows:
            return
        key = [past_assignments.c[name] == bindparam(f"old_{name}") for name in _KEY]
        names = [name for name in past_assignments.c.keys() if name not in _KEY]  # noqa: SIM118  (columns, not names)
        statement = update(past_assignments).where(*key).values({name: bindparam(f"new_{name}") for name in names})
        parameters = [
            {**{f"old_{name}": row[name] for name in _KEY}, **{f"new_{name}": row[name] for name in names}}
            for row in rows
        ]
        self._connection.execute(statement, parameters)


def counts_of(connection: Connection, ids: Collection[str] | None) -> Mapping[str, Sequence[Row[Any]]]:
    """What is counted for each of `ids` (None: everybody) who has finished work."""
    query = select(employee_history.c.employee_id, *COUNTS)
    if ids is None:
        rows: Sequence[Row[Any]] = connection.execute(query).all()
    else:
        rows = rows_in(connection, query, employee_history.c.employee_id, ids)
    by_person: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_person[row.employee_id].append(row)
    return by_person


def history_of(rows: Sequence[Row[Any]], active_tasks: int) -> EmployeeHistory:
    """What the rows of one person count, whose last columns are `COUNTS`; NULL where nothing is counted."""
    good: defaultdict[str, int] = defaultdict(int)
    judged: defaultdict[str, int] = defaultdict(int)
    departments: defaultdict[str, float] = defaultdict(float)
    completed = seconds = 0
    for done_for, category, times, worked, well, ends in (row[-len(COUNTS) :] for row in rows):
        if times is None:
            continue
        good[category] += well
        judged[category] += ends
        completed += times
        seconds += worked
        if done_for and times:
            departments[done_for] += times
    return EmployeeHistory.unchecked(
        active_tasks=active_tasks,
        completed=completed,
        completed_hours=hours_of(seconds),
        outcomes=_tally(sum(good.values()), sum(judged.values())),
        by_category={name: _tally(good[name], times) for name, times in judged.items() if name and times},
        by_department=dict(departments),
    )


def _tally(good: int, total: int) -> Tally:
    return Tally.unchecked(good=float(good), total=float(total))


def _row(past: PastAssignment) -> Values:
    values: Values = {name: getattr(past, name) for name in (*_KEY, *_FIELDS)}
    return {**values, "worked_seconds": _worked_seconds(past)}


def _worked_seconds(past: PastAssignment) -> int | None:
    if past.hours is not None:
        return seconds_of(past.hours, "hours")
    if past.completed_at is None:
        return None
    worked = past.completed_at - (past.started_at or past.assigned_at)
    return max(0, round(worked / timedelta(seconds=1)))

"""What triage found out about tasks, and which fields the tasks have from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.conversations import TicketFinding, Triage, TriagedField
from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.types import TaskStatus
from assignment_engine.store.rows import chunks, hours_of, insert_rows, rows_in, update_rows
from assignment_engine.store.tables import employee_history, employees, task_triage, tasks

_KEY = task_triage.c.task_id
_CATEGORIES = 500
_NEWEST_TASKS = 10_000


class TriageResults:
    """Findings by task. A field that a person changes is the person's from then on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, task_id: str) -> Triage:
        """What is known, or NotFoundError when there is no such task."""
        query = (
            select(tasks.c.processing_status, tasks.c.processing_attempts, tasks.c.processing_error, *task_triage.c)
            .outerjoin_from(tasks, task_triage, tasks.c.task_id == _KEY)
            .where(tasks.c.task_id == task_id, tasks.c.deleted_at.is_(None))
        )
        row = self._connection.execute(query).one_or_none()
        if row is None:
            raise NotFoundError("task", task_id)
        return Triage(
            task_id=task_id,
            processing_status=row.processing_status,
            attempts=row.processing_attempts,
            error=row.processing_error,
            findings=_findings(row.findings),
            note=row.note,
            runs=row.runs or 0,
            triaged_at=row.triaged_at,
        )

    def filled(self, task_ids: Collection[str]) -> dict[str, frozenset[str]]:
        """The fields that each of these tasks has from triage."""
        rows = rows_in(self._connection, select(_KEY, task_triage.c.findings), _KEY, task_ids)
        return {row.task_id: frozenset(item["field"] for item in row.findings if item["applied"]) for row in rows}

    def texts(self, task_ids: Collection[str]) -> dict[str, tuple[str, str]]:
        """Title and description of those of these tasks that are there."""
        query = select(tasks.c.task_id, tasks.c.title, tasks.c.description).where(tasks.c.deleted_at.is_(None))
        rows = rows_in(self._connection, query, tasks.c.task_id, task_ids)
        return {row.task_id: (row.title or "", row.description or "") for row in rows}

    def fields(self, task_ids: Collection[str]) -> dict[str, tuple[TaskStatus, dict[TriagedField, Any]]]:
        """Status of those of these tasks that are there, and what they have of the fields that triage fills."""
        columns = {field: tasks.c[field.value] for field in TriagedField if field is not TriagedField.HOURS}
        query = select(tasks.c.task_id, tasks.c.status, tasks.c.estimated_seconds, *columns.values())
        rows = rows_in(self._connection, query.where(tasks.c.deleted_at.is_(None)), tasks.c.task_id, task_ids)
        return {row.task_id: (TaskStatus(row.status), _fields(row, columns)) for row in rows}

    def keep(self, found: Mapping[str, tuple[Sequence[TicketFinding], str | None]], now: datetime) -> None:
        """Keep the findings and the note of each task in place of those before."""
        known = {row.task_id: row.runs for row in self._rows(found)}
        values = {
            task_id: {
                "findings": [finding.model_dump(mode="json") for finding in findings],
                "note": note,
                "runs": known.get(task_id, 0) + 1,
                "triaged_at": now,
            }
            for task_id, (findings, note) in found.items()
        }
        new = [{"task_id": task_id, **row} for task_id, row in values.items() if task_id not in known]
        insert_rows(self._connection, task_triage, new)
        update_rows(
            self._connection, task_triage, [(task_id, row) for task_id, row in values.items() if task_id in known], {}
        )

    def give_to_person(self, changed: Mapping[str, Collection[str]]) -> None:
        """A person set these fields of these tasks."""
        rows = rows_in(self._connection, select(_KEY, task_triage.c.findings), _KEY, changed)
        changes: list[tuple[str, dict[str, object]]] = []
        for row in rows:
            theirs = [{**f, "applied": f["applied"] and f["field"] not in changed[row.task_id]} for f in row.findings]
            if theirs != row.findings:
                changes.append((row.task_id, {"findings": theirs}))
        update_rows(self._connection, task_triage, changes, {})

    def forget(self, task_ids: Collection[str]) -> None:
        for part in chunks(sorted(task_ids)):
            self._connection.execute(delete(task_triage).where(_KEY.in_(part)))

    def known_skills(self) -> frozenset[str]:
        """The skills of all people, as they are written."""
        query = select(employees.c.skills).where(employees.c.deleted_at.is_(None), employees.c.skills.is_not(None))
        return frozenset(name for skills in self._connection.execute(query.distinct()).scalars() for name in skills)

    def known_categories(self) -> frozenset[str]:
        """The categories of the newest tasks and of finished work that are used most."""
        newest = select(tasks.c.category).order_by(tasks.c.created_at.desc(), tasks.c.task_id.desc())
        given = newest.limit(_NEWEST_TASKS).subquery().c.category
        worked = employee_history.c.category
        most: set[str] = set()
        for column, times in ((given, func.count()), (worked, func.sum(employee_history.c.completed))):
            query = select(column).where(column.is_not(None)).group_by(column)
            most |= set(self._connection.execute(query.order_by(times.desc()).limit(_CATEGORIES)).scalars())
        return frozenset(name for name in most if name.strip())

    def _rows(self, task_ids: Collection[str]) -> list[Row[Any]]:
        return rows_in(self._connection, select(_KEY, task_triage.c.runs), _KEY, task_ids)


def _findings(stored: Sequence[Mapping[str, object]] | None) -> tuple[TicketFinding, ...]:
    return tuple(TicketFinding(**item) for item in stored or ())


def _fields(row: Row[Any], names: Iterable[TriagedField]) -> dict[TriagedField, Any]:
    hours = None if row.estimated_seconds is None else hours_of(row.estimated_seconds)
    return {**{name: getattr(row, name.value) for name in names}, TriagedField.HOURS: hours}

"""What the database holds when all is over, read with SQL that shares nothing with the product."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chaos.servers import Postgres

BIRTHS = ("offer", "assign", "push")
LIVE_BIRTHS = ("offer", "push")
KEEPS = ("accept", "reopen")
ACTIVE = ("offered", "assigned", "accepted")


@dataclass(frozen=True)
class Change:
    """One row of the audit log, with what its assignment takes."""

    at: datetime
    event: str
    assignment: str | None
    task: str
    person: str | None
    seconds: int
    units: int
    overload: bool


@dataclass(frozen=True)
class Session:
    """One session of one person."""

    session: str
    person: str
    fence: int
    opened: datetime
    seen: datetime
    closed: datetime | None
    reason: str | None


@dataclass(frozen=True)
class Person:
    """What somebody may carry."""

    max_seconds: int
    external_seconds: int
    max_units: int


@dataclass(frozen=True)
class Books:
    """The tables that the checks look at."""

    audit: list[Change]
    sessions: dict[str, Session]
    people: dict[str, Person]
    tasks: set[str]
    unfinished: dict[str, str]
    titles: Counter[str]
    assignments: dict[str, tuple[str | None, str]]
    previews: set[str]
    jobs: dict[str, str]
    inbox: dict[str, str]
    outbox: list[dict[str, Any]]

    @classmethod
    def of(cls, postgres: Postgres) -> Books:
        rows = postgres.rows
        tasks = rows("SELECT task_id, title FROM tasks WHERE deleted_at IS NULL")
        return cls(
            audit=[Change(*row) for row in rows(_AUDIT)],
            sessions={row[0]: Session(*row) for row in rows(_SESSIONS)},
            people={row[0]: Person(*row[1:]) for row in rows(_PEOPLE)},
            tasks={task for task, _ in tasks},
            unfinished=dict(rows(_UNFINISHED)),
            titles=Counter(title for _, title in tasks),
            assignments={row[0]: (row[1], row[2]) for row in rows(_ASSIGNMENTS)},
            previews={str(row[0]) for row in rows("SELECT preview_id FROM previews")},
            jobs=dict(rows("SELECT job_id, status FROM job_records")),
            inbox=dict(rows("SELECT event_id, status FROM inbox")),
            outbox=[_envelope(*row) for row in rows(_OUTBOX)],
        )

    def events_of(self, event: str) -> Counter[str]:
        """How often this happened to each assignment."""
        return Counter(change.assignment for change in self.audit if change.event == event and change.assignment)

    def sessions_of(self) -> Mapping[str, list[Session]]:
        found: dict[str, list[Session]] = {}
        for session in self.sessions.values():
            found.setdefault(session.person, []).append(session)
        return found


def _envelope(event_id: str, position: int | None, data: Any) -> dict[str, Any]:
    return {"event_id": event_id, "position": position, "data": data if isinstance(data, dict) else json.loads(data)}


def difference(one: Iterable[str], other: Iterable[str]) -> list[str]:
    """The first few of `one` that `other` lacks."""
    return sorted(set(one) - set(other))[:5]


_UNFINISHED = """
    SELECT task_id, format('%s in queue %s at %s, due %s, preferred %s, had by %s', status, queue,
           COALESCE(dispatch_key, 'no place'), due_at, preferred_employee, (
               SELECT string_agg(employee_id || ' ' || status, ', ' ORDER BY assigned_at)
               FROM task_assignments a WHERE a.task_id = t.task_id))
    FROM tasks t WHERE status IN ('pending', 'assigned', 'in_progress') AND deleted_at IS NULL ORDER BY task_id
"""
_AUDIT = """
    SELECT l.at, l.event, l.assignment_id, l.task_id, l.employee_id, COALESCE(a.seconds, 0), COALESCE(a.units, 0),
           COALESCE(a.allow_overload, false)
    FROM audit_log l LEFT JOIN task_assignments a ON a.assignment_id = l.assignment_id ORDER BY l.audit_id
"""
_SESSIONS = """
    SELECT session_id, employee_id, fence, opened_at, last_seen_at, closed_at, close_reason
    FROM sessions ORDER BY opened_at
"""
_PEOPLE = "SELECT employee_id, max_seconds, external_seconds, max_units FROM employees"
_ASSIGNMENTS = "SELECT assignment_id, preview_id, status FROM task_assignments"
_OUTBOX = "SELECT event_id, position, data FROM outbox ORDER BY position NULLS LAST, id"

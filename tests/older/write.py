"""Let a version of the program fill a database, and write all its rows to a file of JSON.

    python -m tests.older.write FILE [REVISION]

writes what this version leaves, with the tables of REVISION (by default the newest). That an older version wrote a
file is what makes it worth keeping, so each migration comes with a file of the revision before it, written first:

    git archive COMMIT | tar -x -C OLD
    PYTHONPATH=OLD python -m tests.older.write FILE     (with this file in OLD/tests/older)
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command

from assignment_engine.domain.assignments import Event, NewAssignment, advance
from assignment_engine.store import migrate
from assignment_engine.store.database import Database
from assignment_engine.store.tables import metadata
from webapp.app import create_app
from webapp.auth import make_token

SECRET = "a-secret-that-older-versions-share-0123456789"
WORKED_SECONDS = 25.0
LONG_LIVED_SECONDS = 100 * 365 * 86_400
STORIES = {
    "told": ("assign",),
    "offered": ("offer",),
    "begun": ("offer", "accept"),
    "pushed": ("push",),
    "declined": ("assign", "reject"),
    "lapsed": ("offer", "expire"),
    "done": ("push", "complete"),
    "broken": ("assign", "fail"),
    "returned": ("push", "release"),
    "dropped": ("assign", "cancel"),
}
PEOPLE: list[dict[str, Any]] = [
    {"employee_id": "ana", "name": "Ana Müller", "skills": {"python": 0.9, "sql": 0.6}, "experience_years": 7.5,
     "current_workload": 3.25, "max_workload": 60, "performance_rating": 4.5, "department": "IT", "max_units": 30},
    {"employee_id": "bo", "name": "薄熙", "skills": ["java"], "max_workload": 30, "availability_status": "partial",
     "max_units": 20, "queues": ["default", "second"]},
    {"employee_id": "cleo", "max_workload": 38.5, "shift_end": "2030-01-01T17:30:00Z", "max_units": 20},
    {"employee_id": "dan", "skills": [], "max_workload": 0},
    {"employee_id": "eve", "skills": ["python"], "availability_status": "away"},
]  # fmt: skip
TASKS: list[dict[str, Any]] = [
    {"task_id": "waits", "title": "Waits for nobody in particular", "priority": "critical", "estimated_hours": 1.5,
     "required_skills": {"python": 0.8}, "minimum_levels": {"python": 0.5}, "deadline": "2031-05-01T08:00:00.25Z",
     "complexity_score": 0.4, "category": "software", "department": "IT", "ticket_number": "INC0000045",
     "context": {"raised_by": "caller 7", "symptom": "slow " * 30, "location": "Zürich "}},
    {"task_id": "unread", "description": "Nobody has read this yet: naïve ☃ text", "priority": "low"},
    {"task_id": "after", "title": "Comes after two others", "dependencies": ["waits", "elsewhere"], "units": 2},
    {"task_id": "preferred", "title": "Ask bo first", "preferred_employee": "bo", "scheduled_date": "2026-11-30",
     "required_skills": [], "queue": "second"},
    {"task_id": "planned", "title": "Part of a plan that is real", "estimated_hours": 2, "required_skills": ["sql"]},
    {"task_id": "soon", "title": "Part of a plan that is not real yet", "estimated_hours": 1},
]  # fmt: skip
PAST: list[dict[str, Any]] = [
    {"task_id": f"old{n}", "employee_id": person, "category": "software", "department": "IT", "outcome": outcome,
     "assigned_at": f"2026-0{n}-01T08:00:00Z", "completed_at": f"2026-0{n}-01T11:30:00Z", "hours": hours}
    for n, person, outcome, hours in ((1, "ana", "good", 3.5), (2, "ana", "bad", 2), (3, "bo", "good", None))
]  # fmt: skip


def main(path: str, revision: str | None = None) -> None:
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        url = f"sqlite:///{directory}/work.db"
        settings = {"DATABASE_URL": url, "JWT_SECRET": SECRET, "PREVIEW_TTL_SECONDS": str(LONG_LIVED_SECONDS)}
        os.environ.update({**settings, "LOG_LEVEL": "WARNING"})
        _fill(url)
        Path(path).write_text(json.dumps(_rows(url, revision), indent=1, ensure_ascii=False) + "\n", "utf-8")


def _fill(url: str) -> None:
    database = Database(url)
    database.upgrade()
    call = _caller()
    for person in PEOPLE:
        call("POST", "/api/employees", person)
    call("POST", "/tasks", TASKS[0], {"Idempotency-Key": "once"})
    call("POST", "/api/import/tasks", TASKS[1:])
    call("POST", "/api/import/history", PAST)
    call("POST", "/api/trigger_pipeline", {"task_ids": ["planned"], "finalize": True})
    call("POST", "/api/assignments/preview", {"task_ids": ["soon", "unread"]})
    for name, events in STORIES.items():
        call("POST", "/tasks", {"task_id": name, "title": name, "estimated_hours": 0.75, "context": {"location": "B1"}})
        _happen(database, name, events)
    call("POST", "/tasks", {"task_id": "gone", "title": "Deleted"})
    call("DELETE", "/tasks/gone")
    call("DELETE", "/api/employees/eve")
    database.dispose()
    if "sessions" in sa.inspect(sa.create_engine(url)).get_table_names():
        _live(url, call)


def _caller() -> Callable[..., Any]:
    client = create_app().test_client()
    token = {"Authorization": f"Bearer {make_token(SECRET, 'admin', 'writer', 1.0)}"}

    def call(method: str, path: str, body: object = None, headers: dict[str, str] | None = None, **form: Any) -> Any:
        content = {"data": form} if form else {"json": body}
        answer = client.open(path, method=method, headers={**token, **(headers or {})}, **content)
        if answer.status_code >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.get_data(as_text=True)}")
        return answer.get_json(silent=True)

    return call


def _happen(database: Any, name: str, events: tuple[str, ...]) -> None:
    def record(unit: Any, event: Event) -> None:
        new = NewAssignment(f"a-{name}", name, "cleo", "planner", "greedy", 2700)
        before = new if event is Event(events[0]) else unit.assignments.get(new.id)
        unit.assignments.record([advance(before, event, unit.now(), reason="why not")], "planner")

    for event in events:
        database.run(lambda unit, event=event: record(unit, Event(event)))


def _live(url: str, call: Callable[..., Any]) -> None:
    """Sessions, queues, conversations, files, events in, and a worker that was killed after a while."""
    call("PUT", "/api/queues/second", {"mode": "offer", "offer_timeout_seconds": 30})
    call("POST", "/personnel/login", {"person_id": "ana"})
    call("POST", "/personnel/login", {"person_id": "bo"})
    call("POST", "/personnel/bo/pause")
    call("POST", "/personnel/login", {"person_id": "cleo"})
    call("POST", "/personnel/cleo/logout")
    call("POST", "/tasks/unread/conversations", {"content": "It happens after lunch ☕"})
    call("POST", "/tasks/done/reopen")
    event = {"event_id": "in1", "event_type": "TicketCreated", "ticket_id": "told-us", "title": "Printer"}
    call("POST", "/api/v1/events", {**event, "timestamp": "2026-11-01T10:00:00Z"})
    call("POST", "/tasks", {"task_id": "nobody", "title": "Beyond everybody", "minimum_levels": {"cobol": 1.0}})
    table = b"task_id,title\n1,Look after door 1\n2,Look after door 2\n"
    call("POST", "/reference-files", file=(io.BytesIO(table), "reference.csv"), uc_type="UC1")
    call("POST", "/upload", file=(io.BytesIO(table), "tasks.csv"), selected_ucs="UC1")
    database = Database(url)
    database.run(lambda unit: unit.embeddings.add("a-model", {"python": [0.25, -1.0]}, unit.now()))
    database.dispose()
    program = "from assignment_engine.cli import main; main()"
    with subprocess.Popen([sys.executable, "-c", program, "serve", "--port", "18765"]) as process:
        time.sleep(WORKED_SECONDS)
        process.kill()


def _rows(url: str, revision: str | None) -> dict[str, list[dict[str, Any]]]:
    with sa.create_engine(url).connect() as connection:
        wanted = _columns(revision) if revision else None
        return {
            table.name: [
                {name: _plain(value) for name, value in row.items() if wanted is None or name in wanted[table.name]}
                for row in connection.execute(_stored(table)).mappings()
            ]
            for table in metadata.sorted_tables
            if wanted is None or table.name in wanted
        }


def _stored(table: sa.Table) -> sa.Select[Any]:
    """All rows without the columns that the database computes."""
    return sa.select(*(c for c in table.columns if c.computed is None)).order_by(*table.primary_key.columns)


def _columns(revision: str) -> dict[str, set[str]]:
    with sa.create_engine("sqlite://").connect() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        found = sa.inspect(connection)
        return {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).resolve()), *sys.argv[2:])

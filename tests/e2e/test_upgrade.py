"""Databases that older versions of the program left behind, brought up to date and worked with.

The rows are those that these versions wrote (see `tests/older`), not what today's code imagines of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from werkzeug.test import TestResponse

from assignment_engine.cli import main
from assignment_engine.services.dispatch.cycle import Cycle
from assignment_engine.store import migrate
from assignment_engine.store.database import Database
from assignment_engine.store.tables import context_history, employees, metadata, outbox, task_dependencies, tasks
from tests.databases import KINDS, Servers, opened
from tests.older.filling import REVISIONS, Rows, bring_to, fill, read, rows_of
from tests.web.conftest import served
from tests.web.test_jobs import engine_of

# Where an upgrade breaks off, one after another: in the first statements of a revision, and in what fills new columns.
BREAKS = (
    "ADD COLUMN (IF NOT EXISTS )?paused",
    "INSERT INTO task_dependencies",
    "CREATE TABLE (IF NOT EXISTS )?inbox",
    "UPDATE outbox SET employee_id",
    "CREATE TABLE (IF NOT EXISTS )?job_executors",
    "DROP INDEX (IF EXISTS )?ix_task_assignments_employee_id_status_assigned_at",
    "INSERT INTO context_history",
)


@dataclass(frozen=True)
class Upgraded:
    """An upgraded database: what was in it before, the same columns afterwards, and what the doctor found."""

    url: str
    revision: str
    before: Rows
    after: Rows
    doctor: str


def run(url: str, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, words, env={"DATABASE_URL": url})
    return done.exit_code, done.output


def older(database: Database, revision: str) -> Rows:
    rows = rows_of(revision)
    bring_to(database, revision)
    fill(database, rows)
    return rows


@pytest.fixture(scope="module", params=[(kind, revision) for kind in KINDS for revision in REVISIONS], ids="-".join)
def upgraded(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Upgraded]:
    kind, revision = request.param
    with servers[kind].empty() as url, opened(url) as database:
        before = older(database, revision)
        assert run(url, "db", "upgrade") == (0, f"schema at revision {migrate.head()}\n")
        yield Upgraded(url, revision, before, read(database, before), run(url, "doctor")[1])


def test_the_revision_before_the_newest_is_among_them() -> None:
    script = ScriptDirectory.from_config(migrate._config())
    newest = script.get_revision(migrate.head())
    assert {"0001", newest.down_revision} <= set(REVISIONS)


def test_every_row_is_there_with_its_values(upgraded: Upgraded) -> None:
    assert sum(map(len, upgraded.before.values())) > 70
    for name, rows in upgraded.before.items():
        assert upgraded.after[name] == rows, name
    assert upgraded.doctor == "0 broken invariant(s), 0 warning(s)\n"


def test_what_is_new_is_filled(upgraded: Upgraded) -> None:
    """Waiting work is due, dependencies and requesters are counted, events say whose they are."""
    with opened(upgraded.url) as database, database.read() as unit:
        connection = unit.connection
        waiting = connection.execute(sa.select(tasks).where(tasks.c.task_id == "after")).one()
        assert waiting.enqueued_at == waiting.created_at
        assert waiting.dispatch_key is not None or waiting.due_at is not None or upgraded.revision != "0001"
        needed = sa.select(task_dependencies.c.depends_on).where(task_dependencies.c.task_id == "after")
        assert set(connection.execute(needed).scalars()) == {"waits", "elsewhere"}
        for event in connection.execute(sa.select(outbox)):
            assert event.employee_id == event.data.get("technician_id")
        hours = connection.execute(sa.select(employees).where(employees.c.employee_id == "cleo")).one()
        assert (hours.current_workload, hours.max_workload) == (hours.assigned_seconds / 3600, 38.5)
        given = sa.select(context_history.c.given).filter_by(kind="location", value="B1", employee_id="cleo")
        assert connection.execute(given).scalar_one() >= 7  # all stories but the three that were never taken


def test_work_goes_on(upgraded: Upgraded) -> None:
    """Work in hand is completed, finished work reopened, and a log-in gets what waited; nothing is broken by it."""
    with served(upgraded.url) as api:
        completed = ok(api.post("/tasks/begun/complete"))["completed"]
        assert (completed["id"], completed["status"]) == ("a-begun", "completed")
        events = [entry["event"] for entry in ok(api.get("/api/v1/assignments/a-begun/history"))["items"]]
        assert sorted(events) == ["accept", "complete", "offer"]
        ok(api.post("/tasks/broken/conversations", json={"content": "It is broken again"}), 201)
        ok(api.post("/tasks", json={"task_id": "new", "title": "New"}), 201)

        had = {job["id"] for job in ok(api.post("/personnel/login", json={"person_id": "cleo"}))["assignments"]}
        Cycle(engine_of(api).dispatcher).run()
        held = ok(api.post("/personnel/cleo/heartbeat"))["assignments"]
        assert {"a-told", "a-pushed"} <= {job["id"] for job in held}
        pushed = [job["ticket_id"] for job in held if job["method"] == "push" and job["status"] == "accepted"]
        assert pushed or had
        for task_id in pushed:
            ok(api.post(f"/tasks/{task_id}/complete"))
        statuses = {row["task_id"]: row["status"] for row in upgraded.before["tasks"]}
        if statuses["done"] == "completed":
            ok(api.post("/tasks/done/reopen"))
    assert run(upgraded.url, "doctor")[1] == "0 broken invariant(s), 0 warning(s)\n"


def ok(answer: TestResponse, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json


def test_a_stored_preview_is_still_a_plan(upgraded: Upgraded) -> None:
    """It can be read and finalized; what was taken meanwhile is named, and can be left out."""
    finished, waiting = sorted(upgraded.before["previews"], key=lambda row: row["result"] is None)
    with served(upgraded.url) as api:
        assert ok(api.get(f"/api/assignments/preview/{waiting['preview_id']}"))["assignments"]
        again = ok(api.post(f"/api/assignments/finalize/{finished['preview_id']}", json={}))
        assert [job["ticket_id"] for job in again["assignments"]] == ["planned"]

        finalize = f"/api/assignments/finalize/{waiting['preview_id']}"
        first = api.post(finalize, json={})
        if first.status_code == 409:
            assert {conflict["task_id"] for conflict in first.json["conflicts"]} <= {"soon", "unread"}
        made = ok(api.post(finalize, json={"on_conflict": "skip"}))
        assert len(made["assignments"]) + len(made["skipped"]) == 2
    assert run(upgraded.url, "doctor")[1] == "0 broken invariant(s), 0 warning(s)\n"


class BrokenOff(KeyboardInterrupt):
    """The process is gone."""


def break_at(database: Database, pattern: str) -> None:
    """The next time such a statement is to be executed, the process is gone."""

    def look(*arguments: Any) -> None:
        if re.search(pattern, arguments[2]):
            raise BrokenOff

    sa.event.listen(database.engine, "before_cursor_execute", look)


@pytest.mark.parametrize("kind", KINDS)
def test_an_upgrade_that_was_broken_off_goes_on(servers: Servers, kind: str) -> None:
    """Wherever: MariaDB cannot take back tables and columns, and finds them when it begins again."""
    with servers[kind].empty() as url:
        with opened(url) as database:
            before = older(database, "0001")
        for pattern in BREAKS:
            with opened(url) as database:
                break_at(database, pattern)
                with pytest.raises(BrokenOff):
                    database.upgrade()
        assert run(url, "db", "upgrade") == (0, f"schema at revision {migrate.head()}\n")
        with opened(url) as database, database.read() as unit:
            assert compare_metadata(MigrationContext.configure(unit.connection), metadata) == []
            assert read(database, before) == before
        assert run(url, "doctor")[1] == "0 broken invariant(s), 0 warning(s)\n"


def test_the_program_refuses_a_database_of_a_newer_one(servers: Servers) -> None:
    with servers["sqlite"].migrated() as url:
        with opened(url) as database, database.unit() as unit:
            unit.connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
            unit.commit()
        refused = "error: the database is of revision 9999, which this version does not know"
        assert run(url, "db", "upgrade")[0] == 2
        assert run(url, "db", "upgrade")[1].startswith(refused)
        assert run(url, "import", "employees", __file__)[1].startswith(refused)
        assert "of revision 9999" in run(url, "doctor")[1]

"""Tests that use one database after the other see nothing of each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, inspect, select, text

from assignment_engine.domain.assignments import Event, NewAssignment, advance
from assignment_engine.domain.records import Employee, Task
from assignment_engine.store import migrate
from assignment_engine.store.database import Database
from assignment_engine.store.tables import metadata
from assignment_engine.store.unit import UnitOfWork
from tests.databases import KINDS, Servers, opened

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@contextmanager
def migrated(servers: Servers, kind: str) -> Iterator[Database]:
    with servers[kind].migrated() as url, opened(url) as database:
        yield database


def write(unit: UnitOfWork) -> None:
    """A person, a task, its assignment with its event, and a revision that there never was."""
    unit.employees.add([Employee(employee_id="ana")], NOW)
    unit.tasks.add([Task(task_id="t1")], NOW)
    new = NewAssignment("a1", "t1", "ana", "x", "greedy", 3600)
    unit.assignments.record([advance(new, Event.ASSIGN, NOW)], "x")
    unit.connection.execute(text("UPDATE alembic_version SET version_num = 'old'"))


def rows(database: Database) -> dict[str, int]:
    """How many rows each table has, where it has any."""
    with database.read() as unit:
        counts = {t.name: unit.connection.scalar(select(func.count()).select_from(t)) for t in metadata.sorted_tables}
    return {name: count for name, count in counts.items() if count}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_test_wrote_is_gone_for_the_next_one(servers: Servers, kind: str) -> None:
    with migrated(servers, kind) as database:
        database.run(write)
        assert {"employees", "tasks", "task_assignments", "audit_log", "outbox"} <= rows(database).keys()
    with migrated(servers, kind) as database:
        assert rows(database) == {}
        assert database.revision() == migrate.head()


@pytest.mark.parametrize("kind", KINDS)
def test_migrations_leave_no_rows_that_emptying_would_take(servers: Servers, kind: str) -> None:
    with servers[kind].empty() as url, opened(url) as database:
        database.upgrade()
        assert rows(database) == {}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_numbers_begin_at_one_again(servers: Servers, kind: str) -> None:
    for _ in range(2):
        with migrated(servers, kind) as database:
            database.run(write)
            with database.read() as unit:
                assert unit.connection.scalar(text("SELECT min(id) FROM outbox")) == 1


def test_who_is_still_connected_is_sent_away(servers: Servers) -> None:
    with servers["postgresql"].migrated() as url, opened(url) as left_open:
        connection = left_open.engine.connect()
        connection.execute(text("LOCK TABLE tasks"))
        with migrated(servers, "postgresql") as another:
            assert another.describe() != left_open.describe()
    with migrated(servers, "postgresql") as database:
        database.run(write)
    connection.invalidate()


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE extra (id integer)",
        "DROP INDEX ix_outbox_employee_id_position",
        "ALTER TABLE tasks RENAME COLUMN title TO heading",
        "ALTER TABLE tasks ADD CHECK (title <> 'x')",
        "ALTER TABLE alembic_version RENAME TO elsewhere",
        "INSERT INTO leases (name, holder, fence, expires_at) VALUES ('x', 'y', 1, now()); ANALYZE leases",
    ],
)
def test_changed_tables_are_not_used_again(servers: Servers, change: str) -> None:
    with migrated(servers, "postgresql") as database:
        changed = database.describe()
        with database.unit() as unit:
            unit.connection.execute(text(change))
            unit.commit()
    with migrated(servers, "postgresql") as database:
        assert database.describe() != changed
        assert not inspect(database.engine).has_table("extra")

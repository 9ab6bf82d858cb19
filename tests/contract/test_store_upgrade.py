"""Migrations: what they make, and many processes that start at once."""

from __future__ import annotations

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, event, text

from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.store import migrate
from assignment_engine.store.database import Database
from assignment_engine.store.tables import metadata
from tests.databases import opened
from tests.processes import FORKED

PROCESSES = 8


def _type_differs(_context, _inspected, _column, found, wanted) -> bool | None:
    # MariaDB has no JSON type of its own and shows LONGTEXT.
    return False if isinstance(wanted, JSON) and found.__visit_name__ == "LONGTEXT" else None


def test_migrations_make_the_tables_that_queries_expect(database):
    with database.read() as unit:
        context = MigrationContext.configure(unit.connection, opts={"compare_type": _type_differs})
        assert compare_metadata(context, metadata) == []


def test_a_new_database_has_no_revision_until_it_is_upgraded(empty_url):
    with opened(empty_url) as database:
        assert database.revision() is None
        database.upgrade()
        assert database.revision() == migrate.head()


def test_a_second_upgrade_changes_nothing(database):
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    database.upgrade()
    assert not [s for s in statements if s.startswith(("CREATE", "ALTER", "INSERT", "UPDATE", "DELETE"))]
    statements.clear()
    database.upgrade()
    assert statements == []


def test_a_database_of_newer_code_is_refused(database):
    with database.unit() as unit:
        unit.connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        unit.commit()
    with pytest.raises(ConfigurationError, match="9999"):
        database.upgrade()


def _upgrade(url: str, barrier: Any, results: Any) -> None:
    database = Database(url)
    barrier.wait(60)
    database.upgrade()
    results.put(database.revision())


def test_processes_that_start_at_once_migrate_once(empty_url):
    barrier, results = FORKED.Barrier(PROCESSES), FORKED.SimpleQueue()
    processes = [FORKED.Process(target=_upgrade, args=(empty_url, barrier, results)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(90)
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    assert [results.get() for _ in processes] == [migrate.head()] * PROCESSES
    with opened(empty_url) as database, database.read() as unit:
        assert unit.connection.execute(text("SELECT version_num FROM alembic_version")).all() == [(migrate.head(),)]
        assert unit.doctor() == []

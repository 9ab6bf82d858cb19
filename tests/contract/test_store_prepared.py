"""Statements that PostgreSQL plans once for a while."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, literal_column, select, text

from assignment_engine.domain.errors import DatabaseError
from assignment_engine.domain.records import Employee
from assignment_engine.store import prepared
from assignment_engine.store.database import Database
from assignment_engine.store.prepared import PREPARED
from assignment_engine.store.tables import employees
from assignment_engine.store.unit import UnitOfWork
from tests.databases import Servers, opened

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ODD = "100 % of 'them'; -- %(x)s $1 \\ ☂"
_NAMES = (
    select(employees.c.employee_id).where(employees.c.name == bindparam("name")).execution_options(**{PREPARED: True})
)


@pytest.fixture
def office(servers: Servers) -> Iterator[Database]:
    with servers["postgresql"].migrated() as url, opened(url) as database:
        people = [Employee(employee_id="ana", name="Ana"), Employee(employee_id="bo", name=ODD)]
        database.run(lambda unit: unit.employees.add(people, NOW))
        yield database


def _named(unit: UnitOfWork, name: str) -> list[str]:
    return list(unit.connection.execute(_NAMES, {"name": name}).scalars())


def _known(unit: UnitOfWork) -> list[tuple[datetime, int, int]]:
    """When each was prepared, and how often it was run with a plan of its own and with the common one."""
    query = (
        "SELECT prepare_time, custom_plans, generic_plans FROM pg_prepared_statements WHERE statement LIKE '%name =%'"
    )
    return [tuple(row) for row in unit.connection.execute(text(query))]


def test_what_is_asked_again_is_planned_once(office: Database) -> None:
    """Whatever the values are."""
    with office.read() as unit:
        assert [_named(unit, name) for name in ("Ana", ODD, "nobody")] == [["ana"], ["bo"], []]
        [(_, own, common)] = _known(unit)
    assert (own, common) == (0, 3)


def test_a_plan_does_not_live_for_long(office: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables may have grown meanwhile."""
    monkeypatch.setattr(prepared, "LIFETIME_SECONDS", -1.0)
    with office.read() as unit:
        _named(unit, "Ana")
        [(first, *_)] = _known(unit)
        assert _named(unit, ODD) == ["bo"]
        [(second, *_)] = _known(unit)
    assert second > first


def test_planning_that_was_broken_off_is_begun_anew(office: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old plan is gone then, and nothing asks for it."""
    monkeypatch.setattr(prepared, "LIFETIME_SECONDS", -1.0)
    with office.read() as unit:
        _named(unit, "Ana")
        unit.connection.execute(text("ALTER TABLE employees RENAME TO gone"))
        with pytest.raises(DatabaseError):
            _named(unit, "Ana")
    with office.read() as unit:
        assert _named(unit, "Ana") == ["ana"]


def test_it_outlives_a_transaction_that_was_rolled_back(office: Database) -> None:
    """PostgreSQL keeps it as long as the connection, and so do we."""
    with office.read() as unit:
        _named(unit, "Ana")
    with office.read() as unit:
        assert _named(unit, "Ana") == ["ana"]
        assert [common for *_, common in _known(unit)] == [2]


def test_a_new_connection_knows_nothing(office: Database) -> None:
    """The server has forgotten what the one before it prepared."""
    with office.read() as unit:
        _named(unit, "Ana")
        unit.connection.invalidate()
    with office.read() as unit:
        assert _named(unit, "Ana") == ["ana"]
        assert [common for *_, common in _known(unit)] == [1]


def test_there_is_a_limit(office: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after it is answered as well."""
    monkeypatch.setattr(prepared, "MOST_PREPARED", 2)
    with office.read() as unit:
        for number in range(4):
            query = _NAMES.where(literal_column(str(number)) == number)
            assert list(unit.connection.execute(query, {"name": "Ana"}).scalars()) == ["ana"]
        assert len(_known(unit)) == 2

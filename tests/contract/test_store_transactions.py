"""Transactions: all or nothing, and collisions that reach no caller."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg2
import pymysql
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from assignment_engine.domain.errors import (
    ConfigurationError,
    DatabaseBusyError,
    DatabaseError,
    DatabaseUnavailableError,
)
from assignment_engine.domain.records import Employee
from assignment_engine.store.database import Database
from assignment_engine.store.errors import translated_error
from tests.databases import opened

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _add(unit, *ids):
    unit.employees.add([Employee(employee_id=i) for i in ids], NOW)


def _ids(database):
    with database.read() as unit:
        return [e.employee_id for e in unit.employees.get_many()]


def test_leaving_without_commit_rolls_back(database):
    with database.unit() as unit:
        _add(unit, "a")
    with suppress(ZeroDivisionError), database.unit() as unit:
        _add(unit, "b")
        raise ZeroDivisionError
    assert _ids(database) == []
    with database.unit() as unit:
        _add(unit, "c")
        unit.commit()
    assert _ids(database) == ["c"]


def test_a_savepoint_is_undone_alone_and_with_the_whole(database):
    with database.unit() as unit:
        _add(unit, "a")
        with suppress(ZeroDivisionError), unit.savepoint():
            _add(unit, "b")
            raise ZeroDivisionError
        with unit.savepoint():
            _add(unit, "c")
        unit.commit()
    assert _ids(database) == ["a", "c"]
    with database.unit() as unit, unit.savepoint():
        _add(unit, "d")
    assert _ids(database) == ["a", "c"]


def test_run_commits_and_returns_what_the_use_case_returns(database):
    assert database.run(lambda unit: _add(unit, "a") or "done") == "done"
    assert _ids(database) == ["a"]


def test_run_repeats_only_collisions_and_not_for_ever(database):
    calls = []

    def busy(unit):
        _add(unit, "a")
        calls.append(unit)
        raise DatabaseBusyError

    with pytest.raises(DatabaseBusyError):
        database.run(busy, attempts=3)
    assert len(calls) == 3

    def broken(unit):
        calls.append(unit)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.run(broken)
    assert len(calls) == 4
    assert _ids(database) == []


def test_no_deadlock_reaches_a_caller(database):
    database.run(lambda unit: _add(unit, "a", "b"))
    both_hold_one = threading.Barrier(2)
    attempts: list[str] = []
    errors: list[Exception] = []

    def touch(unit, employee_id):
        change = text("UPDATE employees SET version = version + 1 WHERE employee_id = :employee_id")
        unit.connection.execute(change, {"employee_id": employee_id})

    def use_case(first, second):
        def run(unit):
            attempts.append(first)
            with unit.savepoint():
                touch(unit, first)
            with suppress(threading.BrokenBarrierError):
                both_hold_one.wait(1)
            with unit.savepoint():
                touch(unit, second)

        return run

    def work(first, second):
        try:
            database.run(use_case(first, second))
        except DatabaseError as exc:
            errors.append(exc)

    threads = [threading.Thread(target=work, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    with database.read() as unit:
        assert [e.version for e in unit.employees.get_many()] == [3, 3]
    if database.engine.dialect.name != "sqlite":  # there the second transaction only begins after the first
        assert len(attempts) > 2


def test_a_reader_does_not_wait_for_a_writer(database):
    database.run(lambda unit: _add(unit, "a"))
    with database.unit() as writer:
        _add(writer, "b")
        assert _ids(database) == ["a"]


def test_many_threads_write_one_after_the_other(database):
    database.run(lambda unit: _add(unit, "a"))

    def count():
        for _ in range(10):
            database.run(lambda unit: unit.employees.change("a", {"name": str(unit.now())}, unit.now()))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with database.read() as unit:
        assert unit.employees.get("a").version == 41


def test_the_clock_is_utc_and_now(database):
    with database.read() as unit:
        first = unit.now()
        assert first.utcoffset() == timedelta(0)
        assert abs(first - datetime.now(UTC)) < timedelta(seconds=5)
        assert first <= unit.now()


def test_a_refused_statement_shows_no_values(database):
    with pytest.raises(DatabaseError) as caught, database.unit() as unit:
        unit.connection.execute(text("UPDATE nothing SET x = :secret"), {"secret": "private words"})
    assert "private" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_value_that_the_driver_refuses_is_an_error_of_the_database(database):
    database.run(lambda unit: _add(unit, "a"))
    with pytest.raises(DatabaseError), database.unit() as unit:
        unit.connection.execute(text("UPDATE employees SET version = :value"), {"value": 2**70})


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://user:geheim@127.0.0.1:1/none", "connection refused"),
        ("postgresql://user:geheim@no.such.host.invalid/none", "the name of the host is not known"),
        ("mysql://user:geheim@127.0.0.1:1/none", "connection refused"),
        ("sqlite:////no/such/directory/file.db", "the directory of the file does not exist"),
        ("sqlite:////", "the file cannot be opened"),
    ],
)
def test_a_database_that_is_away_is_unavailable(url, why):
    with opened(url) as database, pytest.raises(DatabaseUnavailableError, match=why) as caught:
        database.revision()
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_server_that_has_no_database_of_that_name_says_so(servers, kind):
    with servers[kind].migrated() as url:
        away = make_url(url).set(database="geheim").render_as_string(hide_password=False)
        with opened(away) as database, pytest.raises(DatabaseUnavailableError, match="no database of that") as caught:
            database.revision()
    assert "geheim" not in str(caught.value)


REFUSED = 'connection to server at "localhost" (::1), port 5432 failed: Connection refused'
WRONG = 'connection to server at "localhost" (127.0.0.1), port 5432 failed: FATAL:  password authentication failed for'


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (psycopg2.OperationalError(f'{REFUSED}\n{WRONG} user "geheim"\n'), "wrong user or password (OperationalError)"),
        (
            pymysql.err.OperationalError(1045, "Access denied for user 'geheim'@'localhost' (using password: YES)"),
            "wrong user or password (OperationalError 1045)",
        ),
        (psycopg2.OperationalError("geheim"), "the database cannot be reached (OperationalError)"),
    ],
)
def test_why_a_database_cannot_be_reached_is_told_in_fixed_words(error, told):
    shown = str(translated_error(error, away=True))
    assert shown.endswith(told)
    assert "geheim" not in shown


@pytest.mark.parametrize("url", ["", "nonsense", "oracle://user:geheim@host/x", "postgresql://user:geheim@host:port/x"])
def test_an_address_that_cannot_be_used_is_refused_without_its_password(url):
    with pytest.raises(ConfigurationError) as caught:
        Database(url)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_database_in_memory_is_refused_with_the_reason(url):
    with pytest.raises(ConfigurationError, match="memory"):
        Database(url)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgres://u:geheim@h/d", "postgresql+psycopg2://u:***@h/d"),
        ("postgresql+asyncpg://u:geheim@h:5433/d", "postgresql+psycopg2://u:***@h:5433/d"),
        ("postgresql://u@h/d", "postgresql+psycopg2://u@h/d"),
        ("mysql://u:geheim@h/d", "mysql+pymysql://u:***@h/d"),
        ("mariadb://u:geheim@h/d", "mysql+pymysql://u:***@h/d"),
        ("sqlite:///engine.db", "sqlite+pysqlite:///engine.db"),
    ],
)
def test_usual_addresses_are_understood_and_shown_without_password(given, shown):
    assert Database(given).describe() == shown


def test_a_relative_file_is_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with opened("sqlite:///engine.db") as database:
        database.upgrade()
    assert (tmp_path / "engine.db").exists()

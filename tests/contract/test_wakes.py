"""Waking other processes."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from assignment_engine.domain.errors import DatabaseUnavailableError
from assignment_engine.services.dispatch.wake import Ear, Wake
from assignment_engine.store.wakes import Listener, can_notify
from tests.databases import opened


@pytest.fixture
def postgresql(servers):
    with servers["postgresql"].migrated() as url, opened(url) as database:
        yield database


def test_whoever_listens_hears_a_call(postgresql):
    """A call from anywhere ends the wait."""
    listener = Listener(postgresql)
    assert not listener.wait(0.0)
    Wake(postgresql)()
    assert listener.wait(5.0)
    assert not listener.wait(0.0)
    listener.close()


def test_a_call_wakes_the_loops_of_this_process_and_of_others(postgresql):
    """Listeners here are called at once, those elsewhere through the database."""
    here, there = threading.Event(), threading.Event()
    wake = Wake(postgresql)
    wake.add(here.set)
    ear = Ear(postgresql, there.set)
    ear.step(None)
    wake()
    assert here.is_set()
    assert ear.step(None) == 0.0
    assert there.is_set()
    ear.close()


def test_whoever_lost_the_connection_hears_again(postgresql):
    """A database that restarts does not leave anybody deaf."""
    called = threading.Event()
    ear = Ear(postgresql, called.set)
    ear.step(None)
    with postgresql.engine.connect() as other:
        other.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    with pytest.raises(DatabaseUnavailableError):
        ear.step(None), ear.step(None)  # the first reads the server's last words
    ear.step(None)
    Wake(postgresql)()
    ear.step(None)
    assert called.is_set()
    ear.close()


def test_elsewhere_only_this_process_is_woken(sqlite_database):
    """SQLite has nobody else to call."""
    woken = threading.Event()
    wake = Wake(sqlite_database)
    wake.add(woken.set)
    wake()
    assert woken.is_set()
    assert not can_notify(sqlite_database)

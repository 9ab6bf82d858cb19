"""The worker: loops that go on whatever happens, and end when they are told to."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from assignment_engine.domain.errors import RemoteServiceError
from assignment_engine.domain.stored import WorkerRow
from assignment_engine.jobs.worker import Loop, Worker, instance_id
from assignment_engine.store.database import Database
from tests.databases import opened

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG = 3600.0


class Counted:
    """A loop that counts its steps, and can be waited for."""

    def __init__(self, name="counted", pause=LONG, error=None):
        self.steps, self.closed = threading.Semaphore(0), threading.Event()
        self._pause, self._error = pause, error
        self.loop = Loop(name, self._step, self.closed.set, lambda: "a thing")

    def _step(self, now):
        assert now.tzinfo is UTC
        self.steps.release()
        if self._error:
            raise self._error
        return self._pause

    def stepped(self):
        return self.steps.acquire(timeout=10)


@pytest.fixture
def working(sqlite_database):
    """Starts workers, and ends them after the test."""
    started = []

    def start(*loops, database=sqlite_database):
        worker = Worker(database, "here", [counted.loop for counted in loops])
        worker.start()
        started.append(worker)
        return worker

    yield start
    for worker in started:
        assert worker.finish()


def test_each_loop_has_a_thread_of_its_own(working):
    """One that waits holds up no other."""
    both = threading.Barrier(2)

    class Meets(Counted):
        def _step(self, now):
            both.wait(10)
            return super()._step(now)

    one, other = Meets("one"), Meets("other")
    working(one, other)
    assert one.stepped()
    assert other.stepped()


def test_a_step_comes_again_after_the_pause_it_asked_for(working):
    often, rarely = Counted("often", 0.0), Counted("rarely")
    working(often, rarely)
    assert all(often.stepped() for _ in range(20))
    assert rarely.stepped()
    assert not rarely.steps.acquire(blocking=False)


def test_a_wake_is_a_step_at_once(working):
    one, other = Counted("one"), Counted("other")
    worker = working(one, other)
    assert one.stepped()
    assert other.stepped()
    worker.wake("one")
    assert one.stepped()
    assert not other.steps.acquire(blocking=False)
    worker.wake()
    assert one.stepped()
    assert other.stepped()


@pytest.mark.parametrize("error", [RemoteServiceError("away"), ZeroDivisionError("unexpected")])
def test_a_failing_loop_goes_on(working, caplog, error):
    failing = Counted("failing", error=error)
    working(failing)
    assert failing.stepped()
    assert failing.stepped()
    assert "loop failing failed" in caplog.text


def test_the_cause_of_an_unexpected_error_is_logged(working, caplog):
    failing = Counted("failing", error=ZeroDivisionError("unexpected"))
    working(failing)
    assert failing.stepped()
    assert failing.stepped()
    assert any(record.exc_info for record in caplog.records)


def test_finish_ends_every_loop_and_closes_it_once(working):
    one = Counted("one")
    worker = working(one)
    assert one.stepped()
    assert worker.finish()
    assert one.closed.is_set()
    assert not one.steps.acquire(blocking=False)


def test_a_stop_from_outside_ends_a_run(sqlite_database):
    stop, counted = threading.Event(), Counted()
    runner = threading.Thread(target=Worker(sqlite_database, "here", [counted.loop], stop).run)
    runner.start()
    assert counted.stepped()
    stop.set()
    runner.join(10)
    assert not runner.is_alive()
    assert counted.closed.is_set()


def rows(database):
    with database.read() as unit:
        return {row.kind: row for row in unit.workers.all()}


def test_the_database_knows_who_works_until_they_end(sqlite_database, working):
    counted = Counted("relay")
    worker = working(counted)
    assert counted.stepped()
    until = time.monotonic() + 10
    while not rows(sqlite_database):  # written by another thread
        assert time.monotonic() < until
    row = rows(sqlite_database)["relay"]
    assert (row.worker_id, row.instance_id, row.busy_with) == ("here:relay", "here", "a thing")
    with sqlite_database.read() as unit:
        assert unit.workers.alive("relay", unit.now())
        assert not unit.workers.alive("relay", unit.now() + timedelta(minutes=1))
        assert not unit.workers.alive("triage", unit.now())
    assert worker.finish()
    assert rows(sqlite_database) == {}


def test_workers_unseen_for_a_day_are_forgotten(sqlite_database):
    dead = WorkerRow("w1", "i1", "relay", NOW, NOW)
    sqlite_database.run(lambda unit: unit.workers.seen([dead]))
    sqlite_database.run(lambda unit: unit.workers.purge(NOW + timedelta(hours=24)))
    assert rows(sqlite_database) == {"relay": dead}
    sqlite_database.run(lambda unit: unit.workers.purge(NOW + timedelta(hours=24, seconds=1)))
    assert rows(sqlite_database) == {}


def test_a_worker_brings_the_tables_up_to_date(tmp_path, working):
    counted = Counted()
    with opened(f"sqlite:///{tmp_path / 'new.db'}") as database:
        worker = working(counted, database=database)
        assert counted.stepped()
        assert worker.finish()
        assert database.revision() is not None


def test_a_database_that_comes_late_is_waited_for(tmp_path, working):
    directory = tmp_path / "later"
    counted = Counted()
    database = Database(f"sqlite:///{directory / 'new.db'}")
    worker = working(counted, database=database)
    assert not counted.steps.acquire(timeout=0.2)
    directory.mkdir()
    assert counted.stepped()
    assert worker.finish()
    database.dispose()


def test_no_two_processes_have_one_name():
    assert instance_id() != instance_id()

"""Time can be handed to a database; nothing that it decides looks at another clock then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from assignment_engine.store.database import Database
from tests.builders import employee, task
from tests.dispatching import Office

LONG_AGO = datetime(2011, 10, 1, 8, tzinfo=UTC)


def test_a_database_can_be_told_the_time(database):
    """Every unit of work reads the clock that the database was opened with."""
    url = database.engine.url.render_as_string(hide_password=False)
    told = Database(url, clock=lambda: LONG_AGO)
    with told.unit() as writing, told.read() as reading:
        assert (writing.now(), reading.now()) == (LONG_AGO, LONG_AGO)
    with database.read() as unit:
        assert unit.now() > LONG_AGO
    told.dispose()


def test_what_is_written_carries_the_time_that_was_told(database):
    """Tasks, sessions and assignments happen when the clock says so."""
    moments = iter(LONG_AGO + timedelta(seconds=n) for n in range(1000))
    told = Database(database.engine.url.render_as_string(hide_password=False), clock=lambda: next(moments))
    office = Office(told)
    office.has(employee("ana"))
    office.gets(task("t1"))
    (given,) = office.login("ana").assignments
    done = office.complete("t1", "ana").completed
    assert LONG_AGO < given.assigned_at < done.completed_at < LONG_AGO + timedelta(seconds=1000)
    assert office.status()[0].last_heartbeat < LONG_AGO + timedelta(seconds=1000)
    told.dispose()

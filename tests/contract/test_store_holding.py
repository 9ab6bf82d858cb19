"""Holding an assignment with its person and its task."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.assignments import Event, NewAssignment, advance
from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.live import Held, Locked, PersonFacts
from assignment_engine.domain.records import Employee, Task
from assignment_engine.store.database import Database
from assignment_engine.store.errors import ConstraintError
from assignment_engine.store.tables import employees, task_assignments, tasks

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROWS = {
    "employee": select(employees.c.employee_id).where(employees.c.employee_id == "ana"),
    "task": select(tasks.c.task_id).where(tasks.c.task_id == "t"),
    "assignment": select(task_assignments.c.assignment_id).where(task_assignments.c.assignment_id == "a"),
}


@pytest.fixture
def busy(database: Database) -> Database:
    """Ana works on a task that another one waits for."""

    def fill(unit):
        unit.employees.add([Employee(employee_id="ana", max_workload=10.0, current_workload=2.0)], NOW)
        unit.tasks.add([Task(task_id="t", category="vpn", required_skills=[])], NOW)
        unit.tasks.add([Task(task_id="after", dependencies=["t"])], NOW)
        unit.assignments.record([advance(NewAssignment("a", "t", "ana", "x", "live", 3600), Event.PUSH, NOW)], "x")

    database.run(fill)
    return database


def test_everything_that_is_known(busy: Database) -> None:
    """The same whether it is asked for by its own id or by that of its task."""
    with busy.unit() as unit:
        held = unit.assignments.hold("a")
        assert abs(held.now - unit.now()) < timedelta(seconds=30)
        assert held.assignment == unit.assignments.get("a")
        assert (held.carried.carried_seconds, held.carried.max_seconds) == (3 * 3600, 10 * 3600)
        assert (held.taken.seconds, held.taken.units) == (3600, 1)
        assert (held.task.category, held.queue.name, held.is_waited_for) == ("vpn", "default", True)
        again = unit.assignments.hold_active_on("t")
        assert again is not None
        assert again.assignment == held.assignment


def test_nobody_has_it(busy: Database) -> None:
    with busy.unit() as unit:
        assert unit.assignments.hold_active_on("after") is None
        with pytest.raises(NotFoundError, match="assignment"):
            unit.assignments.hold("no")


def test_strangers_find_nothing_and_wait_for_nobody(busy: Database) -> None:
    """What is somebody else's is not there for them, even while its person holds it."""
    with busy.engine.connect() as other, busy.unit() as unit:
        if busy.engine.dialect.name != "sqlite":
            for row in ROWS.values():
                other.execute(row.with_for_update())
        assert unit.assignments.hold_active_on("t", "stranger") is None
        with pytest.raises(NotFoundError, match="assignment"):
            unit.assignments.hold("a", "stranger")
        other.rollback()
        assert unit.assignments.hold("a", "ana").assignment == unit.assignments.get("a")


@pytest.mark.parametrize(("table", "kind"), [(employees, "employee"), (tasks, "task")])
def test_what_has_been_deleted_cannot_be_held(busy: Database, table, kind: str) -> None:
    with busy.unit() as unit:
        unit.connection.execute(update(table).values(deleted_at=NOW))
        with pytest.raises(NotFoundError) as caught:
            unit.assignments.hold("a")
    assert caught.value.kind == kind


@pytest.mark.parametrize(("locked", "then"), [("task", "employee"), ("assignment", "task")])
def test_rows_are_locked_in_one_order(busy: Database, locked: str, then: str) -> None:
    """Whoever waits for the later row has the earlier one already."""
    if busy.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time and no locks of rows")
    with busy.engine.connect() as other, busy.engine.connect() as third:
        other.execute(ROWS[locked].with_for_update())
        with _held_elsewhere(busy) as found:
            _until(lambda: not _is_free(third, then))
            assert not found
            other.rollback()
    assert [held.assignment.id for held in found] == ["a"]


@contextmanager
def _held_elsewhere(database: Database) -> Iterator[list[Held]]:
    found: list[Held] = []
    thread = threading.Thread(target=lambda: found.append(database.run(lambda unit: unit.assignments.hold("a"))))
    thread.start()
    yield found
    thread.join(30)


def _is_free(connection: Connection, row: str) -> bool:
    found = connection.execute(ROWS[row].with_for_update(skip_locked=True)).one_or_none()
    connection.rollback()
    return found is not None


def _until(is_so, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_load_beyond_the_capacity_is_refused_by_the_database(busy: Database) -> None:
    """Even when what was read of a person beforehand was wrong."""
    with busy.unit() as unit:
        wrong = Locked(people={"ana": PersonFacts(0, 10**6)})
        new = advance(NewAssignment("b", "after", "ana", "x", "live", 8 * 3600), Event.PUSH, NOW)
        with pytest.raises(ConstraintError):
            unit.assignments.record([new], "x", locked=wrong)

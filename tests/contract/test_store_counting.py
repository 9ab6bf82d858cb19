"""Counts for those who watch come from indexes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from assignment_engine.domain.assignments import ACTIVE
from assignment_engine.domain.errors import DatabaseError
from assignment_engine.domain.types import TaskStatus
from assignment_engine.services.watching import Kept
from assignment_engine.store.counting import Counting
from assignment_engine.store.database import Database

INDEXES: dict[str, tuple[Callable[[Counting], object], str]] = {
    "waiting": (Counting.waiting, "COVERING INDEX ix_tasks_overview"),
    "open tasks": (lambda counting: counting.tasks({TaskStatus.PENDING}), "COVERING INDEX ix_tasks_overview"),
    "ended tasks": (lambda counting: counting.tasks({TaskStatus.COMPLETED}), "COVERING INDEX ix_tasks_overview"),
    "active": (lambda counting: counting.assignments(ACTIVE), "COVERING INDEX ix_task_assignments_status"),
    "unsent": (Counting.unsent, "INDEX (ix_outbox_id|sqlite_autoindex_outbox)"),
}


@pytest.mark.parametrize("name", INDEXES)
def test_a_count_reads_its_index(sqlite_database: Database, name: str) -> None:
    """The plan of the query names it, however full the tables are."""
    count, index = INDEXES[name]
    statements: list[str] = []
    with sqlite_database.read() as unit:
        raw: Any = unit.connection.connection.dbapi_connection
        raw.set_trace_callback(statements.append)
        count(Counting(unit.connection))
        raw.set_trace_callback(None)
        (statement,) = [text for text in statements if "count" in text]
        plan = " ".join(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall())
    assert re.search(f"USING {index}", plan), plan


def test_what_took_long_to_count_is_kept_for_longer(sqlite_database: Database) -> None:
    """Twenty times as long as it took; what was counted at once is counted each time."""
    times, readings = iter([0.0, 1.0, 20.9, 21.1, 21.11, 21.2, 21.21]), iter("abc")
    kept = Kept(sqlite_database, lambda _: next(readings), 0.0, lambda: next(times))
    assert [kept.get() for _ in range(4)] == ["a", "a", "b", "c"]


def test_what_is_due_is_given_while_it_is_read_beside(sqlite_database: Database) -> None:
    """Nobody waits again for what took long, unless nobody has asked for a long time; one at a time reads it."""
    now, readings, beside = [0.0], iter("abc"), []

    def read(_: object) -> str:
        now[0] += 1.0
        return next(readings)

    kept = Kept(sqlite_database, read, 0.0, lambda: now[0], stale_seconds=100.0, beside=beside.append)
    assert kept.get() == "a"
    now[0] = 22.0
    assert [kept.get(), kept.get()] == ["a", "a"]
    (work,) = beside
    work()
    assert kept.get() == "b"
    assert len(beside) == 1
    now[0] = 500.0
    assert kept.get() == "c"


def test_counting_beside_that_fails_is_tried_again(sqlite_database: Database) -> None:
    """What was counted before is given until it succeeds."""
    now, beside, faults = [0.0], [], [DatabaseError("away")]

    def read(_: object) -> float:
        now[0] += 1.0
        if now[0] > 20.0 and faults:
            raise faults.pop()
        return now[0]

    kept = Kept(sqlite_database, read, 0.0, lambda: now[0], stale_seconds=100.0, beside=beside.append)
    assert kept.get() == 1.0
    for _ in range(2):
        now[0] = 30.0
        assert kept.get() == 1.0
        beside.pop()()
    assert kept.get() == 31.0

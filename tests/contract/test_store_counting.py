"""Counts for those who watch come from indexes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from assignment_engine.services.watching import Kept
from assignment_engine.store.counting import Counting
from assignment_engine.store.database import Database

INDEXES = {
    "waiting": "COVERING INDEX ix_tasks_overview",
    "counts": "COVERING INDEX ix_tasks_overview",
    "assignments": "COVERING INDEX ix_task_assignments_",
    "unsent": "INDEX (ix_outbox_id|sqlite_autoindex_outbox)",
}


@pytest.mark.parametrize("name", INDEXES)
def test_a_count_reads_its_index(sqlite_database: Database, name: str) -> None:
    """The plan of the query names it, however full the tables are."""
    statements: list[str] = []
    with sqlite_database.read() as unit:
        raw: Any = unit.connection.connection.dbapi_connection
        raw.set_trace_callback(statements.append)
        getattr(Counting(unit.connection), name)()
        raw.set_trace_callback(None)
        (statement,) = [text for text in statements if "count" in text]
        plan = " ".join(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall())
    assert re.search(f"USING {INDEXES[name]}", plan), plan


def test_what_took_long_to_count_is_kept_for_longer(sqlite_database: Database) -> None:
    """Twenty times as long as it took; what was counted at once is counted each time."""
    times, readings = iter([0.0, 1.0, 20.9, 21.1, 21.11, 21.2, 21.21]), iter("abc")
    kept = Kept(sqlite_database, lambda _: next(readings), 0.0, lambda: next(times))
    assert [kept.get() for _ in range(4)] == ["a", "a", "b", "c"]

"""Lists of assignments come from indexes, so that they stay flat however many there are."""

from __future__ import annotations

from typing import Any

import pytest

from assignment_engine.store.database import Database

LISTS: dict[str, tuple[dict[str, Any], str]] = {
    "everybody's": ({}, "ix_task_assignments_assigned_at_assignment_id"),
    "of a status": ({"status": "accepted"}, "ix_task_assignments_status_assigned_at_assignment_id"),
    "a person's": ({"employee_id": "ana"}, "ix_task_assignments_employee_id_assigned_at_assignment_id"),
    "a person's of a status": ({"employee_id": "ana", "status": "accepted"}, "ix_task_assignments_jobs"),
    "of a ticket": ({"task_id": "t1"}, "ix_task_assignments_task_id"),
}


def plans(database: Database, listing: dict[str, Any]) -> list[str]:
    """How SQLite runs each statement of a list: the rows of the page, then their count."""
    statements: list[str] = []
    with database.read() as unit:
        raw: Any = unit.connection.connection.dbapi_connection
        raw.set_trace_callback(statements.append)
        unit.assignments.list(**listing)
        raw.set_trace_callback(None)
        selects = [text for text in statements if text.startswith("SELECT")]
        return [" ".join(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()) for text in selects]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_reads_its_index(sqlite_database: Database, name: str) -> None:
    """Rows and count are found in it; only a ticket's few assignments are sorted."""
    listing, index = LISTS[name]
    rows, count = plans(sqlite_database, listing)
    assert f"INDEX {index}" in rows
    assert "SCAN" not in rows.replace(f"SCAN task_assignments USING INDEX {index}", "")
    assert ("TEMP B-TREE" in rows) == (name == "of a ticket")
    assert "USING COVERING INDEX" in count or name == "of a ticket"


def test_reading_on_reads_the_same_index(sqlite_database: Database) -> None:
    """A cursor does not make the list sort."""
    after = "WyItYXNzaWduZWRfYXQiLCAiMjAyNi0wMS0wMVQwMDowMDowMCswMDowMCIsICJhIl0"  # the first of 2026, id a
    rows, _ = plans(sqlite_database, {"employee_id": "ana", "after": after})
    assert "INDEX ix_task_assignments_employee_id_assigned_at_assignment_id" in rows
    assert "TEMP B-TREE" not in rows

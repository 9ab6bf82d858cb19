"""What the harness takes away from statements when a guard is to be broken."""

from __future__ import annotations

import pytest

from chaos.breakage import without_lock

ALL = "SELECT 1 FROM employees JOIN tasks ON true FOR NO KEY UPDATE OF employees, tasks SKIP LOCKED"


@pytest.mark.parametrize(
    ("statement", "table", "left"),
    [
        ("SELECT 1 FROM tasks FOR NO KEY UPDATE", "tasks", "SELECT 1 FROM tasks"),
        ("SELECT 1 FROM tasks FOR UPDATE SKIP LOCKED", "tasks", "SELECT 1 FROM tasks"),
        ("SELECT 1 FROM tasks FOR UPDATE OF tasks", "tasks", "SELECT 1 FROM tasks"),
        ("SELECT 1 FROM tasks FOR UPDATE", "employees", "SELECT 1 FROM tasks FOR UPDATE"),
        (ALL, "tasks", "SELECT 1 FROM employees JOIN tasks ON true FOR NO KEY UPDATE OF employees SKIP LOCKED"),
        (ALL, "sessions", ALL),
    ],
)
def test_one_table_is_not_locked_any_more(statement: str, table: str, left: str) -> None:
    """The locks of others stay."""
    assert without_lock(statement, table) == left

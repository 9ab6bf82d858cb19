"""What the doctor checks of the counters of context."""

from __future__ import annotations

from assignment_engine.domain.types import CONTEXT_KINDS
from assignment_engine.store.checks import Check

JSON_CONTEXT = {kind: f"{{context_{kind}}}" for kind in CONTEXT_KINDS}
"""What stands in a check for the text of each kind of context, which every database reads in its own way."""

_GIVEN = "\nUNION ALL ".join(
    f"SELECT '{kind}' AS kind, {text} AS value, employee_id, -1 AS given FROM task_assignments "  # noqa: S608
    f"WHERE {text} IS NOT NULL AND status NOT IN ('offered', 'rejected', 'expired')"
    for kind, text in JSON_CONTEXT.items()
)

CONTEXT_CHECKS = (
    Check(
        "context_differs",
        f"""
        SELECT employee_id, kind, value, SUM(given) FROM (
            SELECT kind, value, employee_id, given FROM context_history
            UNION ALL {_GIVEN}
        ) balance
        GROUP BY employee_id, kind, value HAVING SUM(given) <> 0
        """,  # noqa: S608  (nothing but the names of the kinds)
        "work with {} {!r} is counted {} times more often than it was given",
    ),
)

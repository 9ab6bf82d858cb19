"""One check of the doctor, and those of live dispatch: presence, places in queues, and what was given to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """A query for what is wrong: the subject first, then the values that `detail` names in their order."""

    code: str
    sql: str
    detail: str
    severity: Literal["error", "warning"] = "error"


LIVE_CHECKS = (
    Check(
        "outside_session",
        """
        SELECT a.assignment_id, a.employee_id, a.assigned_at FROM task_assignments a
        WHERE a.session_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM sessions s WHERE s.employee_id = a.employee_id AND s.opened_at <= a.assigned_at
            AND (s.closed_at IS NULL OR s.closed_at >= a.assigned_at))
        """,
        "{} got it live at {}, and was not logged in then",
    ),
    Check(
        "session_differs",
        """
        SELECT s.session_id, s.employee_id, COALESCE(e.session_id, 'none') FROM sessions s
        JOIN employees e ON e.employee_id = s.employee_id
        WHERE s.closed_at IS NULL AND (e.session_id IS NULL OR e.session_id <> s.session_id)
        """,
        "open for {}, whose session is {}",
    ),
    Check(
        "session_differs",
        """
        SELECT e.employee_id, e.session_id FROM employees e
        LEFT JOIN sessions s ON s.session_id = e.session_id AND s.employee_id = e.employee_id
        WHERE e.session_id IS NOT NULL AND (s.session_id IS NULL OR s.closed_at IS NOT NULL)
        """,
        "is in session {}, which is not open",
    ),
    Check(
        "session_mark",
        """
        SELECT session_id, COALESCE(open_employee_id, 'nobody') FROM sessions
        WHERE (closed_at IS NULL AND (open_employee_id IS NULL OR open_employee_id <> employee_id))
           OR (closed_at IS NOT NULL AND open_employee_id IS NOT NULL)
        """,
        "is marked as the open session of {}",
    ),
    Check(
        "session_gone",
        """
        SELECT a.assignment_id, a.employee_id FROM task_assignments a
        LEFT JOIN sessions s ON s.session_id = a.session_id AND s.employee_id = a.employee_id
        WHERE a.session_id IS NOT NULL AND a.status IN ('offered', 'assigned', 'accepted')
          AND (s.session_id IS NULL OR s.closed_at IS NOT NULL)
        """,
        "{} got it live in a session that is over, and still has it",
    ),
    Check(
        "free_differs",
        """
        SELECT employee_id, CASE WHEN free_at IS NULL THEN 'not free' ELSE 'free' END,
               CASE WHEN session_id IS NULL THEN 'absent' ELSE 'present' END, active_units, max_units
        FROM employees
        WHERE (free_at IS NOT NULL) <> (session_id IS NOT NULL AND NOT paused AND active_units < max_units)
        """,
        "counts as {}, but is {} with {} of {} units taken",
    ),
    Check(
        "task_forgotten",
        """
        SELECT t.task_id, t.queue FROM tasks t LEFT JOIN queues q ON q.name = t.queue
        WHERE t.status = 'pending' AND t.deleted_at IS NULL AND t.dispatch_key IS NULL AND t.due_at IS NULL
          AND COALESCE(t.dispatch_mode, {queue_mode}, 'push') <> 'off'
          AND NOT EXISTS (
            SELECT 1 FROM task_dependencies d WHERE d.task_id = t.task_id
            AND NOT EXISTS (SELECT 1 FROM tasks o WHERE o.task_id = d.depends_on AND o.status = 'completed')
            AND NOT EXISTS (SELECT 1 FROM past_assignments p
                            WHERE p.task_id = d.depends_on AND p.completed_at IS NOT NULL))
        """,
        "waits in queue {} for nothing, but nobody looks at it",
    ),
    Check(
        "task_forgotten",
        """
        SELECT t.task_id, t.dispatch_key FROM tasks t LEFT JOIN dispatch_keys k ON k.dispatch_key = t.dispatch_key
        WHERE t.dispatch_key IS NOT NULL AND k.dispatch_key IS NULL
          AND (t.dispatch_key NOT LIKE 'p:%' OR t.due_at IS NULL)
        """,
        "waits at {}, where nobody looks",
    ),
    Check(
        "task_misplaced",
        """
        SELECT task_id, status, dispatch_key FROM tasks
        WHERE dispatch_key IS NOT NULL AND (status <> 'pending' OR deleted_at IS NOT NULL)
        """,
        "status {}, but it waits at {}",
    ),
)

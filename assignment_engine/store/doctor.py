"""Checks of every invariant, in SQL that shares nothing with the statements that keep them."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.engine import Connection

from assignment_engine.domain.stored import Finding
from assignment_engine.store import migrate
from assignment_engine.store.checks import LIVE_CHECKS, Check
from assignment_engine.store.context_checks import CONTEXT_CHECKS, JSON_CONTEXT
from assignment_engine.store.work_checks import WORK_CHECKS

_JSON_TEXT = {
    "sqlite": "json_extract({column}, '$.{name}')",
    "postgresql": "{column} ->> '{name}'",
    "mysql": "json_unquote(json_extract({column}, '$.{name}')) COLLATE utf8mb4_bin",
}


_CHECKS = (
    Check(
        "load_differs",
        """
        SELECT e.employee_id, e.assigned_seconds, e.active_tasks, e.active_units,
               COALESCE(a.seconds, 0), COALESCE(a.tasks, 0), COALESCE(a.units, 0)
        FROM employees e LEFT JOIN (
            SELECT employee_id, SUM(seconds) AS seconds, COUNT(*) AS tasks, SUM(units) AS units
            FROM task_assignments WHERE status IN ('offered', 'assigned', 'accepted') GROUP BY employee_id
        ) a ON a.employee_id = e.employee_id
        WHERE e.assigned_seconds <> COALESCE(a.seconds, 0) OR e.active_tasks <> COALESCE(a.tasks, 0)
           OR e.active_units <> COALESCE(a.units, 0)
        """,
        "carries {} s, {} tasks, {} units; the active assignments are {} s, {} tasks, {} units",
    ),
    Check(
        "load_negative",
        """
        SELECT employee_id, external_seconds, max_seconds FROM employees
        WHERE external_seconds < 0 OR max_seconds < 0
        """,
        "{} s of other work, {} s of capacity",
    ),
    Check(
        "active_mark",
        """
        SELECT assignment_id, status, active_task_id FROM task_assignments
        WHERE (status IN ('offered', 'assigned', 'accepted') AND (active_task_id IS NULL OR active_task_id <> task_id))
           OR (status NOT IN ('offered', 'assigned', 'accepted') AND active_task_id IS NOT NULL)
        """,
        "status {}, but the active task is {}",
    ),
    Check(
        "task_status",
        """
        SELECT t.task_id, t.status, COALESCE(a.active, 0), COALESCE(a.accepted, 0)
        FROM tasks t LEFT JOIN (
            SELECT task_id, COUNT(*) AS active, SUM(CASE WHEN status = 'accepted' THEN 1 ELSE 0 END) AS accepted
            FROM task_assignments WHERE status IN ('offered', 'assigned', 'accepted') GROUP BY task_id
        ) a ON a.task_id = t.task_id
        WHERE t.deleted_at IS NULL AND NOT (
            (t.status = 'assigned' AND COALESCE(a.active, 0) = 1 AND COALESCE(a.accepted, 0) = 0)
            OR (t.status = 'in_progress' AND COALESCE(a.active, 0) = 1 AND COALESCE(a.accepted, 0) = 1)
            OR (t.status IN ('pending', 'completed', 'failed', 'cancelled') AND COALESCE(a.active, 0) = 0))
        """,
        "status {}, but {} active assignments, {} of them accepted",
    ),
    Check(
        "deleted_has_work",
        """
        SELECT a.assignment_id, a.task_id, a.employee_id FROM task_assignments a
        JOIN tasks t ON t.task_id = a.task_id JOIN employees e ON e.employee_id = a.employee_id
        WHERE a.status IN ('offered', 'assigned', 'accepted')
          AND (t.deleted_at IS NOT NULL OR e.deleted_at IS NOT NULL)
        """,
        "active, but task {} or employee {} is deleted",
    ),
    Check(
        "over_capacity",
        """
        SELECT assignment_id, employee_id, load_seconds, capacity_seconds FROM task_assignments
        WHERE load_seconds > capacity_seconds AND NOT allow_overload
        """,
        "{} got a load of {} s with a capacity of {} s",
    ),
    Check(
        "capacity_lowered",
        """
        SELECT e.employee_id, e.external_seconds + e.assigned_seconds, e.max_seconds FROM employees e
        WHERE e.deleted_at IS NULL AND e.assigned_seconds > 0
          AND e.external_seconds + e.assigned_seconds > e.max_seconds
          AND NOT EXISTS (SELECT 1 FROM task_assignments a WHERE a.active_task_id IS NOT NULL
                          AND a.employee_id = e.employee_id AND a.load_seconds > a.capacity_seconds)
        """,
        "carries {} s with a capacity of {} s now",
        "warning",
    ),
    Check(
        "audit_missing",
        """
        SELECT a.assignment_id, a.status FROM task_assignments a WHERE NOT EXISTS (
            SELECT 1 FROM audit_log l WHERE l.assignment_id = a.assignment_id AND l.from_status IS NULL
            AND l.event IN ('offer', 'assign', 'push'))
        AND a.created_at >= COALESCE((SELECT kept_from FROM archives WHERE name = 'history'), a.created_at)
        """,
        "status {}, but the audit log does not say how it began",
    ),
    Check(
        "audit_status",
        """
        SELECT a.assignment_id, a.status, l.to_status FROM task_assignments a
        JOIN (SELECT assignment_id, MAX(audit_id) AS audit_id FROM audit_log
              WHERE to_status IS NOT NULL GROUP BY assignment_id) latest ON latest.assignment_id = a.assignment_id
        JOIN audit_log l ON l.audit_id = latest.audit_id
        WHERE l.to_status <> a.status
        """,
        "status {}, but the audit log ends with {}",
    ),
    Check(
        "events_differ",
        """
        SELECT assignment_id, SUM(audited), SUM(published) FROM (
            SELECT assignment_id, at AS written_at, 1 AS audited, 0 AS published FROM audit_log
            UNION ALL SELECT {event_assignment}, created_at, 0, 1 FROM outbox
        ) counted WHERE assignment_id IS NOT NULL
            AND written_at >= COALESCE((SELECT kept_from FROM archives WHERE name = 'history'), written_at)
        GROUP BY assignment_id HAVING SUM(audited) <> SUM(published)
        """,
        "{} audit rows, but {} events",
    ),
    Check(
        "history_differs",
        """
        SELECT employee_id, category, department FROM (
            SELECT employee_id, category, department, completed, completed_seconds, good, judged FROM employee_history
            UNION ALL
            SELECT employee_id, COALESCE(category, ''), COALESCE(department, ''), -COUNT(worked_seconds),
                   -COALESCE(SUM(worked_seconds), 0), -SUM(CASE WHEN outcome = 'good' THEN 1 ELSE 0 END),
                   -COUNT(outcome)
            FROM past_assignments GROUP BY employee_id, COALESCE(category, ''), COALESCE(department, '')
        ) balance
        GROUP BY employee_id, category, department
        HAVING SUM(completed) <> 0 OR SUM(completed_seconds) <> 0 OR SUM(good) <> 0 OR SUM(judged) <> 0
        """,
        "counts in category {!r}, department {!r} are not those of the finished work",
    ),
    Check(
        "timestamp_missing",
        """
        SELECT assignment_id, status FROM task_assignments
        WHERE (status = 'accepted' AND accepted_at IS NULL) OR (status = 'rejected' AND rejected_at IS NULL)
           OR (status = 'completed' AND completed_at IS NULL)
        """,
        "status {}, but not since when",
    ),
    Check(
        "orphan",
        """
        SELECT a.assignment_id, 'assignment' AS kind FROM task_assignments a
        WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.task_id = a.task_id)
           OR NOT EXISTS (SELECT 1 FROM employees e WHERE e.employee_id = a.employee_id)
        UNION ALL
        SELECT m.log_id, 'training row' FROM ml_training_data m
        WHERE NOT EXISTS (SELECT 1 FROM task_assignments a WHERE a.assignment_id = m.assignment_id
                          AND a.task_id = m.task_id AND a.employee_id = m.employee_id)
        UNION ALL
        SELECT l.assignment_id, 'audit row' FROM audit_log l
        WHERE l.assignment_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM task_assignments a WHERE a.assignment_id = l.assignment_id)
        """,
        "this {} belongs to a record that is not there",
    ),
    Check(
        "positions",
        """
        SELECT 'outbox', o.given, o.lowest, o.highest, COALESCE(c.position, 0) FROM (
            SELECT COUNT(position) AS given, MIN(position) AS lowest, MAX(position) AS highest FROM outbox
        ) o LEFT JOIN cursors c ON c.name = 'outbox' LEFT JOIN archives a ON a.name = 'history'
        WHERE o.given <> COALESCE(o.highest - o.lowest + 1, 0)
           OR (a.name IS NULL AND (COALESCE(o.lowest, 1) <> 1 OR COALESCE(o.highest, 0) <> COALESCE(c.position, 0)))
           OR (o.highest IS NOT NULL AND o.highest <> COALESCE(c.position, 0))
        """,
        "{} events have positions from {} to {}; the last one given is {}",
    ),
)


def examine(connection: Connection) -> list[Finding]:
    """What is wrong in the database; nothing else is looked at before the tables are those of this code."""
    revision, head = migrate.current(connection), migrate.head()
    if revision != head:
        return [Finding("error", "schema", "database", f"the tables are of revision {revision}, not {head}")]
    checks = (*_CHECKS, *LIVE_CHECKS, *WORK_CHECKS, *CONTEXT_CHECKS)
    return [finding for check in checks for finding in _findings(connection, check)]


def _findings(connection: Connection, check: Check) -> list[Finding]:
    text_of = _JSON_TEXT[connection.dialect.name]
    sql = check.sql.replace("{event_assignment}", text_of.format(column="data", name="assignment_id"))
    sql = sql.replace("{queue_mode}", text_of.format(column="q.settings", name="mode"))
    for name, placeholder in JSON_CONTEXT.items():
        sql = sql.replace(placeholder, text_of.format(column="context", name=name))
    rows = connection.execute(text(sql)).all()
    return [Finding(check.severity, check.code, str(row[0]), check.detail.format(*row[1:])) for row in rows]

"""The doctor finds each kind of damage, and nothing in a healthy database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from assignment_engine.domain.assignments import Event, NewAssignment, advance
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.stored import PastAssignment, TrainingRow
from assignment_engine.store import migrate

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
STORIES = {
    "assigned": (Event.ASSIGN,),
    "offered": (Event.OFFER,),
    "pushed": (Event.PUSH,),
    "accepted": (Event.OFFER, Event.ACCEPT),
    "rejected": (Event.ASSIGN, Event.REJECT),
    "expired": (Event.OFFER, Event.EXPIRE),
    "completed": (Event.PUSH, Event.COMPLETE),
    "failed": (Event.ASSIGN, Event.FAIL),
    "released": (Event.PUSH, Event.RELEASE),
    "cancelled": (Event.ASSIGN, Event.CANCEL),
}
WITHOUT_FOREIGN_KEYS = {
    "sqlite": "PRAGMA foreign_keys = OFF",
    "postgresql": "SET session_replication_role = replica",
    "mysql": "SET foreign_key_checks = 0",
}
DAMAGE = [
    ("load_differs", "ana", "UPDATE employees SET assigned_seconds = assigned_seconds + 1 WHERE employee_id = 'ana'"),
    ("load_differs", "ana", "UPDATE employees SET active_tasks = 0 WHERE employee_id = 'ana'"),
    ("load_differs", "ana", "UPDATE employees SET active_units = 99 WHERE employee_id = 'ana'"),
    ("load_differs", "ana", "UPDATE task_assignments SET seconds = 7 WHERE assignment_id = 'a-pushed'"),
    ("load_negative", "bo", "UPDATE employees SET external_seconds = -1 WHERE employee_id = 'bo'"),
    ("active_mark", "a-pushed", "UPDATE task_assignments SET active_task_id = NULL WHERE assignment_id = 'a-pushed'"),
    (
        "active_mark",
        "a-failed",
        "UPDATE task_assignments SET active_task_id = task_id WHERE assignment_id = 'a-failed'",
    ),
    ("active_mark", "a-pushed", "UPDATE task_assignments SET active_task_id = 'free' WHERE assignment_id = 'a-pushed'"),
    ("task_status", "assigned", "UPDATE tasks SET status = 'pending' WHERE task_id = 'assigned'"),
    ("task_status", "accepted", "UPDATE tasks SET status = 'assigned' WHERE task_id = 'accepted'"),
    ("task_status", "free", "UPDATE tasks SET status = 'in_progress' WHERE task_id = 'free'"),
    ("deleted_has_work", "a-pushed", "UPDATE tasks SET deleted_at = created_at WHERE task_id = 'pushed'"),
    ("over_capacity", "a-failed", "UPDATE task_assignments SET capacity_seconds = 1 WHERE assignment_id = 'a-failed'"),
    ("capacity_lowered", "ana", "UPDATE employees SET max_seconds = 60 WHERE employee_id = 'ana'"),
    ("audit_missing", "a-failed", "DELETE FROM audit_log WHERE assignment_id = 'a-failed' AND event = 'assign'"),
    ("audit_status", "a-failed", "UPDATE audit_log SET to_status = 'released' WHERE to_status = 'failed'"),
    ("audit_status", "a-failed", "UPDATE task_assignments SET status = 'released' WHERE assignment_id = 'a-failed'"),
    ("events_differ", "a-failed", "DELETE FROM outbox WHERE event_type = 'JobFailed'"),
    ("events_differ", "a-failed", "DELETE FROM audit_log WHERE event = 'fail'"),
    ("history_differs", "ana", "UPDATE employee_history SET good = good + 1"),
    ("history_differs", "ana", "DELETE FROM employee_history"),
    ("history_differs", "ana", "DELETE FROM past_assignments"),
    ("timestamp_missing", "a-pushed", "UPDATE task_assignments SET accepted_at = NULL"),
    ("timestamp_missing", "a-rejected", "UPDATE task_assignments SET rejected_at = NULL"),
    ("timestamp_missing", "a-completed", "UPDATE task_assignments SET completed_at = NULL"),
    ("orphan", "a-completed", "DELETE FROM tasks WHERE task_id = 'completed'"),
    ("orphan", "a-completed", "DELETE FROM employees"),
    ("orphan", "log", "UPDATE ml_training_data SET assignment_id = 'none'"),
    ("orphan", "a-failed", "DELETE FROM task_assignments WHERE assignment_id = 'a-failed'"),
    ("schema", "database", "UPDATE alembic_version SET version_num = 'old'"),
]


def _live_through(unit, task_id, story):
    event, *rest = story
    change = advance(NewAssignment(f"a-{task_id}", task_id, "ana", "x", "greedy", 3600, units=2), event, NOW)
    unit.assignments.record([change], "x")
    for event in rest:
        change = advance(change.assignment, event, LATER)
        unit.assignments.record([change], "ana")


@pytest.fixture
def healthy(database):
    """Assignments in every state, a permitted overload, finished work and a logged decision."""

    def fill(unit):
        people = [Employee(employee_id="ana", current_workload=1.0), Employee(employee_id="bo", max_workload=1.0)]
        unit.employees.add(people, NOW)
        unit.tasks.add([Task(task_id=i) for i in (*STORIES, "free", "overload")], NOW)
        for task_id, story in STORIES.items():
            _live_through(unit, task_id, story)
        overload = NewAssignment("a-overload", "overload", "bo", "x", "manual", 9999, allow_overload=True)
        unit.assignments.record([advance(overload, Event.ASSIGN, NOW)], "x")
        unit.history.add([PastAssignment(task_id="completed", employee_id="ana", assigned_at=NOW, outcome="good")])
        ids = ("log", "decision", "a-completed", "completed", "ana")
        unit.training.add([TrainingRow(*ids, {}, 0.5, 0.6, "greedy", "fallback", NOW)])

    database.run(fill)
    return database


def test_a_healthy_database_has_no_findings(healthy):
    with healthy.read() as unit:
        assert unit.doctor() == []


@pytest.mark.parametrize(("code", "subject", "damage"), DAMAGE)
def test_damage_is_found(healthy, code, subject, damage):
    with healthy.engine.connect() as connection:
        driver = connection.connection.cursor()
        driver.execute(WITHOUT_FOREIGN_KEYS[healthy.engine.dialect.name])
        connection.execute(text(damage))
        assert migrate.current(connection) is not None
        connection.commit()
        connection.invalidate()
    with healthy.read() as unit:
        findings = unit.doctor()
    assert (code, subject) in {(finding.code, finding.subject) for finding in findings}
    assert {finding.severity for finding in findings if finding.code == code} == {
        "warning" if code == "capacity_lowered" else "error"
    }

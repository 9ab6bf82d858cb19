"""The doctor finds each kind of damage, and nothing in a healthy database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update

from assignment_engine.domain.assignments import Event, NewAssignment, advance
from assignment_engine.domain.live import Place, Stream
from assignment_engine.domain.queues import Queue
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.stored import PastAssignment, TrainingRow
from assignment_engine.store.tables import employees, sessions
from assignment_engine.store.unit import UnitOfWork
from tests.databases import KINDS, opened

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
    ("outside_session", "a-live", "UPDATE task_assignments SET assigned_at = '2026-01-01 00:00:00'"),
    ("outside_session", "a-live", "DELETE FROM sessions"),
    ("outside_session", "a-once", "UPDATE sessions SET closed_at = opened_at WHERE session_id = 'once'"),
    ("session_differs", "now", "UPDATE employees SET session_id = NULL, free_at = NULL WHERE employee_id = 'cy'"),
    ("session_differs", "cy", "UPDATE employees SET session_id = 'once' WHERE employee_id = 'cy'"),
    ("session_differs", "bo", "UPDATE employees SET session_id = 'now' WHERE employee_id = 'bo'"),
    ("session_mark", "now", "UPDATE sessions SET open_employee_id = NULL"),
    ("session_mark", "now", "UPDATE sessions SET open_employee_id = 'bo' WHERE session_id = 'now'"),
    ("session_mark", "once", "UPDATE sessions SET open_employee_id = 'bo' WHERE session_id = 'once'"),
    ("session_gone", "a-live", "UPDATE task_assignments SET session_id = 'once' WHERE assignment_id = 'a-live'"),
    ("free_differs", "cy", "UPDATE employees SET free_at = NULL WHERE employee_id = 'cy'"),
    ("free_differs", "cy", "UPDATE employees SET paused = TRUE WHERE employee_id = 'cy'"),
    ("free_differs", "cy", "UPDATE employees SET active_units = 2 WHERE employee_id = 'cy'"),
    ("free_differs", "bo", "UPDATE employees SET free_at = created_at WHERE employee_id = 'bo'"),
    ("task_forgotten", "free", "UPDATE tasks SET due_at = NULL WHERE task_id = 'free'"),
    ("task_forgotten", "placed", "UPDATE tasks SET dispatch_key = NULL WHERE task_id = 'placed'"),
    ("task_forgotten", "placed", "DELETE FROM dispatch_keys"),
    ("task_forgotten", "placed", "UPDATE tasks SET dispatch_key = 'p:bo' WHERE task_id = 'placed'"),
    ("task_forgotten", "blocked", "UPDATE tasks SET status = 'completed' WHERE task_id = 'free'"),
    ("task_forgotten", "blocked", "DELETE FROM task_dependencies"),
    ("task_forgotten", "off", "DELETE FROM queues"),
    ("task_forgotten", "off", "UPDATE tasks SET dispatch_mode = 'push' WHERE task_id = 'off'"),
    ("task_misplaced", "assigned", "UPDATE tasks SET dispatch_key = 'k' WHERE task_id = 'assigned'"),
    ("task_misplaced", "placed", "UPDATE tasks SET deleted_at = created_at WHERE task_id = 'placed'"),
    ("positions", "outbox", "UPDATE outbox SET position = 3 WHERE event_type = 'JobFailed'"),
    ("positions", "outbox", "UPDATE outbox SET position = 1 WHERE event_type = 'JobFailed'"),
    ("schema", "database", "UPDATE alembic_version SET version_num = 'old'"),
]


def _live_through(unit, task_id, story):
    event, *rest = story
    change = advance(NewAssignment(f"a-{task_id}", task_id, "ana", "x", "greedy", 3600, units=2), event, NOW)
    unit.assignments.record([change], "x")
    for event in rest:
        change = advance(change.assignment, event, LATER)
        unit.assignments.record([change], "ana")


def _work_live(unit):
    """Cy, with two units, was logged in and is again; one task waits, one for another, one in a queue that is off."""
    unit.employees.add([Employee(employee_id="cy", max_units=2)], NOW)
    unit.queues.put(Queue(name="off", mode="off"), NOW)
    waiting = [Task(task_id="placed"), Task(task_id="off", queue="off"), Task(task_id="blocked", dependencies=["free"])]
    unit.tasks.add([*waiting, Task(task_id="once"), Task(task_id="live")], NOW)
    for name, since in (("once", NOW), ("now", LATER)):
        session = unit.sessions.open("cy", since).session_id
        task_id = "once" if name == "once" else "live"
        new = NewAssignment(f"a-{task_id}", task_id, "cy", "engine", "live", 60, session_id=name)
        pushed = advance(new, Event.PUSH, since + timedelta(minutes=1))
        unit.connection.execute(update(sessions).where(sessions.c.session_id == session).values(session_id=name))
        unit.connection.execute(update(employees).where(employees.c.employee_id == "cy").values(session_id=name))
        unit.assignments.record([pushed], "engine")
        if name == "once":
            unit.assignments.record([advance(pushed.assignment, Event.COMPLETE, LATER)], "cy")
    stream = Stream("q:default:", Queue(name="default"), {})
    unit.waiting.place({task_id: Place(NOW) for task_id in ("off", "blocked")}, [])
    unit.waiting.place({"placed": Place(NOW, stream.dispatch_key)}, [stream])


@pytest.fixture(scope="module", params=KINDS)
def healthy(request, servers):
    """Assignments in every state, a permitted overload, finished work, a logged decision and somebody logged in."""

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
        _work_live(unit)

    with servers[request.param].migrated() as url, opened(url) as database:
        database.run(fill)
        yield database


def test_a_healthy_database_has_no_findings(healthy):
    with healthy.read() as unit:
        assert unit.doctor() == []


@pytest.mark.parametrize(("code", "subject", "damage"), DAMAGE)
def test_damage_is_found(healthy, code, subject, damage):
    """It is looked at where it was done, in a transaction that is rolled back."""
    with healthy.engine.connect() as connection:
        driver = connection.connection.cursor()
        driver.execute(WITHOUT_FOREIGN_KEYS[healthy.engine.dialect.name])
        assert connection.execute(text(damage)).rowcount > 0
        findings = UnitOfWork(connection).doctor()
        connection.rollback()
        connection.invalidate()
    assert (code, subject) in {(finding.code, finding.subject) for finding in findings}
    assert {finding.severity for finding in findings if finding.code == code} == {
        "warning" if code == "capacity_lowered" else "error"
    }


def test_no_damage_stays(healthy):
    """Each of the above looked at one damage alone."""
    with healthy.read() as unit:
        assert unit.doctor() == []

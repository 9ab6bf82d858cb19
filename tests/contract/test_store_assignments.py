"""What happens to assignments is written as a whole, and the database refuses what must not be."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select, text

from assignment_engine.domain.assignments import AssignmentStatus, Event, NewAssignment, advance
from assignment_engine.domain.errors import (
    CapacityExceededError,
    EngineError,
    NotFoundError,
    TaskTakenError,
    TransitionError,
)
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.types import TaskStatus, utc_text
from assignment_engine.store.tables import audit_log, outbox, task_assignments

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=90)
HOUR = 3600


@pytest.fixture
def stocked(database):
    """Two people with ten hours each, and four tasks."""
    people = [Employee(employee_id=i, max_workload=10.0, current_workload=1.0) for i in ("ana", "bo")]
    database.run(lambda unit: unit.employees.add(people, NOW))
    database.run(lambda unit: unit.tasks.add([Task(task_id=f"t{i}") for i in range(4)], NOW))
    return database


def _new(number, employee_id="ana", seconds=HOUR, **more):
    return NewAssignment(f"a-{number}", f"t{number}", employee_id, "planner", "greedy", seconds, **more)


def _record(database, advances, actor="planner"):
    database.run(lambda unit: unit.assignments.record(advances, actor))


def _state(database):
    """Everything that `record` may write."""
    names = ("employees", "tasks", "task_assignments", "audit_log", "outbox")
    with database.read() as unit:
        return {name: sorted(map(str, unit.connection.execute(text(f"SELECT * FROM {name}")))) for name in names}


def test_a_new_assignment_comes_back_as_made(stocked):
    born = advance(_new(0, score=0.75, confidence=0.6, scorer="weighted-fallback 1"), Event.ASSIGN, NOW)
    with_eta = born.assignment.model_copy(update={"eta_p50": LATER, "eta_p90": LATER + timedelta(microseconds=1)})
    _record(stocked, [advance(_new(1), Event.OFFER, NOW)])
    _record(stocked, [type(born)(born.event, None, with_eta, born.task_status, born.new)])
    with stocked.read() as unit:
        assert unit.assignments.get("a-0") == with_eta
        assert unit.assignments.get_many(["a-1", "a-0", "none"])[0] == with_eta
        assert [a.id for a in unit.assignments.active()] == ["a-0", "a-1"]
        assert [a.id for a in unit.assignments.active(["t1", "t3"])] == ["a-1"]
        assert unit.tasks.get("t0").assigned_to_id == "ana"
        assert unit.tasks.get("t0").status is TaskStatus.ASSIGNED
        assert unit.doctor() == []


ENDINGS = {
    Event.COMPLETE: TaskStatus.COMPLETED,
    Event.FAIL: TaskStatus.FAILED,
    Event.RELEASE: TaskStatus.PENDING,
    Event.CANCEL: TaskStatus.CANCELLED,
    Event.REJECT: TaskStatus.PENDING,
}


@pytest.mark.parametrize("event", ENDINGS)
def test_an_ending_gives_back_exactly_what_was_taken(stocked, event):
    born = advance(_new(0, seconds=4567, units=3), Event.ASSIGN, NOW)
    _record(stocked, [born])
    with stocked.read() as unit:
        assert unit.employees.get("ana").current_workload == (HOUR + 4567) / HOUR
        assert unit.employees.get("ana").history.active_tasks == 1
    # Neither a new estimate nor a new capacity changes what the assignment took.
    stocked.run(lambda unit: unit.tasks.change("t0", {"estimated_hours": 8.0, "units": 1}, NOW))
    ended = advance(born.assignment, event, LATER, reason="because")
    _record(stocked, [ended])
    with stocked.read() as unit:
        assert unit.employees.get("ana").current_workload == 1.0
        assert unit.employees.get("ana").history.active_tasks == 0
        assert unit.connection.execute(text("SELECT SUM(active_units) FROM employees")).scalar_one() == 0
        assert unit.assignments.get("a-0") == ended.assignment
        assert unit.assignments.active() == ()
        assert (unit.tasks.get("t0").status, unit.tasks.get("t0").assigned_to_id) == (ENDINGS[event], None)
        assert unit.doctor() == []


def test_each_change_is_audited_and_published(stocked):
    born = advance(_new(0), Event.ASSIGN, NOW)
    _record(stocked, [born])
    _record(stocked, [advance(born.assignment, Event.REJECT, LATER, reason="no time")], actor="ana")
    with stocked.read() as unit:
        audit = unit.connection.execute(select(audit_log).order_by(audit_log.c.audit_id)).all()
        events = unit.connection.execute(select(outbox).order_by(outbox.c.id)).all()
    assert [(r.at, r.actor, r.event, r.from_status, r.to_status, r.reason) for r in audit] == [
        (NOW, "planner", "assign", None, "assigned", None),
        (LATER, "ana", "reject", "assigned", "rejected", "no time"),
    ]
    assert {(r.assignment_id, r.task_id, r.employee_id) for r in audit} == {("a-0", "t0", "ana")}
    same = {"assignment_id": "a-0", "ticket_id": "t0", "technician_id": "ana"}
    assert [r.data for r in events] == [
        {"event_type": "JobAssigned", **same, "timestamp": utc_text(NOW)},
        {"event_type": "JobRejected", **same, "timestamp": utc_text(LATER), "reason": "no time"},
    ]
    assert len({r.event_id for r in events}) == 2
    assert [r.position for r in events] == [None, None]


def test_a_task_counts_its_version_with_each_change(stocked):
    born = advance(_new(0), Event.ASSIGN, NOW)
    _record(stocked, [born])
    _record(stocked, [advance(born.assignment, Event.ACCEPT, LATER)])
    with stocked.read() as unit:
        task = unit.tasks.get("t0")
    assert (task.version, task.updated_at, task.status) == (3, LATER, TaskStatus.IN_PROGRESS)


def test_a_second_active_assignment_is_refused_and_named(stocked):
    _record(stocked, [advance(_new(0), Event.ASSIGN, NOW)])
    before = _state(stocked)
    second = NewAssignment("other", "t0", "bo", "x", "manual", 60, allow_overload=True)
    with stocked.unit() as unit:
        with pytest.raises(TaskTakenError) as caught:
            unit.assignments.record([advance(_new(1), Event.ASSIGN, NOW), advance(second, Event.ASSIGN, NOW)], "x")
        assert caught.value.task_ids == ("t0",)
        assert str(caught.value) == "already assigned: t0 to ana"
        unit.commit()
    assert _state(stocked) == before


def test_the_same_task_twice_in_one_plan_is_refused(stocked):
    twice = [advance(_new(0), Event.ASSIGN, NOW), advance(NewAssignment("b", "t0", "bo", "x", "m", 1), Event.PUSH, NOW)]
    with stocked.unit() as unit, pytest.raises(TaskTakenError, match="t0"):
        unit.assignments.record(twice, "x")


def test_capacity_is_kept_to_the_second(stocked):
    free = 9 * HOUR
    before = _state(stocked)
    plan = [advance(_new(0, seconds=free), Event.ASSIGN, NOW), advance(_new(1, seconds=1), Event.ASSIGN, NOW)]
    with stocked.unit() as unit:
        with pytest.raises(CapacityExceededError) as caught:
            unit.assignments.record(plan, "x")
        assert caught.value.employee_ids == ("ana",)
        assert "ana has 9 h left and needs 9.00028 h" in str(caught.value)
        unit.commit()
    assert _state(stocked) == before
    _record(stocked, [advance(_new(0, seconds=free), Event.ASSIGN, NOW)])
    with stocked.read() as unit:
        assert unit.employees.get("ana").current_workload == 10.0


def test_an_overload_is_allowed_only_where_it_is_asked_for(stocked):
    overload = advance(_new(0, seconds=50 * HOUR, allow_overload=True), Event.ASSIGN, NOW)
    _record(stocked, [overload])
    with stocked.unit() as unit:
        with pytest.raises(CapacityExceededError, match="ana has 0 h left and needs 1 h"):
            unit.assignments.record([advance(_new(1, seconds=HOUR), Event.ASSIGN, NOW)], "x")
        assert unit.doctor() == []
        row = unit.connection.execute(select(task_assignments)).one()
    assert (row.load_seconds, row.capacity_seconds, row.allow_overload) == (51 * HOUR, 10 * HOUR, True)


def test_work_that_ends_makes_room_in_the_same_batch(stocked):
    born = advance(_new(0, seconds=9 * HOUR), Event.ASSIGN, NOW)
    _record(stocked, [born])
    again = NewAssignment("again", "t0", "bo", "x", "manual", HOUR)
    _record(
        stocked,
        [
            advance(born.assignment, Event.RELEASE, LATER),
            advance(again, Event.ASSIGN, LATER),
            advance(_new(1, seconds=9 * HOUR), Event.ASSIGN, LATER),
        ],
    )
    with stocked.read() as unit:
        assert [(a.task_id, a.employee_id) for a in unit.assignments.active()] == [("t0", "bo"), ("t1", "ana")]
        assert unit.doctor() == []


def test_an_event_that_comes_too_late_is_refused(stocked):
    born = advance(_new(0), Event.OFFER, NOW)
    _record(stocked, [born])
    _record(stocked, [advance(born.assignment, Event.EXPIRE, LATER)])
    before = _state(stocked)
    with stocked.unit() as unit:
        with pytest.raises(TransitionError) as caught:
            unit.assignments.record([advance(born.assignment, Event.ACCEPT, LATER)], "ana")
        assert caught.value.status == AssignmentStatus.EXPIRED
        unit.commit()
    assert _state(stocked) == before


def test_a_closed_task_is_not_assigned_again(stocked):
    born = advance(_new(0), Event.PUSH, NOW)
    _record(stocked, [born])
    _record(stocked, [advance(born.assignment, Event.COMPLETE, LATER)])
    again = NewAssignment("again", "t0", "bo", "x", "manual", 60)
    with stocked.unit() as unit, pytest.raises(TransitionError, match="completed"):
        unit.assignments.record([advance(again, Event.ASSIGN, LATER)], "x")


@pytest.mark.parametrize(("task_id", "employee_id", "kind"), [("no", "ana", "task"), ("t0", "no", "employee")])
def test_work_for_or_of_somebody_unknown_is_not_found(stocked, task_id, employee_id, kind):
    born = advance(NewAssignment("a", task_id, employee_id, "x", "manual", 60), Event.ASSIGN, NOW)
    with stocked.unit() as unit, pytest.raises(NotFoundError) as caught:
        unit.assignments.record([born], "x")
    assert caught.value.kind == kind


def test_rejections_are_remembered(stocked):
    for number, event in ((0, Event.REJECT), (1, Event.RELEASE)):
        born = advance(_new(number), Event.ASSIGN, NOW)
        _record(stocked, [born])
        _record(stocked, [advance(born.assignment, event, LATER)])
    with stocked.read() as unit:
        assert unit.assignments.rejections(["t0", "t1", "t2"]) == {("t0", "ana")}
        assert unit.assignments.rejections(["t1"]) == frozenset()


def _compete(database, plans):
    """Record each of `plans` in a thread of its own, all at once; the errors, None where it went well."""
    barrier = threading.Barrier(len(plans))
    outcomes: list[EngineError | None] = []

    def write(plan):
        barrier.wait(10)
        try:
            database.run(lambda unit: unit.assignments.record(plan, "x"))
            outcomes.append(None)
        except EngineError as exc:
            outcomes.append(exc)

    threads = [threading.Thread(target=write, args=(plan,)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


def test_of_many_who_take_one_task_at_once_one_wins(stocked):
    takers = [NewAssignment(f"a{i}", "t0", ("ana", "bo")[i % 2], "x", "manual", 60) for i in range(6)]
    outcomes = _compete(stocked, [[advance(taker, Event.PUSH, NOW)] for taker in takers])
    assert outcomes.count(None) == 1
    assert {type(outcome) for outcome in outcomes if outcome} == {TaskTakenError}
    with stocked.read() as unit:
        assert len(unit.assignments.active()) == 1
        assert unit.doctor() == []


def test_capacity_holds_when_many_take_it_at_once(stocked):
    plans = [[advance(_new(i, seconds=4 * HOUR), Event.ASSIGN, NOW)] for i in range(4)]
    outcomes = _compete(stocked, plans)
    assert outcomes.count(None) == 2
    assert {type(outcome) for outcome in outcomes if outcome} == {CapacityExceededError}
    with stocked.read() as unit:
        assert unit.employees.get("ana").current_workload == 9.0
        assert unit.doctor() == []


def test_ten_thousand_assignments_take_few_statements(sqlite_database):
    people = [Employee(employee_id=f"e{i}", max_workload=100.0) for i in range(100)]
    sqlite_database.run(lambda unit: unit.employees.add(people, NOW))
    sqlite_database.run(lambda unit: unit.tasks.add([Task(task_id=f"t{i}") for i in range(10_000)], NOW))
    plan = [
        advance(NewAssignment(f"a{i}", f"t{i}", f"e{i % 100}", "p", "greedy", HOUR), Event.ASSIGN, NOW)
        for i in range(10_000)
    ]
    statements: list[str] = []
    sqlalchemy_event.listen(sqlite_database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    _record(sqlite_database, plan)
    assert len(statements) - len(people) < 100
    with sqlite_database.read() as unit:
        assert len(unit.assignments.active()) == 10_000
        assert unit.doctor() == []

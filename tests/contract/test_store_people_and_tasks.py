"""People and tasks come back as they were given, and change only as asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from assignment_engine.domain.assignments import Event, NewAssignment, advance
from assignment_engine.domain.errors import (
    ActiveWorkError,
    AlreadyExistsError,
    InvalidInputError,
    NotFoundError,
    StaleVersionError,
)
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.types import ProcessingStatus, TaskStatus

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)

FULL_EMPLOYEE = Employee(
    employee_id="Zoë".replace("ë", "e") + ":1",
    name="Zoë Ünal 🛠",
    skills={"python": 0.8, "größe": 1.0},
    experience_years=2.25,
    current_workload=12.75,
    max_workload=37.5,
    availability_status="partial",
    performance_rating=4.3,
    department="R&D 'quoted' \\ %s",
    queues=("b", "a"),
    max_units=3,
    shift_end=datetime(2026, 3, 1, 18, 0, 0, 654321, tzinfo=UTC),
)
FULL_TASK = Task(
    task_id="t-1",
    title="Fix the “flux” 🧪",
    description="line 1\nline 2 " + "x" * 70_000,
    required_skills={"python": 0.5},
    minimum_levels={"python": 0.4},
    priority="critical",
    estimated_hours=0.1,
    deadline="2030-05-06",
    complexity_score=0.3,
    category="Repair",
    department="Ops",
    dependencies=("t-2", "t-0"),
    queue="night",
    units=2,
    ticket_number="TKT-1",
    scheduled_date=date(2026, 3, 2),
    preferred_employee="e1",
    context={"a": "ä", "b": ""},
    created_at=datetime(2025, 1, 1, 1, 2, 3, 4, tzinfo=UTC),
)


def _given(record, stored):
    """The fields of `stored` that the kind of `record` has."""
    return {name: getattr(stored, name) for name in type(record).model_fields if name != "history"}


@pytest.mark.parametrize("person", [FULL_EMPLOYEE, Employee(employee_id="e"), Employee(employee_id="e", skills=[])])
def test_a_person_comes_back_as_given(database, person):
    database.run(lambda unit: unit.employees.add([person], NOW))
    with database.read() as unit:
        stored = unit.employees.get(person.employee_id)
    assert _given(person, stored) == {name: getattr(person, name) for name in _given(person, stored)}
    assert (stored.created_at, stored.updated_at, stored.version) == (NOW, NOW, 1)
    assert stored.history.active_tasks == 0


@pytest.mark.parametrize("task", [FULL_TASK, Task(task_id="t"), Task(task_id="t", required_skills=[])])
def test_a_task_comes_back_as_given(database, task):
    database.run(lambda unit: unit.tasks.add([task], NOW))
    with database.read() as unit:
        stored = unit.tasks.get(task.task_id)
    expected = {name: getattr(task, name) for name in type(task).model_fields}
    assert _given(task, stored) == {**expected, "created_at": task.created_at or NOW}
    assert (stored.updated_at, stored.version, stored.assigned_to_id) == (NOW, 1, None)
    assert stored.processing_status is ProcessingStatus.PENDING


def test_ids_differ_by_case_and_are_ordered_as_python_orders_them(database):
    ids = ["abc", "ABC", "aBc", "b", "Z", "a.1", "a-1", "a_1", "10", "9"]
    database.run(lambda unit: unit.employees.add([Employee(employee_id=i) for i in ids], NOW))
    with database.read() as unit:
        assert [e.employee_id for e in unit.employees.get_many()] == sorted(ids)
        assert [e.employee_id for e in unit.employees.get_many(["abc", "Z", "none"])] == ["Z", "abc"]
        assert unit.employees.existing(["ABC", "abC"]) == {"ABC"}


def test_the_workload_columns_show_hours(database):
    database.run(lambda unit: unit.employees.add([FULL_EMPLOYEE], NOW))
    database.run(lambda unit: unit.tasks.add([FULL_TASK], NOW))
    with database.read() as unit:
        row = unit.connection.execute(text("SELECT current_workload, max_workload FROM employees")).one()
        assert tuple(row) == (12.75, 37.5)
        assert unit.connection.execute(text("SELECT estimated_hours FROM tasks")).scalar_one() == pytest.approx(0.1)


@pytest.mark.parametrize(("hours", "stored"), [(0.0001, 1 / 3600), (1.00015, 3601 / 3600), (1.0001, 1.0)])
def test_hours_become_whole_seconds_and_an_estimate_is_never_nothing(database, hours, stored):
    database.run(lambda unit: unit.tasks.add([Task(task_id="t", estimated_hours=hours)], NOW))
    with database.read() as unit:
        assert unit.tasks.get("t").estimated_hours == stored


def test_hours_beyond_any_work_are_refused(database):
    with pytest.raises(InvalidInputError, match="/max_workload"), database.unit() as unit:
        unit.employees.add([Employee(employee_id="e", max_workload=1e300)], NOW)


def test_adding_somebody_again_names_the_first(database):
    people = [Employee(employee_id=i) for i in ("a", "b", "c")]
    database.run(lambda unit: unit.employees.add(people[1:], NOW))
    with database.unit() as unit:
        with pytest.raises(AlreadyExistsError) as caught:
            unit.employees.add(people, NOW)
        assert caught.value.record_id == "b"
        assert unit.employees.existing(["a", "b", "c"]) == {"b", "c"}
        with pytest.raises(AlreadyExistsError):
            unit.tasks.add([Task(task_id="t"), Task(task_id="t")], NOW)


def test_an_import_adds_the_new_and_changes_only_given_fields(database):
    database.run(lambda unit: unit.employees.add([FULL_EMPLOYEE], NOW))
    given = [Employee(employee_id=FULL_EMPLOYEE.employee_id, department="HR"), Employee(employee_id="new")]
    assert database.run(lambda unit: unit.employees.put(given, LATER)) == (1, 1)
    with database.read() as unit:
        stored = unit.employees.get(FULL_EMPLOYEE.employee_id)
    expected = {name: getattr(FULL_EMPLOYEE, name) for name in Employee.model_fields if name != "history"}
    assert _given(FULL_EMPLOYEE, stored) == {**expected, "department": "HR"}
    assert (stored.created_at, stored.updated_at, stored.version) == (NOW, LATER, 2)


def test_an_import_never_changes_the_status_of_a_known_task(database):
    database.run(lambda unit: unit.tasks.add([FULL_TASK], NOW))
    given = [Task(task_id="t-1", status="completed", priority="low"), Task(task_id="t-9", status="completed")]
    assert database.run(lambda unit: unit.tasks.put(given, LATER)) == (1, 1)
    with database.read() as unit:
        known, new = unit.tasks.get_many(["t-1", "t-9"])
        assert (known.status, known.priority, known.category) == (TaskStatus.PENDING, "low", "Repair")
        assert [task.task_id for task in unit.tasks.pending()] == ["t-1"]
        assert unit.tasks.completed(["t-1", "t-9", "t-0"]) == {"t-9"}
    assert new.status is TaskStatus.COMPLETED


def test_a_new_task_cannot_claim_to_be_assigned(database):
    with pytest.raises(InvalidInputError, match="/tasks/1/status"), database.unit() as unit:
        unit.tasks.add([Task(task_id="t"), Task(task_id="u", status="in_progress")], NOW)


def test_a_change_counts_the_version_and_a_stale_one_is_refused(database):
    database.run(lambda unit: unit.employees.add([FULL_EMPLOYEE], NOW))
    database.run(lambda unit: unit.tasks.add([FULL_TASK], NOW))
    with database.unit() as unit:
        person = unit.employees.change(FULL_EMPLOYEE.employee_id, {"name": None, "skills": ["sql"]}, LATER, 1)
        assert (person.name, person.skills, person.version, person.updated_at) == (None, {"sql": 1.0}, 2, LATER)
        assert person.queues == FULL_EMPLOYEE.queues
        task = unit.tasks.change("t-1", {"estimated_hours": 2, "processing_status": "processing"}, LATER, 1)
        assert (task.estimated_hours, task.processing_status, task.version) == (2.0, "processing", 2)
        with pytest.raises(StaleVersionError):
            unit.employees.change(FULL_EMPLOYEE.employee_id, {"name": "x"}, LATER, 1)
        with pytest.raises(StaleVersionError):
            unit.tasks.change("t-1", {"title": "x"}, LATER, 1)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"max_workload": -1.0}, "/max_workload"),
        ({"version": 7}, "/version"),
        ({"nonsense": 1}, "/nonsense"),
        ({"employee_id": "x"}, "/employee_id"),
    ],
)
def test_a_bad_change_names_its_field(database, changes, pointer):
    database.run(lambda unit: unit.employees.add([Employee(employee_id="e")], NOW))
    with database.unit() as unit, pytest.raises(InvalidInputError) as caught:
        unit.employees.change("e", changes, LATER)
    assert [error.pointer for error in caught.value.errors] == [pointer]


def test_what_is_not_there_is_not_found(database):
    with database.unit() as unit:
        for attempt in (
            lambda: unit.employees.get("x"),
            lambda: unit.employees.change("x", {"name": "y"}, NOW),
            lambda: unit.employees.remove("x"),
            lambda: unit.tasks.get("x"),
            lambda: unit.tasks.change("x", {"title": "y"}, NOW),
            lambda: unit.tasks.remove("x"),
            lambda: unit.assignments.get("x"),
            lambda: unit.previews.get("x"),
        ):
            with pytest.raises(NotFoundError, match="'x'"):
                attempt()


def test_a_deleted_id_is_gone_and_may_be_used_again(database):
    database.run(lambda unit: unit.employees.add([FULL_EMPLOYEE], NOW))
    database.run(lambda unit: unit.tasks.add([FULL_TASK], NOW))
    person_id = FULL_EMPLOYEE.employee_id
    with database.unit() as unit:
        unit.employees.remove(person_id)
        unit.tasks.remove("t-1")
        assert unit.employees.get_many() == ()
        assert unit.tasks.pending() == ()
        assert unit.tasks.lock(["t-1"]) == set()
        assert unit.employees.list().total == unit.tasks.list().total == 0
        unit.employees.add([Employee(employee_id=person_id)], LATER)
        assert unit.tasks.put([Task(task_id="t-1")], LATER) == (1, 0)
        person, task = unit.employees.get(person_id), unit.tasks.get("t-1")
    assert (person.name, person.skills, person.current_workload, person.created_at) == (None, None, 0.0, LATER)
    assert (task.title, task.dependencies, task.created_at) == (None, (), LATER)
    assert person.version > 1 < task.version


def test_whoever_has_work_cannot_be_deleted_and_the_task_neither(database):
    database.run(lambda unit: unit.employees.add([Employee(employee_id="e")], NOW))
    database.run(lambda unit: unit.tasks.add([Task(task_id="t")], NOW))
    born = advance(NewAssignment("a", "t", "e", "me", "manual", 60), Event.ASSIGN, NOW)
    database.run(lambda unit: unit.assignments.record([born], "me"))
    with database.unit() as unit:
        with pytest.raises(ActiveWorkError):
            unit.employees.remove("e")
        with pytest.raises(ActiveWorkError):
            unit.tasks.remove("t")
        with pytest.raises(ActiveWorkError):
            unit.tasks.change("t", {"status": "pending"}, NOW)


def test_writing_the_workload_leaves_our_own_assignments_in_it(database):
    database.run(lambda unit: unit.employees.add([Employee(employee_id="e", current_workload=1.0)], NOW))
    database.run(lambda unit: unit.tasks.add([Task(task_id="t")], NOW))
    born = advance(NewAssignment("a", "t", "e", "me", "manual", 2 * 3600), Event.ASSIGN, NOW)
    with database.unit() as unit:
        unit.assignments.record([born], "me")
        assert unit.employees.get("e").current_workload == 3.0
        assert unit.employees.change("e", {"current_workload": 5.0}, NOW).current_workload == 5.0
        assert unit.employees.change("e", {"current_workload": 1.0}, NOW).current_workload == 2.0
        unit.employees.put([Employee(employee_id="e", current_workload=2.5)], NOW)
        unit.assignments.record([advance(born.assignment, Event.COMPLETE, LATER)], "me")
        assert unit.employees.get("e").current_workload == 0.5


def test_pending_tasks_come_by_priority_deadline_and_age(database):
    given = [
        Task(task_id="low", priority="low", deadline="2026-03-02"),
        Task(task_id="old", created_at=NOW - timedelta(days=1)),
        Task(task_id="due", deadline="2030-01-01"),
        Task(task_id="soon", deadline="2029-01-01"),
        Task(task_id="b"),
        Task(task_id="a"),
        Task(task_id="done", status="completed"),
        Task(task_id="top", priority="critical"),
    ]
    database.run(lambda unit: unit.tasks.add(given, NOW))
    with database.read() as unit:
        assert [t.task_id for t in unit.tasks.pending()] == ["top", "soon", "due", "old", "a", "b", "low"]
        assert [t.task_id for t in unit.tasks.pending(limit=2)] == ["top", "soon"]


def test_tasks_that_would_wait_for_each_other_are_refused(database):
    """Whether they come one after the other, at once, by a change or by an import; what was there stays as it was."""
    chain = [Task(task_id=f"t{n}", title="x", dependencies=[f"t{n + 1}"]) for n in range(30)]
    database.run(lambda unit: unit.tasks.add(chain, NOW))
    database.run(lambda unit: unit.tasks.add([Task(task_id="t30", title="x", dependencies=["unknown"])], NOW))
    closing = Task(task_id="t30", title="x", dependencies=["t29", "t5"])
    attempts = (
        lambda unit: unit.tasks.change("t30", {"dependencies": ("t7",)}, NOW),
        lambda unit: unit.tasks.put([closing], NOW),
        lambda unit: unit.tasks.change("t3", {"dependencies": ("t3",)}, NOW),
        lambda unit: unit.tasks.add([Task(task_id="unknown", title="x", dependencies=["t0"])], NOW),
        lambda unit: unit.tasks.add([Task(task_id=a, title="x", dependencies=[b]) for a, b in ("ab", "ba")], NOW),
    )
    for attempt in attempts:
        with pytest.raises(InvalidInputError, match="these tasks wait for each other: ") as error:
            database.run(attempt)
        assert [found.pointer for found in error.value.errors] == ["/dependencies"]
    with database.read() as unit:
        assert unit.tasks.get("t30").dependencies == ("unknown",)
        assert unit.tasks.get("t3").dependencies == ("t4",)


def test_what_was_refused_may_be_given_the_other_way_round(database):
    database.run(lambda unit: unit.tasks.add([Task(task_id="a", title="x", dependencies=["b", "c"])], NOW))
    database.run(lambda unit: unit.tasks.change("a", {"dependencies": ("c",)}, NOW))
    database.run(lambda unit: unit.tasks.add([Task(task_id="b", title="x", dependencies=["a"])], NOW))
    with database.read() as unit:
        assert unit.tasks.get("b").dependencies == ("a",)

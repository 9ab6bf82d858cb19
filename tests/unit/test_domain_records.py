"""People and tasks: ids, defaults, skills, times, limits."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest

from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.records import EmployeeHistory, StoredEmployee, StoredTask, Tally
from assignment_engine.domain.types import Availability, Priority, new_id, utc_text
from tests.builders import employee, task


def refused(make, **fields) -> list[str]:
    """The pointers of the errors."""
    with pytest.raises(InvalidInputError) as error:
        make(**fields)
    return [e.pointer for e in error.value.errors]


@pytest.mark.parametrize("given", ["a", "T-1", "0", "x" * 64, "a.b_c:d@e-f", "01a20112-81de-726c-b281-2ed797546665"])
def test_ids_that_are_taken(given):
    assert employee(given).employee_id == given


@pytest.mark.parametrize(
    "given", ["", " ", "-a", ".a", "_a", "a b", "a/b", "ä", "a\n", "x" * 65, "a#", 5.0, True, -5, ["a"]]
)
def test_ids_that_are_refused(given):
    assert refused(employee, employee_id=given) == ["/employee_id"]


@pytest.mark.parametrize("given", [5, np.int64(5)])
def test_integer_ids_become_strings(given):
    assert task(given).task_id == "5"
    assert task(dependencies=[given], preferred_employee=given).dependencies == ("5",)


@pytest.mark.parametrize(
    "word", ["queue", "status", "login", "me", "stream", "preview", "finalize", "import", "candidates"]
)
def test_words_of_paths_are_reserved(word):
    assert refused(employee, employee_id=word) == ["/employee_id"]
    assert refused(task, task_id=word) == ["/task_id"]


def test_new_ids_are_ordered_in_time():
    ids = [new_id() for _ in range(50)]
    assert ids == sorted(set(ids))


def test_what_is_not_given():
    person, work = employee(), task()
    assert (person.availability_status, person.max_workload, person.current_workload) == ("available", 40.0, 0.0)
    assert (work.priority, work.status, work.queue, work.units, person.max_units) == (
        "medium",
        "pending",
        "default",
        1,
        1,
    )
    assert person.skills is None
    assert work.required_skills is None
    assert (person.experience_years, work.estimated_hours, work.complexity_score, person.history) == (None,) * 4


@pytest.mark.parametrize("missing", [None, float("nan"), "", "  ", np.nan])
def test_a_missing_value_is_as_if_not_given(missing):
    """Never a number made up, also where the field has a default."""
    fields = dict.fromkeys(["skills", "experience_years", "max_workload", "availability_status", "department"], missing)
    assert employee(**fields) == employee()
    fields = dict.fromkeys(["required_skills", "priority", "estimated_hours", "deadline", "dependencies"], missing)
    assert task(**fields) == task()


@pytest.mark.parametrize(
    ("make", "field", "value"),
    [
        (employee, "performance_rating", 5.01),
        (employee, "performance_rating", -0.1),
        (employee, "experience_years", -1),
        (employee, "max_workload", -1),
        (employee, "max_workload", float("inf")),
        (employee, "max_workload", 1e300),
        (employee, "max_workload", 10**400),
        (employee, "current_workload", "5"),
        (employee, "current_workload", True),
        (employee, "availability_status", "sleeping"),
        (employee, "max_units", 0),
        (employee, "max_units", 1.5),
        (employee, "max_units", 10**400),
        (employee, "name", "x" * 256),
        (employee, "name", "a\0b"),
        (employee, "name", "a\ud800b"),
        (employee, "colour", "red"),
        (employee, "colour", None),
        (task, "complexity_score", 1.01),
        (task, "complexity_score", -0.01),
        (task, "estimated_hours", 0),
        (task, "estimated_hours", -1),
        (task, "priority", "urgent"),
        (task, "priority", 4),
        (task, "status", "done"),
        (task, "deadline", "tomorrow"),
        (task, "deadline", 1700000000),
        (task, "deadline", "9999-12-31T23:59:59-05:00"),
        (task, "deadline", "0001-01-01T00:00:00+05:00"),
        (task, "dependencies", ["a b"]),
        (task, "category", "a\0b"),
        (task, "minimum_levels", {"python": 1.2}),
    ],
)
def test_a_bad_value_names_its_field(make, field, value):
    (pointer,) = refused(make, **{field: value})
    assert pointer.split("/")[1] == field


def test_all_bad_fields_are_named_at_once():
    assert set(refused(employee, performance_rating=6, max_workload=-1)) == {"/performance_rating", "/max_workload"}


@pytest.mark.parametrize(
    ("given", "levels"),
    [
        (["Python", "sql"], {"python": 1.0, "sql": 1.0}),
        ({"python": 0.8, "SQL": 1}, {"python": 0.8, "sql": 1.0}),
        ("python:0.8;sql", {"python": 0.8, "sql": 1.0}),
        (" Data   Analysis : 0.5 ; ; sql ", {"data analysis": 0.5, "sql": 1.0}),
        (np.array(["python"], dtype=object), {"python": 1.0}),
        ({"python": np.float32(0.5)}, {"python": 0.5}),
        ({"Python": 0.9, "python": 0.5}, {"python": 0.9}),
        ("Python:0.9;python:0.5;Python:0.1", {"python": 0.9}),
        ([], {}),
        ({}, {}),
        (None, None),
        ("", None),
        ("   ", None),
    ],
)
def test_forms_of_skills(given, levels):
    """A list means level 1; an empty cell is *not known*, an empty list is *none*."""
    assert employee(skills=given).skills == levels
    assert task(required_skills=given).required_skills == levels


@pytest.mark.parametrize(
    "given",
    [
        *("python:high", "python:0", "python:1.1", "python:-1", "python:nan", "python:", ":0.5"),
        *({"python": 0}, {"python": 1.5}, {"python": "0.5"}, {"python": None}, {"": 1}, {5: 1}),
        *([5], [["python"]], ["a\0"], 5, True),
    ],
)
def test_skills_that_are_refused(given):
    (pointer,) = refused(employee, skills=given)
    assert pointer.split("/")[1] == "skills"


def test_a_task_with_a_description_has_a_title():
    """The first 80 characters, unless a title is given."""
    long = "Replace the pump " * 20
    assert task(description=long).title == long.strip()[:80]
    assert task(description=long, title="Pump").title == "Pump"


@pytest.mark.parametrize("given", ["2026-03-05", "20260305", "2026-W10-4", date(2026, 3, 5)])
def test_a_date_alone_is_the_end_of_that_day(given):
    last = datetime(2026, 3, 5, 23, 59, 59, 999999, tzinfo=UTC)
    assert task(deadline=given).deadline == last
    assert task(created_at=given).created_at == datetime(2026, 3, 5, tzinfo=UTC)


@pytest.mark.parametrize("given", ["2026-03-05T12:00:00Z", "2026-03-05T14:00+02:00", "20260305T120000Z"])
def test_times_are_utc(given):
    moment = task(deadline=given).deadline
    assert moment == datetime(2026, 3, 5, 12, tzinfo=UTC)
    assert moment.utcoffset() == timedelta(0)
    assert utc_text(moment) == "2026-03-05T12:00:00Z"


def test_datetimes_of_other_zones_become_utc():
    east = datetime(2026, 3, 5, 14, tzinfo=timezone(timedelta(hours=2)))
    assert task(deadline=east).deadline.isoformat() == "2026-03-05T12:00:00+00:00"


def test_records_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        employee().name = "Bo"


_STAMPS = {"created_at": datetime(2026, 3, 2, tzinfo=UTC), "updated_at": datetime(2026, 3, 3, tzinfo=UTC)}


@pytest.mark.parametrize(
    "record",
    [
        StoredTask(task_id="t1", **_STAMPS),
        StoredTask(task_id="t1", required_skills=["sql"], priority="high", estimated_hours=2, version=3, **_STAMPS),
        StoredEmployee(employee_id="ana", **_STAMPS),
        StoredEmployee(employee_id="ana", skills={"sql": 0.5}, history={"by_category": {"a": {"total": 1}}}, **_STAMPS),
    ],
)
def test_an_unchecked_record_is_like_the_checked_one(record):
    made = type(record).unchecked(**{name: getattr(record, name) for name in record.model_fields_set})
    assert made == record
    assert made.model_fields_set == record.model_fields_set
    assert made.model_dump_json() == record.model_dump_json()
    assert pickle.loads(pickle.dumps(made)) == record.model_copy(deep=True)


def test_an_unchecked_record_shares_nothing_and_lacks_nothing():
    one, other = (StoredTask.unchecked(task_id=task_id, **_STAMPS) for task_id in ("t1", "t2"))
    assert one.context == {}
    assert one.context is not other.context
    with pytest.raises(TypeError, match=r"StoredTask lacks \['created_at', 'updated_at'\]"):
        StoredTask.unchecked(task_id="t1")


def test_priorities_have_levels_and_weights():
    assert [(p.level, p.weight) for p in map(Priority, ("critical", "high", "medium", "low"))] == [
        (4, 8),
        (3, 4),
        (2, 2),
        (1, 1),
    ]


def test_good_outcomes_are_part_of_all():
    assert refused(Tally, good=3, total=2) == ["/good"]


def test_a_history_is_checked_inside_a_person():
    assert refused(employee, history={"active_tasks": -1}) == ["/history/active_tasks"]
    assert employee(history={"active_tasks": 2}).history == EmployeeHistory(active_tasks=2)


@pytest.mark.parametrize(
    ("given", "detail"),
    [
        ({"name": ["ana"]}, "Input should be a valid string (got a list)"),
        ({"name": {"first": "ana"}}, "Input should be a valid string (got an object)"),
        ({"skills": {" ": 1}}, "expected skill names that are not empty"),
        ({"history": {"outcomes": {"good": 3, "total": 2}}}, "expected good ≤ total"),
        ({"performance_rating": Availability.BUSY}, "Input should be a valid number (got 'busy')"),
    ],
)
def test_an_error_quotes_single_values_only(given, detail):
    with pytest.raises(InvalidInputError) as caught:
        employee(**given)
    assert [error.detail for error in caught.value.errors] == [detail]


def test_a_pair_cannot_be_required_and_forbidden():
    with pytest.raises(InvalidInputError, match="'t1' and employee 'ana' are both required and forbidden"):
        Constraints(required=[["t1", "ana"]], forbidden=[["t1", "ana"], ["t1", "bo"]])


def test_a_task_can_be_required_from_one_person_only():
    with pytest.raises(InvalidInputError, match="'t1' is required from more than one"):
        Constraints(required=[["t1", "ana"], ["t1", "bo"]])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_assignments", -1),
        ("max_assignments", 1.5),
        ("minimum_levels", {"python": 2}),
        ("ready_only", "yes"),
        ("require_department", 1),
        ("forbidden", [["t1"]]),
        ("speed", 1),
    ],
)
def test_bad_constraints_name_their_field(field, value):
    assert refused(Constraints, **{field: value})[0].split("/")[1] == field

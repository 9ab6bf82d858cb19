"""Records, dicts and frames at the door."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.intake import read_employees, read_tasks
from assignment_engine.domain.types import InputNotes
from tests.builders import employee, task


def errors_of(read, source) -> dict[str, str]:
    """Details by pointer."""
    with pytest.raises(InvalidInputError) as error:
        read(source)
    return {e.pointer: e.detail for e in error.value.errors}


def test_records_dicts_and_frames_give_the_same():
    rows = [{"employee_id": "ana", "skills": "python:0.8;sql", "max_workload": 20.0}]
    expected = (employee("ana", skills={"python": 0.8, "sql": 1.0}, max_workload=20),)
    assert read_employees(rows) == read_employees(iter(rows)) == read_employees(pd.DataFrame(rows)) == expected
    assert read_employees(expected) == expected


@pytest.mark.parametrize("nothing", [[], (), pd.DataFrame({"employee_id": []})])
def test_nobody_is_fine(nothing):
    assert read_employees(nothing) == ()


@pytest.mark.parametrize("source", ["ana", b"ana", {"employee_id": "ana"}, 5, None])
def test_what_is_no_list_is_refused(source):
    assert list(errors_of(read_employees, source)) == ["/employees"]


def test_every_bad_field_of_every_row_is_named():
    rows = [{"employee_id": "a"}, {"employee_id": "b", "performance_rating": 6, "max_workload": -1}, {"name": "x"}, 5]
    assert set(errors_of(read_employees, rows)) == {
        "/employees/1/performance_rating",
        "/employees/1/max_workload",
        "/employees/2/employee_id",
        "/employees/3",
    }


def test_a_duplicate_id_is_refused_where_it_comes_again():
    rows = [{"task_id": "t1"}, {"task_id": "t2"}, {"task_id": "t1"}]
    assert "more than once" in errors_of(read_tasks, rows)["/tasks/2/task_id"]
    assert list(errors_of(read_tasks, [{"task_id": 1}, {"task_id": "1"}])) == ["/tasks/1/task_id"]


@pytest.mark.parametrize("value", [1, None])
def test_an_unknown_key_of_a_dict_is_an_error(value):
    assert errors_of(read_tasks, [{"task_id": "t1", "prio/rity": value}]) == {"/tasks/0/prio~1rity": "unknown field"}


def test_an_extra_column_of_a_frame_is_a_warning():
    notes = InputNotes()
    assert read_tasks(pd.DataFrame({"task_id": ["t1"], "colour": ["red"]}), notes) == (task("t1"),)
    assert any("colour" in warning for warning in notes.warnings)


def test_a_frame_needs_its_id_column():
    assert "required" in errors_of(read_employees, pd.DataFrame({"name": ["Ana"]}))["/employees/employee_id"]


def test_a_doubled_column_is_refused():
    frame = pd.DataFrame([["a", "b"]], columns=["employee_id", "Employee ID"])
    assert list(errors_of(read_employees, frame)) == ["/employees/employee_id"]


def test_defaults_are_counted():
    notes = InputNotes()
    read_employees([{"employee_id": "a"}, {"employee_id": "b", "max_workload": 20}, {"employee_id": "c"}], notes)
    read_tasks([{"task_id": "t1"}, {"task_id": "t2", "priority": "low"}], notes)
    assert set(notes.warnings) == {
        "availability_status not given, taken as available: 3",
        "max_workload not given, taken as 40.0: 2",
        "current_workload not given, taken as 0.0: 3",
        "priority not given, taken as medium: 1",
    }


def test_naive_times_take_the_stated_zone_with_a_warning():
    notes = InputNotes("Europe/Berlin")
    (work,) = read_tasks([{"task_id": "t1", "deadline": "2026-07-01T10:00", "priority": "low"}], notes)
    assert work.deadline == datetime(2026, 7, 1, 8, tzinfo=UTC)
    assert notes.warnings == ("deadline without a time zone, read as Europe/Berlin: 1",)


def test_without_a_stated_zone_naive_times_are_utc():
    notes = InputNotes()
    (work,) = read_tasks([{"task_id": "t1", "created_at": datetime(2026, 7, 1, 10), "priority": "low"}], notes)  # noqa: DTZ001
    assert work.created_at == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert notes.warnings == ("created_at without a time zone, read as UTC: 1",)


def test_times_with_a_zone_are_no_warning():
    notes = InputNotes("Europe/Berlin")
    read_tasks([{"task_id": "t1", "deadline": "2026-07-01T10:00Z", "priority": "low"}], notes)
    assert notes.warnings == ()


def test_a_date_alone_is_the_end_of_the_day_in_the_stated_zone():
    (work,) = read_tasks([{"task_id": "t1", "deadline": "2026-07-01"}], InputNotes("Europe/Berlin"))
    assert work.deadline == datetime(2026, 7, 1, 21, 59, 59, 999999, tzinfo=UTC)


def test_a_frame_of_nothing_but_gaps_is_a_person_of_whom_nothing_is_known():
    columns = [name for name in type(employee()).model_fields if name not in ("employee_id", "history")]
    frame = pd.DataFrame([{"employee_id": "ana", **dict.fromkeys(columns, np.nan)}])
    assert read_employees(frame) == (employee("ana"),)


@pytest.mark.parametrize("gap", [None, np.nan, pd.NaT, pd.NA])
def test_every_kind_of_gap_is_a_missing_value(gap):
    frame = pd.DataFrame(
        {"task_id": ["t1"], "deadline": [gap], "estimated_hours": [gap], "required_skills": [gap]}, dtype=object
    )
    assert read_tasks(frame) == (task("t1"),)


def test_frames_of_pandas_types():
    """Integers with gaps, floats of 32 bits, categories, timestamps and pandas' own strings."""
    frame = pd.DataFrame(
        {
            "task_id": [1, 2],
            "units": [2.0, np.nan],
            "estimated_hours": pd.array([3, None], dtype="Int64"),
            "complexity_score": np.array([0.5, np.nan], dtype=np.float32),
            "priority": pd.Categorical(["high", None]),
            "deadline": [pd.Timestamp("2026-03-05 10:00", tz="Europe/Berlin"), pd.NaT],
            "created_at": pd.to_datetime(["2026-03-01 10:00", None], utc=True),
            "title": pd.array(["Pump", None], dtype="string"),
            "preferred_employee": [7, np.nan],
            "dependencies": [np.nan, 1.0],
            "scheduled_date": pd.to_datetime(["2026-03-04", None]),
        }
    )
    first, second = read_tasks(frame)
    assert first == task(
        1,
        units=2,
        estimated_hours=3.0,
        complexity_score=0.5,
        priority="high",
        deadline="2026-03-05T09:00Z",
        created_at="2026-03-01T10:00Z",
        title="Pump",
        preferred_employee="7",
        scheduled_date="2026-03-04",
    )
    assert second == task(2, dependencies=["1"])


def test_lists_and_arrays_in_the_cells_of_a_frame():
    """As they come from Parquet."""
    cells = [np.array(["python", "sql"], dtype=object), ["python"]]
    first, second = read_employees(pd.DataFrame({"employee_id": ["a", "b"], "skills": cells, "queues": cells}))
    assert first == employee("a", skills=["python", "sql"], queues=("python", "sql"))
    assert second == employee("b", skills=["python"], queues=("python",))
    (work,) = read_tasks(pd.DataFrame({"task_id": ["t"], "dependencies": [np.array(["x", "y"], dtype=object)]}))
    assert work.dependencies == ("x", "y")


def test_a_boolean_is_not_a_number():
    frame = pd.DataFrame({"employee_id": ["a", "b"], "experience_years": [True, False]})
    assert set(errors_of(read_employees, frame)) == {"/employees/0/experience_years", "/employees/1/experience_years"}


def test_a_fraction_is_not_a_count():
    assert list(errors_of(read_employees, pd.DataFrame({"employee_id": ["a"], "max_units": [1.5]}))) == [
        "/employees/0/max_units"
    ]


def test_column_names_may_be_written_as_words():
    frame = pd.DataFrame({" Employee ID": ["a"], "Max Workload": [20]})
    assert read_employees(frame) == (employee("a", max_workload=20),)


def test_numbers_in_text_columns_of_a_frame_are_text():
    frame = pd.DataFrame({"task_id": [1, 2], "ticket_number": [4711, None], "department": [7, 8]})
    first, second = read_tasks(frame)
    assert (first.ticket_number, first.department) == ("4711", "7")
    assert (second.ticket_number, second.department) == (None, "8")


def test_a_zone_that_does_not_exist_is_named():
    with pytest.raises(InvalidInputError, match="there is no time zone 'Atlantis/Center'"):
        InputNotes("Atlantis/Center")

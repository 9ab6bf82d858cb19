"""CSV files as people really write them."""

from __future__ import annotations

from io import StringIO

import pytest

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.intake import RejectedRow, read_csv
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.types import InputNotes
from tests.builders import employee, task


def people(text: str, notes: InputNotes | None = None):
    return read_csv(Employee, StringIO(text, newline=""), notes)


def tasks(text: str):
    return read_csv(Task, StringIO(text, newline=""))


def rejected(text: str) -> RejectedRow:
    (row,) = people(text).rejected
    return row


ANA = employee("ana", name="Ana", experience_years=3.0, skills={"python": 0.8, "sql": 1.0})


@pytest.mark.parametrize(
    "text",
    [
        "employee_id,name,experience_years,skills\nana,Ana,3,python:0.8;sql\n",
        "skills,experience_years,name,employee_id\npython:0.8;sql,3,Ana,ana\n",
        "employee_id,name,experience_years,skills\r\nana,Ana,3,python:0.8;sql",
        'employee_id;name;experience_years;skills\nana;Ana;3;"python:0.8;sql"\n',
        "employee_id\tname\texperience_years\tskills\nana\tAna\t3\tpython:0.8;sql\n",
        "\ufeffemployee_id,name,experience_years,skills\nana,Ana,3,python:0.8;sql\n",
        '\ufeff"employee_id","name","experience_years","skills"\n"ana","Ana","3","python:0.8;sql"\n',
        "Employee ID, Name ,Experience Years,SKILLS\n ana , Ana , 3 , python:0.8; sql \n",
        "employee_id,name,experience_years,skills\n\nana,Ana,3,python:0.8;sql\n\n",
    ],
)
def test_column_order_delimiter_line_ends_and_marks_do_not_matter(text):
    content = people(text)
    assert content.rejected == ()
    assert content.records == (ANA,)


def test_empty_cells_and_missing_optional_columns_are_not_known():
    (person,) = people("employee_id,skills,max_workload,performance_rating\nana,,,\n").records
    assert person == employee("ana")


def test_extra_columns_are_ignored_with_a_warning():
    notes = InputNotes()
    assert people("employee_id,colour,history\nana,red,x\n", notes).records == (employee("ana"),)
    assert any("colour, history" in warning for warning in notes.warnings)


def test_defaults_used_are_counted():
    notes = InputNotes()
    people("employee_id,max_workload\nana,\nbo,20\n", notes)
    assert "max_workload not given, taken as 40.0: 1" in notes.warnings


def test_quotes_newlines_and_delimiters_in_cells():
    text = 'task_id,description,priority\nt1,"He said ""now"",\nthen left",low\nt2,plain,high\n'
    content = tasks(text)
    assert content.records[0].description == 'He said "now",\nthen left'
    assert content.records[1] == task("t2", description="plain", priority="high")
    assert content.lines == (2, 4)


def test_a_task_with_everything():
    text = (
        "task_id,dependencies,units,deadline,minimum_levels,context,scheduled_date,queue\n"
        't1,a;b,2,2026-03-05,python:0.6,"{""site"": ""north""}",2026-03-04,phone\n'
    )
    assert tasks(text).records == (
        task(
            "t1",
            dependencies=["a", "b"],
            units=2,
            deadline="2026-03-05",
            minimum_levels={"python": 0.6},
            context={"site": "north"},
            scheduled_date="2026-03-04",
            queue="phone",
        ),
    )


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("performance_rating", "5.5", "5"),
        ("performance_rating", "good", "number"),
        ("experience_years", "3,5", "number"),
        ("experience_years", "inf", "finite"),
        ("max_units", "1.5", "whole number"),
        ("availability_status", "asleep", "available"),
        ("skills", "python:high", "level"),
        ("shift_end", "noon", "ISO 8601"),
        ("name", "A\0na", "NUL"),
    ],
)
def test_a_bad_cell_names_line_column_and_what_was_expected(column, cell, expected):
    text = f'employee_id,{column}\nbo,\nana,"{cell}"\n'
    bad = rejected(text)
    assert (bad.line, bad.field) == (3, column)
    assert expected in bad.detail
    assert cell[:4] in bad.detail.encode().decode("unicode_escape", "ignore") or "\0" in cell
    assert [p.employee_id for p in people(text).records] == ["bo"]


def test_all_bad_cells_of_a_row_are_named():
    found = people("employee_id,performance_rating,max_workload\n-,9,many\n").rejected
    assert {bad.field for bad in found} == {"employee_id", "performance_rating", "max_workload"}
    assert {bad.line for bad in found} == {2}


@pytest.mark.parametrize("row", ["ana", "ana,Ana,3"])
def test_a_ragged_row_says_how_many_cells_were_expected(row):
    bad = rejected(f"employee_id,name\n{row}\nbo,Bo\n")
    assert (bad.line, bad.field) == (2, "")
    assert "expected 2" in bad.detail


def test_a_duplicate_id_names_the_first_line():
    content = people("employee_id,name\nana,Ana\nbo,Bo\nana,Anna\n")
    assert [p.name for p in content.records] == ["Ana", "Bo"]
    assert content.lines == (2, 3)
    (bad,) = content.rejected
    assert (bad.line, bad.field) == (4, "employee_id")
    assert "line 2" in bad.detail


def test_a_missing_id_is_a_bad_cell():
    assert (rejected("employee_id,name\n,Ana\n").line, rejected("employee_id,name\n,Ana\n").field) == (2, "employee_id")


def test_an_open_quote_is_refused_and_swallows_nothing_silently():
    bad = rejected('employee_id,name\nbo,Bo\nana,"Ana\ncy,Cy\n')
    assert bad.line == 3
    assert "CSV" in bad.detail


def test_a_cell_of_a_megabyte_is_a_bad_row_and_the_next_one_is_read():
    content = people(f"employee_id,name\nana,{'x' * 1_000_001}\nbo,Bo\n")
    assert [p.employee_id for p in content.records] == ["bo"]
    assert [bad.line for bad in content.rejected] == [2]


def test_a_long_description_is_taken_whole():
    (work,) = tasks(f"task_id,description\nt1,{'x' * 200_000}\n").records
    assert len(work.description) == 200_000


@pytest.mark.parametrize("text", ["", "\n", "ana,Ana\nbo,Bo\n", "name\nAna\n"])
def test_a_file_without_the_id_column_is_refused(text):
    """An empty file, or one without a header."""
    with pytest.raises(InvalidInputError, match="employee_id"):
        people(text)


def test_a_header_alone_is_nobody():
    assert people("employee_id,name\n").records == ()


def test_a_column_twice_is_refused():
    with pytest.raises(InvalidInputError, match="more than once"):
        people("employee_id,name,Name\nana,Ana,Anna\n")

"""What suspect rows mean for a plan."""

from __future__ import annotations

import io

import numpy as np
import pytest

from assignment_engine.domain.errors import InvalidInputError, TooManyPairsError
from assignment_engine.quality.reading import read_stream
from assignment_engine.quality.rules import FileKind
from assignment_engine.quality.table import Table
from assignment_engine.services import impact
from assignment_engine.services.impact import Planner, impact_of_rows, records_of
from tests.builders import NOW, SkillScorer, employee, task

TASKS = "task_id,title,required_skills,priority,estimated_hours\n"
PLANNER = Planner(SkillScorer(), NOW)


def table(text: str) -> Table:
    return read_stream(io.BytesIO(text.encode())).table


def rows(file: Table, *suspect: int) -> np.ndarray:
    return np.isin(np.arange(file.rows), suspect)


def test_a_suspect_task_that_takes_the_capacity_of_another():
    """Ana has four hours: the doubtful task is more urgent and takes them, without it the other one gets them."""
    file = table(TASKS + "a,A,python,critical,4\nb,B,python,low,4\n")
    people = [employee("ana", skills=["python"], max_workload=4.0)]
    found = impact_of_rows(FileKind.TASKS, file, rows(file, 0), people, PLANNER)
    changes = {change.task_id: change for change in found.changes}
    assert changes.keys() == {"a", "b"}
    assert (changes["a"].employee_with, changes["a"].employee_without, changes["a"].suspect) == ("ana", None, True)
    assert (changes["b"].employee_with, changes["b"].employee_without, changes["b"].suspect) == (None, "ana", False)
    assert (found.suspect_tasks, found.assigned_with, found.assigned_without, found.changed) == (1, 1, 1, 2)
    assert found.at_stake == pytest.approx(2.0)
    assert found.share_at_stake == pytest.approx(2.0)


def test_without_suspect_rows_nothing_changes():
    file = table(TASKS + "a,A,python,critical,4\n")
    found = impact_of_rows(FileKind.TASKS, file, rows(file), [employee("ana", skills=["python"])], PLANNER)
    assert (found.changed, found.at_stake, found.changes) == (0, 0.0, ())
    assert found.total_score_with == found.total_score_without == pytest.approx(1.0)


def test_a_suspect_employee():
    """Bo looks better only because of a doubtful row; without it Ana gets the work."""
    file = table("employee_id,skills\nana,python:0.5\nbo,python:1\n")
    tasks = [task("t", required_skills={"python": 1.0}, estimated_hours=1.0)]
    found = impact_of_rows(FileKind.EMPLOYEES, file, rows(file, 1), tasks, PLANNER)
    (change,) = found.changes
    assert (change.employee_with, change.employee_without, change.suspect) == ("bo", "ana", True)
    assert (change.score_with, change.score_without) == (pytest.approx(1.0), pytest.approx(0.5))
    assert found.at_stake == pytest.approx(1.0)
    assert found.suspect_employees == 1


def test_rows_that_cannot_be_planned_are_in_neither_plan():
    file = table(TASKS + "a,A,python,urgent,4\nb,B,python,low,4\n")
    found = impact_of_rows(FileKind.TASKS, file, rows(file, 0), [employee("ana", skills=["python"])], PLANNER)
    assert (found.assigned_with, found.assigned_without, found.suspect_tasks) == (1, 1, 0)


def test_lines_survive_cells_with_line_ends_and_rows_that_could_not_be_read():
    file = table(TASKS + 'a,"A\nof two lines",python,low,4\nragged\nb,B,python,low,4\nc,C,python,low,4\n')
    content = records_of(FileKind.TASKS, file)
    assert dict(zip([record.task_id for record in content.records], content.lines, strict=True)) == {
        "a": 2,
        "b": 5,
        "c": 6,
    }


def test_another_file_is_refused():
    file = table("a,b\n1,2\n")
    with pytest.raises(InvalidInputError, match="tasks or employees"):
        impact_of_rows(FileKind.OTHER, file, rows(file), [], PLANNER)


def test_a_plan_that_would_take_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(impact, "MOST_PAIRS", 1)
    file = table(TASKS + "a,A,python,low,4\nb,B,python,low,4\n")
    with pytest.raises(TooManyPairsError):
        impact_of_rows(FileKind.TASKS, file, rows(file, 0), [employee("ana")], PLANNER)

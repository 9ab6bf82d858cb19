"""What suspect rows of a file mean beside what each database holds, and when that is not computed."""

from __future__ import annotations

import io

import numpy as np
import pytest

from assignment_engine.domain.records import Task
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.quality.reading import read_stream
from assignment_engine.quality.report import Impact, ImpactNotComputed
from assignment_engine.quality.rules import FileKind
from assignment_engine.services import impact, stored_impact
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.stored_impact import StoredImpact
from assignment_engine.store.database import Database
from tests.builders import SkillScorer, employee, task

CORE = DecisionCore(SkillScorer(), SkillMatcher())
TASKS = "task_id,title,required_skills,priority,estimated_hours,dependencies\n"
TWO = TASKS + "a,A,python,critical,4,\nb,B,python,low,4,\n"


def judged(database: Database, kind: FileKind, text: str, *suspect: int) -> Impact | ImpactNotComputed:
    table = read_stream(io.BytesIO(text.encode())).table
    return StoredImpact(database, lambda: CORE)(kind, table, np.isin(np.arange(table.rows), suspect))


def store_people(database: Database) -> None:
    ana = employee("ana", skills=["python"], max_workload=4.0)
    database.run(lambda unit: unit.employees.add([ana], unit.now()))


def store_tasks(database: Database, *tasks: Task) -> None:
    database.run(lambda unit: unit.tasks.add(tasks, unit.now()))


def test_a_tasks_file_is_planned_with_the_stored_people(database: Database) -> None:
    """Ana has four hours, which the doubtful task takes from the other one."""
    store_people(database)
    found = judged(database, FileKind.TASKS, TWO, 0)
    assert isinstance(found, Impact)
    assert {c.task_id: (c.employee_with, c.employee_without) for c in found.changes} == {
        "a": ("ana", None),
        "b": (None, "ana"),
    }
    assert (found.suspect_tasks, found.scorer) == (1, "skills 1")
    assert found.at_stake == pytest.approx(2.0)


def test_an_employees_file_is_planned_with_the_pending_tasks(database: Database) -> None:
    """A task that is done already is not planned again."""
    store_tasks(database, task("t", required_skills={"python": 1.0}), task("u", required_skills={"python": 1.0}))
    database.run(lambda unit: unit.tasks.change("u", {"status": "cancelled"}, unit.now()))
    found = judged(database, FileKind.EMPLOYEES, "employee_id,skills\nana,python:0.5\nbo,python:1\n", 1)
    assert isinstance(found, Impact)
    (change,) = found.changes
    assert (change.task_id, change.employee_with, change.employee_without) == ("t", "bo", "ana")


def test_what_is_stored_of_the_people_in_a_file_counts(sqlite_database: Database) -> None:
    """What somebody has done so far is in no file of employees, but it is in the database."""
    store_people(sqlite_database)
    store_tasks(sqlite_database, task("t"))
    judge = StoredImpact(sqlite_database, lambda: CORE)
    (problem,) = judge.problems([([task("t")], [employee("ana"), employee("new")])])
    assert [e.history is not None for e in problem.employees] == [True, False]


def why_not(database: Database, text: str) -> str:
    found = judged(database, FileKind.TASKS, text, 0)
    assert isinstance(found, ImpactNotComputed)
    return found.reason


def test_why_it_was_not_computed(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not(sqlite_database, TWO) == "there are no employees to plan with"
    store_people(sqlite_database)
    circle = TASKS + "a,A,python,low,4,b\nb,B,python,low,4,a\n"
    assert "wait for each other" in why_not(sqlite_database, circle)
    monkeypatch.setattr(impact, "MOST_PAIRS", 1)
    assert "2 pairs of task and employee are more than 1" in why_not(sqlite_database, TWO)
    monkeypatch.setattr(stored_impact, "MOST_RECORDS", 1)
    assert why_not(sqlite_database, TWO) == "2 rows of the file are more than 1"

"""Previews, histories, the training log and kept responses come back as they were written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from assignment_engine.domain.assignments import Event, NewAssignment, advance
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.errors import AlreadyExistsError, NotFoundError
from assignment_engine.domain.plans import (
    Change,
    Conflict,
    Explanation,
    FinalizeResult,
    LoadSpread,
    PlannedAssignment,
    Preview,
    Reason,
    Relaxation,
    Report,
    ScorerInfo,
    Term,
    Unassigned,
)
from assignment_engine.domain.records import Employee, Tally, Task
from assignment_engine.domain.stored import PastAssignment, StoredPreview, StoredResponse, TrainingRow
from assignment_engine.store.tables import ml_training_data

NOW = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
DAY = timedelta(days=1)
SPREAD = LoadSpread(gini=0.1, jain=0.9, max_ratio=0.5, by_employee={"e": 0.5})


def _preview(preview_id="p"):
    change = Change(**{"kind": "capacity", "employee_id": "e", "from": 1.5, "to": 2.5})
    preview = Preview(
        preview_id=preview_id,
        expires_at=NOW + timedelta(hours=1),
        method="greedy",
        scorer=ScorerInfo(name="weighted-fallback", version="1"),
        assignments=(
            PlannedAssignment(
                task_id="t",
                employee_id="e",
                score=0.1 + 0.2,
                confidence=0.6,
                hours=1 / 3,
                explanation=Explanation(
                    unit="score", base=0.0, terms=(Term(feature="skill_match", value=None, contribution=0.0),)
                ),
            ),
        ),
        unassigned=(
            Unassigned(
                task_id="u",
                reasons=(Reason(code="capacity", detail="2.5 h more for “Ana”", employee_id="e"),),
                relaxations=(Relaxation(kind="combined", changes=(change,)),),
            ),
        ),
        report=Report(
            value=1.0, bound=2.0, gap=0.5, total_score=0.3, load_before=SPREAD, load_after=SPREAD, warnings=("w",)
        ),
    )
    return StoredPreview(
        preview=preview,
        created_at=NOW,
        created_by="planner",
        constraints=Constraints(forbidden=[("t", "x")], required=[("t", "e")], minimum_levels={"python": 0.5}),
        tasks=(Task(task_id="t", deadline=NOW, required_skills=[]), Task(task_id="u", required_skills=["go"])),
        new_tasks={"t"},
        new_employees=(Employee(employee_id="e", skills=["python"], queues=["a"]),),
        features=((1.0, None, 0.25),),
    )


def test_a_preview_comes_back_with_its_result(database):
    stored = _preview()
    born = advance(NewAssignment("a", "t", "e", "planner", "greedy", 60, score=0.5), Event.ASSIGN, NOW)
    conflict = Conflict(task_id="u", employee_id="e", reason="changed", detail="d", before={"priority": "low"})
    result = FinalizeResult(preview_id="p", assignments=(born.assignment,), skipped=(conflict,))
    database.run(lambda unit: unit.previews.add(stored))
    with database.unit() as unit:
        assert unit.previews.get("p") == stored
        assert unit.previews.lock("p") == stored
        assert unit.previews.get("p").new_employees[0].model_fields_set == {"employee_id", "skills", "queues"}
        unit.previews.finish("p", result, NOW)
        assert unit.previews.get("p").result == result
        assert unit.previews.get("p").preview == stored.preview


def test_previews_are_purged_a_day_after_they_expired(database):
    database.run(lambda unit: unit.previews.add(_preview()))
    expiry = _preview().preview.expires_at
    with database.unit() as unit:
        assert unit.previews.purge(expiry + DAY) == 0
        assert unit.previews.purge(expiry + DAY + timedelta(seconds=1)) == 1
        with pytest.raises(NotFoundError, match="preview 'p'"):
            unit.previews.lock("p")


def _past(task_id, employee_id="e", **more):
    return PastAssignment(task_id=task_id, employee_id=employee_id, assigned_at=NOW, **more)


def test_history_is_counted_from_finished_work(database):
    past = [
        _past("1", category="a", department="Ops", hours=1.5, outcome="good"),
        _past("2", category="a", department="HR", hours=0.5, outcome="bad"),
        _past("3", category="A", started_at=NOW + timedelta(hours=1), completed_at=NOW + timedelta(hours=3)),
        _past("4", department="Ops", completed_at=NOW + timedelta(hours=2), outcome="good"),
        _past("5", category="b", outcome="bad"),
        _past("1", "other", hours=9, outcome="good"),
    ]
    database.run(lambda unit: unit.employees.add([Employee(employee_id="e"), Employee(employee_id="new")], NOW))
    assert database.run(lambda unit: unit.history.add(past)) == (6, 0)
    with database.read() as unit:
        new, known = unit.employees.get("new").history, unit.employees.get("e").history
        priors = unit.history.priors()
        assert unit.employees.get_many(["e"], with_history=False)[0].history.completed == 0
        assert unit.doctor() == []
    assert (new.completed, new.outcomes, new.by_category) == (0, Tally(), {})
    assert (known.completed, known.completed_hours) == (4, 6.0)
    assert known.outcomes == Tally(good=2, total=4)
    assert known.by_category == {"a": Tally(good=1, total=2), "b": Tally(good=0, total=1)}
    assert known.by_department == {"Ops": 2.0, "HR": 1.0}
    assert priors.everyone == Tally(good=3, total=5)


def test_finished_work_given_again_replaces_the_first(database):
    database.run(lambda unit: unit.employees.add([Employee(employee_id="e")], NOW))
    database.run(lambda unit: unit.history.add([_past("1", category="a", hours=1, outcome="bad")]))
    with database.read() as unit:
        before = unit.history.priors().version
    again = [_past("1", category="b", hours=2, outcome="good"), _past("2", hours=1)]
    assert database.run(lambda unit: unit.history.add(again)) == (1, 1)
    with database.read() as unit:
        history = unit.employees.get("e").history
        assert unit.history.priors().version != before
    assert (history.completed, history.completed_hours) == (2, 3.0)
    assert history.by_category == {"b": Tally(good=1, total=1)}


def test_a_large_import_of_finished_work_counts_every_row(database):
    past = [_past(f"t{i}", f"e{i % 50}", hours=1, outcome="good") for i in range(3000)]
    assert database.run(lambda unit: unit.history.add(past)) == (3000, 0)
    assert database.run(lambda unit: unit.history.add(past)) == (0, 3000)
    with database.read() as unit:
        assert unit.history.priors().everyone == Tally(good=3000, total=3000)


def test_training_rows_come_back_as_logged(database):
    row = TrainingRow(
        log_id="l",
        decision_id="d",
        assignment_id="a",
        task_id="t",
        employee_id="e",
        features={"skill_match": 0.1, "performance": None},
        assignment_score=0.1 + 0.2,
        confidence=0.85,
        method="greedy",
        scorer="lightgbm 3",
        logged_at=NOW,
        candidates={"employee_id": "x", "features": {"performance": [1.0, None]}},
        rank=1,
    )
    database.run(lambda unit: unit.employees.add([Employee(employee_id="e")], NOW))
    database.run(lambda unit: unit.tasks.add([Task(task_id="t")], NOW))
    born = advance(NewAssignment("a", "t", "e", "planner", "greedy", 60), Event.ASSIGN, NOW)
    with database.unit() as unit:
        unit.assignments.record([born], "planner")
        unit.training.add([row])
        stored = unit.connection.execute(select(ml_training_data)).one()._asdict()
    assert stored.pop("candidates") == {"employee_id": "x", "features": {"performance": [1.0, None]}}
    assert (stored.pop("outcome"), stored.pop("acceptance"), stored.pop("propensity")) == (None, None, None)
    assert stored == {name: getattr(row, name) for name in stored}


def test_the_first_response_to_a_key_is_kept_for_a_day(database):
    first = StoredResponse("hash", 201, b"\x00\xff{}")
    with database.unit() as unit:
        assert unit.responses.find("ana", "k") is None
        unit.responses.add("ana", "k", first, NOW)
        unit.responses.add("bo", "k", StoredResponse("other", 200, b""), NOW)
        with pytest.raises(AlreadyExistsError):
            unit.responses.add("ana", "k", StoredResponse("later", 409, b""), NOW)
        assert unit.responses.find("ana", "k") == first
        assert unit.responses.find("ana", "K") is None
        assert unit.responses.purge(NOW + DAY) == 0
        assert unit.responses.purge(NOW + DAY + timedelta(seconds=1)) == 2
        assert unit.responses.find("ana", "k") is None

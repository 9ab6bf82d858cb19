"""What finalizing a plan writes into the training log beside the chosen pairs, on every database."""

from __future__ import annotations

from sqlalchemy import delete, select

from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.sampled import as_rows
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.planning import SchedulerService
from assignment_engine.services.training_log import training_frame
from assignment_engine.store.database import Database
from assignment_engine.store.tables import ml_training_data, preview_decisions

LEVELS = {"ana": 1.0, "bo": 0.5, "cy": 0.25}
PEOPLE = [Employee(employee_id=name, skills={"sql": level}, max_workload=4.0) for name, level in LEVELS.items()]
TASKS = [Task(task_id=f"t{n}", title="Work", required_skills={"sql": 1.0}, estimated_hours=2.0) for n in range(3)]


def service(database: Database) -> SchedulerService:
    return SchedulerService(database, DecisionCore(WeightedFallback(), SkillMatcher()))


def logged(database: Database):
    with database.read() as unit:
        return {row.task_id: row for row in unit.connection.execute(select(ml_training_data))}


def test_everybody_who_could_have_had_it_is_logged_as_they_were(database: Database) -> None:
    """With the load and the score of that moment; nothing is left of the preview's own copy."""
    scheduler = service(database)
    preview = scheduler.preview_assignments(TASKS, PEOPLE)
    assert [a.employee_id for a in preview.assignments] == ["ana", "ana", "bo"]
    assert database_counts(database)["preview_decisions"] == 1
    scheduler.finalize_assignments(preview.preview_id)
    rows = logged(database)
    first, last = as_rows(rows["t0"].candidates), as_rows(rows["t2"].candidates)
    assert [c["employee_id"] for c in first] == ["ana", "bo", "cy"]
    assert {c["task_id"] for c in first} == {"t0"}
    assert (first[0]["features"], first[0]["score"]) == (rows["t0"].features, rows["t0"].assignment_score)
    assert [c["employee_id"] for c in last] == ["bo", "cy"]
    assert last[0]["features"] == rows["t2"].features
    assert {(row.rank, row.propensity) for row in rows.values()} == {(1, None)}
    assert len({row.decision_id for row in rows.values()}) == 3
    assert database_counts(database)["preview_decisions"] == 0
    with database.read() as unit:
        frame = training_frame(unit)
    assert sorted(zip(frame.task_id, frame.employee_id, frame.chosen, strict=True)) == [
        *(("t0", "ana", 1), ("t0", "bo", 0), ("t0", "cy", 0)),
        *(("t1", "ana", 1), ("t1", "bo", 0), ("t1", "cy", 0)),
        *(("t2", "bo", 1), ("t2", "cy", 0)),
    ]


def test_what_is_skipped_is_not_logged_and_the_others_keep_their_candidates(database: Database) -> None:
    scheduler = service(database)
    preview = scheduler.preview_assignments(TASKS, PEOPLE)
    database.run(lambda unit: unit.tasks.add([TASKS[1]], unit.now()))
    database.run(lambda unit: unit.tasks.change("t1", {"priority": "low"}, unit.now()))
    scheduler.finalize_assignments(preview.preview_id, "skip")
    rows = logged(database)
    assert sorted(rows) == ["t0", "t2"]
    found = [(c["task_id"], c["employee_id"]) for c in as_rows(rows["t2"].candidates)]
    assert found == [("t2", "bo"), ("t2", "cy")]


def test_a_preview_that_was_stored_without_them_is_finalized_all_the_same(database: Database) -> None:
    """As one from before they were kept."""
    scheduler = service(database)
    preview = scheduler.preview_assignments(TASKS, PEOPLE)
    database.run(lambda unit: unit.connection.execute(delete(preview_decisions)))
    assert len(scheduler.finalize_assignments(preview.preview_id).assignments) == 3
    assert {(row.candidates, row.rank) for row in logged(database).values()} == {(None, None)}


def database_counts(database: Database) -> dict[str, int]:
    with database.read() as unit:
        return unit.counts()

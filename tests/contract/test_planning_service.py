"""Preview and finalize, on every database."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from assignment_engine.config import Settings
from assignment_engine.domain.assignments import Event, advance
from assignment_engine.domain.errors import (
    InvalidInputError,
    NotFoundError,
    PreviewConflictError,
    PreviewExpiredError,
)
from assignment_engine.domain.plans import FinalizeResult
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.stored import PastAssignment
from assignment_engine.domain.types import TaskStatus
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.planning import SchedulerService
from assignment_engine.store.database import Database
from tests.processes import FORKED

CORE = DecisionCore(WeightedFallback(), SkillMatcher())


def scheduler_on(database: Database, **settings: Any) -> SchedulerService:
    return SchedulerService(database, CORE, Settings(**settings))


@pytest.fixture
def scheduler(database: Database) -> SchedulerService:
    """Two people with 10 h each, four tasks of 4 h."""
    people = [Employee(employee_id=name, max_workload=10.0, experience_years=5.0) for name in ("ana", "ben")]
    tasks = [Task(task_id=f"t{i}", title=f"task {i}", estimated_hours=4.0) for i in range(4)]
    with database.unit() as unit:
        unit.employees.add(people, unit.now())
        unit.tasks.add(tasks, unit.now())
        unit.commit()
    return scheduler_on(database)


def statuses(database: Database) -> dict[str, str]:
    with database.read() as unit:
        return {task.task_id: task.status.value for task in unit.tasks.get_many([f"t{i}" for i in range(4)])}


def count(database: Database, table: str) -> int:
    with database.read() as unit:
        return int(unit.connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def assert_healthy(database: Database) -> None:
    with database.read() as unit:
        assert [finding for finding in unit.doctor() if finding.severity == "error"] == []


def test_finalize_writes_everything_and_another_instance_can_do_it(
    scheduler: SchedulerService, database: Database
) -> None:
    preview = scheduler.preview_assignments()
    assert set(statuses(database).values()) == {"pending"}

    result = scheduler_on(database).finalize_assignments(preview.preview_id, actor="planner-1")

    assert len(result.assignments) == 4
    assert set(statuses(database).values()) == {"assigned"}
    with database.read() as unit:
        assert [e.current_workload for e in unit.employees.get_many(None)] == [8.0, 8.0]
        assert [e.history.active_tasks for e in unit.employees.get_many(None) if e.history] == [2, 2]
    for table in ("task_assignments", "ml_training_data", "audit_log", "outbox"):
        assert count(database, table) == 4
    assert {a.assigned_by for a in result.assignments} == {"planner-1"}
    assert_healthy(database)


def test_finalizing_twice_returns_the_first_result(scheduler: SchedulerService, database: Database) -> None:
    preview = scheduler.preview_assignments()
    first = scheduler.finalize_assignments(preview.preview_id)
    assert scheduler.finalize_assignments(preview.preview_id) == first
    assert count(database, "task_assignments") == 4


def test_an_unknown_preview_is_not_found(scheduler: SchedulerService) -> None:
    with pytest.raises(NotFoundError):
        scheduler.finalize_assignments("no-such-preview")


def test_an_expired_preview_is_refused(scheduler: SchedulerService, database: Database) -> None:
    short_lived = scheduler_on(database, preview_ttl_seconds=1)
    preview = short_lived.preview_assignments()
    time.sleep(1.1)
    with pytest.raises(PreviewExpiredError):
        short_lived.finalize_assignments(preview.preview_id)
    assert count(database, "task_assignments") == 0


def test_a_preview_that_lives_no_longer_than_allowed(database: Database) -> None:
    preview = scheduler_on(database, preview_ttl_seconds=120).preview_assignments(
        tasks=[{"task_id": "a"}], employees=[{"employee_id": "x"}]
    )
    with database.read() as unit:
        assert timedelta(seconds=110) < preview.expires_at - unit.now() <= timedelta(seconds=120)


@pytest.mark.parametrize("change", ["priority", "estimated_hours", "required_skills"])
def test_a_changed_task_is_a_conflict_with_its_difference(
    scheduler: SchedulerService, database: Database, change: str
) -> None:
    preview = scheduler.preview_assignments()
    value = {"priority": "critical", "estimated_hours": 1.5, "required_skills": {"sql": 1.0}}[change]
    with database.unit() as unit:
        unit.tasks.change("t1", {change: value}, unit.now(), None)
        unit.commit()

    with pytest.raises(PreviewConflictError) as refused:
        scheduler.finalize_assignments(preview.preview_id)

    (conflict,) = refused.value.conflicts
    assert (conflict.task_id, conflict.reason) == ("t1", "changed")
    assert set(conflict.before) == set(conflict.after) == {change}
    assert conflict.after[change] == value
    assert count(database, "task_assignments") == 0
    assert set(statuses(database).values()) == {"pending"}


def test_a_change_of_what_does_not_matter_for_planning_is_no_conflict(
    scheduler: SchedulerService, database: Database
) -> None:
    preview = scheduler.preview_assignments()
    with database.unit() as unit:
        unit.tasks.change("t1", {"title": "another title"}, unit.now(), None)
        unit.employees.change("ana", {"name": "Ana"}, unit.now(), None)
        unit.commit()
    assert len(scheduler.finalize_assignments(preview.preview_id).assignments) == 4


def test_conflicts_can_be_skipped(scheduler: SchedulerService, database: Database) -> None:
    preview = scheduler.preview_assignments()
    with database.unit() as unit:
        unit.tasks.change("t1", {"priority": "critical"}, unit.now(), None)
        unit.tasks.remove("t2")
        unit.commit()
    result = scheduler.finalize_assignments(preview.preview_id, "skip")
    assert {(c.task_id, c.reason) for c in result.skipped} == {("t1", "changed"), ("t2", "gone")}
    assert {a.task_id for a in result.assignments} == {"t0", "t3"}
    assert_healthy(database)


def test_capacity_taken_meanwhile_is_refused(scheduler: SchedulerService, database: Database) -> None:
    preview = scheduler.preview_assignments()
    with database.unit() as unit:
        unit.employees.change("ana", {"current_workload": 5.0}, unit.now(), None)
        unit.commit()
    with pytest.raises(PreviewConflictError) as refused:
        scheduler.finalize_assignments(preview.preview_id)
    assert {c.reason for c in refused.value.conflicts} == {"refused"}
    assert {c.employee_id for c in refused.value.conflicts} == {"ana"}
    result = scheduler.finalize_assignments(preview.preview_id, "skip")
    assert len(result.assignments) == 3
    assert_healthy(database)


def test_somebody_who_went_away_is_refused(scheduler: SchedulerService, database: Database) -> None:
    preview = scheduler.preview_assignments()
    with database.unit() as unit:
        unit.employees.change("ben", {"availability_status": "away"}, unit.now(), None)
        unit.commit()
    with pytest.raises(PreviewConflictError) as refused:
        scheduler.finalize_assignments(preview.preview_id)
    assert {(c.employee_id, c.reason) for c in refused.value.conflicts} == {("ben", "refused")}


def test_two_previews_that_overlap_never_both_take_a_task(scheduler: SchedulerService, database: Database) -> None:
    first, second = scheduler.preview_assignments(), scheduler.preview_assignments()
    scheduler.finalize_assignments(first.preview_id)
    with pytest.raises(PreviewConflictError) as refused:
        scheduler.finalize_assignments(second.preview_id)
    assert {c.reason for c in refused.value.conflicts} == {"taken"}
    assert scheduler.finalize_assignments(second.preview_id, "skip").assignments == ()
    assert count(database, "task_assignments") == 4


def test_two_previews_never_both_take_the_same_capacity(database: Database) -> None:
    scheduler = scheduler_on(database)
    with database.unit() as unit:
        unit.employees.add([Employee(employee_id="ana", max_workload=10.0)], unit.now())
        unit.commit()
    previews = [
        scheduler.preview_assignments(tasks=[{"task_id": name, "title": name, "estimated_hours": 6.0}])
        for name in ("a", "b")
    ]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda p: scheduler.finalize_assignments(p.preview_id, "skip"), previews))
    assert sorted(len(result.assignments) for result in results) == [0, 1]
    assert_healthy(database)


def test_what_came_inline_is_stored_at_finalize_and_stored_rows_win(
    scheduler: SchedulerService, database: Database
) -> None:
    preview = scheduler.preview_assignments(
        tasks=[{"task_id": "new", "estimated_hours": 2.0}, {"task_id": "t0", "estimated_hours": 900.0}],
        employees=[{"employee_id": "carl", "max_workload": 20.0}],
    )
    assert {(a.task_id, a.hours) for a in preview.assignments} == {("new", 2.0), ("t0", 4.0)}
    with database.read() as unit:
        assert unit.employees.existing(["carl"]) == set()
    scheduler.finalize_assignments(preview.preview_id)
    with database.read() as unit:
        assert unit.employees.get("carl").current_workload == 6.0
        assert unit.tasks.get("new").title == "new"
        assert unit.tasks.get("new").assigned_to_id == "carl"


def test_ids_and_records_may_be_combined_and_an_empty_list_is_none(scheduler: SchedulerService) -> None:
    preview = scheduler.preview_assignments(
        tasks=[{"task_id": "new"}], task_ids=["t2"], employee_ids=["ben"], employees=[]
    )
    assert {(a.task_id, a.employee_id) for a in preview.assignments} == {("t2", "ben"), ("new", "ben")}
    nobody = scheduler.preview_assignments(employees=[])
    assert {r.code.value for u in nobody.unassigned for r in u.reasons} == {"no_employees"}


def test_unknown_and_unplannable_ids_are_named(scheduler: SchedulerService) -> None:
    with pytest.raises(InvalidInputError) as refused:
        scheduler.preview_assignments(task_ids=["t0", "nope"])
    assert refused.value.errors[0].pointer == "/task_ids/1"
    scheduler.finalize_assignments(scheduler.preview_assignments(task_ids=["t0"]).preview_id)
    with pytest.raises(InvalidInputError, match="assigned, expected pending"):
        scheduler.preview_assignments(task_ids=["t0"])


def test_eight_racing_threads_finalize_once(scheduler: SchedulerService, database: Database) -> None:
    preview = scheduler.preview_assignments()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: scheduler.finalize_assignments(preview.preview_id), range(8)))
    assert all(result == results[0] for result in results)
    assert count(database, "task_assignments") == 4
    assert_healthy(database)


def _finalize_elsewhere(url: str, preview_id: str) -> str:
    database = Database(url)
    result = scheduler_on(database).finalize_assignments(preview_id)
    database.dispose()
    return result.model_dump_json()


def test_two_processes_finalize_once(scheduler: SchedulerService, database: Database) -> None:
    preview = scheduler.preview_assignments()
    url = database.engine.url.render_as_string(hide_password=False)
    with FORKED.Pool(2) as pool:
        first, second = pool.starmap(_finalize_elsewhere, [(url, preview.preview_id)] * 2)
    assert FinalizeResult.model_validate_json(first) == FinalizeResult.model_validate_json(second)
    assert count(database, "task_assignments") == 4
    assert_healthy(database)


def test_a_rejected_task_never_comes_back_to_the_same_person(scheduler: SchedulerService, database: Database) -> None:
    (given,) = scheduler.finalize_assignments(
        scheduler.preview_assignments(task_ids=["t0"], employee_ids=["ana"]).preview_id
    ).assignments
    with database.unit() as unit:
        unit.assignments.record([advance(given, Event.REJECT, unit.now(), reason="no time")], "ana")
        unit.commit()
    assert statuses(database)["t0"] == TaskStatus.PENDING
    again = scheduler.preview_assignments(task_ids=["t0"], employee_ids=["ana"])
    assert [reason.code.value for reason in again.unassigned[0].reasons] == ["rejected"]
    assert again.unassigned[0].relaxations == ()
    assert_healthy(database)


def test_a_dependency_is_done_when_its_task_or_the_imported_history_says_so(database: Database) -> None:
    scheduler = scheduler_on(database)
    done_at = datetime(2026, 1, 1, tzinfo=UTC)
    with database.unit() as unit:
        unit.employees.add([Employee(employee_id="ana")], unit.now())
        unit.history.add(
            [PastAssignment(task_id="old", employee_id="ana", assigned_at=done_at, completed_at=done_at, hours=1.0)]
        )
        unit.commit()
    tasks = [{"task_id": "a", "dependencies": ["old"]}, {"task_id": "b", "dependencies": ["never-heard-of"]}]
    plan = scheduler.assign_tasks(tasks, constraints={"ready_only": True})
    assert [assignment.task_id for assignment in plan.assignments] == ["a"]
    assert plan.unassigned[0].reasons[0].code.value == "dependency"

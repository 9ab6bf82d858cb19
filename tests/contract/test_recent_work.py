"""What people were given lately, read from the database, in planning and live."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import update

from assignment_engine.domain.records import Employee, RecentWork, Task
from assignment_engine.domain.types import RECENT_HALF_LIFE_HOURS
from assignment_engine.features.definition import FEATURE_NAMES, feature_names
from assignment_engine.learning.recipes import Recipe, Rows, fit
from assignment_engine.scoring.bundle import Bundle, Calibration, Manifest, TrainingRun, text_sha256
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from assignment_engine.services.planning import SchedulerService
from assignment_engine.services.training_log import training_frame
from assignment_engine.store.database import Database
from assignment_engine.store.recent import RECENT_ASSIGNMENTS, RECENT_DAYS
from assignment_engine.store.tables import task_assignments
from tests.dispatching import Office

NAMES = feature_names(("recency",))
MADE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def scorer() -> LightGbmScorer:
    """Learned that whoever did such work lately does it well."""
    rng = np.random.default_rng(3)
    features = rng.random((1000, len(NAMES))) * np.where(np.array(NAMES) == "recent_category", 2.0, 1.0)
    good = features[:, NAMES.index("recent_category")] > 0.5
    rows = Rows(features, good.astype(float))
    text = str(fit(Recipe(objective="binary", rounds=10, patience=0), rows, NAMES, seed=1).model_to_string())
    manifest = Manifest(
        format=1,
        name="lately",
        version="lately",
        kind="success",
        features=NAMES,
        objective="binary sigmoid:1",
        calibration=Calibration(slope=1.0, intercept=0.0),
        training=TrainingRun(start=MADE, end=MADE, rows=1000, seed=1, data="drawn"),
        metrics={},
        libraries={},
        sha256=text_sha256(text),
        created_at=MADE,
    )
    return LightGbmScorer(Bundle(manifest, text))


@pytest.fixture
def office(database: Database) -> Office:
    found = Office(database)
    found.has(Employee(employee_id="ana"), Employee(employee_id="bo"))
    return found


def does(office: Office, person: str, task: Task, ago: timedelta = timedelta()) -> None:
    """Somebody, alone there, was given this so long ago, and has done it."""
    office.login(person)
    office.submit(task)
    office.complete(task.task_id, person)
    office.logout(person)
    mine = task_assignments.c.task_id == task.task_id
    at = office.now() - ago
    office.run(lambda unit: unit.connection.execute(update(task_assignments).where(mine).values(assigned_at=at)))


def recent(office: Office, person: str) -> RecentWork:
    with office.database.read() as unit:
        return unit.history.recent(["ana", "bo"], unit.now())[person]


def test_work_is_counted_by_kind_and_fades(office: Office) -> None:
    """A count halves with every half-life between two assignments."""
    half_life = timedelta(hours=RECENT_HALF_LIFE_HOURS)
    does(office, "ana", Task(task_id="t1", category="disk", department="ops"), half_life)
    does(office, "ana", Task(task_id="t2", category="net", department="ops"))
    found = recent(office, "ana")
    assert found.overall is not None
    assert found.overall.count == pytest.approx(1.5, abs=1e-3)
    assert {name: kind.count for name, kind in found.by_category.items()} == {"disk": 1.0, "net": 1.0}
    assert found.by_department["ops"].count == pytest.approx(1.5, abs=1e-3)
    assert sum(found.by_hour) == 2.0
    assert recent(office, "bo") == RecentWork()


def test_what_is_long_ago_and_offers_that_were_missed_do_not_count(office: Office) -> None:
    does(office, "ana", Task(task_id="t1"), timedelta(days=RECENT_DAYS, hours=1))
    office.queue(mode="offer")
    office.login("ana")
    office.submit(Task(task_id="t2"))
    assert office.holder("t2") == "ana"
    office.let_offers_expire()
    office.cycle()
    assert office.holder("t2") is None
    assert recent(office, "ana") == RecentWork()


def test_the_newest_assignments_count_however_many_there_are(office: Office) -> None:
    people = [Employee(employee_id="cy", max_workload=1000.0)]
    tasks = [Task(task_id=f"t{n:02}", title="Work", category=f"c{n}") for n in range(RECENT_ASSIGNMENTS + 5)]
    scheduler = SchedulerService(office.database, office.core)
    scheduler.finalize_assignments(scheduler.preview_assignments(tasks, people).preview_id)
    with office.database.unit() as unit:
        now = unit.now()
        for number, planned in enumerate(tasks):
            mine = task_assignments.c.task_id == planned.task_id
            at = now - timedelta(hours=number)
            unit.connection.execute(update(task_assignments).where(mine).values(assigned_at=at))
        found = unit.history.recent(["cy"], now)["cy"]
    assert set(found.by_category) == {f"c{n}" for n in range(RECENT_ASSIGNMENTS)}


def test_a_model_that_asks_for_it_plans_and_dispatches_by_recent_work(office: Office, scorer: LightGbmScorer) -> None:
    """Both choose whoever did such work lately, and log the features by which they did."""
    does(office, "bo", Task(task_id="t1", category="disk"), timedelta(hours=1))
    office.core = replace(office.core, scorer=scorer)
    scheduler = SchedulerService(office.database, office.core)
    work = [Task(task_id="p", title="Work", category="disk")]
    preview = scheduler.preview_assignments(work)
    assert [a.employee_id for a in preview.assignments] == ["bo"]
    scheduler.finalize_assignments(preview.preview_id)
    office.run(lambda unit: unit.employees.change("bo", {"max_units": 5}, unit.now()))
    for person in ("ana", "bo"):
        office.login(person)
    office.submit(Task(task_id="d", category="disk"))
    assert office.holder("d") == "bo"
    with office.database.read() as unit:
        frame = training_frame(unit)
    chosen = frame[frame.chosen == 1].set_index("task_id")
    assert set(NAMES[len(FEATURE_NAMES) :]) <= set(frame.columns)
    assert np.isnan(chosen.recent_category["t1"])
    assert chosen.recent_category["p"] == pytest.approx(1.0, abs=0.02)
    assert chosen.recent_category["d"] == pytest.approx(2.0, abs=0.03)
    others = frame[(frame.task_id == "d") & (frame.employee_id == "ana")]
    assert others.recent_category.tolist() == [0.0]

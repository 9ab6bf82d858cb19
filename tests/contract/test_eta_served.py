"""ETA models in serving: learned from the database's own log, promoted on evidence, followed by every process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import bindparam, update

from assignment_engine.cli import main
from assignment_engine.config import read_settings
from assignment_engine.domain.actors import Actor
from assignment_engine.domain.assignments import Event, advance
from assignment_engine.domain.errors import PromotionRefusedError
from assignment_engine.domain.records import Employee, Task
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.eta import EtaModel, Work, train_eta
from assignment_engine.learning.eta_promotion import listed_eta, promote_eta, rollback_eta
from assignment_engine.services.dispatch import work
from assignment_engine.services.eta import RULE, Asked, EtaPredictor
from assignment_engine.services.eta_training import logged_hours, train_logged
from assignment_engine.services.planning import SchedulerService
from assignment_engine.store.database import Database
from assignment_engine.store.tables import task_assignments
from assignment_engine.wiring import build_engine
from tests.builders import NOW
from tests.databases import Servers, opened

TASKS = 600
EXPERIENCE = FEATURE_NAMES.index("experience_years")
COMPLEXITY = FEATURE_NAMES.index("complexity")
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def learned() -> EtaModel:
    """Hours grow tenfold with complexity."""
    rng = np.random.default_rng(3)
    features = rng.random((1500, len(FEATURE_NAMES)))
    hours = 2.0 * 10.0 ** features[:, COMPLEXITY] * rng.lognormal(0.0, 0.2, 1500)
    features[:, FEATURE_NAMES.index("estimated_hours")] = np.nan
    made = Work(features, hours, np.ones(1500, dtype=np.bool_), np.zeros(1500, dtype=np.int64))
    return train_eta(made, rule=(np.full(1500, 6.0), np.full(1500, 18.0)))


@pytest.fixture
def models(tmp_path: Path, learned: EtaModel) -> Path:
    learned.save(tmp_path / "one")
    return tmp_path


def asked(complexity: float) -> Asked:
    return Asked("ana", None, None, {**dict.fromkeys(FEATURE_NAMES), "complexity": complexity})


def test_the_promoted_model_is_followed(sqlite_database: Database, models: Path) -> None:
    """The rule before, the model after, the rule never again; what is asked without features gets the rule."""
    eta = EtaPredictor(models, seconds=0.0)
    eta.follow(sqlite_database)
    assert (eta.source, eta.expect([asked(0.1)])) == (RULE, [None])
    promote_eta(models, "one", now=NOW)
    eta.follow(sqlite_database)
    assert eta.source == "one"
    easy, unknown, hard = eta.expect([asked(0.1), Asked("ana", None, 3.0), asked(0.9)])
    assert easy is not None
    assert hard is not None
    assert unknown is not None
    assert easy.p50 / 3600.0 == pytest.approx(2.0 * 10**0.1, rel=0.25)
    assert hard.p50 / 3600.0 == pytest.approx(2.0 * 10**0.9, rel=0.25)
    assert easy.p50 < easy.p90
    assert unknown.p50 == 3 * 3600


def test_a_model_that_cannot_be_used_leaves_the_one_before(
    sqlite_database: Database, models: Path, learned: EtaModel
) -> None:
    learned.save(models / "two")
    promote_eta(models, "one", now=NOW)
    eta = EtaPredictor(models, seconds=0.0)
    eta.follow(sqlite_database)
    promote_eta(models, "two", now=NOW)
    (models / "two" / "half.txt").write_text("tree\n")
    eta.follow(sqlite_database)
    assert eta.source == "one"
    assert eta.warning is not None
    assert "sha256" in eta.warning
    rollback_eta(models, now=NOW)
    eta.follow(sqlite_database)
    assert (eta.source, eta.warning) == ("one", None)


def test_only_what_is_better_than_what_is_in_use_is_promoted(models: Path, learned: EtaModel) -> None:
    gains = {**learned.measured, "gain_p50": 0.01, "error_p50": 0.02, "gain_p90": 0.0, "error_p90": 0.02}
    EtaModel(learned.names, learned.half, learned.most, learned.offsets, learned.shape, gains).save(
        models / "no-better"
    )
    with pytest.raises(PromotionRefusedError, match="p50"):
        promote_eta(models, "no-better", now=NOW)
    change = promote_eta(models, "no-better", now=NOW, force=True, reason="a trial")
    assert (change.forced, change.previous) == (True, None)
    assert [(entry.bundle, entry.champion) for entry in listed_eta(models)] == [("no-better", True), ("one", False)]


@pytest.fixture
def worked(half_a_year: Path, tmp_path: Path) -> str:
    """A copy of the database, for one test."""
    shutil.copy(half_a_year, tmp_path / "work.db")
    return f"sqlite:///{tmp_path / 'work.db'}"


@pytest.fixture(scope="module")
def half_a_year(servers: Servers) -> Iterator[Path]:
    """Plans of which hours are what the complexity of a task says; the last of them are still going on."""
    with servers["sqlite"].migrated() as url, opened(url) as database:
        rng = np.random.default_rng(5)
        people = [Employee(employee_id=f"p{n}", experience_years=n, max_workload=1e6) for n in range(8)]
        hard = rng.random(TASKS)
        tasks = [Task(task_id=f"t{n:03}", title="Work", complexity_score=c) for n, c in enumerate(hard.tolist())]
        scheduler = SchedulerService(database, settings=read_settings(database_url=url))
        preview = scheduler.preview_assignments(tasks, people, method="balanced", weight=1.0)
        scheduler.finalize_assignments(preview.preview_id)
        with database.unit() as unit:
            now = unit.now()
            rows = [{"key": a.id, "at": now - (TASKS - n) * 2 * HOUR} for n, a in enumerate(unit.assignments.active())]
            begun = update(task_assignments).where(task_assignments.c.assignment_id == bindparam("key"))
            at = {"assigned_at": bindparam("at", type_=task_assignments.c.assigned_at.type)}
            unit.connection.execute(begun.values(at), rows)
            taken = (2.0 * 10.0**hard * rng.lognormal(0.0, 0.3, TASKS)).tolist()
            ends = [(a, a.assigned_at + h * HOUR) for a, h in zip(unit.assignments.active(), taken, strict=True)]
            unit.assignments.record([advance(a, Event.COMPLETE, end) for a, end in ends if end < now], "test")
            unit.commit()
        database.dispose()
        yield Path(url.removeprefix("sqlite:///"))


def test_a_model_is_learned_from_the_log_of_the_database(
    worked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the commands that people run; then plans and assignments by hand have its ETAs."""
    monkeypatch.setenv("DATABASE_URL", worked)
    trained = CliRunner().invoke(
        main, ["train", "--from-database", "--objective", "eta", "--name", "spring", "--model-dir", str(tmp_path)]
    )
    assert trained.exit_code == 0, trained.output
    measured = json.loads(trained.stdout)["measured"]
    assert measured["gain_p50"] > 2.0 * measured["error_p50"] > 0.0
    assert measured["finished"] < measured["assignments"] == TASKS * 0.15
    promoted = CliRunner().invoke(main, ["promote", "spring", "--model-dir", str(tmp_path)])
    assert promoted.exit_code == 0, promoted.output
    shown = CliRunner().invoke(main, ["models", "--model-dir", str(tmp_path)])
    assert "* spring: eta" in shown.stdout

    engine = build_engine(read_settings(database_url=worked, model_dir=tmp_path))
    tasks = [Task(task_id=f"new-{c}", title="Work", complexity_score=c) for c in (0.1, 0.5, 0.9)]
    preview = engine.scheduler.preview_assignments(tasks[:1], task_ids=[])
    [planned] = engine.scheduler.finalize_assignments(preview.preview_id).assignments
    engine.dispatcher.warm_up()
    hours = [_hours(planned)]
    for task in tasks[1:]:
        engine.database.run(lambda unit, task=task: unit.tasks.add([task], unit.now()))
        made = engine.database.run(
            lambda unit, task=task: work.assign(unit, task.task_id, "p1", Actor("boss"), dispatcher=engine.dispatcher)
        )
        hours.append(_hours(made))
    assert hours == pytest.approx([2.0 * 10.0**c for c in (0.1, 0.5, 0.9)], rel=0.5)
    assert engine.dispatcher.eta.source == "spring"
    engine.database.dispose()


def _hours(made: object) -> float:
    return (made.eta_p50 - made.assigned_at) / HOUR  # type: ignore[attr-defined, no-any-return]


def test_a_champion_measures_its_successor_only_on_work_it_has_not_seen(worked: str, tmp_path: Path) -> None:
    with opened(worked) as database, database.read() as unit:
        logged = logged_hours(unit)
    first = train_logged(logged, tmp_path)
    assert first.about["against"] == "the plain rule"
    first.save(tmp_path / "first")
    promote_eta(tmp_path, "first", now=NOW)
    assert train_logged(logged, tmp_path).about["against"] == "the plain rule"
    older = EtaModel(
        first.names, first.half, first.most, first.offsets, first.shape, first.measured,
        {**first.about, "end": "2020-01-01T00:00:00Z"},
    )  # fmt: skip
    older.save(tmp_path / "older")
    promote_eta(tmp_path, "older", now=NOW, force=True, reason="to be measured against")
    against = train_logged(logged, tmp_path)
    assert against.about["against"] == "older"
    assert against.measured["gain_p50"] == pytest.approx(0.0, abs=1e-9)


def test_pauses_and_open_work_count_in_what_is_learned(worked: str) -> None:
    with opened(worked) as database:
        before = _logged(database)
        database.run(lambda unit: unit.connection.execute(update(task_assignments).values(paused_seconds=1800)))
        after = _logged(database)
    assert np.all(np.diff([p.hours for p in (before[0], after[0])]) <= 0.0)
    assert before[0].hours - after[0].hours == pytest.approx(0.5, abs=0.01)


def _logged(database: Database) -> list:
    with database.read() as unit:
        found = logged_hours(unit)
    assert len(found.pieces) == TASKS
    assert 0 < int((~found.work.ended).sum()) < 100
    assert list(found.assigned_at) == sorted(found.assigned_at)
    return list(found.pieces)


def test_a_file_of_decisions_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "decisions.csv").write_text("")
    asked = ["train", str(tmp_path / "decisions.csv"), "--objective", "eta", "--name", "x"]
    refused = CliRunner().invoke(main, [*asked, "--model-dir", str(tmp_path / "models")])
    assert refused.exit_code == 2
    assert "how long work took" in refused.stderr

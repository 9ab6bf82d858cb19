"""From a database with outcomes to a model that is served, by the commands that people run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from assignment_engine.config import read_settings
from assignment_engine.domain.assignments import Event, advance
from assignment_engine.domain.records import Employee, Task
from assignment_engine.services.planning import SchedulerService
from assignment_engine.store.database import Database
from assignment_engine.store.tables import audit_log, ml_training_data

PROGRAM = str(Path(sys.executable).with_name("assignment-engine"))
TASKS = 900


def run(*arguments: object, url: str) -> subprocess.CompletedProcess[str]:
    command = [PROGRAM, *map(str, arguments)]
    environment = {**os.environ, "DATABASE_URL": url}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def worked(url: str, count: int = TASKS) -> Database:
    """Half a year of plans, of which work far beyond somebody's experience mostly came too late."""
    database, rng = Database(url), np.random.default_rng(5)
    years = rng.uniform(0, 10, 30)
    people = [Employee(employee_id=f"p{n}", experience_years=y, max_workload=1e6) for n, y in enumerate(years.tolist())]
    hard = rng.random(count)
    tasks = [
        Task(task_id=f"t{n}", title="Work", complexity_score=c, estimated_hours=1.0)
        for n, c in enumerate(hard.tolist())
    ]
    scheduler = SchedulerService(database, settings=read_settings(database_url=url))
    preview = scheduler.preview_assignments(tasks, people, method="balanced", weight=1.0)
    given = scheduler.finalize_assignments(preview.preview_id).assignments
    with database.unit() as unit:
        now = unit.now()
        late = now - timedelta(hours=1)
        for assignment in given:
            fits = years[int(assignment.employee_id[1:])] / 10 - hard[int(assignment.ticket_id[1:])]
            good = rng.random() < 1 / (1 + np.exp(-4 * fits))
            unit.tasks.change(assignment.ticket_id, {"deadline": None if good else late}, now)
        done = [advance(found, Event.COMPLETE, now) for found in unit.assignments.active()]
        for step in done:
            unit.tasks.change(step.assignment.task_id, {"estimated_hours": None}, now)
        unit.assignments.record(done, "test")
        for number, step in enumerate(done):
            at = now - timedelta(hours=5 * (len(done) - number))
            mine = ml_training_data.c.assignment_id == step.assignment.id
            unit.connection.execute(update(ml_training_data).where(mine).values(logged_at=at))
            theirs = audit_log.c.assignment_id == step.assignment.id
            unit.connection.execute(update(audit_log).where(theirs).values(at=at + timedelta(hours=1)))
        unit.commit()
    return database


@pytest.mark.slow
def test_a_model_is_trained_judged_promoted_and_served(tmp_path: Path) -> None:
    url, models = f"sqlite:///{tmp_path / 'work.db'}", tmp_path / "models"
    database = worked(url)
    models.mkdir()
    scheduler = SchedulerService(database, settings=read_settings(database_url=url, model_dir=models))
    assert scheduler.assign_tasks().scorer.name == "weighted-fallback"

    trained = run("train", "--from-database", "--name", "spring", "--model-dir", models, url=url)
    assert trained.returncode == 0, trained.stderr
    judged = run("evaluate", "--from-database", "--name", "spring", "--model-dir", models, url=url)
    assert judged.returncode == 0, judged.stderr
    found = json.loads(judged.stdout)["success"]
    assert found["model"]["log_loss"] < found["constant"]["log_loss"]
    promoted = run("promote", "spring", "--from-database", "--model-dir", models, url=url)
    assert promoted.returncode == 0, promoted.stderr

    over = run("train", "--from-database", "--name", "spring", "--model-dir", models, url=url)
    assert "'spring' is the champion" in over.stderr
    assert "hold-out: no hold-out" in judged.stderr

    scheduler.follow(at_once=True)
    plan = scheduler.assign_tasks([Task(task_id="next")])
    assert (plan.scorer.name, plan.scorer.version) == ("lightgbm", "spring")
    database.dispose()


def test_a_file_and_the_database_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "decisions.csv").write_text("")
    url = f"sqlite:///{tmp_path / 'work.db'}"
    named = ("--name", "spring", "--model-dir", tmp_path / "models")
    both = run("train", tmp_path / "decisions.csv", "--from-database", *named, url=url)
    neither = run("train", *named, url=url)
    assert (both.returncode, neither.returncode) == (2, 2)
    assert "exclude each other" in both.stderr
    assert "--from-database" in neither.stderr

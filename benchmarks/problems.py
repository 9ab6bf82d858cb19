"""Random organisations of any size, and the model that scores them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from assignment_engine.domain.records import Employee, EmployeeHistory, Tally, Task
from assignment_engine.domain.types import Availability, Priority
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.scoring.bundle import Bundle, Calibration, Manifest, TrainingRun
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from assignment_engine.scoring.registry import load_champion, shipped_models

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
SKILLS = [f"skill {chr(97 + i // 6)}{chr(97 + i % 6)}" for i in range(36)]
DEPARTMENTS = ["network", "desktop", "identity", "billing", "field"]
CATEGORIES = ["incident", "request", "change", "problem", "access", "hardware", "billing", "other"]


def people(count: int, rng: np.random.Generator) -> list[Employee]:
    """Employees with histories; about one in ten is away, one in twenty is of unknown experience."""
    return [_person(i, rng) for i in range(count)]


def work(count: int, people_count: int, rng: np.random.Generator) -> list[Task]:
    """Tasks that together fill about seven tenths of the free hours of so many people, at most 12 h each."""
    mean = min(6.0, 0.7 * 25.0 * people_count / max(count, 1))
    return [_task(i, mean, rng) for i in range(count)]


def _person(number: int, rng: np.random.Generator) -> Employee:
    status = rng.choice([Availability.AVAILABLE, Availability.PARTIAL, Availability.AWAY], p=[0.8, 0.1, 0.1])
    judged = int(rng.integers(0, 60))
    good = int(rng.binomial(judged, rng.beta(8, 3)))
    held = rng.choice(SKILLS, int(rng.integers(3, 9)), replace=False)
    return Employee(
        employee_id=f"e{number:06d}",
        skills={str(name): round(float(rng.uniform(0.2, 1.0)), 2) for name in held},
        experience_years=None if rng.random() < 0.05 else round(float(rng.gamma(2.0, 3.0)), 1),
        current_workload=round(float(rng.uniform(0.0, 30.0)), 1),
        max_workload=40.0,
        availability_status=Availability(str(status)),
        performance_rating=round(float(rng.uniform(2.0, 5.0)), 1),
        department=str(rng.choice(DEPARTMENTS)),
        history=EmployeeHistory(
            active_tasks=int(rng.integers(0, 5)),
            completed=judged,
            completed_hours=judged * round(float(rng.uniform(1.0, 9.0)), 2),
            outcomes=Tally(good=good, total=judged),
            by_category={str(rng.choice(CATEGORIES)): Tally(good=good, total=judged)},
            by_department={str(name): float(rng.integers(1, 20)) for name in rng.choice(DEPARTMENTS, 2, replace=False)},
        ),
    )


def _task(number: int, mean_hours: float, rng: np.random.Generator) -> Task:
    needed = rng.choice(SKILLS, int(rng.integers(0, 5)), replace=False)
    return Task(
        task_id=f"t{number:06d}",
        title="a task",
        required_skills={str(name): round(float(rng.uniform(0.3, 1.0)), 1) for name in needed},
        priority=Priority(str(rng.choice([p.value for p in Priority]))),
        estimated_hours=round(float(np.clip(rng.gamma(2.0, mean_hours / 2.0), 0.1, 12.0)), 1),
        deadline=None if rng.random() < 0.2 else NOW + timedelta(hours=float(rng.uniform(1.0, 200.0))),
        complexity_score=round(float(rng.beta(2, 3)), 2),
        category=str(rng.choice(CATEGORIES)),
        department=str(rng.choice(DEPARTMENTS)),
        created_at=NOW - timedelta(hours=float(rng.exponential(30.0))),
    )


def scorer_of(model: Path | None, threads: int = 1) -> LightGbmScorer:
    """The LightGBM model text at `model`, or the bundle that ships with the engine."""
    return LightGbmScorer(load_champion(shipped_models()) if model is None else _bundle(model.read_text()), threads)


def _bundle(text: str) -> Bundle:
    """A bare model text as a bundle, so that it is checked and scored the way a bundle is."""
    objective = next(line for line in text.split("\n") if line.startswith("objective="))
    manifest = Manifest(
        format=1,
        name="benchmark",
        version="benchmark",
        kind="success",
        features=FEATURE_NAMES,
        objective=objective.removeprefix("objective="),
        calibration=Calibration(slope=1.0, intercept=0.0),
        training=TrainingRun(start=NOW - timedelta(days=1), end=NOW, rows=1, seed=0, data="unknown"),
        metrics={},
        libraries={},
        sha256="0" * 64,
        created_at=NOW,
    )
    return Bundle(manifest, text)

"""A database in which people have worked for weeks, made by the engine itself on a clock that is moved."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np

from assignment_engine.config import read_settings
from assignment_engine.domain.assignments import Advance, Event, advance
from assignment_engine.domain.records import Employee, Task
from assignment_engine.services.planning import SchedulerService
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
PEOPLE, DAYS, PER_DAY = 8, 17, 25
KINDS = ("repair", "report")


@dataclass
class _Clock:
    at: datetime = START

    def __call__(self) -> datetime:
        return self.at


def worked(url: str, days: int = DAYS, seed: int = 5) -> None:
    """Every morning the tasks of the day are planned; by the evening all are done, one after another.

    What is far beyond somebody's experience mostly takes longer than was estimated.
    """
    clock, rng = _Clock(), np.random.default_rng(seed)
    database = Database(url, clock=clock)
    database.upgrade()
    people = [
        Employee(employee_id=f"p{n}", experience_years=float(n % 4) * 3.0, max_workload=1e6) for n in range(PEOPLE)
    ]
    database.run(lambda unit: unit.employees.add(people, unit.now()))
    scheduler = SchedulerService(database, settings=read_settings(database_url=url, model_dir=None))
    try:
        for day in range(days):
            clock.at = START + timedelta(days=day)
            tasks = [_task(day * PER_DAY + n, rng, clock.at) for n in range(PER_DAY)]
            database.run(partial(_add, tasks))
            preview = scheduler.preview_assignments(method="balanced", weight=1.0)
            scheduler.finalize_assignments(preview.preview_id)
            database.run(partial(_work, tasks, people, rng, clock.at))
    finally:
        database.dispose()


def _task(number: int, rng: np.random.Generator, now: datetime) -> Task:
    return Task(
        task_id=f"t{number}",
        title=f"Work {number}",
        category=KINDS[number % len(KINDS)],
        complexity_score=round(float(rng.random()), 2),
        estimated_hours=1.0,
        created_at=now - timedelta(hours=float(rng.random())),
    )


def _add(tasks: list[Task], unit: UnitOfWork) -> None:
    unit.tasks.add(tasks, unit.now())


def _work(tasks: list[Task], people: list[Employee], rng: np.random.Generator, now: datetime, unit: UnitOfWork) -> None:
    hard = {task.task_id: task.complexity_score or 0.0 for task in tasks}
    years = {person.employee_id: person.experience_years or 0.0 for person in people}
    free: defaultdict[str, datetime] = defaultdict(lambda: now)
    begun: list[Advance] = []
    done: list[Advance] = []
    for found in unit.assignments.active():
        odds = 6.0 * (years[found.employee_id] / 10.0 - hard[found.task_id]) + 1.0
        hours = 0.8 if rng.random() < 1.0 / (1.0 + np.exp(-odds)) else 1.4
        start = free[found.employee_id]
        free[found.employee_id] = end = start + timedelta(hours=hours)
        begun.append(advance(found, Event.ACCEPT, start))
        done.append(advance(begun[-1].assignment, Event.COMPLETE, end))
    unit.assignments.record(begun, "test")
    unit.assignments.record(done, "test")

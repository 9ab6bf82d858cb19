"""Jobs on the real engine in this process: limits, cancelling, timeouts, retries."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assignment_engine.domain.background import ErrorCategory, Job, JobKind, JobStatus, NewJob, Run
from assignment_engine.domain.errors import DatabaseUnavailableError
from assignment_engine.jobs.engine import engine_url
from assignment_engine.jobs.handover import Handover
from assignment_engine.services.background import cancel_job, retry_job
from assignment_engine.store.database import Database
from tests.job_process import handover, read


class Jobs:
    """Submits jobs and steps the loop until something has happened."""

    def __init__(self, database: Database, loop: Handover, log: Path) -> None:
        self.database, self._loop, self.log = database, loop, log

    def submit(self, **request: object) -> str:
        new = NewJob(JobKind.FILE, {"steps": 1, "seconds": 0.05, **request}, "me")
        return self.database.run(lambda unit: unit.jobs.add(new, unit.now())).id

    def get(self, job_id: str) -> Job:
        with self.database.read() as unit:
            return unit.jobs.get(job_id)

    def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(400):
            self._loop.step(datetime.now(UTC))
            if condition():
                return
            time.sleep(0.02)
        pytest.fail("it did not happen")

    def until_ended(self, job_id: str) -> Job:
        self.until(lambda: self.get(job_id).status.ended)
        return self.get(job_id)

    def begun(self, job_id: str) -> bool:
        return any(event["job"] == job_id for event in read(self.log))

    def ended(self, job_id: str) -> bool:
        return any(event["job"] == job_id and event["what"] == "end" for event in read(self.log))


@contextmanager
def running(database: Database, directory: Path, **options: float) -> Iterator[Jobs]:
    log = directory / "log"
    loop = handover(database, f"sqlite:///{directory / 'jobs.db'}", log, dead_after=3, **options)
    try:
        yield Jobs(database, loop, log)
    finally:
        loop.close()


def test_results_and_errors(sqlite_database: Database, tmp_path: Path) -> None:
    with running(sqlite_database, tmp_path) as jobs:
        good, bad = jobs.submit(steps=2), jobs.submit(fails=True)
        done = jobs.until_ended(good)
        assert (done.status, done.results, done.metrics) == (
            JobStatus.COMPLETED,
            {"steps": 2},
            {"rows": 2, "issues_found": 1},
        )
        failed = jobs.until_ended(bad)
        assert failed.error is not None
        assert (failed.error.category, failed.error.detail) == (
            ErrorCategory.PROCESSING,
            "the work failed (ValueError)",
        )
        sqlite_database.run(lambda unit: retry_job(unit, bad))
        assert jobs.until_ended(bad).attempts == 2


def test_a_cancelled_job_stops_at_its_next_step(sqlite_database: Database, tmp_path: Path) -> None:
    with running(sqlite_database, tmp_path) as jobs:
        job_id = jobs.submit(steps=100, seconds=0.1)
        jobs.until(lambda: jobs.begun(job_id))
        sqlite_database.run(lambda unit: cancel_job(unit, job_id, "boss"))
        jobs.until(lambda: jobs.ended(job_id))
        job = jobs.get(job_id)
        assert job.error is not None
        assert (job.status, job.error.detail) == (JobStatus.FAILED, "cancelled by boss")
        assert len([event for event in read(jobs.log) if event["what"].startswith("step")]) < 50


def test_a_job_that_waits_and_is_cancelled_is_never_begun(sqlite_database: Database, tmp_path: Path) -> None:
    with running(sqlite_database, tmp_path) as jobs:
        busy = [jobs.submit(steps=5, seconds=0.1) for _ in range(5)]
        jobs.until(lambda: all(jobs.begun(job_id) for job_id in busy))
        waiting = jobs.submit()
        jobs.until(lambda: jobs.get(waiting).status is JobStatus.QUEUED)
        sqlite_database.run(lambda unit: cancel_job(unit, waiting, "boss"))
        last = jobs.submit()
        jobs.until_ended(last)
        assert not jobs.begun(waiting)


def test_a_job_that_takes_too_long_is_given_up(sqlite_database: Database, tmp_path: Path) -> None:
    with running(sqlite_database, tmp_path, timeout_seconds=0.5) as jobs:
        job = jobs.until_ended(jobs.submit(steps=100, seconds=0.1))
        assert job.error is not None
        assert (job.error.category, job.error.detail) == (ErrorCategory.PROCESSING, "not done after 0.5 s")
        jobs.until(lambda: jobs.ended(job.id))


def test_a_second_process_waits_until_the_first_has_left_the_file(sqlite_database: Database, tmp_path: Path) -> None:
    """The limits would not hold for two on one SQLite file."""
    second = handover(sqlite_database, f"sqlite:///{tmp_path / 'jobs.db'}", tmp_path / "log", dead_after=3)
    with running(sqlite_database, tmp_path) as jobs:
        jobs.until_ended(jobs.submit())
        assert second.step(datetime.now(UTC)) >= 1
        with sqlite_database.read() as unit:
            assert len(unit.executors.list()) == 1
    try:
        left = Jobs(sqlite_database, second, tmp_path / "log")
        assert left.until_ended(left.submit()).status is JobStatus.COMPLETED
    finally:
        second.close()


def test_jobs_that_wait_survive_the_loss_of_the_engines_own_tables(sqlite_database: Database, tmp_path: Path) -> None:
    with running(sqlite_database, tmp_path) as jobs:
        jobs.until_ended(jobs.submit())
        waiting = jobs.submit()
    with sqlite_database.read() as unit:
        (executor,) = unit.executors.list()
    # As if it had been handed over before the file was lost.
    sqlite_database.run(lambda unit: unit.jobs.queued([Run(waiting, 1, JobKind.FILE)], executor.engine, unit.now()))
    for path in tmp_path.glob("jobs.db*"):
        path.unlink()
    with running(sqlite_database, tmp_path) as jobs:
        assert jobs.until_ended(waiting).status is JobStatus.COMPLETED


def test_a_job_whose_checkpoint_cannot_be_written_begins_anew(sqlite_database: Database, tmp_path: Path) -> None:
    """That the engine's own tables are away for a moment is not the fault of the work."""
    with running(sqlite_database, tmp_path) as jobs, closing(sqlite3.connect(tmp_path / "jobs.db")) as tables:
        job = jobs.submit(steps=2, seconds=0.5)
        jobs.until(lambda: jobs.begun(job))
        tables.execute("ALTER TABLE operation_outputs RENAME TO away")
        jobs.until(lambda: jobs.get(job).attempts >= 2)
        tables.execute("ALTER TABLE away RENAME TO operation_outputs")
        assert jobs.until_ended(job).status is JobStatus.COMPLETED


def test_an_engine_whose_database_is_away_can_be_started_later(sqlite_database: Database, tmp_path: Path) -> None:
    away = handover(sqlite_database, "postgresql://user:geheim@127.0.0.1:1/none", tmp_path / "log", dead_after=3)
    for _ in "12":
        with pytest.raises(DatabaseUnavailableError) as caught:
            away.step(datetime.now(UTC))
        assert "geheim" not in str(caught.value)
    with running(sqlite_database, tmp_path) as jobs:
        assert jobs.until_ended(jobs.submit()).status is JobStatus.COMPLETED


@pytest.mark.parametrize(
    ("own", "application", "expected"),
    [
        (None, "postgresql+psycopg2://u:p@h/d", "postgresql://u:p@h/d"),
        (None, "postgres://u:p@h/d", "postgresql://u:p@h/d"),
        (None, "mysql://u@h/d", "sqlite:///assignment-engine-jobs.db"),
        (None, "sqlite:////data/work.db", "sqlite:////data/work-jobs.db"),
        ("postgresql+asyncpg://u:p@h/jobs", "mysql://u@h/d", "postgresql://u:p@h/jobs"),
        ("sqlite:///jobs.db", "postgresql://h/d", "sqlite:///jobs.db"),
    ],
)
def test_where_the_engine_keeps_its_tables(own: str | None, application: str, expected: str) -> None:
    assert engine_url(own, application) == expected

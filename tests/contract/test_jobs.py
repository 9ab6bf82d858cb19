"""Jobs on every database: what clients see, what late writes may do, and what people do to a job."""

from __future__ import annotations

from datetime import timedelta

import pytest

from assignment_engine.domain.background import ErrorCategory, Job, JobKind, JobProblem, JobStatus, Lane, NewJob, Run
from assignment_engine.domain.errors import NotFoundError, TransitionError
from assignment_engine.domain.files import FileProcessingMetrics
from assignment_engine.services.background import (
    cancel_job,
    concurrency,
    job_statistics,
    recover_jobs,
    retry_job,
    stuck_jobs,
    submit_job,
    visible_jobs,
)
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

PROBLEM = JobProblem(category=ErrorCategory.FILE, detail="no such file")


def submitted(database: Database, kind: JobKind = JobKind.FILE, subject: str = "me") -> Run:
    job = database.run(lambda unit: submit_job(unit, NewJob(kind, {"steps": 1}, subject, file_path="a.csv")))
    assert (job.status, job.attempts, job.progress) == (JobStatus.PENDING, 1, 0.0)
    return Run(job.id, 1, kind)


def begun(database: Database, executor: str = "x") -> Run:
    run = submitted(database)
    database.run(lambda unit: unit.jobs.queued(unit.jobs.take_pending(10), "engine", unit.now()))
    assert database.run(lambda unit: unit.jobs.begin(run, executor, unit.now()))
    return run


def read(database: Database, run: Run) -> Job:
    with database.read() as unit:
        return unit.jobs.get(run.job_id)


def complete(database: Database, run: Run, executor: str = "x") -> bool:
    return database.run(lambda unit: unit.jobs.complete(run, executor, {"n": 1}, {"rows": 7}, unit.now()))


def test_a_job_that_goes_well(database: Database) -> None:
    run = submitted(database)
    with database.unit() as unit:
        assert unit.jobs.take_pending(10) == (run,)
        unit.jobs.queued([run], "engine", unit.now())
        assert unit.jobs.take_pending(10) == ()
        unit.commit()
    assert read(database, run).status is JobStatus.QUEUED
    assert database.run(lambda unit: unit.jobs.begin(run, "x", unit.now()))
    assert database.run(lambda unit: unit.jobs.touch(run, "x", 0.5, unit.now()))
    assert database.run(lambda unit: unit.jobs.touch(run, "x", 0.25, unit.now()))
    running = read(database, run)
    assert (running.status, running.progress) == (JobStatus.PROCESSING, 0.5)  # what is done stays done
    assert running.started_at is not None
    assert complete(database, run)
    done = read(database, run)
    assert (done.status, done.progress, done.results, done.metrics, done.error) == (
        JobStatus.COMPLETED,
        1.0,
        {"n": 1},
        {"rows": 7},
        None,
    )


def test_jobs_are_handed_over_first_come_first_served(database: Database) -> None:
    runs = [submitted(database) for _ in range(5)]
    with database.unit() as unit:
        assert unit.jobs.take_pending(3) == tuple(runs[:3])


def test_two_that_hand_over_at_once_get_different_jobs(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("there one writer follows the other")
    first, second = submitted(database), submitted(database)
    with database.unit() as a, database.unit() as b:
        assert (a.jobs.take_pending(1), b.jobs.take_pending(2)) == ((first,), (second,))


def test_a_job_that_fails_says_why(database: Database) -> None:
    run = begun(database)
    assert database.run(lambda unit: unit.jobs.fail(run, "x", PROBLEM, unit.now()))
    failed = read(database, run)
    assert (failed.status, failed.error) == (JobStatus.FAILED, PROBLEM)
    assert failed.completed_at is not None


def test_after_another_process_took_over_the_first_one_writes_in_vain(database: Database) -> None:
    run = begun(database, "dead")
    assert database.run(lambda unit: unit.jobs.begin(run, "alive", unit.now()))
    assert not database.run(lambda unit: unit.jobs.touch(run, "dead", 0.9, unit.now()))
    assert not complete(database, run, "dead")
    assert complete(database, run, "alive")
    assert not complete(database, run, "alive")
    assert not database.run(lambda unit: unit.jobs.begin(run, "late", unit.now()))


@pytest.mark.parametrize("state", ["pending", "processing"])
def test_a_cancelled_job_has_ended_for_everybody(database: Database, state: str) -> None:
    run = submitted(database) if state == "pending" else begun(database)
    job = database.run(lambda unit: cancel_job(unit, run.job_id, "boss"))
    assert job.status is JobStatus.FAILED
    assert job.error == JobProblem(category=ErrorCategory.SYSTEM, detail="cancelled by boss")
    assert not complete(database, run)
    with pytest.raises(TransitionError):
        database.run(lambda unit: cancel_job(unit, run.job_id, "boss"))
    with database.read() as unit:
        assert unit.jobs.to_cancel() == ((run.job_id, 1),)
    database.run(lambda unit: unit.jobs.cancelled(run.job_id, 1))
    with database.read() as unit:
        assert unit.jobs.to_cancel() == ()


def test_a_failed_job_is_begun_anew_and_its_old_run_no_longer_counts(database: Database) -> None:
    run = begun(database)
    with pytest.raises(TransitionError):
        database.run(lambda unit: retry_job(unit, run.job_id))
    database.run(lambda unit: unit.jobs.fail(run, "x", PROBLEM, unit.now()))
    again = database.run(lambda unit: retry_job(unit, run.job_id))
    assert (again.status, again.attempts, again.error, again.started_at) == (JobStatus.PENDING, 2, None, None)
    assert not database.run(lambda unit: unit.jobs.begin(run, "x", unit.now()))
    with database.unit() as unit:
        assert unit.jobs.take_pending(1) == (Run(run.job_id, 2, JobKind.FILE),)
        assert unit.jobs.to_cancel() == ((run.job_id, 1),)


def test_silent_jobs_are_stuck_and_can_be_begun_anew(database: Database) -> None:
    run = begun(database)
    ended = begun(database)
    complete(database, ended)
    submitted(database)  # nobody has begun it, so it is not stuck
    with database.read() as unit:
        assert stuck_jobs(unit, 60) == ()
        assert [job.id for job in stuck_jobs(unit, -60)] == [run.job_id]
    (again,) = database.run(lambda unit: recover_jobs(unit, -60, lambda _path: True))
    assert (again.id, again.status, again.attempts) == (run.job_id, JobStatus.PENDING, 2)
    assert not complete(database, run)


def test_jobs_that_somebody_looks_after_are_not_stuck(database: Database) -> None:
    """A job waits as long as it has to where its engine is alive; one of another engine is stuck."""
    waiting, lost, running = (submitted(database) for _ in range(3))

    def hand_over(unit: UnitOfWork) -> None:
        long_ago = unit.now() - timedelta(seconds=100)
        unit.jobs.queued([waiting, running], "engine", long_ago)
        unit.jobs.queued([lost], "gone", long_ago)
        unit.jobs.begin(running, "x", long_ago)

    database.run(hand_over)
    with database.read() as unit:
        assert len(stuck_jobs(unit, 60)) == 3
        assert unit.jobs.left_queued("engine") == (waiting,)
    database.run(lambda unit: unit.jobs.alive("engine", "x", unit.now()))
    with database.read() as unit:
        assert [job.id for job in stuck_jobs(unit, 60)] == [lost.job_id]


def test_a_job_that_takes_too_long_is_ended(database: Database) -> None:
    run = begun(database)
    with database.unit() as unit:
        now = unit.now()
        assert unit.jobs.overdue(JobKind.FILE, now - timedelta(seconds=60)) == ()
        assert unit.jobs.overdue(JobKind.PIPELINE, now + timedelta(seconds=60)) == ()
        assert unit.jobs.overdue(JobKind.FILE, now + timedelta(seconds=60)) == (run,)
        assert unit.jobs.expire(run, PROBLEM, now)
        unit.commit()
    assert read(database, run).status is JobStatus.FAILED
    assert not complete(database, run)


def test_planners_see_the_jobs_they_started(database: Database) -> None:
    mine, other = submitted(database, subject="me"), submitted(database, subject="other")
    with database.read() as unit:
        assert [job.id for job in visible_jobs(unit, [mine.job_id], "me")] == [mine.job_id]
        assert len(visible_jobs(unit, [mine.job_id, other.job_id], None)) == 2
        with pytest.raises(NotFoundError):
            visible_jobs(unit, [mine.job_id, other.job_id], "me")


def test_load_of_the_lanes_and_statistics(database: Database) -> None:
    done = begun(database)
    complete(database, done)
    metrics = FileProcessingMetrics(file_size_bytes=90, rows=7, issues_found=2, processing_time_seconds=0.5)
    database.run(lambda unit: unit.files.measured(done.job_id, metrics, unit.now()))
    begun(database)
    submitted(database, JobKind.PIPELINE)
    database.run(lambda unit: unit.executors.seen("x", "engine", unit.now()))
    database.run(lambda unit: unit.executors.seen("gone", "engine", unit.now() - timedelta(seconds=100)))
    with database.read() as unit:
        load = concurrency(unit, {Lane.FILES: 5, Lane.PIPELINES: 2}, 30)
        statistics = job_statistics(unit)
    assert (load.limit, load.running, load.queued) == (5, 1, 0)
    assert [(lane.name, lane.running, lane.queued) for lane in load.lanes] == [("files", 1, 0), ("pipelines", 0, 1)]
    assert [executor.executor_id for executor in load.executors] == ["x"]
    assert statistics.jobs == {"pending": 1, "queued": 0, "processing": 1, "completed": 1, "failed": 0}
    assert (statistics.files, statistics.rows, statistics.issues_found) == (1, 7, 2)
    assert (statistics.processing_seconds.mean, statistics.processing_seconds.p95) == (0.5, 0.5)


def test_silent_executors_are_found_by_those_of_the_same_engine(database: Database) -> None:
    long_ago = timedelta(seconds=100)
    for name, engine in (("a", "one"), ("b", "one"), ("c", "two")):
        database.run(lambda unit, name=name, engine=engine: unit.executors.seen(name, engine, unit.now() - long_ago))
    with database.unit() as unit:
        assert unit.executors.silent("one", unit.now(), but="b") == ("a",)
        unit.executors.seen("a", "one", unit.now())
        assert unit.executors.silent("one", unit.now() - timedelta(seconds=50), but="x") == ("b",)
        unit.executors.forget("b")
        assert [executor.executor_id for executor in unit.executors.list()] == ["a", "c"]

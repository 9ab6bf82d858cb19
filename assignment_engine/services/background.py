"""Use cases around durable jobs, for those who ask for them; a worker runs them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

from assignment_engine.domain.background import ErrorCategory, Job, JobKind, JobProblem, JobStatus, Lane, NewJob
from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.records import Record
from assignment_engine.domain.types import Instant
from assignment_engine.store.unit import UnitOfWork


class LaneLoad(Record):
    """How full one lane is."""

    name: Lane
    limit: int
    running: int
    queued: int


class ExecutorSeen(Record):
    """A process that runs jobs."""

    executor_id: str
    last_seen: Instant


class Concurrency(Record):
    """What runs and what waits: file jobs, then each lane, and the processes that do it."""

    limit: int
    running: int
    queued: int
    lanes: tuple[LaneLoad, ...]
    executors: tuple[ExecutorSeen, ...]


class Seconds(Record):
    """How long jobs took; null before the first one."""

    mean: float | None = None
    p95: float | None = None


class JobStatistics(Record):
    """Jobs by status, and what was done to files."""

    jobs: dict[JobStatus, int]
    files: int
    rows: int
    issues_found: int
    processing_seconds: Seconds


def submit_job(unit: UnitOfWork, new: NewJob) -> Job:
    """Write a job down; a worker finds it."""
    return unit.jobs.add(new, unit.now())


def visible_jobs(unit: UnitOfWork, ids: Collection[str], only_of: str | None) -> tuple[Job, ...]:
    """The jobs with these ids; with `only_of` those of others are not there.

    Raises
    ------
    NotFoundError
        Naming the first that is not there.
    """
    found = {job.id: job for job in unit.jobs.get_many(ids) if only_of in (None, job.created_by)}
    for job_id in ids:
        if job_id not in found:
            raise NotFoundError("job", job_id)
    return tuple(found[job_id] for job_id in dict.fromkeys(ids))


def cancel_job(unit: UnitOfWork, job_id: str, subject: str) -> Job:
    """End a job at once for everybody who looks; the work itself ends at its next step.

    Raises
    ------
    NotFoundError
    TransitionError
        If it has ended.
    """
    problem = JobProblem(category=ErrorCategory.SYSTEM, detail=f"cancelled by {subject}")
    return unit.jobs.cancel(job_id, problem, unit.now())


def retry_job(unit: UnitOfWork, job_id: str) -> Job:
    """Begin a failed job anew.

    Raises
    ------
    NotFoundError
    TransitionError
        If it did not fail.
    """
    return unit.jobs.retry(job_id, unit.now())


def stuck_jobs(unit: UnitOfWork, silent_seconds: float) -> tuple[Job, ...]:
    """Jobs of which nothing was heard for so long."""
    return unit.jobs.stuck(unit.now() - timedelta(seconds=silent_seconds))


def recover_jobs(unit: UnitOfWork, silent_seconds: float, is_there: Callable[[str], bool]) -> tuple[Job, ...]:
    """Begin the stuck jobs anew; those whose file has vanished fail instead. `is_there` tells whether a file is."""
    now = unit.now()
    before = now - timedelta(seconds=silent_seconds)
    stuck = unit.jobs.stuck(before)
    lost = {job.id: job.file_path for job in stuck if job.file_path is not None and not is_there(job.file_path)}
    for job_id, path in lost.items():
        problem = JobProblem(category=ErrorCategory.FILE, detail=f"the file {path!r} is not there")
        unit.jobs.cancel(job_id, problem, now)
    ids = unit.jobs.begin_anew([job.id for job in stuck if job.id not in lost], before, now)
    return unit.jobs.get_many([*lost, *ids])


def concurrency(unit: UnitOfWork, limits: dict[Lane, int], executor_seconds: float) -> Concurrency:
    """What runs now, what waits, and who was seen within so many seconds."""
    counts = unit.jobs.counts()
    lanes = tuple(_load(lane, limit, counts) for lane, limit in limits.items())
    files = next(lane for lane in lanes if lane.name is Lane.FILES)
    since = unit.now() - timedelta(seconds=executor_seconds)
    alive = [e for e in unit.executors.list() if e.last_seen_at > since]
    return Concurrency(
        limit=files.limit,
        running=files.running,
        queued=files.queued,
        lanes=lanes,
        executors=tuple(ExecutorSeen(executor_id=e.executor_id, last_seen=e.last_seen_at) for e in alive),
    )


def _load(lane: Lane, limit: int, counts: dict[tuple[JobKind, JobStatus], int]) -> LaneLoad:
    def total(*statuses: JobStatus) -> int:
        return sum(count for (kind, status), count in counts.items() if kind.lane is lane and status in statuses)

    waiting = total(JobStatus.PENDING, JobStatus.QUEUED)
    return LaneLoad(name=lane, limit=limit, running=total(JobStatus.PROCESSING), queued=waiting)


def job_statistics(unit: UnitOfWork) -> JobStatistics:
    """Counts of all jobs and of what was done to files; `processing_seconds` are those of the latest 10,000 files."""
    by_status: Counter[JobStatus] = Counter(dict.fromkeys(JobStatus, 0))
    for (_, status), count in unit.jobs.counts().items():
        by_status[status] += count
    totals = unit.files.totals()
    return JobStatistics(
        jobs=dict(by_status),
        files=totals.files,
        rows=totals.rows,
        issues_found=totals.issues_found,
        processing_seconds=_seconds(totals.seconds),
    )


def _seconds(durations: Sequence[float]) -> Seconds:
    """Mean and the smallest duration that 95 % do not exceed."""
    if not durations:
        return Seconds()
    ordered = sorted(durations)
    return Seconds(mean=sum(ordered) / len(ordered), p95=ordered[math.ceil(0.95 * len(ordered)) - 1])

"""Jobs: what clients see of them, and what those who run them write.

The rows are all that clients need. What runs a job writes here under the number of its run and its own name; once the
job was cancelled, begun anew or taken over by another process, such a write changes nothing and says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Update, and_, case, func, insert, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.background import FILES_DELETED_AT, Job, JobKind, JobProblem, JobStatus, NewJob, Run
from assignment_engine.domain.errors import FilesDeletedError, NotFoundError, TransitionError
from assignment_engine.domain.stored import Page
from assignment_engine.domain.types import new_id, utc_text
from assignment_engine.store.paging import fetch_page
from assignment_engine.store.rows import Values, rows_in
from assignment_engine.store.tables import job_records

_KEY = job_records.c.job_id
_STATUS = job_records.c.status
_RENAMED = {"id": "job_id", "results": "results_json"}
_COLUMNS = {name: job_records.c[_RENAMED.get(name, name)] for name in Job.model_fields if name != "error"}
_QUERY = select(
    *(column.label(name) for name, column in _COLUMNS.items()), job_records.c.error_category, job_records.c.error_detail
)
_RUNNING = (JobStatus.QUEUED, JobStatus.PROCESSING)
_OPEN = (JobStatus.PENDING, *_RUNNING)
_LOOKED_AT = 1_000
_LONGEST_HOLDER = 128


class Jobs:
    """Jobs in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: NewJob, now: datetime) -> Job:
        """Write down that this is to be done."""
        row = {
            "job_id": new_id(),
            "kind": new.kind,
            "status": JobStatus.PENDING,
            "progress": 0.0,
            "request": dict(new.request),
            "file_path": new.file_path,
            "selected_ucs": new.selected_ucs,
            "reference_file_path": None if new.reference_file_path is None else dict(new.reference_file_path),
            "attempts": 1,
            "created_by": new.created_by,
            "created_at": now,
            "touched_at": now,
        }
        self._connection.execute(insert(job_records), row)
        return self.get(str(row["job_id"]))

    def get(self, job_id: str) -> Job:
        """The job, or NotFoundError."""
        found = self.get_many([job_id])
        if not found:
            raise NotFoundError("job", job_id)
        return found[0]

    def get_many(self, ids: Collection[str]) -> tuple[Job, ...]:
        """Those of `ids` that exist, by id."""
        return tuple(_record(row) for row in rows_in(self._connection, _QUERY, _KEY, ids))

    def list(
        self,
        *,
        page: int = 1,
        limit: int = 50,
        after: str | None = None,
        status: JobStatus | None = None,
        only_of: str | None = None,
    ) -> Page[Job]:
        """One page of jobs, the latest first; with `only_of` those that somebody started."""
        given = ((_STATUS, status), (job_records.c.created_by, only_of))
        query = _QUERY.where(*(column == value for column, value in given if value is not None))
        sorts = {"created_at": job_records.c.created_at}
        return fetch_page(
            self._connection,
            query,
            _KEY,
            sorts,
            lambda rows: tuple(_record(row) for row in rows),
            sort="-created_at",
            page=page,
            limit=limit,
            after=after,
        )

    def request(self, job_id: str) -> dict[str, Any]:
        """What the job was asked to do."""
        found: dict[str, Any] = self._connection.execute(
            select(job_records.c.request).where(job_records.c.job_id == job_id)
        ).scalar_one()
        return found

    # The way of a job that goes well

    def take_pending(self, limit: int) -> tuple[Run, ...]:
        """Lock jobs that nobody has handed over yet, the oldest first; those being looked at are passed over."""
        query = select(_KEY, job_records.c.attempts, job_records.c.kind).where(_STATUS == JobStatus.PENDING)
        query = query.order_by(job_records.c.created_at, _KEY).limit(limit)
        rows = self._connection.execute(query.with_for_update(skip_locked=True, key_share=True))
        return tuple(Run(row.job_id, row.attempts, JobKind(row.kind)) for row in rows)

    def has_news(self) -> bool:
        """Whether a job waits to be handed over, or a run to be ended; a look that disturbs nobody."""
        is_pending = select(job_records.c.job_id).where(_STATUS == JobStatus.PENDING).limit(1)
        is_to_end = select(job_records.c.job_id).where(job_records.c.to_end_since.is_not(None)).limit(1)
        return any(self._connection.execute(query).first() is not None for query in (is_pending, is_to_end))

    def queued(self, runs: Collection[Run], engine: str, now: datetime) -> None:
        """These were handed over to this engine."""
        for run in runs:
            values: Values = {"status": JobStatus.QUEUED, "executor_id": _holder(engine), "touched_at": now}
            self._change(_of(run, [JobStatus.PENDING]), values)

    def left_queued(self, engine: str) -> tuple[Run, ...]:
        """What this engine should know of, the oldest first."""
        is_ours = and_(_STATUS == JobStatus.QUEUED, job_records.c.executor_id == _holder(engine))
        query = select(_KEY, job_records.c.attempts, job_records.c.kind).where(is_ours)
        rows = self._connection.execute(query.order_by(job_records.c.created_at, _KEY))
        return tuple(Run(row.job_id, row.attempts, JobKind(row.kind)) for row in rows)

    def alive(self, engine: str, executor_id: str, now: datetime) -> None:
        """What waits in this engine and what this process runs is looked after."""
        for status, holder in ((JobStatus.QUEUED, _holder(engine)), (JobStatus.PROCESSING, executor_id)):
            is_held = and_(job_records.c.status == status, job_records.c.executor_id == holder)
            self._connection.execute(update(job_records).where(is_held).values(touched_at=now))

    def begin(self, run: Run, executor_id: str, now: datetime) -> bool:
        """This process runs it now, for the first time or because another one died; False: it is not to run."""
        values: Values = {
            "status": JobStatus.PROCESSING,
            "executor_id": executor_id,
            "started_at": func.coalesce(job_records.c.started_at, now),
            "touched_at": now,
        }
        return self._change(_of(run, _OPEN), values)

    def touch(self, run: Run, executor_id: str, progress: float, now: datetime) -> bool:
        """It goes on; False: this run no longer counts."""
        # Which share is done never falls: a run that is repeated after a crash passes the same points again.
        higher = case((job_records.c.progress > progress, job_records.c.progress), else_=progress)
        return self._change(_held(run, executor_id), {"progress": higher, "touched_at": now})

    def complete(
        self,
        run: Run,
        executor_id: str,
        results: Mapping[str, Any],
        metrics: Mapping[str, Any] | None,
        now: datetime,
    ) -> bool:
        """It is done; False: this run no longer counted."""
        values: Values = {"status": JobStatus.COMPLETED, "progress": 1.0, "completed_at": now, "touched_at": now}
        kept = {"results_json": dict(results), "metrics": None if metrics is None else dict(metrics)}
        return self._change(_held(run, executor_id), {**values, **kept})

    def fail(self, run: Run, executor_id: str, problem: JobProblem, now: datetime) -> bool:
        """It failed; False: this run no longer counted."""
        return self._change(_held(run, executor_id), _failure(problem, now))

    def again(self, run: Run, executor_id: str, now: datetime) -> bool:
        """Begin a running job anew, because something beside it went wrong; False: this run no longer counted."""
        return self._change(_held(run, executor_id), _anew(now))

    # What people and clocks do to a job

    def cancel(self, job_id: str, problem: JobProblem, now: datetime) -> Job:
        """End a job that has not ended.

        Raises
        ------
        NotFoundError
        TransitionError
            If it has ended.
        """
        values = {**_failure(problem, now), "to_end_since": now}
        if not self._change(and_(job_records.c.job_id == job_id, _STATUS.in_(_OPEN)), values):
            raise TransitionError("cancel", self.get(job_id).status)
        return self.get(job_id)

    def retry(self, job_id: str, now: datetime) -> Job:
        """Begin a failed job anew.

        Raises
        ------
        NotFoundError
        TransitionError
            If it did not fail.
        FilesDeletedError
            If its file was deleted meanwhile.
        """
        # A failed job has no results, but for the note that its files were deleted.
        can_begin = and_(
            job_records.c.job_id == job_id, _STATUS == JobStatus.FAILED, job_records.c.results_json.is_(None)
        )
        if not self._change(can_begin, _anew(now)):
            job = self.get(job_id)
            if job.status is JobStatus.FAILED:
                raise FilesDeletedError(job_id)
            raise TransitionError("retry", job.status)
        return self.get(job_id)

    def stuck(self, before: datetime) -> tuple[Job, ...]:
        """Jobs handed over or running that nobody has looked after since `before`, the longest silent first."""
        query = _QUERY.where(_STATUS.in_(_RUNNING), job_records.c.touched_at < before)
        found = self._connection.execute(query.order_by(job_records.c.touched_at, _KEY))
        return tuple(_record(cast("Row[Any]", row)) for row in found)

    def begin_anew(self, job_ids: Collection[str], before: datetime, now: datetime) -> tuple[str, ...]:
        """Begin those anew that are stuck still; which."""
        is_stuck = and_(_STATUS.in_(_RUNNING), job_records.c.touched_at < before)
        return tuple(i for i in sorted(job_ids) if self._change(and_(job_records.c.job_id == i, is_stuck), _anew(now)))

    def overdue(self, kind: JobKind, started_before: datetime) -> tuple[Run, ...]:
        """Jobs of this kind that run since before `started_before`."""
        query = select(_KEY, job_records.c.attempts).where(
            _STATUS == JobStatus.PROCESSING,
            job_records.c.kind == kind,
            job_records.c.started_at < started_before,
        )
        return tuple(Run(row.job_id, row.attempts, kind) for row in self._connection.execute(query.order_by(_KEY)))

    def expire(self, run: Run, problem: JobProblem, now: datetime) -> bool:
        """End a run from outside; False: it ended by itself."""
        return self._change(_of(run, [JobStatus.PROCESSING]), {**_failure(problem, now), "to_end_since": now})

    def to_cancel(self) -> tuple[tuple[str, int], ...]:
        """Jobs with runs that are to end, and the number of the last such run."""
        last = case((_STATUS == JobStatus.FAILED, job_records.c.attempts), else_=job_records.c.attempts - 1)
        query = select(_KEY, last.label("last")).where(job_records.c.to_end_since.is_not(None)).order_by(_KEY)
        return tuple((row.job_id, row.last) for row in self._connection.execute(query))

    def cancelled(self, job_id: str, last: int) -> None:
        """Those runs were told to end."""
        is_same = job_records.c.attempts <= last + 1
        self._change(and_(job_records.c.job_id == job_id, is_same), {"to_end_since": None})

    # Files that are not kept for ever

    def of_files(self, paths: Collection[str]) -> tuple[Job, ...]:
        """The jobs on these files."""
        return tuple(_record(row) for row in rows_in(self._connection, _QUERY, job_records.c.file_path, paths))

    def note_deletion(self, ids: Collection[str], ended_before: datetime, now: datetime) -> dict[str, bool]:
        """Note that the files of those jobs are gone that ended before this moment; which, and whether it is news."""
        query = select(_KEY, job_records.c.results_json).where(
            job_records.c.kind == JobKind.FILE,
            _STATUS.in_((JobStatus.COMPLETED, JobStatus.FAILED)),
            job_records.c.completed_at < ended_before,
        )
        noted: dict[str, bool] = {}
        for row in rows_in(self._connection, query, _KEY, ids, lock=True):
            results = row.results_json or {"files": []}
            noted[row.job_id] = FILES_DELETED_AT not in results
            if noted[row.job_id]:
                kept = {**results, FILES_DELETED_AT: utc_text(now)}
                self._change(job_records.c.job_id == row.job_id, {"results_json": kept})
        return noted

    # Counts

    def counts(self) -> dict[tuple[JobKind, JobStatus], int]:
        """How many jobs there are of each kind in each status."""
        query = select(job_records.c.kind, _STATUS, func.count()).group_by(job_records.c.kind, _STATUS)
        rows = self._connection.execute(query)
        return {(JobKind(kind), JobStatus(status)): count for kind, status, count in rows}

    def open_files(self) -> tuple[Job, ...]:
        """The latest jobs on a file that have not ended, at most a thousand."""
        query = _QUERY.where(_STATUS.in_(_OPEN), job_records.c.file_path.is_not(None))
        latest = query.order_by(job_records.c.created_at.desc(), _KEY).limit(_LOOKED_AT)
        return tuple(_record(cast("Row[Any]", row)) for row in self._connection.execute(latest))

    def _change(self, which: ColumnElement[bool], values: Values) -> bool:
        statement: Update = update(job_records).where(which).values(values)
        return self._connection.execute(statement).rowcount == 1


def _holder(engine: str) -> str:
    """Who has a job that waits: no process yet."""
    return engine[:_LONGEST_HOLDER]


def _of(run: Run, statuses: Collection[JobStatus]) -> ColumnElement[bool]:
    return and_(job_records.c.job_id == run.job_id, job_records.c.attempts == run.attempt, _STATUS.in_(statuses))


def _held(run: Run, executor_id: str) -> ColumnElement[bool]:
    return and_(_of(run, [JobStatus.PROCESSING]), job_records.c.executor_id == executor_id)


def _failure(problem: JobProblem, now: datetime) -> Values:
    return {
        "status": JobStatus.FAILED,
        "error_category": problem.category,
        "error_detail": problem.detail,
        "completed_at": now,
        "touched_at": now,
    }


def _anew(now: datetime) -> Values:
    """Nothing is left of the runs before but their number; those that still go on are told to end."""
    return {
        **dict.fromkeys(("results_json", "metrics", "error_category", "error_detail"), None),
        **dict.fromkeys(("started_at", "completed_at", "executor_id"), None),
        "status": JobStatus.PENDING,
        "progress": 0.0,
        "attempts": job_records.c.attempts + 1,
        "to_end_since": now,
        "touched_at": now,
    }


def _record(row: Row[Any]) -> Job:
    fields = {name: getattr(row, name) for name in _COLUMNS}
    if row.error_category is not None:
        fields["error"] = JobProblem(category=row.error_category, detail=row.error_detail or "")
    return Job(**fields)

"""The loop between the rows that clients see and the engine that runs jobs, and the care for processes that died."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import partial

from assignment_engine.domain.background import ErrorCategory, JobKind, JobProblem
from assignment_engine.jobs.engine import JobEngine
from assignment_engine.jobs.kinds import JobTable
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

_log = logging.getLogger(__name__)

EVERY_SECONDS = 0.5
HEARTBEAT_SECONDS = 5.0
DEAD_AFTER_SECONDS = 30.0
_AT_ONCE = 100
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Handover:
    """Hands new jobs to the engine, ends cancelled and overdue ones, and lets those of dead processes go on here."""

    def __init__(
        self, database: Database, engine: JobEngine, table: JobTable, dead_after_seconds: float = DEAD_AFTER_SECONDS
    ) -> None:
        self._database, self._engine, self._table = database, engine, table
        self._dead_after = timedelta(seconds=dead_after_seconds)
        self._heartbeat = min(HEARTBEAT_SECONDS, dead_after_seconds / 3)
        self._beat_at: datetime | None = None

    def step(self, now: datetime) -> float:
        """Do what there is to do; in how many seconds to look again. `now` only spaces the heartbeats."""
        if not self._engine.is_running and not self._start():
            return self._heartbeat  # another process of this machine runs the jobs; it may end
        if self._beat_at is None or now >= self._beat_at:
            self._database.run(self._beat)
            self._database.run(self._take_over)
            self._expire()
            self._beat_at = now + timedelta(seconds=self._heartbeat)
        return self._news()

    def _news(self) -> float:
        with self._database.read() as unit:
            if not unit.jobs.has_news():
                return EVERY_SECONDS
        self._database.run(self._cancel)
        return 0.0 if self._database.run(self._hand_over) == _AT_ONCE else EVERY_SECONDS

    def close(self) -> None:
        """Stop the engine; what still runs is taken over by the next process at once."""
        if self._engine.is_running:
            self._engine.stop()
            self._database.run(lambda unit: unit.executors.leave(self._engine.executor_id, _LONG_AGO))

    def _start(self) -> bool:
        """Start the engine, and hand over again what waits in it, in case its own tables were lost."""
        if not self._engine.start():
            return False
        with self._database.read() as unit:
            waiting = unit.jobs.left_queued(self._engine.name)
        self._engine.enqueue(waiting)
        return True

    def _beat(self, unit: UnitOfWork) -> None:
        now = unit.now()
        unit.executors.seen(self._engine.executor_id, self._engine.name, now)
        unit.jobs.alive(self._engine.name, self._engine.executor_id, now)

    def _hand_over(self, unit: UnitOfWork) -> int:
        # A crash before the commit hands the same runs over again, which the engine does not run twice.
        runs = unit.jobs.take_pending(_AT_ONCE)
        self._engine.enqueue(runs)
        unit.jobs.queued(runs, self._engine.name, unit.now())
        return len(runs)

    def _take_over(self, unit: UnitOfWork) -> None:
        """Inside the transaction that holds their rows, because a second process doing the same would begin jobs again
        that go on already. With a SQLite file nobody else can be alive."""
        now = unit.now()
        before = now + timedelta(days=1) if self._engine.is_sqlite else now - self._dead_after
        for executor_id in unit.executors.silent(self._engine.name, before, but=self._engine.executor_id):
            count = self._engine.take_over(executor_id)
            unit.executors.forget(executor_id)
            _log.warning("executor %s is gone; %d of its jobs go on here", executor_id, count)

    def _cancel(self, unit: UnitOfWork) -> None:
        for job_id, last in unit.jobs.to_cancel():
            self._engine.cancel([f"{job_id}.{attempt}" for attempt in range(1, last + 1)])
            unit.jobs.cancelled(job_id, last)

    def _expire(self) -> None:
        for kind, work in self._table.items():
            detail = f"not done after {work.timeout_seconds:g} s"
            problem = JobProblem(category=ErrorCategory.PROCESSING, detail=detail)
            self._database.run(partial(self._expire_kind, kind, work.timeout_seconds, problem))

    def _expire_kind(self, kind: JobKind, seconds: float, problem: JobProblem, unit: UnitOfWork) -> None:
        now = unit.now()
        for run in unit.jobs.overdue(kind, now - timedelta(seconds=seconds)):
            unit.jobs.expire(run, problem, now)

"""One run of a job: reads what is to be done, does it step by step, and writes down what came of it."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from assignment_engine.domain.background import JobProblem, Run
from assignment_engine.domain.errors import ConfigurationError, DatabaseUnavailableError
from assignment_engine.jobs.kinds import JobEndedError, JobResult, JobTable, problem_of
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

_log = logging.getLogger(__name__)
T = TypeVar("T")

WRITE_EVERY_SECONDS = 0.5
# A database that restarts is waited for; one that is away for longer ends the run, and the job shows up as stuck.
WAIT_FOR_DATABASE_SECONDS = 600.0
_LONGEST_PAUSE_SECONDS = 5.0
MOST_ATTEMPTS = 5
Step = Callable[[str, Callable[[], Any]], Any]


def patiently(database: Database, use_case: Callable[[UnitOfWork], T]) -> T:
    """What `use_case` returns, once the database answers.

    Raises
    ------
    DatabaseUnavailableError
        If it was away for ten minutes.
    """
    pause, waited = 0.1, 0.0
    while True:
        try:
            return database.run(use_case)
        except DatabaseUnavailableError:
            if waited > WAIT_FOR_DATABASE_SECONDS:
                raise
            time.sleep(pause)
            waited += pause
            pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause)


class RunningJob:
    """What the function that does a job holds in its hands."""

    def __init__(self, database: Database, run: Run, executor_id: str, request: Mapping[str, Any], step: Step) -> None:
        self._database, self._run, self._executor_id, self._step = database, run, executor_id, step
        self.request = request
        self._share, self._written_at = 0.0, time.monotonic()

    @property
    def job_id(self) -> str:
        return self._run.job_id

    def step(self, name: str, work: Callable[[], T]) -> T:
        self._write()
        done: T = self._step(name, work)
        return done

    def progress(self, share: float) -> None:
        self._share = max(self._share, min(1.0, share))
        if time.monotonic() - self._written_at >= WRITE_EVERY_SECONDS:
            self._write()

    def _write(self) -> None:
        self._written_at = time.monotonic()
        run, me, share = self._run, self._executor_id, self._share
        if not patiently(self._database, lambda unit: unit.jobs.touch(run, me, share, unit.now())):
            raise JobEndedError


class Runner:
    """Runs jobs as this executor. `step` checkpoints; it is the engine's."""

    def __init__(self, database: Database, table: JobTable, executor_id: str) -> None:
        self._database, self._table, self._executor_id = database, table, executor_id

    def run(self, run: Run, step: Step) -> None:
        """Do a job, for the first time or where a process that died left it, and write down how it ended."""
        request = self._begin(run)
        if request is None:
            return
        try:
            result = self._work(run, request, step)
        except JobEndedError:
            _log.info("job %s: run %d no longer counts", run.job_id, run.attempt)
        except DatabaseUnavailableError as exc:
            self._begin_anew(run, problem_of(exc))
        except Exception as exc:
            # The message may hold what stands in a file or a ticket; where it was raised does not.
            _log.error("job %s failed: %s at %s", run.job_id, type(exc).__name__, _place(exc))
            self._fail(run, problem_of(exc))
        else:
            self._complete(run, result)

    def _begin(self, run: Run) -> Mapping[str, Any] | None:
        def begin(unit: UnitOfWork) -> Mapping[str, Any] | None:
            counts = unit.jobs.begin(run, self._executor_id, unit.now())
            return unit.jobs.request(run.job_id) if counts else None

        return patiently(self._database, begin)

    def _work(self, run: Run, request: Mapping[str, Any], step: Step) -> JobResult:
        work = self._table.get(run.kind)
        if work is None:
            raise ConfigurationError(f"this installation does no jobs of kind {run.kind}")
        return work.run(RunningJob(self._database, run, self._executor_id, request, step))

    def _begin_anew(self, run: Run, problem: JobProblem) -> None:
        """The database went away in the middle of the work, which is nobody's fault."""
        _log.warning("job %s: the database was away, run %d is given up", run.job_id, run.attempt)
        if run.attempt >= MOST_ATTEMPTS:
            self._fail(run, problem)
        else:
            patiently(self._database, lambda unit: unit.jobs.again(run, self._executor_id, unit.now()))

    def _fail(self, run: Run, problem: JobProblem) -> None:
        patiently(self._database, lambda unit: unit.jobs.fail(run, self._executor_id, problem, unit.now()))

    def _complete(self, run: Run, result: JobResult) -> None:
        def complete(unit: UnitOfWork) -> bool:
            counts = unit.jobs.complete(run, self._executor_id, result.results, result.metrics, unit.now())
            if counts and result.also is not None:
                result.also(unit)
            return counts

        patiently(self._database, complete)


def _place(error: Exception) -> str:
    """File and line where the error was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"

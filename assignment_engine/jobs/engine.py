"""DBOS, the engine that carries jobs over crashes. Nothing else knows it; it is only imported where it runs.

It checkpoints the steps of a job, keeps the limits over all processes that share its database, and hands out jobs
first come first served. What it does not do is notice that another process died: see `Handover`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from uuid_utils import uuid7

from assignment_engine.domain.background import JobKind, Lane, Run
from assignment_engine.domain.errors import ConfigurationError, DatabaseUnavailableError
from assignment_engine.jobs.running import Runner

if TYPE_CHECKING:
    from dbos import DBOSClient, EnqueueOptions

NAME = "assignment-engine"
# Jobs go on after an update of the code; a change of their steps that old runs cannot bear needs another number.
VERSION = "1"
_WORKFLOW = "job"
_SQLITE = "sqlite"


def engine_url(jobs_database_url: str | None, database_url: str) -> str:
    """Where the engine keeps its own tables: as set, else in a PostgreSQL that is there, else in a file of its own.

    Raises
    ------
    ConfigurationError
        If it is neither PostgreSQL nor SQLite.
    """
    if jobs_database_url is not None:
        return _text(_checked(make_url(jobs_database_url)))
    url = make_url(database_url)
    if _kind(url) == "postgresql":
        return _text(url.set(drivername="postgresql"))
    if _kind(url) == _SQLITE and url.database:
        path = Path(url.database)
        return f"sqlite:///{path.with_name(f'{path.stem}-jobs.db')}"
    return "sqlite:///assignment-engine-jobs.db"


def _checked(url: URL) -> URL:
    kind = _kind(url)
    if kind not in ("postgresql", _SQLITE) or (kind == _SQLITE and not url.database):
        raise ConfigurationError("JOBS_DATABASE_URL: expected postgresql://… or sqlite:///FILE")
    return url.set(drivername=kind)


def _kind(url: URL) -> str:
    kind = url.drivername.split("+")[0]
    return "postgresql" if kind == "postgres" else kind


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def new_executor_id() -> str:
    """A name that no other process ever had: two processes with one name would run every job twice."""
    return f"{socket.gethostname()[:80]}:{os.getpid()}:{uuid7()}"


class JobEngine:
    """The engine in this process; there can be one. A SQLite file serves one process at a time.

    Parameters
    ----------
    url : its database.
    limits : how many jobs of each lane run at once, over all processes.
    interval_seconds : how often each lane is looked at for a job that may begin; each look is four transactions.
    """

    def __init__(
        self, url: str, limits: Mapping[Lane, int], executor_id: str, runner: Runner, interval_seconds: float = 1.0
    ) -> None:
        self._url, self._limits, self._runner = url, limits, runner
        self._interval_seconds = interval_seconds
        self.executor_id = executor_id
        self._lock: IO[str] | None = None
        self._client: DBOSClient | None = None

    @property
    def name(self) -> str:
        """What tells this engine's database from others: its address without a password; a file's with its machine."""
        address = make_url(self._url).render_as_string(hide_password=True)
        return (f"{socket.gethostname()[:80]}:{address}" if self.is_sqlite else address)[:255]

    @property
    def is_sqlite(self) -> bool:
        return self._url.startswith(_SQLITE)

    @property
    def is_running(self) -> bool:
        return self._client is not None

    def start(self) -> bool:
        """Begin to run jobs; False: another process of this machine has the file.

        Raises
        ------
        DatabaseUnavailableError
        """
        if self.is_running:
            return True
        if self.is_sqlite and self._lock is None and not self._lock_file():
            return False
        try:
            self._launch()
        except SQLAlchemyError as exc:
            self._destroy(0)  # otherwise the next start would find half of one
            raise DatabaseUnavailableError(f"the job engine's database cannot be used ({type(exc).__name__})") from exc
        return True

    def stop(self, seconds: int = 10) -> None:
        """Take no more jobs, and give those that run some time to end; what does not goes on elsewhere."""
        if self._client is not None:
            self._client.destroy()
            self._client = None
            self._destroy(seconds)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _destroy(self, seconds: int) -> None:
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=seconds)

    def enqueue(self, runs: Sequence[Run]) -> None:
        """Hand over runs; one that was handed over before is not run twice."""
        for run in runs:
            options: EnqueueOptions = {
                "workflow_name": _WORKFLOW,
                "queue_name": run.kind.lane.value,
                "workflow_id": run.workflow_id,
                "app_version": VERSION,
            }
            self._running.enqueue(options, run.job_id, run.attempt, run.kind.value)

    def cancel(self, workflow_ids: Sequence[str]) -> None:
        """End these, as far as they exist and have not ended: at once where they wait, else at their next step."""
        known = self._running.list_workflows(
            workflow_ids=list(workflow_ids), status=["ENQUEUED", "PENDING"], load_input=False, load_output=False
        )
        if known:
            self._running.cancel_workflows([workflow.workflow_id for workflow in known])

    def take_over(self, executor_id: str) -> int:
        """Let what another process was running go on, from its last step; how many jobs."""
        left = self._running.list_workflows(
            executor_id=executor_id, status="PENDING", load_input=False, load_output=False
        )
        lanes: defaultdict[str, list[str]] = defaultdict(list)
        for workflow in left:
            lanes[workflow.queue_name or Lane.FILES.value].append(workflow.workflow_id)
        for lane, ids in lanes.items():
            self._running.resume_workflows(ids, queue_name=lane)
        return len(left)

    @property
    def _running(self) -> DBOSClient:
        if self._client is None:
            raise ConfigurationError("the engine of jobs does not run in this process")
        return self._client

    def _lock_file(self) -> bool:
        """The limits do not hold for two processes on one SQLite file, so the second one waits for the first to end."""
        path = Path(make_url(self._url).database or "").with_suffix(".lock")
        lock = path.open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        return True

    def _launch(self) -> None:
        from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer

        serializer = DBOSPortableJSONSerializer()
        DBOS(
            config={
                "name": NAME,
                "system_database_url": self._url,
                "executor_id": self.executor_id,
                "application_version": VERSION,
                "serializer": serializer,
                "log_level": "ERROR",
                "enable_otlp": False,
            }
        )
        logging.getLogger("dbos").setLevel(logging.ERROR)
        DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=100)(self._make_workflow())
        DBOS.launch()
        for lane, limit in self._limits.items():
            DBOS.register_queue(
                lane.value,
                global_concurrency=limit,
                worker_concurrency=limit,
                polling_interval_sec=self._interval_seconds,
                on_conflict="always_update",
            )
        self._client = DBOSClient(system_database_url=self._url, serializer=serializer, application_name=NAME)

    def _make_workflow(self) -> Callable[[str, int, str], None]:
        from dbos import DBOS

        def step(name: str, work: Callable[[], Any]) -> Any:
            try:
                return DBOS.run_step({"name": name}, work)
            except DBAPIError as exc:  # of the engine's own tables; the store speaks for those of the work
                raise DatabaseUnavailableError(
                    f"the job engine's database cannot be used ({type(exc).__name__})"
                ) from exc

        def job(job_id: str, attempt: int, kind: str) -> None:
            self._runner.run(Run(job_id, attempt, JobKind(kind)), step)

        return job

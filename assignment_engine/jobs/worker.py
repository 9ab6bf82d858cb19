"""The worker: named loops, each in its own thread, until they are told to stop."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from assignment_engine.domain.errors import EngineError
from assignment_engine.domain.stored import WorkerRow
from assignment_engine.domain.types import new_id
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

_log = logging.getLogger(__name__)

SEEN_EVERY_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STOP_SECONDS = 20.0


def instance_id() -> str:
    """A name for this process that no other has."""
    return f"{socket.gethostname()}-{new_id()}"


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Loop:
    """Something to do again and again.

    `step` does what there is to do at a moment of this process's clock and says in how many seconds it wants to be
    called again; `wake` calls it earlier. `close` is called once, after the last step. `busy_with` tells others what
    it has in hand.
    """

    name: str
    step: Callable[[datetime], float]
    close: Callable[[], None] = _nothing
    busy_with: Callable[[], str | None] = _nothing


class Worker:
    """Runs loops and tells the database that they live.

    Parameters
    ----------
    instance_id : the name of this process, unlike that of any other.
    stop : set from outside to end it all; by default its own.
    """

    def __init__(
        self, database: Database, instance_id: str, loops: Sequence[Loop], stop: threading.Event | None = None
    ) -> None:
        # The job engine needs it; while one thread imports it, the statements of others fail.
        import sqlalchemy.orm  # noqa: F401, PLC0415

        self._database, self._instance_id = database, instance_id
        self._stop = stop or threading.Event()
        presence = Loop("presence", self._tell, self._take_leave)
        self._running = tuple(_Running(loop, database, self._stop) for loop in loops)
        self._presence = _Running(presence, database, self._stop)
        self._started_at = datetime.now(UTC)

    def run(self) -> None:
        """Work until `stop` is set."""
        self.start()
        self._stop.wait()
        self.finish()

    def start(self) -> None:
        """Let every loop begin, each in its own thread."""
        self._started_at = datetime.now(UTC)
        for running in (*self._running, self._presence):
            running.start()

    def wake(self, name: str | None = None) -> None:
        """Let the loop of this name (or all) do its next step at once; callable from any thread."""
        for running in self._running:
            if name in (None, running.loop.name):
                running.wake()

    def finish(self, seconds: float = STOP_SECONDS) -> bool:
        """End every loop after the step it is in, within so many seconds; whether all of them ended."""
        self._stop.set()
        self.wake()
        until = time.monotonic() + seconds
        ended = [running.finish(until) for running in (*self._running, self._presence)]
        return all(ended)

    def _tell(self, now: datetime) -> float:
        self._database.run(self._seen)
        return SEEN_EVERY_SECONDS

    def _seen(self, unit: UnitOfWork) -> None:
        now = unit.now()
        unit.workers.seen([self._row(running, now) for running in self._running if running.is_alive])
        unit.workers.purge(now)

    def _row(self, running: _Running, now: datetime) -> WorkerRow:
        kind, busy_with = running.loop.name, running.loop.busy_with()
        return WorkerRow(self._worker_id(kind), self._instance_id, kind, self._started_at, now, busy_with)

    def _take_leave(self) -> None:
        ids = [self._worker_id(running.loop.name) for running in self._running]
        self._database.run(lambda unit: unit.workers.gone(ids))

    def _worker_id(self, kind: str) -> str:
        return f"{self._instance_id}:{kind}"


class _Running:
    """One loop and its thread."""

    def __init__(self, loop: Loop, database: Database, stop: threading.Event) -> None:
        self.loop, self._database, self._stop = loop, database, stop
        self._woken = threading.Event()
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name=loop.name, daemon=True)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def finish(self, until: float) -> bool:
        self._woken.set()
        self._thread.join(max(0.0, until - time.monotonic()))
        return not self.is_alive

    def _run(self) -> None:
        while not self._stop.is_set():
            self._woken.clear()
            pause = self._guarded(self._step)
            if pause > 0 and not self._stop.is_set():
                self._woken.wait(pause)
        self._guarded(self._close)

    def _step(self) -> float:
        self._database.upgrade()  # looks once; the database may come up after the worker
        return self.loop.step(datetime.now(UTC))

    def _close(self) -> float:
        self.loop.close()
        return 0.0

    def _guarded(self, work: Callable[[], float]) -> float:
        """What `work` returns; a failure is logged and answered by a pause, twice as long each time."""
        try:
            pause = work()
        except EngineError as exc:
            return self._failed(f"{type(exc).__name__}: {exc}", None)
        except Exception as exc:
            return self._failed(type(exc).__name__, exc)
        self._failures = 0
        return pause

    def _failed(self, what: str, unexpected: Exception | None) -> float:
        self._failures += 1
        pause: float = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(self._failures - 1, 20))
        _log.error("loop %s failed, again in %.1f s: %s", self.loop.name, pause, what, exc_info=unexpected)
        return pause

"""How the engine is: whether it can work, what waits, and who works on it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from assignment_engine.domain.assignments import ACTIVE, AssignmentStatus
from assignment_engine.domain.errors import ConfigurationError, DatabaseError, EngineError
from assignment_engine.domain.types import TaskStatus
from assignment_engine.domain.watching import Counts, Ended, SeenWorker, Unsent, Waiting
from assignment_engine.store.counting import Counting
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

T = TypeVar("T")

WORKER_SILENCE = timedelta(seconds=60)
LONG_SECONDS = 0.05
KEPT_TIMES = 20
STALE_SECONDS = 600.0
_OPEN = frozenset({TaskStatus.PENDING, TaskStatus.ASSIGNED, TaskStatus.IN_PROGRESS})

_log = logging.getLogger(__name__)


class Reachable(Protocol):
    """A service beside the database."""

    def reachable(self) -> bool:
        """Whether it answers; takes a second at most and never raises."""


@dataclass(frozen=True)
class Check:
    """One thing that the engine needs: `fault` says what is wrong with it, None that it is fine."""

    name: str
    fault: str | None = None


def readiness(database: Database, redis: Reachable | None) -> tuple[Check, ...]:
    """Everything that is needed for work to go on: database, tables, Redis where it is configured, a worker."""
    checks = [*_database_checks(database)]
    if redis is not None:
        checks.append(Check("redis", None if redis.reachable() else "Redis does not answer"))
    return tuple(checks)


def _database_checks(database: Database) -> tuple[Check, ...]:
    """The tables are brought up to date here as by every request, so that a first instance becomes ready."""
    try:
        database.upgrade()
        with database.read() as unit:
            alive = workers(unit, unit.now())
    except ConfigurationError as exc:
        return Check("database"), Check("migrations", str(exc))
    except DatabaseError as exc:
        return (Check("database", str(exc)),)
    silence = f"no worker was seen in the last {WORKER_SILENCE.seconds} s"
    return Check("database"), Check("migrations"), Check("worker", None if alive else silence)


@dataclass(frozen=True)
class Overview:
    """What waits and what goes on at one moment."""

    at: datetime
    waiting: tuple[Waiting, ...]
    assignments: Mapping[str, int]
    unsent: Unsent
    workers: tuple[SeenWorker, ...]


def overview(unit: UnitOfWork) -> Overview:
    """The counts of this moment."""
    now, counting = unit.now(), Counting(unit.connection)
    active, seen = counting.assignments(ACTIVE), counting.workers(now - WORKER_SILENCE)
    return Overview(now, counting.waiting(), active, counting.unsent(), seen)


def workers(unit: UnitOfWork, now: datetime) -> tuple[SeenWorker, ...]:
    """Those who were seen lately."""
    return Counting(unit.connection).workers(now - WORKER_SILENCE)


def waiting(unit: UnitOfWork) -> tuple[Waiting, ...]:
    """What is pending, by queue and priority."""
    return Counting(unit.connection).waiting()


def open_tasks(unit: UnitOfWork) -> Counts:
    """Tasks that have not ended, by status and by how far they are processed."""
    return Counting(unit.connection).tasks(_OPEN)


def ended(unit: UnitOfWork) -> Ended:
    """What has ended; counting it takes longer the longer the history is."""
    counting = Counting(unit.connection)
    return Ended(counting.tasks(set(TaskStatus) - _OPEN), counting.assignments(set(AssignmentStatus) - ACTIVE))


@dataclass(frozen=True)
class _Reading(Generic[T]):
    """What was read; from `due` on it is read again, and until `good_until` it is still given meanwhile."""

    value: T
    due: float
    good_until: float


def _in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="counting", daemon=True).start()


class Kept(Generic[T]):
    """What was read, until it is older than `seconds`, so that watching costs little.

    Counting takes longer the more there is. What took long to read is kept twenty times as long, so that however many
    are watching, a twentieth of the time goes into it at most. For `stale_seconds` more it is given while a thread
    reads it anew, so that those who watch regularly never wait for it.

    Parameters
    ----------
    beside : runs what it is given while the caller goes on.
    """

    def __init__(
        self,
        database: Database,
        read: Callable[[UnitOfWork], T],
        seconds: float,
        clock: Callable[[], float],
        *,
        stale_seconds: float = 0.0,
        beside: Callable[[Callable[[], None]], None] = _in_a_thread,
    ) -> None:
        self._database, self._read, self._seconds, self._clock = database, read, seconds, clock
        self._stale_seconds, self._beside = stale_seconds, beside
        self._reading = threading.Lock()
        self._found: _Reading[T] | None = None

    def get(self) -> T:
        found, now = self._found, self._clock()
        if found is None or now > found.good_until:
            return self._read_from(now)
        if now > found.due and self._reading.acquire(blocking=False):
            self._beside(self._read_beside)
        return found.value

    def _read_from(self, begun: float) -> T:
        with self._database.read() as unit:
            value = self._read(unit)
        ended = self._clock()
        took = ended - begun
        is_long = took > LONG_SECONDS
        due = ended + max(self._seconds, KEPT_TIMES * took if is_long else 0.0)
        self._found = _Reading(value, due, due + (self._stale_seconds if is_long else 0.0))
        return value

    def _read_beside(self) -> None:
        try:
            self._read_from(self._clock())
        except EngineError as exc:
            _log.warning("counting what has ended failed: %s", type(exc).__name__)
        finally:
            self._reading.release()

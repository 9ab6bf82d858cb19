"""How the engine is: whether it can work, what waits, and who works on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from assignment_engine.domain.errors import ConfigurationError, DatabaseError
from assignment_engine.domain.watching import Counts, SeenWorker, Unsent, Waiting
from assignment_engine.store.counting import Counting
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

T = TypeVar("T")

WORKER_SILENCE = timedelta(seconds=60)
LONG_SECONDS = 0.05
KEPT_TIMES = 20


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
    """What waits and what there is at one moment."""

    at: datetime
    waiting: tuple[Waiting, ...]
    assignments: Mapping[str, int]
    unsent: Unsent
    workers: tuple[SeenWorker, ...]


def overview(unit: UnitOfWork) -> Overview:
    """The counts of this moment."""
    now, counting = unit.now(), Counting(unit.connection)
    return Overview(
        now, counting.waiting(), counting.assignments(), counting.unsent(), counting.workers(now - WORKER_SILENCE)
    )


def workers(unit: UnitOfWork, now: datetime) -> tuple[SeenWorker, ...]:
    """Those who were seen lately."""
    return Counting(unit.connection).workers(now - WORKER_SILENCE)


def waiting(unit: UnitOfWork) -> tuple[Waiting, ...]:
    """What is pending, by queue and priority."""
    return Counting(unit.connection).waiting()


def task_counts(unit: UnitOfWork) -> Counts:
    """Tasks by status and by how far they are processed."""
    return Counting(unit.connection).counts()


class Kept(Generic[T]):
    """What was read, until it is older than `seconds`, so that watching costs little.

    Counting takes longer the more there is. What took long to read is kept twenty times as long, so that however many
    are watching, a twentieth of the time goes into it at most.
    """

    def __init__(
        self, database: Database, read: Callable[[UnitOfWork], T], seconds: float, clock: Callable[[], float]
    ) -> None:
        self._database, self._read, self._seconds, self._clock = database, read, seconds, clock
        self._until = -math.inf
        self._found: list[T] = []

    def get(self) -> T:
        begun = self._clock()
        if not self._found or begun > self._until:
            with self._database.read() as unit:
                self._found = [self._read(unit)]
            ended = self._clock()
            took = ended - begun
            self._until = ended + max(self._seconds, KEPT_TIMES * took if took > LONG_SECONDS else 0.0)
        return self._found[0]

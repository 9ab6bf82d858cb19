"""What a process remembers between two dispatches: records that cannot have changed, and what changes seldom."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from assignment_engine.domain.live import Spot, Stream
from assignment_engine.domain.records import Priors, StoredTask
from assignment_engine.store.unit import UnitOfWork

T = TypeVar("T")

PRIORS_KEPT = timedelta(minutes=1)
STREAMS_KEPT = timedelta(seconds=1)
MOST_TASKS = 20_000


class _Kept(Generic[T]):
    """A value and when it was read."""

    def __init__(self, lifetime: timedelta) -> None:
        self._lifetime = lifetime
        self._kept: tuple[datetime, T] | None = None

    def get(self, now: datetime) -> T | None:
        if self._kept is None or not timedelta() <= now - self._kept[0] < self._lifetime:
            return None
        return self._kept[1]

    def put(self, value: T, now: datetime) -> T:
        self._kept = now, value
        return value


class Memory:
    """Used by all threads of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._preparing = threading.Lock()
        self._is_prepared = False
        self._priors: _Kept[Priors] = _Kept(PRIORS_KEPT)
        self._streams: _Kept[tuple[Stream, ...]] = _Kept(STREAMS_KEPT)
        self._tasks: OrderedDict[Spot, StoredTask] = OrderedDict()

    def once(self, prepare: Callable[[], None]) -> None:
        """Let `prepare` be done once in this process; who comes meanwhile waits for it."""
        if not self._is_prepared:
            with self._preparing:
                if not self._is_prepared:
                    prepare()
                    self._is_prepared = True

    def priors(self, unit: UnitOfWork, now: datetime) -> Priors | None:
        """The outcomes of everybody, read every minute, so that completions never fight over one row.

        None while nobody has any outcome.
        """
        priors = self._priors.get(now) or self._priors.put(unit.history.priors(), now)
        return priors if priors.everyone.total else None

    def streams(self, unit: UnitOfWork, now: datetime, *, fresh: bool = False) -> tuple[Stream, ...]:
        """Every stream of tasks, at most a second old; a second look after a commit wants them fresh."""
        kept = None if fresh else self._streams.get(now)
        return kept or self._streams.put(unit.waiting.streams(), now)

    def tasks(self, unit: UnitOfWork, spots: Sequence[Spot], ahead: Sequence[Spot] = ()) -> list[StoredTask]:
        """The records of these waiting tasks; only those are read that were not seen as they are now.

        Those of `ahead` will be asked for soon: they are read where something has to be read anyway.
        """
        unknown = [spot for spot in spots if spot not in self._tasks]
        if unknown:
            unknown += [spot for spot in ahead if spot not in self._tasks]
        read = {task.task_id: task for task in unit.tasks.get_many([spot.task_id for spot in unknown])}
        fresh = {spot: read[spot.task_id] for spot in unknown if _is(read.get(spot.task_id), spot)}
        with self._lock:
            found = {spot: self._tasks.get(spot) for spot in spots} | dict(fresh)
            self._tasks.update(fresh)
            while len(self._tasks) > MOST_TASKS:
                self._tasks.popitem(last=False)
        return [task for spot in spots if (task := found[spot]) is not None]


def _is(task: StoredTask | None, spot: Spot) -> bool:
    """Whether the record still stands where it was seen."""
    return task is not None and (task.version, task.dispatch_key) == (spot.version, spot.dispatch_key)

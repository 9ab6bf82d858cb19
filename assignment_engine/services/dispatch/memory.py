"""What a process remembers between two dispatches: records that cannot have changed, and what changes seldom."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from assignment_engine.domain.live import Spot, Stream
from assignment_engine.domain.records import ContextIds, Priors, StoredTask
from assignment_engine.store.unit import UnitOfWork

T = TypeVar("T")

PRIORS_KEPT = timedelta(minutes=1)
STREAMS_KEPT = timedelta(seconds=1)
MOST_TASKS = 5_000
MOST_IDS = 100_000


class _Kept(Generic[T]):
    """A value and when it was read."""

    def __init__(self, lifetime: timedelta) -> None:
        self._lifetime = lifetime
        self._kept: tuple[datetime, T] | None = None

    def forget(self) -> None:
        self._kept = None

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
        self._handled: OrderedDict[tuple[str, str], tuple[datetime, float]] = OrderedDict()

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

    def handled(self, unit: UnitOfWork, ids: ContextIds, now: datetime) -> dict[str, dict[str, float]]:
        """How often work with these ids was given to anybody, each read every minute."""
        wanted = [(kind, value) for kind, values in ids.items() for value in values]
        kept = {key: self._handled.get(key) for key in wanted}
        fresh = {key: found[1] for key, found in kept.items() if found is not None and _is_fresh(found[0], now)}
        missing: defaultdict[str, set[str]] = defaultdict(set)
        for kind, value in wanted:
            if (kind, value) not in fresh:
                missing[kind].add(value)
        read = unit.history.handled_by_anybody(missing) if missing else {}
        self._remember({(kind, value): times for kind, counts in read.items() for value, times in counts.items()}, now)
        return {kind: {v: read.get(kind, {}).get(v, fresh.get((kind, v), 0.0)) for v in ids[kind]} for kind in ids}

    def _remember(self, read: Mapping[tuple[str, str], float], now: datetime) -> None:
        with self._lock:
            for key, times in read.items():
                self._handled[key] = now, times
                self._handled.move_to_end(key)
            while len(self._handled) > MOST_IDS:
                self._handled.popitem(last=False)

    def streams(self, unit: UnitOfWork, now: datetime, *, fresh: bool = False) -> tuple[Stream, ...]:
        """Every stream of tasks, at most a second old; a second look after a commit wants them fresh."""
        kept = None if fresh else self._streams.get(now)
        return kept or self._streams.put(unit.waiting.streams(), now)

    def forget_streams(self) -> None:
        """The settings of a queue have changed: they hold from now on, and elsewhere within a second."""
        self._streams.forget()

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


def _is_fresh(read_at: datetime, now: datetime) -> bool:
    return timedelta() <= now - read_at < PRIORS_KEPT


def _is(task: StoredTask | None, spot: Spot) -> bool:
    """Whether the record still stands where it was seen."""
    return task is not None and (task.version, task.dispatch_key) == (spot.version, spot.dispatch_key)

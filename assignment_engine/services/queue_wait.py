"""How long pending tasks will wait, from what waits before them, who is there, and how fast work is finished lately.

A task is given to somebody when enough of those who can take it have become free. That is taken as a Poisson process:
the people who are there and have work in hand each finish some at the rate that everybody here had in the last hour.
With the policy `fifo` a task has to let all before it go first. With `score` any of the first N (the window) may be
chosen, so within the window it is taken as drawn by lot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from statistics import NormalDist
from time import monotonic

from assignment_engine.domain.live import Stream
from assignment_engine.domain.queues import Queue, QueuePolicy
from assignment_engine.domain.records import StoredTask
from assignment_engine.domain.types import DEFAULT_ESTIMATED_HOURS, SECONDS_PER_HOUR, hours_between
from assignment_engine.domain.waits import ExpectedWait, PresentPerson
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.learning.usual import Quantiles
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.services.dispatch.places import stream_of
from assignment_engine.store.unit import UnitOfWork

KEPT_SECONDS = 5.0
WINDOW = timedelta(hours=1)
PRIOR_COMPLETIONS = 4.0
_SAFE = NormalDist().inv_cdf(0.9)


@dataclass(frozen=True)
class Rate:
    """How many pieces of work are finished in a second, and the relative standard error of that."""

    each: float
    error: float

    def of(self, people: int) -> Rate:
        """The rate of so many people."""
        return Rate(self.each * people, self.error)


@dataclass(frozen=True)
class Staff:
    """Who is there, the tasks that wait in each stream, and how fast one person finishes work."""

    people: Sequence[PresentPerson]
    sizes: Mapping[str, int]
    rate: Rate
    matcher: SkillMatcher = field(repr=False)

    def able(self, stream: Stream, factor: float = 1.0) -> frozenset[str]:
        """Those who serve a stream, with its minimum levels relaxed by a factor."""
        asked = self.matcher.levels(stream.minimum_levels)
        return frozenset(
            person.employee_id
            for person in self.people
            if (not person.queues or stream.queue.name in person.queues) and self._meets(person, asked, factor)
        )

    def busy(self, people: frozenset[str]) -> int:
        """How many of them have work in hand."""
        return sum(person.is_busy for person in self.people if person.employee_id in people)

    def _meets(self, person: PresentPerson, asked: Mapping[str, float], factor: float) -> bool:
        held = self.matcher.levels(person.skills) if asked else {}
        return all(held.get(name, 0.0) >= level * factor for name, level in asked.items())


class QueueWaits:
    """Estimates waits; who is there and how fast they are is read every few seconds. Threads may share it.

    Parameters
    ----------
    load_matcher : how skills are compared; called when it is first needed.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        load_matcher: Callable[[], SkillMatcher],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._dispatcher, self._load_matcher, self._clock = dispatcher, load_matcher, clock
        self._kept: tuple[float, Staff] | None = None

    @cached_property
    def _matcher(self) -> SkillMatcher:
        return self._load_matcher()

    def follow(self) -> None:
        """Look at how long work took lately; outside of transactions."""
        self._dispatcher.eta.follow(self._dispatcher.database)

    def of(self, unit: UnitOfWork, tasks: Sequence[StoredTask]) -> dict[str, ExpectedWait]:
        """The expected wait of those of `tasks` (in the order of dispatch) that somebody who is there will take.

        Left out is what nobody may look at now, and what nobody who is there and has work in hand can do.
        """
        waiting = [task for task in tasks if task.dispatch_key is not None and task.rank_at is not None]
        if not waiting:
            return {}
        now = unit.now()
        streams = self._dispatcher.memory.streams(unit, now)
        return _Waits(unit, self._staff(unit, now), streams, waiting, now).all()

    def _staff(self, unit: UnitOfWork, now: datetime) -> Staff:
        kept = self._kept
        if kept is None or self._clock() - kept[0] > KEPT_SECONDS:
            people = unit.backlog.present(now)
            rate = _rate(people, unit.backlog.completions(now - WINDOW), now, self._dispatcher.eta.usual())
            kept = self._kept = (self._clock(), Staff(people, unit.backlog.sizes(), rate, self._matcher))
        return kept[1]


class _Waits:
    """The waits of some tasks, all with the same counts."""

    def __init__(
        self, unit: UnitOfWork, staff: Staff, streams: Sequence[Stream], waiting: Sequence[StoredTask], now: datetime
    ) -> None:
        self._staff, self._waiting, self._now = staff, waiting, now
        self._queues = {stream.queue.name: stream.queue for stream in streams}
        self._able = {s.dispatch_key: staff.able(s) for s in streams if s.dispatch_key in staff.sizes}
        ranks = [task.rank_at for task in waiting if task.rank_at is not None]
        self._ahead = unit.backlog.ahead(self._able.keys(), min(ranks), max(ranks))

    def all(self) -> dict[str, ExpectedWait]:
        last = max(1, len(self._waiting) - 1)
        found = {task.task_id: self._wait(task, row / last) for row, task in enumerate(self._waiting)}
        return {task_id: wait for task_id, wait in found.items() if wait is not None}

    def _wait(self, task: StoredTask, share: float) -> ExpectedWait | None:
        """`share` says how far between the first and the last place this task stands."""
        queue = self._queues.get(task.queue) or Queue(name=task.queue)
        waited = self._now - (task.enqueued_at or task.created_at)
        able = self._staff.able(stream_of(task, queue), queue.factor(waited))
        busy = self._staff.busy(able)
        if not busy:
            return None
        ahead = self._competing({key: a + share * (b - a) for key, (a, b) in self._ahead.items()}, able)
        behind = max(self._competing(self._staff.sizes, able), ahead + 1.0)
        return _seconds(*_turns(ahead, behind, queue), self._staff.rate.of(busy))

    def _competing(self, counts: Mapping[str, float], able: frozenset[str]) -> float:
        """How many of these tasks will be taken by the same people."""
        streams = ((count, self._able.get(key, frozenset())) for key, count in counts.items())
        return sum(count * len(able & others) / len(others) for count, others in streams if others)


def _turns(ahead: float, backlog: float, queue: Queue) -> tuple[float, float]:
    """How often somebody becomes free until it is this task's turn: at even odds, and with 90 % safety."""
    if queue.policy is QueuePolicy.FIFO:
        return ahead + 1.0, ahead + 1.0
    if backlog <= queue.window:
        return (backlog + 1.0) / 2.0, max(1.0, 0.9 * backlog)
    before = max(0.0, ahead + 1.0 - queue.window)
    return before + math.log(2.0) * queue.window, before + math.log(10.0) * queue.window


def _seconds(half: float, safe: float, rate: Rate) -> ExpectedWait:
    """The time of so many events of a Poisson process.

    How often the process comes, how many events it takes and how fast it is are doubts that are added as independent.
    """
    events = _gamma(half, 0.0)
    spread = math.hypot(_gamma(half, _SAFE) - events, safe - half, _SAFE * rate.error * events)
    return ExpectedWait(p50=round(events / rate.each, 1), p90=round((events + spread) / rate.each, 1))


def _gamma(events: float, deviations: float) -> float:
    """A quantile of the gamma distribution (Wilson–Hilferty), good to 2 % from one event on."""
    events = max(events, 1.0)
    return float(events * (1.0 - 1.0 / (9.0 * events) + deviations / (3.0 * math.sqrt(events))) ** 3)


def _rate(
    people: Sequence[PresentPerson], completions: Mapping[str, int], now: datetime, usual: Quantiles | None
) -> Rate:
    """How fast a person who is there finishes work, drawn towards what work usually takes."""
    hours = sum(min(hours_between(p.opened_at, now), WINDOW / timedelta(hours=1)) for p in people)
    done = sum(completions.get(person.employee_id, 0) for person in people)
    each = DEFAULT_ESTIMATED_HOURS if usual is None else usual.p50
    events = done + PRIOR_COMPLETIONS
    return Rate(events / (max(hours, 0.0) + PRIOR_COMPLETIONS * each) / SECONDS_PER_HOUR, 1.0 / math.sqrt(events))

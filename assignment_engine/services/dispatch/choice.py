"""Choosing: the next task for a free person, and the best free person for a task."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.constraints import Pair
from assignment_engine.domain.live import Live, Spot, Stream, person_key
from assignment_engine.domain.queues import Queue, QueuePolicy
from assignment_engine.domain.records import Priors, StoredEmployee, StoredTask
from assignment_engine.domain.types import Arm
from assignment_engine.services.core import CONTEXT, DecisionCore, context_ids, done, with_handled
from assignment_engine.services.dispatch.candidates import Candidate, by_merit, candidates_of
from assignment_engine.services.dispatch.exploration import NEVER, Exploration
from assignment_engine.services.dispatch.memory import Memory
from assignment_engine.store.unit import UnitOfWork
from assignment_engine.store.waiting import Slice

AHEAD = 32  # tasks behind the window, whose records are read together with those that have just come into it


@dataclass(frozen=True)
class Chooser:
    """Decides at one moment, in one transaction, on the same core as planning. It only reads."""

    unit: UnitOfWork
    core: DecisionCore
    memory: Memory
    now: datetime
    fresh: bool = False
    exploration: Exploration = NEVER
    began: float = field(default_factory=time.monotonic)

    def for_person(self, person: StoredEmployee) -> list[Candidate]:
        """Tasks for a free person, the one to try first in front."""
        return _Window(self, person, self.memory.streams(self.unit, self.now, fresh=self.fresh)).candidates()

    def for_task(self, task: StoredTask, queue: Queue, others_than: str | None = None) -> Iterator[list[Candidate]]:
        """Free people for a waiting task, best first; later pages hold those who have been free for less long."""
        rejections = self.unit.assignments.rejections([task.task_id])
        if others_than is not None:
            rejections |= {(task.task_id, others_than)}
        last: StoredEmployee | None = None
        while people := self.unit.employees.free(self.now, queue.people, last):
            last = people[-1]
            live = live_of(task, queue, people, self.now)
            found = self.candidates([task], people, live, rejections)
            if queue.policy is QueuePolicy.FIFO:
                found.sort(key=lambda candidate: (candidate.employee.free_at, candidate.employee.employee_id))
            else:
                found = self.drawn(sorted(found, key=by_merit), task.task_id)
            if found:
                yield found

    def drawn(self, ordered: Sequence[Candidate], whom: str) -> list[Candidate]:
        """The same candidates, after lots were drawn among those that are nearly the best; the control draws none."""
        if ordered and ordered[0].arm is Arm.CONTROL:
            return list(ordered)
        return self.exploration.drawn(ordered, f"{whom} {self.now.isoformat()}")

    def candidates(
        self,
        tasks: Sequence[StoredTask],
        people: Sequence[StoredEmployee],
        live: Live,
        rejections: frozenset[Pair] = frozenset(),
    ) -> list[Candidate]:
        """Every pair that the rules allow, each scored by the core of its task's arm."""
        if not tasks or not people:
            return []
        priors = self._priors(tasks)
        known = self.core.with_recent(self.unit, tasks, people, self.now)
        found: list[Candidate] = []
        for arm, part in _by_arm(self.core, tasks).items():
            problem = self.core.of_arm(arm).live_problem(part, known, self.now, live, priors, rejections)
            found += candidates_of(problem, part, people, arm)
        return found

    def _priors(self, tasks: Sequence[StoredTask]) -> Priors | None:
        known = self.memory.priors(self.unit, self.now)
        if CONTEXT not in self.core.sets:
            return known
        return with_handled(known or Priors(), self.memory.handled(self.unit, context_ids(tasks), self.now))


def _by_arm(core: DecisionCore, tasks: Sequence[StoredTask]) -> dict[Arm | None, list[StoredTask]]:
    """The tasks of each arm, in their order."""
    parts: dict[Arm | None, list[StoredTask]] = {}
    for task in tasks:
        parts.setdefault(core.holdout.arm(task.task_id), []).append(task)
    return parts


def free_units(person: StoredEmployee) -> int:
    return person.max_units - person.active_units


def live_problem(
    unit: UnitOfWork, core: DecisionCore, task: StoredTask, people: Sequence[StoredEmployee], now: datetime
) -> AllocationProblem:
    """Who of all `people` could be given one task at this moment, and why not the others."""
    queue = unit.queues.named([task.queue])[task.queue]
    here = [person for person in people if person.session_id is not None and not person.paused]
    return core.of_arm(core.holdout.arm(task.task_id)).live_problem(
        [task],
        core.with_recent(unit, [task], people, now),
        now,
        live_of(task, queue, here, now),
        core.priors(unit, [task], people),
        unit.assignments.rejections([task.task_id]),
        done(unit, task.dependencies),
    )


def live_of(task: StoredTask, queue: Queue, here: Sequence[StoredEmployee], now: datetime) -> Live:
    """What live dispatch knows of the people who are `here` and of one task."""
    preferred = task.preferred_employee
    kept = preferred is not None and task.dispatch_key == person_key(preferred)
    return Live(
        free_units={person.employee_id: free_units(person) for person in here},
        factors={task.task_id: queue.factor(now - _since(task))},
        reserved={task.task_id: preferred} if preferred is not None and kept else {},
    )


class _Window:
    """The part of the waiting tasks that one person can do."""

    def __init__(self, chooser: Chooser, person: StoredEmployee, streams: Sequence[Stream]) -> None:
        self._chooser, self._person = chooser, person
        self._queues = {stream.queue.name: stream.queue for stream in streams}
        self._own = person_key(person.employee_id)
        held = chooser.core.matcher.levels(person.skills or {})
        found = [(stream.queue, self._slice(stream, held)) for stream in streams]
        open_to_them = [(queue, part) for queue, part in found if part is not None]
        self._slices = [Slice(self._own), *(part for _, part in open_to_them)]
        self._ahead: Sequence[Spot] = ()
        self._size = max((queue.window for queue, _ in open_to_them), default=1)
        self._shortest = min((queue.max_wait for queue, _ in open_to_them), default=timedelta())

    def _slice(self, stream: Stream, held: Mapping[str, float]) -> Slice | None:
        """The part of a stream that this person can look at: all, those relaxed so far, or nothing."""
        if self._person.queues and stream.queue.name not in self._person.queues:
            return None
        asked = self._chooser.core.matcher.levels(stream.minimum_levels)
        if _meets(held, asked, 1.0):
            return Slice(stream.dispatch_key)
        for stage in stream.queue.relax:
            if _meets(held, asked, stage.factor):
                return Slice(stream.dispatch_key, self._chooser.now - timedelta(seconds=stage.after_seconds))
        return None

    def _queue(self, task: StoredTask) -> Queue:
        return self._queues.get(task.queue) or Queue(name=task.queue)

    def candidates(self) -> list[Candidate]:
        """The task to try first in front: one that has waited too long, one that is kept for them, the best one."""
        ranked, aged = self._chooser.unit.waiting.look(
            self._slices, self._person.employee_id, self._size + AHEAD, self._chooser.now - self._shortest
        )
        kept = [spot for spot in ranked if spot.dispatch_key == self._own]
        others = ranked[len(kept) :]
        self._ahead = others[self._size :]
        return self._overdue(aged[: self._size]) or self._ordered(kept, others[: self._size])

    def _overdue(self, spots: list[Spot]) -> list[Candidate]:
        """Tasks that have waited beyond the limit of their queue, the oldest first."""
        for page in self._pages(spots, by_age=True):
            found = [c for c in self._allowed(page) if self._waited(c.task) > self._queue(c.task).max_wait]
            if found:
                return sorted(found, key=_age)
        return []

    def _ordered(self, kept: list[Spot], spots: list[Spot]) -> list[Candidate]:
        """What is kept for them, then the first tasks of their queues that they can do."""
        mine = self._allowed(kept) if kept else []
        others: list[Candidate] = []
        for page in self._pages(spots, by_age=False):
            others += self._allowed(page)
            if len(others) >= self._size:
                break
        mine.sort(key=_rank)
        others = sorted(others, key=_rank)[: self._size]
        if not others or self._queue(others[0].task).policy is QueuePolicy.FIFO:
            return [*mine, *others]
        scored = [c for c in others if self._queue(c.task).policy is QueuePolicy.SCORE]
        first_come = [c for c in others if self._queue(c.task).policy is QueuePolicy.FIFO]
        arm = scored[0].arm  # of the task that comes first: scores of two policies cannot be compared
        same, rest = ([c for c in scored if (c.arm is arm) is own] for own in (True, False))
        drawn = self._chooser.drawn(sorted(same, key=by_merit), self._person.employee_id)
        return [*mine, *drawn, *sorted(rest, key=by_merit), *first_come]

    def _pages(self, spots: list[Spot], *, by_age: bool) -> Iterator[list[Spot]]:
        """The first page, and further ones while there are any and somebody asks."""
        slices = self._slices if by_age else self._slices[1:]  # what is kept for them was all on the first page
        while spots:
            yield spots
            if len(spots) < self._size:
                return
            spots = self._chooser.unit.waiting.look_further(
                slices, self._person.employee_id, self._size, spots[-1], by_age=by_age
            )

    def _waited(self, task: StoredTask) -> timedelta:
        return self._chooser.now - _since(task)

    def _allowed(self, page: Sequence[Spot]) -> list[Candidate]:
        tasks = self._chooser.memory.tasks(self._chooser.unit, page, self._ahead)
        live = Live(
            free_units={self._person.employee_id: free_units(self._person)},
            factors={t.task_id: self._queue(t).factor(self._waited(t)) for t in tasks if t.minimum_levels},
        )
        return self._chooser.candidates(tasks, [self._person], live)


def _since(task: StoredTask) -> datetime:
    return task.enqueued_at or task.created_at


def _meets(held: Mapping[str, float], asked: Mapping[str, float], factor: float) -> bool:
    return all(held.get(name, 0.0) >= level * factor for name, level in asked.items())


def _rank(candidate: Candidate) -> tuple[datetime, str]:
    return candidate.task.rank_at or candidate.task.created_at, candidate.task.task_id


def _age(candidate: Candidate) -> tuple[datetime, str]:
    return _since(candidate.task), candidate.task.task_id

"""Giving waiting tasks to free people: in the transaction that freed either, and once more after it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from assignment_engine.domain.actors import ENGINE
from assignment_engine.domain.assignments import Assignment, Event, Expected, NewAssignment, advance
from assignment_engine.domain.errors import DatabaseError, EngineError
from assignment_engine.domain.live import Locked, TaskFacts
from assignment_engine.domain.queues import Queue, QueueMode
from assignment_engine.domain.records import StoredEmployee, StoredTask
from assignment_engine.domain.types import new_id
from assignment_engine.services.core import DecisionCore, person_facts
from assignment_engine.services.dispatch.candidates import Candidate, training_row
from assignment_engine.services.dispatch.choice import Chooser, free_units
from assignment_engine.services.dispatch.exploration import NEVER, Exploration
from assignment_engine.services.dispatch.memory import Memory
from assignment_engine.services.dispatch.places import find_places
from assignment_engine.services.eta import Asked, EtaPredictor
from assignment_engine.services.observed import Observed, Unobserved
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

_log = logging.getLogger(__name__)

METHOD = "live"
FAILED = "dispatch_failed"
_ROUNDS = 3


def _nobody_to_wake() -> None:
    pass


def _nothing_to_follow() -> None:
    pass


class Filled(NamedTuple):
    """What a person was given, and whether they have units left for more."""

    given: list[Assignment]
    is_full: bool


@dataclass(frozen=True)
class Dispatcher:
    """What use cases call when a person has become free or a task waits.

    Parameters
    ----------
    eta : says when work will be done; what it needs is read in `warm_up`, never in a transaction.
    exploration : how often lots are drawn among candidates that are nearly the best; by default never.
    follow : looks whether another model was promoted; called outside of transactions.
    session_timeout : silence after which a session is over.
    wake : called when something was left unmatched, so that other instances look.
    """

    database: Database = field(repr=False)
    load_core: Callable[[], DecisionCore] = field(repr=False)
    session_timeout: timedelta = timedelta(seconds=90)
    observed: Observed = field(default_factory=Unobserved, repr=False)
    wake: Callable[[], None] = field(default=_nobody_to_wake, repr=False)
    memory: Memory = field(default_factory=Memory, repr=False)
    follow: Callable[[], object] = field(default=_nothing_to_follow, repr=False)
    exploration: Exploration = NEVER
    eta: EtaPredictor = field(default_factory=EtaPredictor, repr=False)

    @property
    def core(self) -> DecisionCore:
        """The scorer and matcher in use."""
        return self.load_core()

    def warm_up(self) -> None:
        """Call this before a transaction: models are loaded here and not in it."""
        self.follow()
        self.eta.follow(self.database)
        self.memory.once(self.core.warm_up)

    def settle(
        self,
        unit: UnitOfWork,
        now: datetime,
        people: Collection[str] = (),
        tasks: Collection[str] = (),
        others_than: str | None = None,
    ) -> list[Assignment]:
        """Find the places of `tasks`, then work for `people`, then people for what is left of `tasks`.

        What finds nothing is looked at once more after the commit.

        Parameters
        ----------
        others_than : who is not asked for `tasks` here.
        """
        waiting = find_places(unit, tasks, now) if tasks else {}
        filled = {person: self.fill(unit, person, now) for person in sorted(set(people))}
        given = [assignment for one in filled.values() for assignment in one.given]
        taken = {assignment.task_id for assignment in given}
        given += self.find_people(unit, {t: task for t, task in waiting.items() if t not in taken}, now, others_than)
        idle = {person for person, one in filled.items() if not one.is_full}
        unmatched = waiting.keys() - {assignment.task_id for assignment in given}
        if unmatched or idle:
            unit.after_commit(partial(self.look_again, idle, unmatched))
        return given

    def place(self, unit: UnitOfWork, task_ids: Collection[str], now: datetime) -> None:
        """Find the places of tasks that are locked, and people for those that wait for nothing else."""
        self.find_people(unit, find_places(unit, task_ids, now), now)

    def look_again(self, people: Collection[str], tasks: Collection[str]) -> None:
        """After the commit: whoever became free and whatever came at the same instant find each other now."""
        try:
            self.database.run(partial(self._look, people, tasks))
        except EngineError:
            _log.warning("the second look failed; the loop takes over", exc_info=True)
        if tasks:
            self.wake()

    def _look(self, people: Collection[str], tasks: Collection[str], unit: UnitOfWork) -> None:
        now = unit.now()
        for person in sorted(people):
            self.fill(unit, person, now, fresh=True)
        found = unit.tasks.get_many(tasks)
        self.find_people(unit, {task.task_id: task for task in found if task.dispatch_key is not None}, now)

    def find_people(
        self, unit: UnitOfWork, waiting: Mapping[str, StoredTask], now: datetime, others_than: str | None = None
    ) -> list[Assignment]:
        """People for waiting tasks, those first that come first in their queues."""
        given: list[Assignment] = []
        for task in sorted(waiting.values(), key=lambda task: (task.rank_at or now, task.task_id)):
            if not unit.employees.is_any_free(now):
                break
            assignment = self._find_person(unit, task, now, others_than)
            if assignment is not None:
                given.append(assignment)
        return given

    def fill(self, unit: UnitOfWork, employee_id: str, now: datetime, *, fresh: bool = False) -> Filled:
        """Give a person work until nothing more fits."""
        given: list[Assignment] = []
        while True:
            person = unit.employees.hold(employee_id)
            if person is None or person.free_at is None or person.free_at > now:
                return Filled(given, is_full=bool(given))
            assignment = self._next_for(unit, person, now, fresh=fresh)
            if assignment is None:
                return Filled(given, is_full=False)
            given.append(assignment)
            if free_units(person) <= 1:
                return Filled(given, is_full=True)

    def _next_for(self, unit: UnitOfWork, person: StoredEmployee, now: datetime, *, fresh: bool) -> Assignment | None:
        """The best waiting task that nobody else is just taking."""
        chooser = self._chooser(unit, now, fresh=fresh)
        for _ in range(_ROUNDS):
            found = self.decided(unit, now, lambda: chooser.for_person(person))
            for candidate in found:
                facts = unit.waiting.take(candidate.task)
                if facts is not None:
                    return self._give(chooser, self._queue(chooser, candidate.task), candidate, found, facts)
            if not found:
                return None
        return None

    def _find_person(
        self, unit: UnitOfWork, task: StoredTask, now: datetime, others_than: str | None
    ) -> Assignment | None:
        """Give a waiting task to the best free person whom nobody else is just busying."""
        queue = unit.queues.named([task.queue])[task.queue]
        chooser = self._chooser(unit, now)
        pages = chooser.for_task(task, queue, others_than)
        while found := self.decided(unit, now, lambda: next(pages, [])):
            for candidate in found:
                if unit.employees.take(candidate.employee):
                    facts = unit.waiting.take(task)
                    return None if facts is None else self._give(chooser, queue, candidate, found, facts)
        return None

    def _chooser(self, unit: UnitOfWork, now: datetime, *, fresh: bool = False) -> Chooser:
        return Chooser(unit, self.core, self.memory, now, fresh, self.exploration)

    def decided(self, unit: UnitOfWork, now: datetime, decide: Callable[[], list[Candidate]]) -> list[Candidate]:
        """What `decide` found. It only reads: an error while scoring leaves the use case as it is, without a choice."""
        try:
            return decide()
        except DatabaseError:
            raise
        except Exception:
            _log.exception("deciding broke off; the loop takes over")
            self.observed.dispatch_failed("")
            unit.alerts.raise_(FAILED, "dispatch", "deciding broke off by an error; see the log", now, "critical")
            return []

    def _give(
        self, chooser: Chooser, queue: Queue, chosen: Candidate, compared: Sequence[Candidate], facts: TaskFacts
    ) -> Assignment:
        """Make it real; the person and the task are locked."""
        unit, now = chooser.unit, chooser.now
        scorer = chooser.core.of_arm(chosen.arm).scorer
        offered = (chosen.task.dispatch_mode or queue.mode) == QueueMode.OFFER
        new = NewAssignment(
            id=new_id(),
            task_id=chosen.task.task_id,
            employee_id=chosen.employee.employee_id,
            assigned_by=ENGINE.subject,
            method=METHOD,
            seconds=chosen.seconds,
            units=chosen.task.units,
            score=chosen.score,
            confidence=scorer.confidence,
            scorer=f"{scorer.name} {scorer.version}",
            session_id=chosen.employee.session_id,
            offer_expires_at=now + timedelta(seconds=queue.offer_timeout_seconds) if offered else None,
            expected=self._expected(chosen),
        )
        step = advance(new, Event.OFFER if offered else Event.PUSH, now)
        locked = Locked(people={new.employee_id: person_facts(chosen.employee)}, tasks={new.task_id: facts})
        decision = training_row(new, chosen, compared, scorer, now)
        unit.assignments.record([step], ENGINE.subject, [decision], locked)
        unit.after_commit(partial(self._tell, queue.name, chosen, chooser))
        return step.assignment

    def _expected(self, chosen: Candidate) -> Expected | None:
        task = chosen.task
        asked = Asked(chosen.employee.employee_id, task.category, task.estimated_hours, chosen.values)
        return self.eta.expect([asked])[0]

    def _tell(self, queue: str, chosen: Candidate, chooser: Chooser) -> None:
        """How long it took from when both were there until it was written."""
        both_there = max(chosen.employee.free_at or chooser.now, chosen.task.enqueued_at or chooser.now)
        waited = (chooser.now - both_there).total_seconds()
        self.observed.dispatched(queue, max(0.0, waited) + time.monotonic() - chooser.began)

    def _queue(self, chooser: Chooser, task: StoredTask) -> Queue:
        """As it was at most a second ago; one that is newer is read."""
        streams = self.memory.streams(chooser.unit, chooser.now)
        known = next((stream.queue for stream in streams if stream.queue.name == task.queue), None)
        return known or chooser.unit.queues.named([task.queue])[task.queue]

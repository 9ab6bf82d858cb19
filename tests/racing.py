"""What processes do that race: clients that do random things, and workers."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

from assignment_engine.domain.actors import Actor
from assignment_engine.domain.assignments import Assignment, AssignmentStatus
from assignment_engine.domain.errors import (
    ActiveWorkError,
    CapacityExceededError,
    DatabaseBusyError,
    NotFoundError,
    SessionClosedError,
    TaskTakenError,
    TransitionError,
)
from assignment_engine.domain.records import Employee, Task
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.jobs.worker import Loop, Worker
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.dispatch import presence, work
from assignment_engine.services.dispatch.cycle import CYCLE, Cycle
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.services.dispatch.intake import amend_employee, amend_task, submit_task
from assignment_engine.services.dispatch.queues import set_queue
from assignment_engine.services.dispatch.wake import Ear, Wake
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork
from assignment_engine.store.wakes import can_notify

T = TypeVar("T")
PEOPLE = 12
LEAST_ACTS = 150
LONGEST_OVERTIME = 60.0
SKILLS = ("sql", "python", "java")
BOSS = Actor("boss")
SILENCE = timedelta(seconds=2)
QUEUES: dict[str, dict[str, object]] = {
    "default": {"preferred_wait_seconds": 0.3, "relax": [{"after_seconds": 0.5, "factor": 0.5}]},
    "offers": {"mode": "offer", "offer_timeout_seconds": 0.4, "max_wait_hours": 0.001},
    "rests": {"policy": "fifo", "wrap_up_seconds": 0.1},
}
REFUSALS = (
    *(ActiveWorkError, CapacityExceededError, NotFoundError),
    *(SessionClosedError, TaskTakenError, TransitionError),
)


class CountingDatabase(Database):
    """Counts transactions that had to begin again."""

    collisions = 0

    def _run_once(self, use_case: Callable[[UnitOfWork], T]) -> T:
        try:
            return super()._run_once(use_case)
        except DatabaseBusyError:
            self.collisions += 1
            raise


@contextmanager
def dispatcher_on(url: str, session_timeout: timedelta) -> Iterator[Dispatcher]:
    core = DecisionCore(WeightedFallback(), SkillMatcher())
    database = CountingDatabase(url)
    try:
        yield Dispatcher(database, lambda: core, session_timeout, wake=Wake(database))
    finally:
        database.dispose()


def person(number: int) -> Employee:
    """Somebody who differs from the others in what they can and how much they can carry."""
    levels = {skill: (1.0, 0.6, 0.4)[(number + n) % 3] for n, skill in enumerate(SKILLS) if (number + n) % 4}
    queues = ([], [], ["default"], ["offers", "default"], ["rests", "default"])[number % 5]
    return Employee(
        employee_id=f"p{number}",
        skills=levels,
        queues=queues,
        max_units=1 + number % 3,
        max_workload=(4, 8, 40)[number % 3],
    )


def prepare(dispatcher: Dispatcher) -> None:
    """The people and queues of the race."""

    def fill(unit: UnitOfWork) -> None:
        unit.employees.add([person(number) for number in range(PEOPLE)], unit.now())
        for name, settings in QUEUES.items():
            set_queue(unit, dispatcher, name, settings)

    dispatcher.database.run(fill)


@dataclass
class Client:
    """Does random things for anybody, without waiting for others."""

    dispatcher: Dispatcher
    random: Random
    name: str
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)

    def act(self) -> None:
        """One random thing; what the rules refuse is no failure, everything else is."""
        name = self.random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        try:
            getattr(self, name)()
        except REFUSALS as exc:
            self.refused[f"{name}: {type(exc).__name__}"] += 1
        except Exception as exc:
            self.failures.append(f"{name}: {type(exc).__name__}: {exc}")
        else:
            self.done[name] += 1

    def _run(self, use_case: Callable[[UnitOfWork, Dispatcher], T]) -> T:
        return self.dispatcher.database.run(lambda unit: use_case(unit, self.dispatcher))

    def _anybody(self) -> str:
        return f"p{self.random.randrange(PEOPLE)}"

    def _actor(self, employee_id: str) -> Actor:
        """Sometimes with the session that this client remembers, which may be an older one."""
        session = self.sessions.get(employee_id) if self.random.random() < 0.3 else None
        return Actor(employee_id, employee_id, session)

    def _held(self, *statuses: AssignmentStatus) -> Assignment | None:
        """Work that somebody had a moment ago."""
        with self.dispatcher.database.read() as unit:
            found = [a for a in unit.assignments.active_of([self._anybody()]) if not statuses or a.status in statuses]
        return self.random.choice(found) if found else None

    def _some_tasks(self, most: int) -> list[str]:
        return self.random.sample(self.made, min(len(self.made), self.random.randint(0, most)))

    def new_task(self) -> None:
        task_id = f"{self.name}-{len(self.made)}"
        chance = self.random.random
        skill = self.random.choice(SKILLS)
        task = Task(
            task_id=task_id,
            title="Work",
            required_skills={skill: 1.0} if chance() < 0.7 else None,
            minimum_levels={skill: 0.5} if chance() < 0.3 else {},
            priority=self.random.choice(["critical", "high", "medium", "low"]),
            queue=self.random.choice([*QUEUES, "default"]),
            units=self.random.choice([1, 1, 1, 2]),
            estimated_hours=self.random.choice([0.5, 1.0, 3.0]),
            dependencies=self._some_tasks(2) if chance() < 0.3 else (),
            preferred_employee=self._anybody() if chance() < 0.2 else None,
        )
        self._run(lambda unit, dispatcher: submit_task(unit, dispatcher, task))
        self.made.append(task_id)

    def new_tasks_at_once(self) -> None:
        """As a file is imported: the loop gives them out."""
        new = [Task(task_id=f"{self.name}-{len(self.made) + n}", title="Work") for n in range(3)]
        self.dispatcher.database.run(lambda unit: unit.tasks.add(new, unit.now()))
        self.made.extend(task.task_id for task in new)

    def log_in(self) -> None:
        who = self._anybody()
        self.sessions[who] = self._run(lambda unit, dispatcher: presence.login(unit, dispatcher, who)).session

    def heartbeat(self) -> None:
        who = self._actor(self._anybody())
        self._run(lambda unit, dispatcher: presence.heartbeat(unit, dispatcher, who.subject, who.session))

    def log_out(self) -> None:
        who = self._actor(self._anybody())
        self._run(lambda unit, dispatcher: presence.logout(unit, dispatcher, who.subject, who.session, who))

    def pause(self) -> None:
        who = self._actor(self._anybody())
        self._run(lambda unit, dispatcher: presence.pause(unit, dispatcher, who.subject, who.session))

    def resume(self) -> None:
        who = self._actor(self._anybody())
        self._run(lambda unit, dispatcher: presence.resume(unit, dispatcher, who.subject, who.session))

    def complete(self) -> None:
        held = self._held(AssignmentStatus.ACCEPTED, AssignmentStatus.ASSIGNED)
        if held is not None:
            who = self._actor(held.employee_id)
            self._run(lambda unit, dispatcher: work.complete_task(unit, dispatcher, held.task_id, who))

    def answer_offer(self) -> None:
        held = self._held(AssignmentStatus.OFFERED)
        if held is None:
            return
        who = self._actor(held.employee_id)
        if self.random.random() < 0.5:
            self._run(lambda unit, dispatcher: work.accept(unit, dispatcher, held.id, who))
        else:
            self._run(lambda unit, dispatcher: work.reject(unit, dispatcher, held.id, who, "declined"))

    def give_up(self) -> None:
        held = self._held(AssignmentStatus.ACCEPTED)
        if held is not None:
            who = self._actor(held.employee_id)
            self._run(lambda unit, dispatcher: work.fail(unit, dispatcher, held.id, who, "broken"))

    def take_back(self) -> None:
        held = self._held()
        if held is not None:
            self._run(lambda unit, dispatcher: work.release(unit, dispatcher, held.id, BOSS, "taken back"))

    def cancel(self) -> None:
        held = self._held()
        if held is not None:
            self._run(lambda unit, dispatcher: work.cancel(unit, dispatcher, held.id, BOSS, "not wanted"))

    def assign_by_hand(self) -> None:
        who = self._anybody()
        for task_id in self._some_tasks(1):
            self.dispatcher.database.run(lambda unit, task_id=task_id: work.assign(unit, task_id, who, BOSS))

    def reopen(self) -> None:
        for task_id in self._some_tasks(1):
            self._run(lambda unit, dispatcher, task_id=task_id: work.reopen(unit, dispatcher, task_id, BOSS))

    def change_task(self) -> None:
        changes = {"priority": self.random.choice(["critical", "low"]), "queue": self.random.choice(list(QUEUES))}
        for task_id in self._some_tasks(1):
            self._run(lambda unit, dispatcher, task_id=task_id: amend_task(unit, dispatcher, task_id, changes))

    def change_person(self) -> None:
        changes = {"skills": {skill: self.random.choice([0.4, 0.6, 1.0]) for skill in SKILLS}}
        who = self._anybody()
        self._run(lambda unit, dispatcher: amend_employee(unit, dispatcher, who, changes))

    def switch_queue(self) -> None:
        """Off, and on again at once or by whoever comes next."""
        mode = self.random.choice(["off", "push", "push"])
        self._run(lambda unit, dispatcher: set_queue(unit, dispatcher, "rests", {"mode": mode}))

    def summary(self) -> dict[str, object]:
        database = self.dispatcher.database
        assert isinstance(database, CountingDatabase)
        return {
            "done": dict(self.done),
            "refused": dict(self.refused),
            "failures": self.failures,
            "made": self.made,
            "collisions": database.collisions,
        }


_OFTEN = {"complete": 30, "new_task": 22, "heartbeat": 14, "log_in": 12, "answer_offer": 10}
_SOMETIMES = {"resume": 4, "pause": 3, "log_out": 3, "give_up": 2, "assign_by_hand": 2, "reopen": 2, "change_task": 2}
_SELDOM = dict.fromkeys(("new_tasks_at_once", "take_back", "cancel", "change_person", "switch_queue"), 1)
_WEIGHTS = {**_OFTEN, **_SOMETIMES, **_SELDOM}


def client(url: str, seed: str, seconds: float, log: Path) -> None:
    """Act for so long, and on a busy machine until enough was done; what happened is written at the end."""
    logging.basicConfig(filename=log.with_suffix(".log"), level=logging.WARNING, force=True)
    with dispatcher_on(url, SILENCE) as dispatcher:
        acting = Client(dispatcher, Random(seed), f"c{seed.replace('/', '-')}")
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 or (acting.done.total() < LEAST_ACTS and left > -LONGEST_OVERTIME):
            acting.act()
        log.write_text(json.dumps(acting.summary()))


def worker(url: str, interval: timedelta, log: Path) -> None:
    """The loops of dispatch, until somebody kills this process."""
    logging.basicConfig(filename=log, level=logging.WARNING, force=True)
    with dispatcher_on(url, SILENCE) as dispatcher:
        wake = dispatcher.wake
        assert isinstance(wake, Wake)
        cycle = Cycle(dispatcher, interval)
        loops = [Loop(CYCLE, lambda _now: cycle.run())]
        if can_notify(dispatcher.database):
            ear = Ear(dispatcher.database, wake.here)
            loops.append(Loop("ear", ear.step, ear.close))
        running = Worker(dispatcher.database, f"race-{os.getpid()}", loops, threading.Event())
        wake.add(lambda: running.wake(CYCLE))
        running.run()

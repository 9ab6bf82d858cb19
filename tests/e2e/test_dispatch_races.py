"""Several processes do random things at once and some are killed: afterwards nothing is lost, doubled or left over.

``RACE_SECONDS=120 pytest tests/e2e/test_dispatch_races.py`` races for longer, ``RACE_SEED`` repeats the choices of an
earlier run (their interleaving is the operating system's).
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.queues import Queue, QueueMode
from assignment_engine.domain.records import StoredEmployee, StoredTask
from assignment_engine.services.dispatch.cycle import Cycle
from assignment_engine.services.dispatch.dispatcher import FAILED, Dispatcher
from assignment_engine.services.dispatch.queues import set_queue
from assignment_engine.store.tables import alerts, audit_log, employees, ml_training_data, task_assignments, tasks
from assignment_engine.store.unit import UnitOfWork
from tests.builders import World
from tests.databases import KINDS, Servers
from tests.processes import FORKED
from tests.racing import client, dispatcher_on, prepare, worker
from tests.reference import allocators as reference

SECONDS = float(os.environ.get("RACE_SECONDS", "5"))
CLIENTS, WORKERS = 3, 2
KILL_EVERY_SECONDS = 1.0
ROUNDS = 200
PATIENCE = timedelta(hours=1)
BIRTHS = ("offer", "assign", "push")
LIFE = {
    ("offer", None, "offered"),
    ("assign", None, "assigned"),
    ("push", None, "accepted"),
    *(("accept", before, "accepted") for before in ("offered", "assigned")),
    *(("reject", before, "rejected") for before in ("offered", "assigned")),
    ("expire", "offered", "expired"),
    *(("complete", before, "completed") for before in ("assigned", "accepted")),
    *(("fail", before, "failed") for before in ("assigned", "accepted")),
    *(("release", before, "released") for before in ("offered", "assigned", "accepted")),
    *(("cancel", before, "cancelled") for before in ("offered", "assigned", "accepted")),
}
# Alerts are written down there too.
_LIVES = select(audit_log).where(audit_log.c.event.not_like("alert%")).order_by(audit_log.c.audit_id)


@dataclass
class Race:
    """Clients that act until their time is over, and workers that are killed and replaced."""

    url: str
    seed: str
    directory: Path
    running: list[BaseProcess] = field(default_factory=list)
    kills: int = 0

    def run(self) -> list[dict[str, Any]]:
        """What each client did."""
        chance = Random(self.seed)
        logs = [self.directory / f"client{number}.json" for number in range(CLIENTS)]
        clients = [self._start(client, self.url, f"{self.seed}/{n}", SECONDS, log) for n, log in enumerate(logs)]
        workers = [self._worker() for _ in range(WORKERS)]
        while any(process.is_alive() for process in clients):
            time.sleep(chance.uniform(0.5, 1.5) * KILL_EVERY_SECONDS)
            self._kill(workers.pop(chance.randrange(len(workers))))
            workers.append(self._worker())
        for process in workers:
            self._kill(process)
        assert [process.exitcode for process in clients] == [0] * CLIENTS, self.said()
        return [json.loads(log.read_text()) for log in logs]

    def _worker(self) -> BaseProcess:
        return self._start(worker, self.url, timedelta(seconds=0.2), self.directory / "workers.log")

    def _start(self, act: Callable[..., None], *arguments: object) -> BaseProcess:
        process = FORKED.Process(target=act, args=arguments, daemon=True)
        process.start()
        self.running.append(process)
        return process

    def _kill(self, process: BaseProcess) -> None:
        assert process.is_alive(), f"a worker ended by itself: {self.said()}"
        process.kill()
        process.join()
        self.kills += 1

    def said(self) -> str:
        """What was logged."""
        return "\n".join(log.read_text()[-3000:] for log in sorted(self.directory.glob("*.log")))

    def stop(self) -> None:
        for process in self.running:
            process.kill()
            process.join()


@contextmanager
def race_on(url: str, seed: str, directory: Path) -> Iterator[Race]:
    race = Race(url, seed, directory)
    try:
        yield race
    finally:
        race.stop()


def come_to_rest(dispatcher: Dispatcher) -> None:
    """Rounds of the loop until one changes nothing; from now on nobody is silent and no offer expires."""

    def be_patient(unit: UnitOfWork) -> None:
        set_queue(unit, dispatcher, "offers", {"offer_timeout_seconds": PATIENCE.total_seconds()})
        set_queue(unit, dispatcher, "rests", {"mode": "push"})

    dispatcher.database.run(be_patient)
    before: list[Any] = []
    for _ in range(ROUNDS):
        seconds = Cycle(dispatcher, timedelta(seconds=5)).run()
        now = state_of(dispatcher)
        if now == before and seconds == 5:
            return
        changed, before = set(now) ^ set(before), now
        time.sleep(min(seconds, 0.1))
    pytest.fail(f"the loop does not come to rest: again in {seconds} s, {len(changed)} changed: {sorted(changed)[:9]}")


def state_of(dispatcher: Dispatcher) -> list[Any]:
    """Where every task stands, when something becomes due, and who rests or has an offer."""
    queries = (
        select(tasks.c.task_id, tasks.c.status, tasks.c.dispatch_key, tasks.c.due_at),
        select(task_assignments.c.assignment_id, task_assignments.c.status, task_assignments.c.offer_expires_at),
        select(employees.c.employee_id, employees.c.free_at),
    )
    with dispatcher.database.read() as unit:
        return [tuple(map(str, row)) for query in queries for row in unit.connection.execute(query)]


@dataclass
class AtRest:
    """The records after the race, and what must hold for them by plain loops."""

    now: datetime
    people: tuple[StoredEmployee, ...]
    tasks: tuple[StoredTask, ...]
    queues: dict[str, Queue]
    audit: list[Any]
    assignments: dict[str, Any]
    decisions: set[str]
    rejections: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, unit: UnitOfWork) -> AtRest:
        found = unit.tasks.get_many([row.task_id for row in unit.connection.execute(select(tasks.c.task_id))])
        assignments = unit.connection.execute(select(task_assignments)).all()
        return cls(
            now=unit.now(),
            people=unit.employees.get_many(),
            tasks=found,
            queues=unit.queues.named({task.queue for task in found}),
            audit=list(unit.connection.execute(_LIVES)),
            assignments={row.assignment_id: row for row in assignments},
            decisions=set(unit.connection.execute(select(ml_training_data.c.assignment_id)).scalars()),
            rejections=unit.assignments.rejections([task.task_id for task in found]),
        )

    def possible_pairs(self) -> list[tuple[str, str]]:
        """Waiting tasks and free people who could have each other now."""
        world = World(
            tasks=self.tasks,
            employees=self.people,
            constraints=Constraints(ready_only=True, respect_availability=False, respect_shift_end=True),
            rejections=self.rejections,
            now=self.now,
        )
        counters = reference.Counters.of(world)
        free = [
            p for p in self.people if p.session_id and not p.paused and p.free_at is not None and p.free_at <= self.now
        ]
        return [
            (task.task_id, person.employee_id)
            for task in self._waiting()
            for person in free
            if self._is_possible(world, counters, task, person)
        ]

    def _waiting(self) -> list[StoredTask]:
        """Pending tasks of queues that give out work."""
        return [
            task
            for task in self.tasks
            if task.status.value == "pending" and (task.dispatch_mode or self.queues[task.queue].mode) != QueueMode.OFF
        ]

    def _is_possible(
        self, world: World, counters: reference.Counters, task: StoredTask, person: StoredEmployee
    ) -> bool:
        waited = self.now - task.enqueued_at
        reached = [s.factor for s in self.queues[task.queue].relax if waited >= timedelta(seconds=s.after_seconds)]
        levels = {name: level * min(reached, default=1.0) for name, level in task.minimum_levels.items()}
        asked = task.model_copy(update={"minimum_levels": levels})
        fits = person.active_units + task.units <= person.max_units
        serves = not person.queues or task.queue in person.queues
        if not fits or not serves or reference.obstacles(world, asked, person, counters):
            return False
        return not math.isnan(reference.score_of(world, reference.features_of(world, task, person)))

    def unexplained(self) -> list[str]:
        """What of the audit log is not a way through the life of an assignment, told completely."""
        wrong: list[str] = []
        status: dict[str, str] = {}
        for row in self.audit:
            if row.event == "reopen":
                continue
            if (row.event, row.from_status, row.to_status) not in LIFE:
                wrong.append(f"{row.assignment_id}: {row.event} from {row.from_status} to {row.to_status}")
            if status.get(row.assignment_id) != row.from_status:
                wrong.append(
                    f"{row.assignment_id}: {row.event} from {row.from_status}, it was {status.get(row.assignment_id)}"
                )
            status[row.assignment_id] = row.to_status
            wrong += self._missing(row)
        now = {assignment_id: row.status for assignment_id, row in self.assignments.items()}
        return wrong if status == now else [*wrong, "the log does not end as the assignments are"]

    def _missing(self, row: Any) -> list[str]:
        """What a row does not say."""
        missing = [name for name in ("at", "actor", "task_id", "employee_id") if not getattr(row, name)]
        if row.event in BIRTHS:
            detail = row.detail or {}
            wanted = ("score", "confidence", "scorer") if row.actor == "engine" else ()
            missing += [name for name in ("method", *wanted) if detail.get(name) is None]
            if row.actor == "engine" and row.assignment_id not in self.decisions:
                missing.append("the decision")
        elif row.event in ("reject", "fail", "release", "cancel") and not row.reason:
            missing.append("the reason")
        return [f"{row.assignment_id}: {row.event} does not say {name}" for name in missing]

    def doubled(self) -> list[str]:
        """Tasks that were given out while somebody had them, and people who got more units live than they have."""
        holders: dict[str, str] = {}
        carried: Counter[str] = Counter()
        most = {person.employee_id: person.max_units for person in self.people}
        units = {task.task_id: task.units for task in self.tasks}
        wrong = []
        for row in self.audit:
            if row.event in BIRTHS:
                if row.task_id in holders:
                    wrong.append(f"{row.task_id} is given to {row.employee_id}, {holders[row.task_id]} has it")
                holders[row.task_id] = row.employee_id
                carried[row.employee_id] += units[row.task_id]
                if row.actor == "engine" and carried[row.employee_id] > most[row.employee_id]:
                    wrong.append(f"{row.employee_id} got {row.task_id} beyond their units")
            elif row.event not in ("accept", "reopen"):
                del holders[row.task_id]
                carried[row.employee_id] -= units[row.task_id]
        return wrong


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_doubled_or_left_over(servers: Servers, kind: str, tmp_path: Path) -> None:
    """After thousands of random acts and killed workers every invariant holds and no free pair is left."""
    seed = os.environ.get("RACE_SEED") or str(Random().randrange(10**9))
    say = sys.stdout.write
    say(f"seed {seed} on {kind}\n")
    with (
        servers[kind].migrated() as url,
        dispatcher_on(url, PATIENCE) as dispatcher,
        race_on(url, seed, tmp_path) as race,
    ):
        prepare(dispatcher)
        told = race.run()
        come_to_rest(dispatcher)
        with dispatcher.database.read() as unit:
            findings, rest = unit.doctor(), AtRest.of(unit)
            broken = unit.connection.execute(select(alerts).where(alerts.c.kind == FAILED)).all()

    acts = sum((Counter(one["done"]) for one in told), Counter())
    refused = sum((Counter(one["refused"]) for one in told), Counter())
    say(f"{acts.total()} acts, {refused.total()} refused, {race.kills} workers killed, ")
    say(f"{sum(one['collisions'] for one in told)} transactions began again\n{dict(acts)}\n{dict(refused)}\n")
    assert [failure for one in told for failure in one["failures"]] == [], race.said()
    assert broken == [], race.said()
    assert findings == []
    assert {task.task_id for task in rest.tasks} >= {task_id for one in told for task_id in one["made"]}
    assert rest.doubled() == []
    assert rest.unexplained() == []
    assert rest.possible_pairs() == []
    assert min(acts[name] for name in ("complete", "new_task", "log_in", "heartbeat", "answer_offer")) > 0

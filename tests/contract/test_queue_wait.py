"""How long pending tasks will wait: from who is there, what waits before them, and how fast work is finished."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import numpy as np
import pytest
from sqlalchemy import event

from assignment_engine.domain.queues import Queue, QueuePolicy
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.waits import ExpectedWait
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.services.eta import EtaPredictor
from assignment_engine.services.queue_wait import QueueWaits, Rate, _seconds, _turns
from assignment_engine.store.database import Database
from tests.builders import NOW
from tests.databases import KINDS, Servers
from tests.dispatching import Office
from tests.moved_clock import MovedClock, clocked

HOUR = 3600.0
SURE = Rate(2.0 / HOUR, 0.0)


def waits(office: Office) -> dict[str, ExpectedWait]:
    """Those of the whole queue, counted anew."""
    estimates = QueueWaits(office.dispatcher, SkillMatcher)
    with office.database.read() as unit:
        return estimates.of(unit, unit.waiting.list().items)


@pytest.fixture
def office(database: Database) -> Office:
    return office_on(database)


def office_on(database: Database) -> Office:
    """First in, first out; Ana can do everything, Bo no SQL."""
    found = Office(database)
    found.queue(policy="fifo")
    found.has(Employee(employee_id="ana", skills={"sql": 1.0}), Employee(employee_id="bo"))
    return found


def test_those_who_come_later_wait_longer(office: Office) -> None:
    """One person who finishes one piece of work an hour; nobody waits who has somebody, or while nobody is there."""
    for number in range(4):
        office.submit(Task(task_id=f"t{number}"))
    assert waits(office) == {}
    office.login("bo")
    found = waits(office)
    assert set(found) == {"t1", "t2", "t3"}
    assert found["t1"].p50 == pytest.approx(0.69 * HOUR, rel=0.05)
    assert found["t3"].p50 == pytest.approx(2.67 * HOUR, rel=0.05)
    assert all(wait.p90 > wait.p50 for wait in found.values())
    office.run(lambda unit: unit.sessions.pause("bo", unit.now(), paused=True))
    assert waits(office) == {}


def test_only_those_count_who_could_take_it(office: Office) -> None:
    """What needs SQL waits for Ana alone, and for the half of the other work that she will take."""
    office.login("bo")
    for number in range(5):
        office.submit(Task(task_id=f"t{number}"))
    office.submit(Task(task_id="sql", minimum_levels={"sql": 0.5}))
    assert "sql" not in waits(office)
    office.login("ana")
    found = waits(office)
    assert set(found) == {"t2", "t3", "t4", "sql"}
    assert found["sql"].p50 == pytest.approx(2.17 * HOUR, rel=0.05)
    assert found["t4"].p50 == pytest.approx(2.67 / 2 * HOUR, rel=0.05)


def test_what_may_not_begin_has_no_wait(office: Office) -> None:
    office.login("bo")
    office.submit(Task(task_id="first"))
    office.submit(Task(task_id="after", dependencies=("first",)))
    assert waits(office) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_many_tasks_take_as_many_questions_as_few(servers: Servers, kind: str) -> None:
    with servers[kind].migrated() as url, clocked(url, NOW) as database:  # what is kept does not grow old meanwhile
        office = office_on(database)
        office.login("bo")
        counts = [_questions(office, number) for number in (3, 40)]
    assert counts[0] == counts[1]


def _questions(office: Office, number: int) -> int:
    """How often the database is asked when so many tasks have come."""
    asked: list[str] = []
    event.listen(office.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    office.run(lambda unit: unit.tasks.add([Task(task_id=f"{number}-{i}", title="x") for i in range(number)], NOW))
    office.cycle()
    assert waits(office)  # what is kept for a while is read now
    asked.clear()
    assert waits(office)
    return len(asked)


@pytest.mark.parametrize("ahead", [0, 4, 30])
def test_first_in_first_out_waits_for_so_many_to_finish(ahead: int) -> None:
    rng = np.random.default_rng(1)
    true = rng.gamma(ahead + 1, HOUR / 2.0, 20_000)
    wait = _seconds(*_turns(ahead, 60.0, Queue(name="q", policy=QueuePolicy.FIFO)), SURE)
    assert np.mean(true <= wait.p50) == pytest.approx(0.5, abs=0.02)
    assert np.mean(true <= wait.p90) == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize(("ahead", "backlog"), [(0, 8), (5, 8), (3, 500), (200, 500)])
def test_within_the_window_the_turn_is_drawn_by_lot(ahead: int, backlog: int) -> None:
    """With as many as ever behind; p90 is on the safe side by a little."""
    rng = np.random.default_rng(2)
    queue = Queue(name="q", window=50)
    if backlog <= queue.window:
        turns = rng.integers(1, backlog + 1, 20_000)
    else:
        turns = max(0, ahead + 1 - queue.window) + rng.geometric(1.0 / queue.window, 20_000)
    true = rng.gamma(turns, HOUR / 2.0)
    wait = _seconds(*_turns(float(ahead), float(backlog), queue), SURE)
    assert np.mean(true <= wait.p50) == pytest.approx(0.5, abs=0.04)
    assert 0.86 < np.mean(true <= wait.p90) < 0.98


@pytest.fixture
def moved(servers: Servers) -> Iterator[Office]:
    with servers["sqlite"].migrated() as url, clocked(url, NOW) as database:
        yield Office(database)


def test_estimates_hold_for_a_queue_that_is_worked_off(moved: Office) -> None:
    """Three people, half an hour of work in the mean, more of it than they can do; told at each arrival."""
    clock, random = moved.database, Random(4)
    assert isinstance(clock, MovedClock)

    def seconds() -> float:
        return clock.at.timestamp()

    eta = EtaPredictor(clock=seconds)
    moved.dispatcher = replace(moved.dispatcher, eta=eta)
    moved.queue(policy="fifo")
    moved.has(*(Employee(employee_id=name, max_workload=1e6) for name in ("ana", "bo", "cy")))
    for name in ("ana", "bo", "cy"):
        moved.login(name)
    events = [(NOW + timedelta(minutes=6 * n), f"t{n:02}", "") for n in range(70)]
    told: dict[str, tuple[datetime, ExpectedWait]] = {}
    began: dict[str, datetime] = {}
    while events:
        clock.at, task_id, person = heapq.heappop(events)
        if person:
            moved.complete(task_id, person)
        else:
            moved.submit(Task(task_id=task_id))
            eta.follow(clock)
            told |= {key: (clock.at, wait) for key, wait in waits(moved).items() if key == task_id}
        for given in (given for status in moved.status() for given in status.current):
            if given.task_id not in began:
                began[given.task_id] = clock.at
                takes = timedelta(minutes=random.expovariate(1 / 30.0))
                heapq.heappush(events, (clock.at + takes, given.task_id, given.employee_id))
    late = [key for key in told if int(key[1:]) >= 30]
    took = np.array([(began[key] - told[key][0]).total_seconds() for key in late])
    assert len(late) > 30
    assert 0.2 < np.mean(took <= [told[key][1].p50 for key in late]) < 0.8
    assert np.mean(took <= [told[key][1].p90 for key in late]) > 0.8

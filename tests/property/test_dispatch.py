"""Live dispatch decides as planning does: whom a task goes to, and what a person gets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.problem import build_problem
from assignment_engine.domain.actors import Actor
from assignment_engine.domain.assignments import Event, advance
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.live import Live
from assignment_engine.domain.plans import Plan
from assignment_engine.domain.queues import Queue, QueuePolicy
from assignment_engine.domain.records import Employee, StoredEmployee, StoredTask, Task
from assignment_engine.domain.stored import PastAssignment
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.protocol import Scorer
from assignment_engine.scoring.registry import load_scorer
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.dispatch import presence, work
from assignment_engine.store.tables import audit_log
from tests.builders import ALIASES, NOW, SkillScorer, World
from tests.databases import Servers
from tests.dispatching import Office
from tests.moved_clock import clocked
from tests.property import strategies
from tests.property.strategies import CATEGORIES, DEPARTMENTS, OUTSIDE, Chance
from tests.reference import allocators as reference

QUEUES = ("default", "vip")
BOSS = Actor("boss")
LIVE_CONSTRAINTS = Constraints(ready_only=True, respect_shift_end=True)
SCORERS: tuple[Scorer, ...] = (WeightedFallback(), SkillScorer(), load_scorer(None)[0])
AGES = [timedelta(hours=hours) for hours in (0, 0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7)]
LONG_AGES = [timedelta(hours=9), timedelta(hours=30)]
on_databases = settings(  # each world is a database of its own, which takes longer than arrays do
    settings.get_profile("ci"), max_examples=25, suppress_health_check=list(HealthCheck)
)


@contextmanager
def office(servers: Servers, scorer: Scorer) -> Iterator[Office]:
    """An office at a moment that does not pass."""
    with servers["sqlite"].migrated() as url, clocked(url, NOW) as database:
        yield Office(database, DecisionCore(scorer, SkillMatcher(ALIASES)))


def people(chance: Chance, count: int) -> list[str]:
    return chance.shuffled([f"e{number}" for number in range(count)])


def random_person(chance: Chance, employee_id: str) -> Employee:
    """Somebody who can usually do something; their availability for planning does not matter."""
    live = {
        "queues": chance.some(QUEUES, 2),
        "max_units": chance.count(1, 4),
        "skills": chance.maybe(lambda: chance.levels(5), 0.9),
        "current_workload": chance.among([0.0, 0.0, 4.0, 20.0]),
        "max_workload": chance.among([40.0, 40.0, 40.0, 8.0, 1.0]),
        "shift_end": chance.maybe(chance.moment, 0.2),
    }
    return strategies.person(chance, employee_id).model_copy(update=live)


def hire(chance: Chance, found: Office, ids: list[str]) -> None:
    """People with work behind them, some of them with work in hand."""
    found.has(*(random_person(chance, employee_id) for employee_id in ids))
    past = [
        PastAssignment(
            task_id=f"past{number}",
            employee_id=chance.among(ids),
            assigned_at=NOW - timedelta(days=number + 1),
            completed_at=chance.maybe(lambda: NOW),
            category=chance.maybe(lambda: chance.among(CATEGORIES)),
            department=chance.maybe(lambda: chance.among(DEPARTMENTS)),
            hours=chance.maybe(lambda: chance.among([0.5, 1.0, 2.5])),
            outcome=chance.maybe(lambda: chance.among(["good", "bad"])),
        )
        for number in range(chance.count(0, 12))
    ]
    in_hand = [Task(task_id=f"hand{number}", title="In hand") for number in range(chance.among([0, 0, 1, 2]))]
    done = [Task(task_id=task_id, status="completed") for task_id in chance.some(OUTSIDE, 2)]

    def fill(unit):
        unit.history.add(past)
        unit.tasks.add([*in_hand, *done], NOW)
        for task in in_hand:
            work.assign(unit, task.task_id, chance.among(ids), BOSS, allow_overload=True)

    found.run(fill)


def random_task(chance: Chance, task_id: str, before: list[str], ids: list[str]) -> Task:
    given = strategies.work(chance, task_id, before)
    live = {
        "status": "pending",
        "title": "Work",
        "queue": chance.among(["default", "default", "vip"]),
        "units": chance.among([1, 1, 1, 2]),
        "minimum_levels": chance.levels(1) if chance.happens(0.5) else {},
        "scheduled_date": chance.maybe((NOW + timedelta(days=chance.count(-1, 1))).date, 0.1),
        "preferred_employee": chance.maybe(lambda: chance.among([*ids, "gone"]), 0.2),
        "dependencies": given.dependencies if chance.happens(0.4) else (),
        "created_at": NOW - chance.among(LONG_AGES if chance.happens(0.05) else AGES),
    }
    return Task(**{**given.model_dump(exclude_unset=True), **live})


def random_queue(chance: Chance, name: str, window: int = 50) -> Queue:
    stages = [(600.0, 0.8), (3600.0, 0.5), (4 * 3600.0, 0.0)][: chance.count(0, 3)]
    return Queue(
        name=name,
        mode=chance.among(["push", "offer"]),
        policy=chance.among(["score", "score", "fifo"]),
        ageing_hours_per_level=chance.among([0.0, 1.0, 4.0]),
        max_wait_hours=chance.among([8.0, 8.0, 100.0, 4.0]),
        relax=[{"after_seconds": seconds, "factor": factor} for seconds, factor in stages],
        window=window,
    )


def relaxed_by(queue: Queue, task: StoredTask) -> float:
    """The factor of the last stage that has been reached."""
    factor = 1.0
    for stage in queue.relax:
        if (NOW - task.enqueued_at).total_seconds() >= stage.after_seconds:
            factor = stage.factor
    return factor


def planned(found: Office, task_id: str, queue: Queue) -> Plan:
    """What planning makes of this one task at this moment, with the people who are logged in."""
    with found.database.read() as unit:
        task, everybody = unit.tasks.get(task_id), unit.employees.get_many()
        there = [person for person in everybody if person.session_id is not None and not person.paused]
        asked_first = task.preferred_employee if task.preferred_employee in {p.employee_id for p in there} else None
        live = Live(
            free_units={person.employee_id: person.max_units - person.active_units for person in there},
            factors={task_id: relaxed_by(queue, task)},
            reserved={task_id: asked_first} if asked_first and task.enqueued_at == NOW else {},
        )
        priors = unit.history.priors()
        problem = build_problem(
            [task],
            everybody,
            now=NOW,
            scorer=found.core.scorer,
            constraints=LIVE_CONSTRAINTS,
            matcher=found.core.matcher,
            priors=priors if priors.everyone.total else None,
            completed=unit.tasks.completed(OUTSIDE),
            rejections=unit.assignments.rejections([task_id]),
            live=live,
        )
    return solve(problem, allocator("greedy"))[0]


@pytest.mark.slow
@on_databases
@given(seed=st.integers(0, 2**32), count=st.sampled_from([4, 6, 2, 1]), scorer=st.sampled_from(SCORERS))
def test_a_task_goes_to_whom_planning_would_give_it(servers: Servers, seed: int, count: int, scorer: Scorer) -> None:
    """dispatch(t) = plan([t], live constraints): the same person, the same score, or nobody."""
    chance = Chance(seed)
    ids = people(chance, count)
    with office(servers, scorer) as found:
        hire(chance, found, ids)
        queue = random_queue(chance, chance.among(QUEUES)).model_copy(update={"policy": QueuePolicy.SCORE})
        task = random_task(chance, "t", [], ids).model_copy(update={"queue": queue.name})

        def come_in(unit):
            unit.queues.put(queue, NOW)
            unit.tasks.add([task], NOW)
            for refusing in chance.some(ids, 1) if chance.happens(0.4) else []:
                held = work.assign(unit, "t", refusing, BOSS, allow_overload=True)
                unit.assignments.record([advance(held, Event.REJECT, NOW, reason="no")], refusing)

        found.run(come_in)
        for person in [person for person in ids if chance.happens(0.8)]:
            found.login(person)
            if chance.happens(0.15):
                found.run(lambda unit, person=person: presence.pause(unit, found.dispatcher, person, None))
        expected = {a.employee_id: round(a.score, 9) for a in planned(found, "t", queue).assignments}

        found.run(lambda unit: found.dispatcher.settle(unit, NOW, tasks=["t"]))

        with found.database.read() as unit:
            made = unit.assignments.active(["t"])
        assert {a.employee_id: a.score for a in made} == expected
        assert found.findings() == []


@dataclass
class ByHand:
    """What one person gets, by plain loops over the records."""

    world: World
    queues: dict[str, Queue]
    window: int
    person: StoredEmployee
    tasks: dict[str, StoredTask]

    def choices(self) -> list[str]:
        counters = reference.Counters.of(self.world)
        units = self.person.max_units - self.person.active_units
        chosen: list[str] = []
        while units > 0 and (best := self._best(counters, units, chosen)) is not None:
            chosen.append(best)
            units -= self.tasks[best].units
            counters.give(self.person.employee_id, reference.needed_seconds(self.world, self.tasks[best], ""))
        return chosen

    def _best(self, counters: reference.Counters, units: int, chosen: list[str]) -> str | None:
        scores = {
            task_id: score
            for task_id, task in self.tasks.items()
            if task_id not in chosen and (score := self._score(task, counters, units)) is not None
        }
        late = [t for t in scores if NOW - self.tasks[t].enqueued_at > self._queue(t).max_wait]
        if late:
            return min(late, key=lambda t: (self.tasks[t].enqueued_at, t))
        first = sorted(scores, key=lambda t: (self._rank(t), t))[: self.window]
        if not first:
            return None
        if self._queue(first[0]).policy is QueuePolicy.FIFO:
            return first[0]
        by_score = [t for t in first if self._queue(t).policy is QueuePolicy.SCORE]
        return min(by_score, key=lambda t: (-scores[t], t))

    def _queue(self, task_id: str) -> Queue:
        return self.queues[self.tasks[task_id].queue]

    def _rank(self, task_id: str) -> float:
        """Hours since it waits, and more for its priority; negative, so that the least comes first."""
        task, queue = self.tasks[task_id], self._queue(task_id)
        waited = (NOW - task.enqueued_at).total_seconds() / 3600
        level = {"low": 1, "medium": 2, "high": 3, "critical": 4}[task.priority.value]
        bonus = 0 if queue.policy is QueuePolicy.FIFO else level * queue.ageing_hours_per_level
        return -(waited + bonus)

    def _score(self, task: StoredTask, counters: reference.Counters, units: int) -> float | None:
        """None where the person may not do it, or nothing is known that could be scored."""
        person = counters.people[self.person.employee_id]
        factor = relaxed_by(self.queues[task.queue], task)
        levels = {name: level * factor for name, level in task.minimum_levels.items()}
        asked = task.model_copy(update={"minimum_levels": levels})
        too_early = task.scheduled_date is not None and task.scheduled_date > NOW.date()
        elsewhere = bool(person.queues) and task.queue not in person.queues
        if too_early or elsewhere or task.units > units or reference.obstacles(self.world, asked, person, counters):
            return None
        score = reference.score_of(self.world, reference.features_of(self.world, task, person))
        return None if math.isnan(score) else round(score, 9)


@pytest.mark.slow
@on_databases
@given(
    seed=st.integers(0, 2**32),
    count=st.sampled_from([12, 8, 16, 5, 2]),
    scorer=st.sampled_from(SCORERS[:2]),
    window=st.sampled_from([2, 1, 3, 50]),
)
def test_a_person_gets_the_best_of_the_first(
    servers: Servers, seed: int, count: int, scorer: Scorer, window: int
) -> None:
    """Of the first N tasks by rank that they can do the best, unless one has waited too long; until nothing fits."""
    chance = Chance(seed)
    task_ids = chance.shuffled([f"t{number}" for number in range(count)])
    with office(servers, scorer) as found:
        hire(chance, found, ["ana"])
        queues = {name: random_queue(chance, name, window) for name in QUEUES}

        def set_queues(unit):
            for queue in queues.values():
                unit.queues.put(queue, NOW)

        found.run(set_queues)
        new = [random_task(chance, task_id, task_ids[:n], ["ana"]) for n, task_id in enumerate(task_ids)]
        found.gets(*new)
        with found.database.read() as unit:
            person, waiting = unit.employees.get("ana"), unit.tasks.get_many(task_ids)
            done = unit.tasks.completed(OUTSIDE)
            priors = unit.history.priors()
        world = World(
            tasks=waiting,
            employees=(person,),
            constraints=Constraints(ready_only=True, respect_shift_end=True, respect_availability=False),
            completed=done,
            priors=priors if priors.everyone.total else None,
            scorer=scorer,
        )
        by_hand = ByHand(replace(world), queues, window, person, {task.task_id: task for task in waiting})

        found.login("ana")

        assert got(found) == by_hand.choices()
        assert found.findings() == []


def got(found: Office) -> list[str]:
    """What was given to anybody live, in this order."""
    query = select(audit_log.c.task_id).where(audit_log.c.event.in_(["push", "offer"])).order_by(audit_log.c.audit_id)
    with found.database.read() as unit:
        return list(unit.connection.execute(query).scalars())

"""An office in which the engine itself decides, on a clock that is moved from event to event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from assignment_engine.domain.actors import Actor
from assignment_engine.domain.assignments import Assignment
from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.domain.queues import DEFAULT_QUEUE, QueuePolicy
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.stored import Finding
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.dispatch import presence, work
from assignment_engine.services.dispatch.cycle import Cycle
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.services.dispatch.intake import submit_task
from assignment_engine.services.dispatch.queues import set_queue
from assignment_engine.services.replay.log import Item
from assignment_engine.services.replay.staff import Staff, level
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

T = TypeVar("T")

NEVER_SILENT = timedelta(days=36500)  # people of a log send no heartbeats; their shifts say when they leave


@dataclass(frozen=True)
class Policy:
    """How it is decided: a name to show, the rule of the queue, and what loads the scorer where it is needed."""

    name: str
    rule: QueuePolicy
    load_core: Callable[[], DecisionCore] = field(repr=False)


def first_in_first_out() -> Policy:
    """The oldest task and the person who has been free longest."""
    return Policy("fifo", QueuePolicy.FIFO, fallback_core)


def best_score() -> Policy:
    """The best pair by the weighted fallback, among the tasks that have waited longest."""
    return Policy("score", QueuePolicy.SCORE, fallback_core)


def best_by_model(model_dir: Path | None) -> Policy:
    """The best pair by the champion of `model_dir` (by default the shipped one).

    Raises
    ------
    ConfigurationError
        If there is none, or it cannot be used.
    """
    core = DecisionCore.load(model_dir)
    if core.warning is not None:
        raise ConfigurationError(f"there is no model to replay: {core.warning}")
    return Policy("model", QueuePolicy.SCORE, partial(DecisionCore.load, model_dir))


def fallback_core() -> DecisionCore:
    return DecisionCore(WeightedFallback(), SkillMatcher())


class SimulatedClock:
    """Tells the moment it was set to."""

    def __init__(self, at: float) -> None:
        self._now = moment(at)

    def set(self, at: float) -> None:
        """`at` is in seconds since 1970 UTC."""
        self._now = moment(at)

    def __call__(self) -> datetime:
        return self._now


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


class Watch:
    """Counts what the dispatcher does, so that nothing it gave out is overlooked."""

    def __init__(self) -> None:
        self.given = 0
        self.failed = 0

    def dispatched(self, queue: str, seconds: float) -> None:
        self.given += 1

    def dispatch_failed(self, queue: str) -> None:
        self.failed += 1


class Office:
    """The people and tasks of a log in a database, and everything that is said to the engine about them."""

    def __init__(self, url: str, policy: Policy, staff: Staff, start: float) -> None:
        self.clock = SimulatedClock(start)
        self.watch = Watch()
        self._staff = staff
        self._database = Database(url, clock=self.clock)
        self._database.upgrade()
        core = policy.load_core()
        self._dispatcher = Dispatcher(
            self._database, load_core=lambda: core, session_timeout=NEVER_SILENT, observed=self.watch
        )
        self._cycle = Cycle(self._dispatcher)
        self._run(lambda unit: unit.employees.add(self._people(), unit.now()))
        self._run(lambda unit: set_queue(unit, self._dispatcher, DEFAULT_QUEUE, {"policy": policy.rule.value}))

    def _run(self, use_case: Callable[[UnitOfWork], T]) -> T:
        return self._database.run(use_case)

    def _people(self) -> list[Employee]:
        kinds = self._staff.log.kinds
        return [
            Employee(
                employee_id=person_id(person),
                skills={kinds[kind]: share for kind, share in self._staff.levels(person).items()},
            )
            for person in range(len(self._staff.log.people))
        ]

    def _task(self, item: Item) -> Task:
        kind, needed = self._staff.log.kinds[item.kind], self._staff.needed(item.kind)
        return Task(
            task_id=task_id(item.number),
            title=kind,
            category=kind,
            required_skills={kind: 1.0},
            minimum_levels={kind: level(needed)} if needed else {},
            priority=item.priority,
            estimated_hours=self._staff.usual_hours(item.kind),
            deadline=None if item.deadline is None else moment(item.deadline),
            created_at=moment(item.arrived),
        )

    def submit(self, item: Item) -> int | None:
        """A task comes in; who got it at once."""
        stored = self._run(lambda unit: submit_task(unit, self._dispatcher, self._task(item)))
        return None if stored.assigned_to_id is None else number_of(stored.assigned_to_id)

    def login(self, person: int) -> tuple[Assignment, ...]:
        """Somebody comes; what they got."""
        return self._run(lambda unit: presence.login(unit, self._dispatcher, person_id(person))).assignments

    def pause(self, person: int) -> None:
        """Somebody is there and has something else to do."""
        self._run(lambda unit: presence.pause(unit, self._dispatcher, person_id(person), None))

    def resume(self, person: int) -> tuple[Assignment, ...]:
        """Somebody is free again; what they got."""
        return self._run(lambda unit: presence.resume(unit, self._dispatcher, person_id(person), None)).assignments

    def logout(self, person: int) -> None:
        """Somebody goes, and what they have goes back into the queue."""
        who = Actor(person_id(person), person_id(person))
        self._run(lambda unit: presence.logout(unit, self._dispatcher, person_id(person), None, who))

    def complete(self, item: int, person: int) -> Assignment | None:
        """Somebody finishes a task; the next one they got."""
        who = Actor(person_id(person), person_id(person))
        done = self._run(lambda unit: work.complete_task(unit, self._dispatcher, task_id(item), who))
        return done.next

    def round(self) -> None:
        """One round of the loop, the safety net of dispatch."""
        self._cycle.run()

    def in_hand(self) -> tuple[Assignment, ...]:
        """What everybody has."""
        with self._database.read() as unit:
            return unit.assignments.active()

    def findings(self) -> list[Finding]:
        """Every broken invariant of the database."""
        with self._database.read() as unit:
            return unit.doctor()

    def close(self) -> None:
        self._database.dispose()


def person_id(number: int) -> str:
    """Names of a log need not be ids."""
    return f"p{number}"


def task_id(number: int) -> str:
    return f"t{number}"


def number_of(record_id: str) -> int:
    return int(record_id[1:])

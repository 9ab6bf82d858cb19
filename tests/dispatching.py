"""An office for tests: people, tasks and a dispatcher on a real database, where time can be moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select, update

from assignment_engine.domain.actors import Actor
from assignment_engine.domain.assignments import Assignment
from assignment_engine.domain.live import Completed, PersonStatus, Presence, Released
from assignment_engine.domain.records import Employee, StoredEmployee, StoredTask, Task
from assignment_engine.domain.stored import Finding, WorkerRow
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.dispatch import presence, work
from assignment_engine.services.dispatch.cycle import Cycle
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.services.dispatch.intake import submit_task, tasks_were_triaged
from assignment_engine.services.dispatch.queues import set_queue
from assignment_engine.store.database import Database
from assignment_engine.store.tables import (
    alerts,
    cycles,
    employees,
    ml_training_data,
    sessions,
    task_assignments,
    tasks,
)
from assignment_engine.store.unit import UnitOfWork

T = TypeVar("T")


class BrokenScorer(WeightedFallback):
    """A model that cannot be asked."""

    def score(self, features: Any) -> Any:
        raise RuntimeError("the model is broken")


@dataclass
class Office:
    database: Database
    core: DecisionCore = field(default_factory=lambda: DecisionCore(WeightedFallback(), SkillMatcher()))

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(self.database, load_core=lambda: self.core)

    def run(self, use_case: Callable[[UnitOfWork], T]) -> T:
        return self.database.run(use_case)

    def now(self) -> datetime:
        with self.database.read() as unit:
            return unit.now()

    def has(self, *people: Employee) -> None:
        """These people work here."""
        self.run(lambda unit: unit.employees.add(people, unit.now()))

    def gets(self, *new: Task) -> None:
        """These tasks come in while nobody is free."""
        for given in new:
            self.submit(given)

    def submit(self, given: Task) -> StoredTask:
        return self.run(lambda unit: submit_task(unit, self.dispatcher, given.model_copy(update={"title": "Work"})))

    def queue(self, name: str = "default", **settings: object) -> None:
        self.run(lambda unit: set_queue(unit, self.dispatcher, name, settings))

    def login(self, employee_id: str) -> Presence:
        return self.run(lambda unit: presence.login(unit, self.dispatcher, employee_id))

    def logout(self, employee_id: str) -> Released:
        who = Actor(employee_id, employee_id)
        return self.run(lambda unit: presence.logout(unit, self.dispatcher, employee_id, None, who))

    def heartbeat(self, employee_id: str, session: str | None = None) -> Presence:
        return self.run(lambda unit: presence.heartbeat(unit, self.dispatcher, employee_id, session))

    def complete(self, task_id: str, employee_id: str, session: str | None = None) -> Completed:
        who = Actor(employee_id, employee_id, session)
        return self.run(lambda unit: work.complete_task(unit, self.dispatcher, task_id, who))

    def reject(self, offer: Assignment, employee_id: str, reason: str) -> Assignment:
        who = Actor(employee_id, employee_id)
        return self.run(lambda unit: work.reject(unit, self.dispatcher, offer.id, who, reason))

    def cycle(self) -> float:
        """One round of the loop."""
        return Cycle(self.dispatcher).run()

    def status(self) -> tuple[PersonStatus, ...]:
        with self.database.read() as unit:
            return presence.status(unit)

    def present(self) -> set[str]:
        return {status.person_id for status in self.status()}

    def task(self, task_id: str) -> StoredTask:
        with self.database.read() as unit:
            return unit.tasks.get(task_id)

    def person(self, employee_id: str) -> StoredEmployee:
        with self.database.read() as unit:
            return unit.employees.get(employee_id)

    def holder(self, task_id: str) -> str | None:
        return self.task(task_id).assigned_to_id

    def findings(self) -> list[Finding]:
        with self.database.read() as unit:
            return unit.doctor()

    def alerts(self) -> set[tuple[str, str]]:
        """Kind and subject of those that stand."""
        query = select(alerts.c.kind, alerts.c.subject).where(alerts.c.standing.is_not(None))
        with self.database.read() as unit:
            return {tuple(row) for row in unit.connection.execute(query)}

    def training(self) -> list[Any]:
        with self.database.read() as unit:
            return list(unit.connection.execute(select(ml_training_data).order_by(ml_training_data.c.logged_at)).all())

    def outcomes(self) -> list[int | None]:
        return [row.outcome for row in self.training()]

    def break_the_scorer(self) -> None:
        self.core = replace(self.core, scorer=BrokenScorer())

    def mend_the_scorer(self) -> None:
        self.core = replace(self.core, scorer=WeightedFallback())

    def triage_is_alive(self) -> None:
        now = self.now()
        self.run(lambda unit: unit.workers.seen([WorkerRow("w", "i", "triage", now, now, None)]))

    def triages(self, task_id: str) -> None:
        """Triage has read the task and found nothing."""
        read = {"processing_status": "processed"}
        self.run(lambda unit: unit.tasks.change(task_id, read, unit.now()))
        self.run(lambda unit: tasks_were_triaged(self.dispatcher, unit, [task_id]))

    # Moving time: what lies in the past is written as if it did.

    def _set(self, statement: Any) -> None:
        self.run(lambda unit: unit.connection.execute(statement))

    def fall_silent(self, employee_id: str, since: timedelta) -> None:
        seen = update(sessions).where(sessions.c.open_employee_id == employee_id)
        self._set(seen.values(last_seen_at=self.now() - since, opened_at=self.now() - since))
        held = update(task_assignments).where(task_assignments.c.employee_id == employee_id)
        self._set(held.values(assigned_at=self.now() - since))

    def has_been_open(self) -> None:
        """The loop has been running for long."""
        self.cycle()
        self._set(update(cycles).values(quiet_until=None))

    def stop_the_loop_for(self, pause: timedelta) -> None:
        self._set(update(cycles).values(last_at=self.now() - pause))

    def let_offers_expire(self) -> None:
        offered = update(task_assignments).where(task_assignments.c.offer_expires_at.is_not(None))
        self._set(offered.values(offer_expires_at=self.now() - timedelta(seconds=1)))

    def age(self, task_id: str, waited: timedelta) -> None:
        """The task has waited so long."""
        since = self.now() - waited
        values = {"enqueued_at": since, "created_at": since, "dispatch_key": None, "due_at": since}
        self._set(update(tasks).where(tasks.c.task_id == task_id).values(values))
        self.cycle()

    def make_due(self, task_id: str, waited: timedelta) -> None:
        """The task has waited so long, and its time has come."""
        since = self.now() - waited
        values = {"enqueued_at": since, "created_at": since, "due_at": since}
        self._set(update(tasks).where(tasks.c.task_id == task_id).values(values))

    def end_rest(self, employee_id: str) -> None:
        rested = update(employees).where(employees.c.employee_id == employee_id)
        self._set(rested.values(free_at=self.now() - timedelta(seconds=1)))

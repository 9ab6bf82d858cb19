"""The loop: the safety net of dispatch, and what only time brings about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

from assignment_engine.domain.actors import ENGINE
from assignment_engine.domain.assignments import AssignmentStatus, Event, advance
from assignment_engine.domain.records import StoredEmployee
from assignment_engine.services.dispatch.alerts import raise_unassignable
from assignment_engine.services.dispatch.dispatcher import FAILED, Dispatcher
from assignment_engine.services.dispatch.presence import end_session
from assignment_engine.store.cycles import PAUSE_SEEN_AS_OUTAGE
from assignment_engine.store.unit import UnitOfWork

T = TypeVar("T")

CYCLE = "dispatch"
ALERTS = "alerts"
ALERTS_EVERY = timedelta(seconds=30)
SILENT = "silent"
AT_ONCE = 200
_SOONEST_SECONDS = 0.05


@dataclass(frozen=True)
class Cycle:
    """One round of the loop. Any number of processes may run rounds at once."""

    dispatcher: Dispatcher
    interval: timedelta = timedelta(seconds=5)

    def run(self) -> float:
        """Do everything that is due; the seconds until something is next."""
        self.dispatcher.warm_up()
        if self._unit(self._begin):
            self._each(self._silent, self._close)
        self._each(self._missed, self._expire)
        self._place_due()
        self._sweep()
        self._unit(self._tidy)
        return self._unit(self._pause)

    def _unit(self, act: Callable[[UnitOfWork], T]) -> T:
        return self.dispatcher.database.run(act)

    def _each(self, find: Callable[[UnitOfWork], Iterable[T]], act: Callable[[T, UnitOfWork], None]) -> None:
        """Each in a transaction of its own, so that one failure does not hold up the others for long."""
        for item in self._unit(lambda unit: list(find(unit))):
            self._unit(partial(act, item))

    @property
    def _pause_seen_as_outage(self) -> timedelta:
        """Shorter than what people may be silent for, so that no outage logs them out; rounds may be two apart."""
        shorter = min(PAUSE_SEEN_AS_OUTAGE, self.dispatcher.session_timeout / 2)
        return max(shorter, 2 * self.interval)

    def _begin(self, unit: UnitOfWork) -> bool:
        return unit.cycles.begin(CYCLE, unit.now(), self.dispatcher.session_timeout, self._pause_seen_as_outage)

    def _silent(self, unit: UnitOfWork) -> list[str]:
        silent = unit.sessions.silent(unit.now() - self.dispatcher.session_timeout, AT_ONCE)
        return sorted(session.employee_id for session in silent)

    def _close(self, employee_id: str, unit: UnitOfWork) -> None:
        """Log out somebody who is still silent now that nobody else can log them in, nor hear them."""
        unit.employees.lock([employee_id])
        now = unit.now()
        if not unit.cycles.listens(CYCLE, now, self._pause_seen_as_outage):
            return
        session = unit.sessions.current(employee_id, lock=True)
        if session is not None and session.last_seen_at < now - self.dispatcher.session_timeout:
            end_session(unit, self.dispatcher, employee_id, SILENT, ENGINE.subject, now)

    def _missed(self, unit: UnitOfWork) -> list[str]:
        return [assignment.id for assignment in unit.assignments.missed_offers(unit.now(), AT_ONCE)]

    def _expire(self, assignment_id: str, unit: UnitOfWork) -> None:
        """Nobody accepted in time: the task goes to others, the person is away until they resume."""
        found = unit.assignments.get(assignment_id)
        unit.employees.lock([found.employee_id])
        unit.tasks.lock([found.task_id])
        assignment, now = unit.assignments.get(assignment_id), unit.now()
        if assignment.status is not AssignmentStatus.OFFERED:
            return
        unit.assignments.record([advance(assignment, Event.EXPIRE, now)], ENGINE.subject)
        unit.sessions.pause(assignment.employee_id, now, paused=True)
        self.dispatcher.settle(unit, now, tasks=[assignment.task_id, *unit.waiting.kept_for(assignment.employee_id)])

    def _place_due(self) -> None:
        """Tasks whose time has come, and those that came in bulk and have no place yet."""
        while True:
            due = self._unit(lambda unit: unit.waiting.due(unit.now(), AT_ONCE))
            if due:
                self._unit(partial(self._place, due))
            if len(due) < AT_ONCE:
                return

    def _place(self, task_ids: list[str], unit: UnitOfWork) -> None:
        unit.tasks.lock(task_ids)
        self.dispatcher.place(unit, task_ids, unit.now())

    def _sweep(self) -> None:
        """Work for everybody who is free, so that no pair is left that could be."""
        last: StoredEmployee | None = None
        while people := self._unit(partial(self._free, last)):
            for person in people:
                self._unit(partial(self._fill, person.employee_id))
            last = people[-1]

    @staticmethod
    def _free(last: StoredEmployee | None, unit: UnitOfWork) -> tuple[StoredEmployee, ...]:
        return unit.employees.free(unit.now(), AT_ONCE, last)

    def _fill(self, employee_id: str, unit: UnitOfWork) -> None:
        self.dispatcher.fill(unit, employee_id, unit.now(), fresh=True)

    def _tidy(self, unit: UnitOfWork) -> None:
        """A round without errors clears the alert about them; alerts that are long over are forgotten."""
        now = unit.now()
        unit.alerts.clear(FAILED, ["dispatch"], now)
        unit.alerts.purge(now)
        if unit.cycles.is_due(ALERTS, now, ALERTS_EVERY):
            raise_unassignable(unit, self.dispatcher.core.matcher, now)

    def _pause(self, unit: UnitOfWork) -> float:
        now = unit.now()
        moments = (unit.waiting.next_due(), unit.assignments.next_missed(), unit.employees.next_free(now))
        seconds = [(moment - now).total_seconds() for moment in moments if moment is not None]
        longest = self.interval.total_seconds()
        return max(_SOONEST_SECONDS, min([longest, *seconds]))

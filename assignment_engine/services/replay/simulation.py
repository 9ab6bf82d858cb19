"""The events of a log in their order: tasks arrive, people come and go, work ends and the next one begins."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from assignment_engine.services.replay.log import SECONDS_PER_HOUR, Stretch, WorkLog
from assignment_engine.services.replay.office import Office, Policy, number_of
from assignment_engine.services.replay.staff import Shift, Staff, appointments_of

ROUND_EVERY_HOURS = 4.0
_ENDS, _TURNS, _COMES, _ARRIVES, _LEAVES, _RETURNS, _ROUND = range(7)


@dataclass(frozen=True)
class Course:
    """What came of one policy: who worked on what from when to when, and how the engine fared.

    `rescued` counts what only the loop gave out, `failed` decisions that broke off, `findings` broken invariants.
    """

    stretches: tuple[Stretch, ...] = field(repr=False)
    finished: frozenset[int] = field(repr=False)
    handed_on: int = 0
    rescued: int = 0
    failed: int = 0
    findings: tuple[str, ...] = ()


@dataclass
class _Job:
    """What somebody is doing until `ends`; `pace` is how much longer it takes them than it took in the log.

    `halted` are the seconds in which they did something else meanwhile.
    """

    item: int
    began: float
    pace: float
    ends: float
    halted: float = 0.0

    def halt(self, seconds: float) -> None:
        self.ends += seconds
        self.halted += seconds

    def done_by(self, at: float) -> float:
        """Seconds of work so far, as it took in the log."""
        return (at - self.began - self.halted) / self.pace


def simulate(
    log: WorkLog, shifts: Sequence[Shift], policy: Policy, staff: Staff, url: str, arrived: Callable[[], object]
) -> Course:
    """Work the log off by one policy, in the empty database at `url`; `arrived` is called with each task."""
    start = min(log.items[0].arrived, shifts[0].start if shifts else log.items[0].arrived)
    office = Office(url, policy, staff, start)
    try:
        return _Simulation(log, shifts, staff, office, arrived).run(start)
    finally:
        office.close()


class _Simulation:
    def __init__(
        self, log: WorkLog, shifts: Sequence[Shift], staff: Staff, office: Office, arrived: Callable[[], object]
    ) -> None:
        self._log, self._shifts, self._staff, self._office = log, shifts, staff, office
        self._arrived = arrived
        self._events: list[tuple[float, int, int, Callable[[], None]]] = []
        self._order = count()
        self._at = 0.0
        self._left = [item.seconds for item in log.items]  # of the time it took in the log
        self._jobs: dict[int, _Job] = {}
        self._there: set[int] = set()
        self._begun = self._handed_on = self._rescued = 0
        self._stretches: list[Stretch] = []
        self._finished: set[int] = set()

    def run(self, start: float) -> Course:
        end = self._log.end
        self._plan(start, end)
        while self._events:
            self._at, _, _, act = heapq.heappop(self._events)
            if self._at > end:
                break
            self._office.clock.set(self._at)
            act()
            if self._office.watch.given != self._begun:
                self._catch_up()
        self._stop(end)
        findings = tuple(f"{finding.code} {finding.subject}" for finding in self._office.findings())
        failed = self._office.watch.failed
        finished = frozenset(self._finished)
        return Course(tuple(self._stretches), finished, self._handed_on, self._rescued, failed, findings)

    def _plan(self, start: float, end: float) -> None:
        for item in self._log.items:
            self._add(item.arrived, _ARRIVES, partial(self._arrive, item.number))
        later = [stretch for stretch in self._log.stretches if not stretch.is_first]
        self._stretches += later
        busy = {(piece.person, piece.start): piece for piece in appointments_of(later)}
        for shift in self._shifts:
            first = busy.pop((shift.person, shift.start), None)
            start_of_shift = shift.start if first is None else first.end
            if start_of_shift < shift.end:
                self._add(start_of_shift, _COMES, partial(self._come, shift.person))
                self._add(shift.end, _LEAVES, partial(self._leave, shift.person))
        for piece in busy.values():
            self._add(piece.start, _TURNS, partial(self._turn_away, piece))
        rounds = int((end - start) / (ROUND_EVERY_HOURS * SECONDS_PER_HOUR))
        for number in range(1, rounds + 1):
            self._add(start + number * ROUND_EVERY_HOURS * SECONDS_PER_HOUR, _ROUND, self._round)

    def _add(self, at: float, kind: int, act: Callable[[], None]) -> None:
        """At the same moment things happen in the order of their kinds."""
        heapq.heappush(self._events, (at, kind, next(self._order), act))

    def _arrive(self, item: int) -> None:
        person = self._office.submit(self._log.items[item])
        self._arrived()
        if person is not None:
            self._begin(item, person)

    def _come(self, person: int) -> None:
        self._there.add(person)
        for assignment in self._office.login(person):
            self._begin(number_of(assignment.task_id), person)

    def _leave(self, person: int) -> None:
        """Whoever takes up what is left does the rest."""
        job = self._jobs.pop(person, None)
        if job is not None and job.began < self._at:  # what came at the moment of leaving was not begun
            self._left[job.item] -= job.done_by(self._at)
            self._note(job, person)
            self._handed_on += 1
        self._there.discard(person)
        self._office.logout(person)

    def _turn_away(self, piece: Shift) -> None:
        """Later work is done when it was: what somebody is doing has to wait, or nothing comes to them meanwhile."""
        job = self._jobs.get(piece.person)
        if job is not None:
            job.halt(piece.end - piece.start)
        elif piece.person in self._there:
            self._office.pause(piece.person)
            self._add(piece.end, _RETURNS, partial(self._return, piece.person))

    def _return(self, person: int) -> None:
        if person in self._there:
            for assignment in self._office.resume(person):
                self._begin(number_of(assignment.task_id), person)

    def _note(self, job: _Job, person: int) -> None:
        self._stretches.append(Stretch(job.item, person, job.began, self._at))

    def _begin(self, item: int, person: int) -> None:
        pace = self._staff.pace(self._log.items[item], person)
        job = _Job(item, self._at, pace, ends=self._at + max(0.0, self._left[item]) * pace)
        self._jobs[person] = job
        self._begun += 1
        self._add(job.ends, _ENDS, partial(self._end, person, job))

    def _end(self, person: int, job: _Job) -> None:
        if self._jobs.get(person) is not job:
            return  # handed on before
        if job.ends > self._at:
            self._add(job.ends, _ENDS, partial(self._end, person, job))
            return
        del self._jobs[person]
        self._note(job, person)
        self._finished.add(job.item)
        following = self._office.complete(job.item, person)
        if following is not None:
            self._begin(number_of(following.task_id), person)

    def _round(self) -> None:
        before = self._office.watch.given
        self._office.round()
        self._rescued += self._office.watch.given - before

    def _catch_up(self) -> None:
        """Begin what was given to others than those who asked."""
        for assignment in self._office.in_hand():
            person, item = number_of(assignment.employee_id), number_of(assignment.task_id)
            if person not in self._jobs:
                self._begin(item, person)
        self._begun = self._office.watch.given

    def _stop(self, end: float) -> None:
        self._at = end
        for person, job in sorted(self._jobs.items()):
            self._note(job, person)

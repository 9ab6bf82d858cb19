"""A simulated organisation with a known truth: for demonstrations, for tests, and to train the default bundle.

Tasks arrive over time and are given to people. Whether one goes well is drawn from `success_probability`, and how long
it takes follows from that. Features are computed by the engine's own builder at the moment of the decision, from what
had ended before it.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from assignment_engine.domain.records import Employee, Priors, Task
from assignment_engine.domain.stored import PastAssignment
from assignment_engine.domain.types import DEFAULT_ESTIMATED_HOURS
from assignment_engine.features.arrays import Bools, Floats, floats
from assignment_engine.features.definition import FEATURE_NAMES, feature_matrix
from assignment_engine.features.pairs import build_pairs
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.learning.behaviour import choose, overrun, success_probability
from assignment_engine.learning.history import Count, WorkRecord, priors_of
from assignment_engine.learning.people import People, draw_people
from assignment_engine.learning.work import Job, draw_job

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
HOURS_PER_WEEK = 168.0
UTILISATION = 0.85
MEAN_TASK_HOURS = 5.5
WITHOUT_HISTORY = 0.06
_FIRST = np.zeros(1, dtype=np.int64)


@dataclass(frozen=True)
class Decisions:
    """k assignments whose outcome is known, in the order of their decisions.

    `features` is (k, 17) float64 in table order; the others are (k,): `good` the outcome, `truth` the probability it
    was drawn from, `decided_at` and `known_at` UTC in seconds.
    """

    features: Floats
    good: Bools
    truth: Floats
    decided_at: NDArray[np.datetime64]
    known_at: NDArray[np.datetime64]


@dataclass(frozen=True)
class Organisation:
    """People as they stand at `now`, the tasks that wait, everything that has ended, and how it was decided."""

    employees: tuple[Employee, ...]
    open_tasks: tuple[Task, ...]
    history: tuple[PastAssignment, ...]
    decisions: Decisions = field(repr=False)
    now: datetime
    people: People = field(repr=False)
    open_jobs: tuple[Job, ...] = field(repr=False)

    def truth(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """How likely each (task_id, employee_id) is to go well, made real in this order; shape (k,).

        What no scorer can see: the same formula that the past was drawn from, with loads as they grow.
        """
        job_of = {job.task.task_id: job for job in self.open_jobs}
        row_of = {employee.employee_id: row for row, employee in enumerate(self.employees)}
        load = floats([employee.current_workload for employee in self.employees])
        likely = []
        for task_id, employee_id in pairs:
            job, row = job_of[task_id], row_of[employee_id]
            likely.append(success_probability(self.people, job, load, waiting_for=0)[row])
            load[row] += job.hours
        return floats(likely)


def simulate(
    seed: int, *, people: int = 40, decisions: int = 3000, open_tasks: int = 60, now: datetime = NOW
) -> Organisation:
    """An organisation of `people` at `now`, after `decisions` assignments; the same arguments give the same one."""
    return Simulation(seed, people, now).run(decisions, open_tasks)


@dataclass(frozen=True, order=True)
class _Running:
    """Work that is being done until `ends_at`, and counts `load` hours until then."""

    ends_at: datetime
    task_id: str
    employee: int = field(compare=False)
    load: float = field(compare=False)
    past: PastAssignment = field(compare=False)


@dataclass(frozen=True)
class _Decision:
    features: Floats
    probability: float
    good: bool
    decided_at: datetime
    known_at: datetime


class Simulation:
    """What changes while time goes by.

    `load` is (m,) hours in hand, `finished` the ids of ended tasks, `everyone` the outcomes of all; `arrivals` draws
    tasks and `luck` outcomes.
    """

    def __init__(self, seed: int, people: int, now: datetime) -> None:
        crowd, self.arrivals, self._policy, self.luck = default_rng(seed).spawn(4)
        self.people = draw_people(crowd, people)
        self._now = now
        self._matcher = SkillMatcher()
        self.records = [WorkRecord() for _ in range(people)]
        self.everyone = Count()
        self.load = np.zeros(people)
        self._free_at = [datetime.min.replace(tzinfo=UTC)] * people
        self._running: list[_Running] = []
        self._history: list[PastAssignment] = []
        self.finished: set[str] = set()

    def run(self, decisions: int, open_tasks: int) -> Organisation:
        moments = self._moments(decisions)
        made = [self._decide(draw_job(self.arrivals, i, at)) for i, at in enumerate(moments)]
        self.end_before(self._now)
        waiting = tuple(draw_job(self.arrivals, decisions + i, self._now) for i in range(open_tasks))
        return Organisation(
            employees=tuple(self.as_known(employee) for employee in range(len(self.records))),
            open_tasks=self._known(waiting),
            history=tuple(self._history),
            decisions=_in_arrays([decision for decision in made if decision.known_at < self._now]),
            now=self._now,
            people=self.people,
            open_jobs=waiting,
        )

    def _known(self, waiting: Sequence[Job]) -> tuple[Task, ...]:
        """The tasks that wait, as far as they depend on what is finished or waits too; no record tells of the rest."""
        known = self.finished | {job.task.task_id for job in waiting}
        return tuple(
            job.task.model_copy(update={"dependencies": tuple(d for d in job.task.dependencies if d in known)})
            for job in waiting
        )

    def _moments(self, count: int) -> list[datetime]:
        """When decisions are made, at a rate that keeps people busy for `UTILISATION` of their time."""
        gap = HOURS_PER_WEEK * MEAN_TASK_HOURS / (UTILISATION * float(self.people.capacity.sum()))
        hours_ago = np.cumsum(self.arrivals.exponential(gap, count))[::-1]
        return [self._now - timedelta(seconds=round(hours * 3600)) for hours in hours_ago.tolist()]

    def _decide(self, job: Job) -> _Decision:
        self.end_before(job.decided_at)
        waiting_for = sum(task_id not in self.finished for task_id in job.task.dependencies)
        truth = success_probability(self.people, job, self.load, waiting_for)
        employee = choose(self._policy, self.people, job, self.load)
        features = self._features(job, employee)
        good = bool(self.luck.random() < truth[employee])
        return _Decision(features, float(truth[employee]), good, job.decided_at, self.start(job, employee, good))

    def _features(self, job: Job, employee: int) -> Floats:
        """What the engine sees; now and then as a new installation would, without any history."""
        person, priors = self.as_known(employee), priors_of(self.everyone)
        if self._policy.random() < WITHOUT_HISTORY:
            person, priors = person.model_copy(update={"history": None}), Priors()
        completed = frozenset(self.finished.intersection(job.task.dependencies))
        pairs = build_pairs(
            [job.task], [person], job.decided_at, matcher=self._matcher, priors=priors, completed=completed
        )
        return floats(feature_matrix(pairs, pairs.initial, _FIRST, _FIRST)[0])

    def as_known(self, employee: int) -> Employee:
        """The record of a person as it stands now."""
        known = {"current_workload": float(self.load[employee]), "history": self.records[employee].history()}
        return self.people.employees[employee].model_copy(update=known)

    def start(self, job: Job, employee: int, good: bool) -> datetime:
        """Put the job at the end of the person's line; returns when it ends."""
        hours = job.hours * overrun(self.luck, good)
        started_at = max(job.decided_at, self._free_at[employee])
        ends_at = started_at + _calendar(hours, self.people.capacity[employee])
        self._free_at[employee] = ends_at
        if good and job.deadline is not None and ends_at > job.deadline:  # good work is done in time: put it first
            ends_at = job.deadline
            started_at = max(job.decided_at, min(started_at, ends_at - timedelta(seconds=round(hours * 3600))))
        past = PastAssignment(
            task_id=job.task.task_id,
            employee_id=self.people.employees[employee].employee_id,
            category=job.task.category,
            department=job.task.department,
            assigned_at=job.decided_at,
            started_at=started_at,
            completed_at=ends_at,
            hours=round(hours, 2),
            outcome="good" if good else "bad",
        )
        load = job.task.estimated_hours or DEFAULT_ESTIMATED_HOURS
        heapq.heappush(self._running, _Running(ends_at, job.task.task_id, employee, load, past))
        self.records[employee].active += 1
        self.load[employee] += load
        return ends_at

    def end_before(self, moment: datetime) -> None:
        """Count everything that has ended earlier than `moment`."""
        while self._running and self._running[0].ends_at < moment:
            ended = heapq.heappop(self._running)
            self.records[ended.employee].active -= 1
            self.records[ended.employee].end(ended.past)
            self.everyone.add(ended.past.outcome == "good")
            self.load[ended.employee] -= ended.load
            self.finished.add(ended.task_id)
            self._history.append(ended.past)


def _calendar(hours: float, hours_per_week: float) -> timedelta:
    """Calendar time that `hours` of work take somebody with this capacity."""
    return timedelta(seconds=round(hours * 3600 * HOURS_PER_WEEK / hours_per_week))


def _in_arrays(made: Sequence[_Decision]) -> Decisions:
    features = np.array([d.features for d in made]).reshape(len(made), len(FEATURE_NAMES))
    return Decisions(
        features=features,
        good=np.array([d.good for d in made], dtype=np.bool_),
        truth=floats([d.probability for d in made]),
        decided_at=_instants([d.decided_at for d in made]),
        known_at=_instants([d.known_at for d in made]),
    )


def _instants(moments: Sequence[datetime]) -> NDArray[np.datetime64]:
    """UTC in whole seconds; numpy knows no time zones."""
    return np.array([int(moment.timestamp()) for moment in moments], dtype="datetime64[s]")

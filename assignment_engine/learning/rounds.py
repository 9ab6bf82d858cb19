"""The whole circle on a simulated organisation: plan, see how the work goes, learn, promote, plan better.

The organisation starts with the weighted fallback. Every day the tasks that wait are planned by the champion of the
day; outcomes are drawn from a formula that no scorer can see. Every so often a challenger is trained on what is known
by then, and promoted if it is better on decisions that it has not seen. Each day's plan is compared with those that
the fallback and full knowledge of the formula would have made of the same tasks and people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.problem import AllocationProblem, build_problem
from assignment_engine.domain.errors import PromotionRefusedError, TrainingError
from assignment_engine.domain.plans import Explanation, Plan
from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Bools, Floats, Ints, floats
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.features.pairs import Loads, Pairs
from assignment_engine.learning.behaviour import success_probability
from assignment_engine.learning.dataset import Dataset
from assignment_engine.learning.history import priors_of
from assignment_engine.learning.organisation import MEAN_TASK_HOURS, UTILISATION, Simulation
from assignment_engine.learning.people import People
from assignment_engine.learning.promotion import promote
from assignment_engine.learning.training import Training, train
from assignment_engine.learning.work import Job, draw_job
from assignment_engine.scoring.bundle import save_bundle
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.protocol import Scorer, ScoreRow, Scores
from assignment_engine.scoring.registry import load_scorer

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
DAYS, RETRAIN_DAYS = 120, 20
FEWEST_TO_LEARN = 300


class Day(Record):
    """How likely the work of one day's plan was to go well, by the plan that was made and by two that were not."""

    day: int
    scorer: str
    tasks: int
    assigned: int
    champion: float
    fallback: float
    full_knowledge: float

    @property
    def share_of_gap(self) -> float:
        """How much of what full knowledge gains over the fallback the champion gains."""
        gap = self.full_knowledge - self.fallback
        return (self.champion - self.fallback) / gap if gap > 0 else float("nan")


class Attempt(Record):
    """One challenger, and why it was or was not promoted."""

    day: int
    outcomes: int
    promoted: bool
    note: str


class Course(Record):
    """Everything that happened with one seed."""

    seed: int
    days: tuple[Day, ...]
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class FullKnowledge:
    """Scores pairs by the probability that outcomes are drawn from, at the loads of the moment."""

    people: People = field(repr=False)
    jobs: dict[str, Job] = field(repr=False)
    waiting_for: dict[str, int] = field(repr=False)
    name: str = "full-knowledge"
    version: str = "1"
    confidence: float = 1.0
    features: tuple[str, ...] = FEATURE_NAMES

    def prepare(self, pairs: Pairs, loads: Loads) -> Scores:
        return _TrueScores(self, pairs, loads)

    def score(self, features: Floats) -> ScoreRow:
        """What it knows is not in the features."""
        unknown = np.full(len(features), np.nan)
        return ScoreRow(unknown, unknown)

    def explain(self, features: Floats) -> tuple[Explanation, ...]:
        return tuple(Explanation(unit="score", base=0.0, terms=()) for _ in features)


@dataclass(frozen=True)
class _TrueScores:
    scorer: FullKnowledge
    pairs: Pairs
    loads: Loads

    def row(self, task: int, employees: Ints) -> ScoreRow:
        task_id = self.pairs.task_ids[task]
        likely = success_probability(
            self.scorer.people, self.scorer.jobs[task_id], self.loads.hours, self.scorer.waiting_for[task_id]
        )[employees]
        return ScoreRow(likely, likely)

    def employee_changed(self, employee: int) -> None:
        """Nothing is kept between rows."""


@dataclass(frozen=True)
class _Made:
    """A decision of the past; its outcome is known from `known_at` on."""

    features: Floats
    good: bool
    decided_at: datetime
    known_at: datetime


def run_rounds(
    seed: int, model_dir: Path, *, people: int = 24, days: int = DAYS, retrain_days: int = RETRAIN_DAYS
) -> Course:
    """Run one organisation for `days`; champions are kept in `model_dir`, which must be empty at the start."""
    return _Rounds(seed, model_dir, people).run(days, retrain_days)


class _Rounds:
    def __init__(self, seed: int, model_dir: Path, people: int) -> None:
        self._simulation = Simulation(seed, people, START)
        self._seed, self._model_dir = seed, model_dir
        capacity = float(self._simulation.people.capacity.sum())
        self._per_day = UTILISATION * capacity / (7.0 * MEAN_TASK_HOURS)
        self._scorer: Scorer = WeightedFallback()
        self._made: list[_Made] = []
        self._drawn = 0

    def run(self, days: int, retrain_days: int) -> Course:
        found, attempts = [], []
        for day in range(days):
            now = START + timedelta(days=day)
            self._simulation.end_before(now)
            found.append(self._day(day, now))
            if (day + 1) % retrain_days == 0:
                attempts.append(self._learn(day, now))
        return Course(seed=self._seed, days=tuple(found), attempts=tuple(attempts))

    def _day(self, day: int, now: datetime) -> Day:
        simulation = self._simulation
        jobs = self._jobs(now)
        waiting = {
            task_id: sum(other not in simulation.finished for other in job.task.dependencies)
            for task_id, job in jobs.items()
        }
        knowing = FullKnowledge(simulation.people, jobs, waiting)
        plans = {scorer.name: self._plan(jobs, now, scorer) for scorer in (self._scorer, WeightedFallback(), knowing)}
        made, features = plans[self._scorer.name]
        values = {name: self._likely(plan, jobs, waiting) for name, (plan, _) in plans.items()}
        self._carry_out(made, features, jobs, values[self._scorer.name], now)
        return Day(
            day=day,
            scorer=f"{self._scorer.name} {self._scorer.version}",
            tasks=len(jobs),
            assigned=len(made.assignments),
            champion=float(values[self._scorer.name].mean()),
            fallback=float(values[WeightedFallback.name].mean()),
            full_knowledge=float(values[knowing.name].mean()),
        )

    def _jobs(self, now: datetime) -> dict[str, Job]:
        count = int(self._simulation.arrivals.poisson(self._per_day)) + 1
        drawn = [draw_job(self._simulation.arrivals, self._drawn + i, now) for i in range(count)]
        self._drawn += count
        return {job.task.task_id: job for job in drawn}

    def _plan(self, jobs: dict[str, Job], now: datetime, scorer: Scorer) -> tuple[Plan, Floats]:
        return solve(self._problem(jobs, now, scorer), allocator("greedy"))

    def _problem(self, jobs: dict[str, Job], now: datetime, scorer: Scorer) -> AllocationProblem:
        simulation = self._simulation
        return build_problem(
            [job.task for job in jobs.values()],
            [simulation.as_known(employee) for employee in range(len(simulation.records))],
            now=now,
            scorer=scorer,
            priors=priors_of(simulation.everyone),
            completed=frozenset(simulation.finished),
        )

    def _likely(self, plan: Plan, jobs: dict[str, Job], waiting: dict[str, int]) -> Floats:
        """The true probability of each assignment, with loads as they grow in the order of the plan."""
        simulation, load = self._simulation, self._simulation.load.copy()
        likely = []
        for assignment in plan.assignments:
            job, employee = jobs[assignment.task_id], _number(assignment.employee_id)
            probability = success_probability(simulation.people, job, load, waiting[assignment.task_id])
            likely.append(probability[employee])
            load[employee] += job.hours
        return floats(likely)

    def _carry_out(self, plan: Plan, features: Floats, jobs: dict[str, Job], likely: Floats, now: datetime) -> None:
        for assignment, row, probability in zip(plan.assignments, features, likely, strict=True):
            good = bool(self._simulation.luck.random() < probability)
            ends_at = self._simulation.start(jobs[assignment.task_id], _number(assignment.employee_id), good)
            self._made.append(_Made(row, good, now, ends_at))

    def _learn(self, day: int, now: datetime) -> Attempt:
        """Train a challenger on what is known by now, and promote it if it is better."""
        name = f"day-{day + 1}"
        data = _dataset(self._made, now)
        outcomes = len(data)
        if outcomes < FEWEST_TO_LEARN:
            return Attempt(day=day, outcomes=outcomes, promoted=False, note="too few outcomes")
        try:
            training = Training(name="simulated", version=name, seed=self._seed, data="a simulated organisation")
            save_bundle(train(data, training, created_at=now), self._model_dir / name)
            change = promote(self._model_dir, name, data=data, now=now)
        except (TrainingError, PromotionRefusedError) as exc:
            return Attempt(day=day, outcomes=outcomes, promoted=False, note=str(exc))
        self._scorer, _ = load_scorer(self._model_dir)
        gained = change.evidence.gain if change.evidence else float("nan")
        return Attempt(day=day, outcomes=outcomes, promoted=True, note=f"log-loss better by {gained:.3f}")


def _number(employee_id: str) -> int:
    return int(employee_id.rpartition("-")[2]) - 1


def _dataset(made: Sequence[_Made], now: datetime) -> Dataset:
    ended: Bools = np.array([decision.known_at < now for decision in made])
    known = [decision for decision, there in zip(made, ended, strict=True) if there]
    count = len(known)
    return Dataset(
        names=FEATURE_NAMES,
        decision=np.arange(count),
        chosen=np.ones(count, dtype=np.bool_),
        good=floats([decision.good for decision in known]),
        decided_at=np.array([int(d.decided_at.timestamp()) for d in known], dtype="datetime64[s]"),
        known_at=np.array([int(d.known_at.timestamp()) for d in known], dtype="datetime64[s]"),
        propensity=np.full(count, np.nan),
        randomised=np.zeros(count, dtype=np.bool_),
        control=np.zeros(count, dtype=np.bool_),
        by_human=np.zeros(count, dtype=np.bool_),
        department=np.full(count, "", dtype=object),
        features=floats([decision.features for decision in known]).reshape(count, len(FEATURE_NAMES)),
    )

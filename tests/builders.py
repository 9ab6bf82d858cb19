"""Small records and whole worlds for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.problem import AllocationProblem, build_problem
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.plans import Explanation, Plan, Term, Unassigned
from assignment_engine.domain.records import Employee, Priors, Task
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.features.pairs import Loads, Pairs
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.protocol import Scorer, ScoreRow, Scores

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ALIASES = {"kubernetes": ["k8s", "kube"], "javascript": ["js"], "python": ["py"]}


def employee(employee_id: str = "ana", **fields: object) -> Employee:
    return Employee(employee_id=employee_id, **fields)


def task(task_id: str = "t1", **fields: object) -> Task:
    return Task(task_id=task_id, **fields)


@dataclass(frozen=True)
class SkillScorer:
    """skill_match alone: many ties between people of different load, and no score where skills are not known."""

    name: str = "skills"
    version: str = "1"
    confidence: float = 0.5
    features: tuple[str, ...] = FEATURE_NAMES

    def prepare(self, pairs: Pairs, loads: Loads) -> Scores:
        return _SkillScores(pairs)

    def score(self, features: Floats) -> ScoreRow:
        scores = features[:, FEATURE_NAMES.index("skill_match")]
        return ScoreRow(scores, scores)

    def explain(self, features: Floats) -> tuple[Explanation, ...]:
        return tuple(
            Explanation(unit="score", base=0.0, terms=(Term(feature="skill_match", value=value, contribution=value),))
            for value in self.score(features).scores
        )


@dataclass(frozen=True)
class _SkillScores:
    pairs: Pairs

    def row(self, task: int, employees: Ints) -> ScoreRow:
        scores = self.pairs.skill_match(np.asarray(task), employees)
        return ScoreRow(scores, scores)

    def employee_changed(self, employee: int) -> None:
        """Skills do not depend on load."""


@dataclass(frozen=True)
class World:
    """Everything that a planning problem is made of, as plain records."""

    tasks: tuple[Task, ...]
    employees: tuple[Employee, ...]
    constraints: Constraints = field(default_factory=Constraints)
    completed: frozenset[str] = frozenset()
    rejections: frozenset[tuple[str, str]] = frozenset()
    hours: Mapping[tuple[str, str], float] | None = None
    priors: Priors | None = None
    now: datetime = NOW
    aliases: Mapping[str, list[str]] = field(default_factory=lambda: ALIASES)
    scorer: Scorer = field(default_factory=WeightedFallback)

    @property
    def pending(self) -> tuple[Task, ...]:
        return tuple(t for t in self.tasks if t.status == "pending")

    @property
    def done(self) -> frozenset[str]:
        """Ids of all tasks known to be completed."""
        return self.completed | {t.task_id for t in self.tasks if t.status == "completed"}

    def problem(self) -> AllocationProblem:
        hours = None
        if self.hours is not None:
            hours = np.array([[self.hours[t.task_id, e.employee_id] for e in self.employees] for t in self.tasks])
            hours = hours.reshape(len(self.tasks), len(self.employees))
        return build_problem(
            self.tasks,
            self.employees,
            now=self.now,
            scorer=self.scorer,
            constraints=self.constraints,
            matcher=SkillMatcher(self.aliases),
            priors=self.priors,
            hours=hours,
            completed=self.completed,
            rejections=self.rejections,
        )

    def plan(self, method: str = "greedy", weight: float | None = None) -> Plan:
        return solve(self.problem(), allocator(method, weight=weight))[0]

    def with_employee(self, changed: Employee) -> World:
        people = tuple(changed if e.employee_id == changed.employee_id else e for e in self.employees)
        return replace(self, employees=people)

    def with_constraints(self, **fields: object) -> World:
        return replace(self, constraints=Constraints(**{**dict(self.constraints), **fields}))


def world(*records: Task | Employee, **fields: object) -> World:
    """A world of these records."""
    tasks = tuple(r for r in records if isinstance(r, Task))
    return World(tasks, tuple(r for r in records if isinstance(r, Employee)), **fields)


def pairs_of(plan: Plan) -> dict[str, str]:
    """Who does what: employee id by task id."""
    return {a.task_id: a.employee_id for a in plan.assignments}


def reason_codes(plan: Plan, task_id: str) -> set[str]:
    return {str(reason.code) for reason in unassigned(plan, task_id).reasons}


def unassigned(plan: Plan, task_id: str) -> Unassigned:
    (entry,) = [u for u in plan.unassigned if u.task_id == task_id]
    return entry

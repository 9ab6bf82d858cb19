"""Pairs of free people and waiting tasks that the rules allow, with what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from assignment_engine.allocation.allocators import load_ratio, rounded
from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.records import StoredEmployee, StoredTask
from assignment_engine.features.definition import FEATURE_NAMES, feature_matrix

SAMPLE_BEST = 10
SAMPLE_OTHERS = 5

Values = dict[str, float | None]


@dataclass(frozen=True)
class Candidate:
    """One pair that may be chosen. Scores are as they are compared, to nine decimals."""

    task: StoredTask
    employee: StoredEmployee
    score: float
    raw: float
    load: float
    seconds: int
    features: tuple[float, ...]
    names: tuple[str, ...] = FEATURE_NAMES
    propensity: float | None = None  # how likely it was to be tried first, where lots were drawn

    @property
    def values(self) -> Values:
        """The features by name; None where missing."""
        return {
            name: None if value != value else value  # noqa: PLR0124  (NaN is not equal to itself)
            for name, value in zip(self.names, self.features, strict=True)
        }

    @property
    def shown(self) -> dict[str, object]:
        """What the training log keeps of a pair."""
        ids = {"task_id": self.task.task_id, "employee_id": self.employee.employee_id}
        drawn = {} if self.propensity is None else {"propensity": self.propensity}
        return {**ids, "score": self.score, "features": self.values, **drawn}


def candidates_of(
    problem: AllocationProblem, tasks: Sequence[StoredTask], employees: Sequence[StoredEmployee]
) -> list[Candidate]:
    """Every pair of `problem` that its rules allow and its scorer can judge, scored as they stand now."""
    by_task = {task.task_id: task for task in tasks}
    by_employee = {employee.employee_id: employee for employee in employees}
    loads = problem.pairs.initial
    eligibility = Eligibility.of(problem)
    allowed = [eligibility.candidates(task, loads) for task in range(len(problem.tasks))]
    task_rows = np.repeat(np.arange(len(allowed)), [len(found) for found in allowed])
    employee_rows = np.concatenate(allowed) if allowed else np.empty(0, dtype=np.int64)
    if not employee_rows.size:
        return []
    features = feature_matrix(problem.pairs, loads, task_rows, employee_rows, problem.scorer.features)
    scored = problem.scorer.score(features)
    scores, raws = rounded(scored.scores).tolist(), rounded(scored.raw).tolist()
    ratios = load_ratio(loads, problem.capacity, employee_rows).tolist()
    pairs = zip(task_rows.tolist(), employee_rows.tolist(), strict=True)
    return [
        Candidate(
            task=by_task[problem.tasks[task].task_id],
            employee=by_employee[problem.employees[employee].employee_id],
            score=score,
            raw=raw,
            load=load,
            seconds=problem.needed_by(task, employee),
            features=tuple(row),
            names=problem.scorer.features,
        )
        for (task, employee), score, raw, load, row in zip(pairs, scores, raws, ratios, features.tolist(), strict=True)
        if score == score  # noqa: PLR0124  (NaN: nothing is known that could be scored)
    ]


def by_merit(candidate: Candidate) -> tuple[float, float, float, str, str]:
    """Sort key: score, then lower load, then id."""
    return -candidate.score, -candidate.raw, candidate.load, candidate.employee.employee_id, candidate.task.task_id


def sample(ordered: Sequence[Candidate], seed: str) -> list[Candidate]:
    """The best ten and five others at random."""
    others = list(ordered[SAMPLE_BEST:])
    chosen = Random(seed).sample(others, min(SAMPLE_OTHERS, len(others)))  # noqa: S311  (a sample, not a secret)
    return [*ordered[:SAMPLE_BEST], *chosen]

"""Pairs of free people and waiting tasks that the rules allow, with what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Any, NamedTuple

import numpy as np

from assignment_engine.allocation.allocators import load_ratio, rounded
from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.assignments import NewAssignment
from assignment_engine.domain.records import StoredEmployee, StoredTask
from assignment_engine.domain.sampled import as_columns
from assignment_engine.domain.stored import TrainingRow
from assignment_engine.domain.types import Arm, new_id
from assignment_engine.features.arrays import Floats
from assignment_engine.features.definition import FEATURE_NAMES, feature_matrix
from assignment_engine.scoring.protocol import Scorer

SAMPLE_BEST = 10
SAMPLE_OTHERS = 5

Values = dict[str, float | None]


class Candidate(NamedTuple):
    """One pair that may be chosen. Scores are as they are compared, to nine decimals; `features` has shape (f,)."""

    task: StoredTask
    employee: StoredEmployee
    score: float
    raw: float
    load: float
    seconds: int
    features: Floats
    names: tuple[str, ...] = FEATURE_NAMES
    arm: Arm | None = None
    propensity: float | None = None  # how likely it was to be tried first, where lots were drawn

    @property
    def values(self) -> Values:
        """The features by name; None where missing."""
        return {
            name: None if value != value else value  # noqa: PLR0124  (NaN is not equal to itself)
            for name, value in zip(self.names, self.features.tolist(), strict=True)
        }


def candidates_of(
    problem: AllocationProblem,
    tasks: Sequence[StoredTask],
    employees: Sequence[StoredEmployee],
    arm: Arm | None = None,
) -> list[Candidate]:
    """Every pair of `problem` that its rules allow and its scorer can judge, scored as they stand now."""
    by_task = {task.task_id: task for task in tasks}
    by_employee = {employee.employee_id: employee for employee in employees}
    loads = problem.pairs.initial
    task_rows, employee_rows = Eligibility.of(problem).allowed(np.arange(len(problem.tasks)), loads).nonzero()
    if not employee_rows.size:
        return []
    features = feature_matrix(problem.pairs, loads, task_rows, employee_rows, problem.scorer.features)
    scored = problem.scorer.score(features)
    scores, raws = rounded(scored.scores).tolist(), rounded(scored.raw).tolist()
    ratios = load_ratio(loads, problem.capacity, employee_rows).tolist()
    names, pairs = problem.scorer.features, zip(task_rows.tolist(), employee_rows.tolist(), strict=True)
    return [
        Candidate(
            task=by_task[problem.tasks[task].task_id],
            employee=by_employee[problem.employees[employee].employee_id],
            score=score,
            raw=raw,
            load=load,
            seconds=problem.needed_by(task, employee),
            features=row,
            names=names,
            arm=arm,
        )
        for (task, employee), score, raw, load, row in zip(pairs, scores, raws, ratios, features, strict=True)
        if score == score  # noqa: PLR0124  (NaN: nothing is known that could be scored)
    ]


def by_merit(candidate: Candidate) -> tuple[float, float, float, str, str]:
    """Sort key: score, then lower load, then id."""
    return -candidate.score, -candidate.raw, candidate.load, candidate.employee.employee_id, candidate.task.task_id


def logged(candidates: Sequence[Candidate]) -> dict[str, object]:
    """What the training log keeps of the candidates of a decision."""
    columns: dict[str, list[Any]] = {
        "task_id": [candidate.task.task_id for candidate in candidates],
        "employee_id": [candidate.employee.employee_id for candidate in candidates],
        "score": [candidate.score for candidate in candidates],
    }
    if any(candidate.propensity is not None for candidate in candidates):
        columns["propensity"] = [candidate.propensity for candidate in candidates]
    features = np.column_stack([candidate.features for candidate in candidates]).tolist()
    return as_columns(columns, dict(zip(candidates[0].names, features, strict=True)))


def sample(ordered: Sequence[Candidate], seed: str) -> list[Candidate]:
    """The best ten and five others at random."""
    others = list(ordered[SAMPLE_BEST:])
    chosen = Random(seed).sample(others, min(SAMPLE_OTHERS, len(others)))  # noqa: S311  (a sample, not a secret)
    return [*ordered[:SAMPLE_BEST], *chosen]


def training_row(
    new: NewAssignment, chosen: Candidate, compared: Sequence[Candidate], scorer: Scorer, now: datetime
) -> TrainingRow:
    """A decision with what it was compared with, as far as the same policy scored it; `scorer` is that of the log."""
    decision_id = new_id()
    ordered = sorted((candidate for candidate in compared if candidate.arm is chosen.arm), key=by_merit)
    return TrainingRow(
        log_id=new_id(),
        decision_id=decision_id,
        assignment_id=new.id,
        task_id=new.task_id,
        employee_id=new.employee_id,
        features=chosen.values,
        assignment_score=chosen.score,
        confidence=scorer.confidence,
        method=new.method,
        scorer=f"{scorer.name} {scorer.version}",
        logged_at=now,
        candidates=logged(sample(ordered, decision_id)),
        propensity=chosen.propensity if chosen is compared[0] else None,  # others were taken away meanwhile
        arm=chosen.arm,
        rank=1 + next(place for place, candidate in enumerate(ordered) if candidate is chosen),
    )

"""The value of a plan and a bound on it, on the scores at the problem's start."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.features.arrays import Ints
from assignment_engine.scoring.protocol import ScoreRow, Scores, scored


class Measured(NamedTuple):
    """The objective of a plan, and what no plan can surpass."""

    value: float
    bound: float


class StartMeasure:
    """Value and bound of a plan that is made one task after the other, on loads that grow.

    Σ weight · score of the chosen pairs, and Σ weight · best eligible score of every task. Who has been given nothing
    yet has the score and the eligibility of the start; only the others are scored once more.
    """

    def __init__(self, problem: AllocationProblem, eligibility: Eligibility) -> None:
        self._problem, self._eligibility = problem, eligibility
        self._changed = np.zeros(len(problem.employees), dtype=bool)
        self._scores: Scores | None = None
        self._value = self._bound = 0.0

    def add(self, task: int, candidates: Ints, row: ScoreRow, chosen: int | None) -> None:
        """Count a task whose candidates have these scores now; `chosen` is a position among them.

        Must be called before `employee_changed` for that choice.
        """
        again, at_start = self._again(task)
        best = max(self._best_of_same(candidates, row), at_start.scores.max(initial=-np.inf))
        weight = self._problem.tasks[task].priority.weight
        if best > -np.inf:
            self._bound += weight * float(best)
        if chosen is not None:
            employee = candidates[chosen]
            changed = self._changed[employee]
            score = at_start.scores[np.searchsorted(again, employee)] if changed else row.scores[chosen]
            self._value += weight * float(score)

    def employee_changed(self, employee: int) -> None:
        if self._scores is None:
            self._scores = self._problem.scorer.prepare(self._problem.pairs, self._problem.pairs.initial)
        self._changed[employee] = True

    @property
    def measured(self) -> Measured:
        return Measured(self._value, self._bound)

    def _best_of_same(self, candidates: Ints, row: ScoreRow) -> float:
        """The best score of those whose load is still that of the start; −inf with none."""
        if not candidates.size:
            return -np.inf
        top = int(row.scores.argmax())
        if not self._changed[candidates[top]]:
            return float(row.scores[top])
        return float(row.scores[~self._changed[candidates]].max(initial=-np.inf))

    def _again(self, task: int) -> tuple[Ints, ScoreRow]:
        """Candidates at the start whose load has changed since, with their scores then."""
        if self._scores is None:
            return np.empty(0, dtype=np.int64), ScoreRow(np.empty(0), np.empty(0))
        candidates = self._eligibility.candidates(task, self._problem.pairs.initial)
        return scored(self._scores, task, candidates[self._changed[candidates]])

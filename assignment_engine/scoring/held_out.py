"""Scores of a problem some of whose tasks are held out: these are scored by the control policy."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from assignment_engine.domain.plans import Explanation
from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.features.pairs import Loads, Pairs
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.protocol import Scorer, ScoreRow, Scores


def control_of(scorer: Scorer) -> Scorer:
    """The control policy beside `scorer`: the weighted fallback, over the same features, so that all are logged."""
    return WeightedFallback(features=scorer.features)


@dataclass(frozen=True)
class HeldOutScorer:
    """Scores each task by its own scorer; what is not about one task is answered for those that are not held out."""

    scorer: Scorer
    control: Scorer
    tasks: frozenset[str] = field(repr=False)

    @property
    def name(self) -> str:
        return self.scorer.name

    @property
    def version(self) -> str:
        return self.scorer.version

    @property
    def features(self) -> tuple[str, ...]:
        return self.scorer.features

    @property
    def confidence(self) -> float:
        return self.scorer.confidence

    def of(self, task_id: str) -> Scorer:
        """The scorer of one task."""
        return self.control if task_id in self.tasks else self.scorer

    def prepare(self, pairs: Pairs, loads: Loads) -> Scores:
        held_out = np.array([task_id in self.tasks for task_id in pairs.task_ids], dtype=np.bool_)
        return _HeldOutScores(self.scorer.prepare(pairs, loads), self.control.prepare(pairs, loads), held_out)

    def score(self, features: Floats) -> ScoreRow:
        return self.scorer.score(features)

    def explain(self, features: Floats) -> tuple[Explanation, ...]:
        return self.scorer.explain(features)


@dataclass(frozen=True)
class _HeldOutScores:
    engine: Scores
    control: Scores
    held_out: Bools

    def row(self, task: int, employees: Ints) -> ScoreRow:
        return (self.control if self.held_out[task] else self.engine).row(task, employees)

    def employee_changed(self, employee: int) -> None:
        self.engine.employee_changed(employee)
        self.control.employee_changed(employee)


def holding_out(scorer: Scorer, tasks: Collection[str]) -> Scorer:
    """The same scorer, but for these tasks."""
    return HeldOutScorer(scorer, control_of(scorer), frozenset(tasks)) if tasks else scorer


def scorer_of(scorer: Scorer, task_id: str) -> Scorer:
    """Who scores one task."""
    return scorer.of(task_id) if isinstance(scorer, HeldOutScorer) else scorer

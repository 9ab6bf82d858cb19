"""The weighted score for when there is no model: three terms that everyone understands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assignment_engine.domain.plans import Explanation, Term
from assignment_engine.features.arrays import Floats, Ints, floats
from assignment_engine.features.definition import FEATURE_NAMES, column
from assignment_engine.features.pairs import Loads, Pairs
from assignment_engine.scoring.protocol import ScoreRow, Scores

TERMS = ("skill_match", "experience_match", "workload")
WEIGHTS = np.array([0.4, 0.3, 0.3])
_INPUTS = ("skill_match", "experience_years", "complexity", "workload_ratio")
_INPUT_COLUMNS = [FEATURE_NAMES.index(name) for name in _INPUTS]


@dataclass(frozen=True)
class WeightedFallback:
    """0.4 · skill_match + 0.3 · experience_match + 0.3 · (1 − workload_ratio); a ranking score, not a probability.

    experience_match = min(1, experience_years / (1 + 9 · complexity)). A missing term is dropped and the other
    weights are scaled up to 1; with all three missing the score is NaN.
    """

    name: str = "weighted-fallback"
    version: str = "1"
    confidence: float = 0.6
    features: tuple[str, ...] = FEATURE_NAMES

    def prepare(self, pairs: Pairs, loads: Loads) -> Scores:
        return _FallbackScores(pairs, loads)

    def score(self, features: Floats) -> ScoreRow:
        scores = weighted_mean(terms(*features[:, _INPUT_COLUMNS].T))
        return ScoreRow(scores, scores)

    def explain(self, features: Floats) -> tuple[Explanation, ...]:
        values = terms(*features[:, _INPUT_COLUMNS].T)
        return tuple(_explanation(row) for row in values)


@dataclass(frozen=True)
class _FallbackScores:
    pairs: Pairs
    loads: Loads

    def row(self, task: int, employees: Ints) -> ScoreRow:
        scores = weighted_mean(terms(*(self._input(name, task, employees) for name in _INPUTS)))
        return ScoreRow(scores, scores)

    def employee_changed(self, employee: int) -> None:
        """Nothing is kept between rows."""

    def _input(self, name: str, task: int, employees: Ints) -> Floats:
        values = column(name, self.pairs, self.loads, np.asarray(task), employees)
        return np.broadcast_to(values, employees.shape)


def terms(skill_match: Floats, experience_years: Floats, complexity: Floats, workload_ratio: Floats) -> Floats:
    """The three terms, shape (k, 3), each 0 to 1 or NaN."""
    experience_match = np.minimum(1.0, experience_years / (1.0 + 9.0 * complexity))
    return np.column_stack([skill_match, experience_match, 1.0 - workload_ratio])


def weighted_mean(values: Floats) -> Floats:
    """Mean of the terms that are there, shape (k, 3) → (k,); NaN where none is."""
    present = ~np.isnan(values)
    weight = present @ WEIGHTS
    with np.errstate(invalid="ignore"):
        return floats((np.where(present, values, 0.0) @ WEIGHTS) / np.where(weight > 0, weight, np.nan))


def _explanation(values: Sequence[float] | Floats) -> Explanation:
    present = ~np.isnan(values)
    weights = np.where(present, WEIGHTS, 0.0) / max(float(WEIGHTS[present].sum()), 1e-12)
    missing = [name for name, there in zip(TERMS, present, strict=True) if not there]
    return Explanation(
        unit="score",
        base=0.0,
        terms=tuple(
            Term(
                feature=name,
                value=float(value) if there else None,
                contribution=float(weight * value) if there else 0.0,
            )
            for name, value, weight, there in zip(TERMS, values, weights, present, strict=True)
        ),
        note=f"not known and left out, the other weights scaled up: {', '.join(missing)}" if missing else None,
    )

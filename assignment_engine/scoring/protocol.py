"""What every scorer offers; `tests/contract/test_scorers.py` is the suite that each must pass."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from assignment_engine.domain.plans import Explanation
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.pairs import Loads, Pairs

DECIMALS = 9


class ScoreRow(NamedTuple):
    """Scores in [0, 1] (NaN: no data, the pair cannot be chosen) and the raw values that order equal scores; (k,)."""

    scores: Floats
    raw: Floats


class Scores(Protocol):
    """The scores of one problem, read row by row while the loads change."""

    def row(self, task: int, employees: Ints) -> ScoreRow:
        """Scores of `task` for the given employees, shape (k,), at the loads of this moment."""
        ...

    def employee_changed(self, employee: int) -> None:
        """Must be called when the load of `employee` has changed."""
        ...


def scored(scores: Scores, task: int, employees: Ints) -> tuple[Ints, ScoreRow]:
    """Those of the employees, shape (k,), who have a score at all, and their scores."""
    if not employees.size:
        return employees, ScoreRow(np.empty(0), np.empty(0))
    row = scores.row(task, employees)
    there = ~np.isnan(row.scores)
    if there.all():
        return employees, row
    return employees[there], ScoreRow(row.scores[there], row.raw[there])


class Scorer(Protocol):
    """Scores pairs of employees and tasks. Names its version in every result."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def features(self) -> tuple[str, ...]:
        """The features it takes: the 17 and, after them, those of the sets that a model declares."""
        ...

    @property
    def confidence(self) -> float:
        """How far the scores can be trusted, 0 to 1."""
        ...

    def prepare(self, pairs: Pairs, loads: Loads) -> Scores:
        """Scores over `pairs` at `loads`, which the caller changes and announces by `employee_changed`."""
        ...

    def score(self, features: Floats) -> ScoreRow:
        """Scores of feature vectors in the order of `features`, shape (k, f) → (k,)."""
        ...

    def explain(self, features: Floats) -> tuple[Explanation, ...]:
        """Why: one explanation for each feature vector, shape (k, f)."""
        ...

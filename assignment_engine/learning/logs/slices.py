"""Which decisions are learned from, stopped by and tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.features.arrays import Bools
from assignment_engine.learning.logs.cases import Cases

TRAIN_SHARE, STOP_SHARE = 0.7, 0.1
FEWEST = 50


@dataclass(frozen=True)
class Slices:
    """70 / 10 / 20 % of the decisions in their order, as masks over all cases, and the times at which they begin."""

    train: Bools
    stop: Bools
    test: Bools
    stop_start: float
    test_start: float

    @classmethod
    def of(cls, cases: Cases) -> Slices:
        rows = np.flatnonzero(cases.is_decision)
        if len(rows) < FEWEST:
            raise InvalidInputError.at("/decision", f"{len(rows)} decisions are too few, expected {FEWEST} or more")
        first, second = int(TRAIN_SHARE * len(rows)), int((TRAIN_SHARE + STOP_SHARE) * len(rows) + 1e-9)
        if cases.decided_at[rows[0]] == cases.decided_at[rows[second]]:
            raise InvalidInputError.at("/decision", "the first 80 % of the decisions have the same time, so no order")
        train, stop, test = (
            np.isin(np.arange(len(cases)), part) for part in (rows[:first], rows[first:second], rows[second:])
        )
        starts = cases.decided_at[rows[[first, second]]].tolist()
        return cls(train, stop, test, *starts)

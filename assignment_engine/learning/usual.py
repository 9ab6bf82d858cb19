"""The plain rule for how long work takes, from finished work alone; what is said without a trained model."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from assignment_engine.domain.going import FinishedWork
from assignment_engine.learning.shape import HALF, MOST

FEWEST = 20
"""Finished work below which a category is not judged by itself."""
PERSON_PRIOR = 10.0
ESTIMATES_HOLD = (1.0, 2.0)
"""p50 and p90 as multiples of the estimate, while fewer than `FEWEST` estimates can be compared with what it took."""
SMALLEST_HOURS = 1.0 / 3600.0


class Quantiles(NamedTuple):
    """Hours at even odds and with 90 % safety, or multiples of the estimate."""

    p50: float
    p90: float


@dataclass(frozen=True)
class UsualHours:
    """Work with an estimate is judged by how hours compare with estimates, other work by what its category took.

    Where fewer than 20 pieces of a category are finished, those of everybody count. `by_person` is how much longer
    somebody takes than that, the geometric mean drawn towards 1 as if by ten pieces of work.
    """

    ratio: Quantiles | None = None
    everything: Quantiles | None = None
    by_category: Mapping[str, Quantiles] | None = None
    by_person: Mapping[str, float] | None = None

    @classmethod
    def of(cls, finished: Sequence[FinishedWork]) -> UsualHours:
        estimated = [f for f in finished if f.estimated_hours]
        ratios = [f.hours / f.estimated_hours for f in estimated if f.estimated_hours]
        groups: defaultdict[str, list[float]] = defaultdict(list)
        for piece in finished:
            groups[piece.category or ""].append(piece.hours)
        rule = cls(
            ratio=_quantiles(ratios),
            everything=_quantiles([f.hours for f in finished]),
            by_category={
                name: found for name, hours in groups.items() if name and (found := _quantiles(hours)) is not None
            },
        )
        return cls(rule.ratio, rule.everything, rule.by_category, _by_person(finished, rule))

    def hours(
        self, employee_id: str | None, category: str | None, estimated_hours: float | None, ahead: float = 0.0
    ) -> Quantiles | None:
        """p50 and p90 in hours from the assignment to completion; None where there is nothing to go by.

        Parameters
        ----------
        ahead : hours of other work that the person has in hand. Finished work shows by itself how long work waits, so
            this counts only where an estimate is all there is.
        """
        found = self._of_kind(category, estimated_hours)
        if found is None:
            return (
                None if estimated_hours is None else Quantiles(*(ahead + m * estimated_hours for m in ESTIMATES_HOLD))
            )
        factor = (self.by_person or {}).get(employee_id or "", 1.0)
        return Quantiles(found.p50 * factor, found.p90 * factor)

    def kind(self, category: str | None) -> Quantiles | None:
        """What work of a category takes, whoever does it and whatever its estimate."""
        return (self.by_category or {}).get(category or "") or self.everything

    def _of_kind(self, category: str | None, estimated_hours: float | None) -> Quantiles | None:
        if estimated_hours is not None:
            ratio = self.ratio
            return None if ratio is None else Quantiles(ratio.p50 * estimated_hours, ratio.p90 * estimated_hours)
        return self.kind(category)


def _by_person(finished: Iterable[FinishedWork], rule: UsualHours) -> dict[str, float]:
    logs: defaultdict[str, list[float]] = defaultdict(list)
    for piece in finished:
        usual = rule.hours(None, piece.category, piece.estimated_hours)
        if usual is not None:
            logs[piece.employee_id].append(math.log(max(piece.hours, SMALLEST_HOURS) / max(usual.p50, SMALLEST_HOURS)))
    return {name: math.exp(sum(found) / (len(found) + PERSON_PRIOR)) for name, found in logs.items()}


def _quantiles(values: Sequence[float]) -> Quantiles | None:
    if len(values) < FEWEST:
        return None
    half, most = np.quantile(np.maximum(values, SMALLEST_HOURS), (HALF, MOST))
    return Quantiles(float(half), float(most))

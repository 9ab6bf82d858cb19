"""Candidate sets: how high the person stands who was chosen, and features relative to the others of the set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assignment_engine.features.arrays import Bools, Floats, Ints

TOP = (1, 3, 5)
_LOWEST = -1e300


@dataclass(frozen=True)
class Sets:
    """k pairs in sets: pairs of one set are neighbours. `sizes` (s,), `index` (k,) the set of each pair."""

    sizes: Ints

    @property
    def index(self) -> Ints:
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def starts(self) -> Ints:
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)

    @classmethod
    def of(cls, keys: Ints) -> Sets:
        """The sets of neighbours with the same key."""
        if not len(keys):
            return cls(np.empty(0, dtype=np.int64))
        starts = np.flatnonzero(np.r_[True, np.diff(keys) != 0])
        return cls(np.diff(np.r_[starts, len(keys)]).astype(np.int64))


def places(score: Floats, chosen: Bools, sets: Sets) -> tuple[Floats, Floats]:
    """For each set how many score above the chosen pair, and how many as high, itself included; NaN without one.

    A missing score counts as the lowest.
    """
    score = np.nan_to_num(score, nan=_LOWEST)
    own = np.full(len(sets.sizes), np.nan)
    own[sets.index[chosen]] = score[chosen]
    reference = own[sets.index]
    above = np.bincount(sets.index, weights=score > reference, minlength=len(own))
    equal = np.bincount(sets.index, weights=score == reference, minlength=len(own))
    missing = np.isnan(own)
    return np.where(missing, np.nan, above), np.where(missing, np.nan, equal)


def choice_measures(score: Floats, chosen: Bools, sets: Sets) -> dict[str, float]:
    """Top-1, top-3, top-5 and mean reciprocal rank; ties count as if broken by lot, a set without the chosen is 0."""
    return {name: float(values.mean()) for name, values in per_set(score, chosen, sets).items()}


def per_set(score: Floats, chosen: Bools, sets: Sets) -> dict[str, Floats]:
    """The measures of each set, shape (s,)."""
    above, equal = places(score, chosen, sets)
    result = {f"top{k}": np.nan_to_num(np.clip((k - above) / equal, 0.0, 1.0)) for k in TOP}
    # the mean of 1 / (above + j) over j = 1 … equal is a difference of harmonic numbers
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, int(sets.sizes.max(initial=0)) + 1))])
    there = ~np.isnan(above)
    low, high = (np.where(there, v, 0.0).astype(np.int64) for v in (above, above + equal))
    result["mrr"] = np.where(there, (harmonic[high] - harmonic[low]) / np.where(there, equal, 1.0), 0.0)
    return result


def relative(features: Floats, names: Sequence[str], sets: Sets) -> tuple[Floats, tuple[str, ...]]:
    """Rank (0 lowest, 1 highest) and ratio to the highest of the set, for each column that differs within sets.

    For evaluation only: the same pair would score differently in another set, so live and planned would disagree.
    """
    columns, labels = [], []
    for position, name in enumerate(names):
        values = features[:, position]
        if not _differs(values, sets):
            continue
        columns += [_rank(values, sets), _ratio(values, sets)]
        labels += [f"{name}_rank", f"{name}_ratio"]
    return np.column_stack(columns) if columns else np.empty((len(features), 0)), tuple(labels)


def _differs(values: Floats, sets: Sets) -> bool:
    filled = np.nan_to_num(values, nan=-1.0)
    return bool(np.any(np.maximum.reduceat(filled, sets.starts) > np.minimum.reduceat(filled, sets.starts)))


def _rank(values: Floats, sets: Sets) -> Floats:
    """Mean rank within the set, 0 to 1; NaN stays NaN."""
    filled = np.nan_to_num(values, nan=_LOWEST)
    order = np.lexsort((filled, sets.index))
    place = np.empty(len(values))
    place[order] = np.arange(len(values)) - sets.starts[sets.index[order]]
    runs = np.r_[True, (np.diff(filled[order]) != 0) | (np.diff(sets.index[order]) != 0)]
    run = np.cumsum(runs) - 1
    mean = np.bincount(run, weights=place[order]) / np.bincount(run)
    place[order] = mean[run]
    share = place / np.maximum(sets.sizes[sets.index] - 1, 1)
    return np.where(np.isnan(values), np.nan, share)


def _ratio(values: Floats, sets: Sets) -> Floats:
    highest = np.maximum.reduceat(np.nan_to_num(values, nan=_LOWEST), sets.starts)[sets.index]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = values / highest
    return np.where(np.isfinite(ratio), ratio, np.nan)

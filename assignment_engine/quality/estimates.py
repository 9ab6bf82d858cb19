"""Ways to estimate the missing cells of one column from its known ones and from the other columns.

An estimate is a number for each row to fill, or the code of a word. Outcomes are never looked at: a value that was
derived from the outcome would leak it into everything that learns from the file.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.quality.kinds import Kind, TypedColumn
from assignment_engine.quality.options import FillMethod, Role

LEAST_IN_GROUP = 3
LEARN_FROM = 5000
ITERATE_ON = 1500
MOST_WORDS = 25
MOST_LEVELS = 300
ONE_HOT = 12
CHUNK = 100_000

Estimate = Callable[[Ints, Ints], Floats]
"""Rows to learn from and rows to fill, both as positions; the estimates of the latter."""


@dataclass(frozen=True)
class Target:
    """The column to fill, and what may be looked at to do so."""

    column: TypedColumn
    others: Sequence[TypedColumn]
    seed: int

    @property
    def is_number(self) -> bool:
        return self.column.kind in (Kind.NUMBER, Kind.TIME)

    @cached_property
    def values(self) -> Floats:
        """Numbers, or codes of words; NaN where missing. Shape (n,)."""
        if self.is_number:
            return self.column.values
        codes = self.column.of.codes.astype(np.float64)
        return np.where(codes < 0, np.nan, codes)

    def typical(self, values: Floats) -> float:
        """The median of numbers, the most frequent code of words (the first one in a tie)."""
        if self.is_number:
            return float(np.median(values))
        return most_frequent(values)


def most_frequent(values: Floats) -> float:
    """The value that occurs most often; the smallest of several."""
    distinct, counts = np.unique(values, return_counts=True)
    return float(distinct[np.argmax(counts)])


def estimates(target: Target, groups: Sequence[TypedColumn]) -> list[tuple[FillMethod, str | None, Estimate]]:
    """All methods that apply, the simplest first, `group` once for each grouping column."""
    simple = FillMethod.MEDIAN if target.is_number else FillMethod.MODE
    result: list[tuple[FillMethod, str | None, Estimate]] = [(simple, None, by_typical(target))]
    result += [(FillMethod.GROUP, by.name, by_group(target, by)) for by in groups]
    predictors = _predictors(target)
    if target.is_number and predictors:
        result.append((FillMethod.ITERATIVE, None, by_iteration(target, predictors)))
    if predictors:
        result.append((FillMethod.TREES, None, by_trees(target, predictors)))
    return result


def by_typical(target: Target) -> Estimate:
    """The same value for all."""

    def estimate(known: Ints, gaps: Ints) -> Floats:
        return np.full(len(gaps), target.typical(target.values[known]))

    return estimate


def by_mode(target: Target) -> Estimate:
    """The most frequent value for all, of numbers too."""

    def estimate(known: Ints, gaps: Ints) -> Floats:
        return np.full(len(gaps), most_frequent(target.values[known]))

    return estimate


def by_group(target: Target, by: TypedColumn) -> Estimate:
    """The typical value of the row's group, or of all where the group has fewer than three known values."""

    def estimate(known: Ints, gaps: Ints) -> Floats:
        codes = by.of.codes
        values = target.values
        grouped = known[codes[known] >= 0]
        typical = np.full(len(by.of.words) + 1, target.typical(values[known]))
        levels, middle, size = _typical_by(codes[grouped].astype(np.int64), values[grouped], numbers=target.is_number)
        typical[levels[size >= LEAST_IN_GROUP]] = middle[size >= LEAST_IN_GROUP]
        return typical[codes[gaps]]

    return estimate


def _typical_by(groups: Ints, values: Floats, numbers: bool) -> tuple[Ints, Floats, Ints]:
    """The groups, the median or the most frequent value of each, and its number of values."""
    order = np.lexsort((values, groups))
    groups, values = groups[order], values[order]
    levels, start, size = np.unique(groups, return_index=True, return_counts=True)
    if numbers:
        return levels, (values[start + (size - 1) // 2] + values[start + size // 2]) / 2, size
    fresh = np.flatnonzero(np.diff(groups, prepend=-1) | (np.diff(values, prepend=np.nan) != 0))
    times = np.diff(np.append(fresh, len(groups)))
    best = np.lexsort((values[fresh], -times, groups[fresh]))
    _, first = np.unique(groups[fresh][best], return_index=True)
    return levels, values[fresh][best[first]], size


def by_iteration(target: Target, predictors: Sequence[TypedColumn]) -> Estimate:
    """scikit-learn's iterative imputer: every gap a linear function of the other columns, in turns.

    Numbers enter as signed logarithms, words with at most twelve values as indicators; estimates stay within the known
    range.
    """

    def estimate(known: Ints, gaps: Ints) -> Floats:
        from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415  (heavy)
        from sklearn.experimental import enable_iterative_imputer  # noqa: F401, PLC0415
        from sklearn.impute import IterativeImputer  # noqa: PLC0415

        learn = _sample(known, target.seed, ITERATE_ON)
        imputer = IterativeImputer(random_state=target.seed, max_iter=5, keep_empty_features=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            imputer.fit(_design(target, predictors, learn, learn))
        filled = [
            imputer.transform(_design(target, predictors, part, part[:0]))[:, 0]
            for part in np.array_split(gaps, len(gaps) // CHUNK + 1)
        ]
        logs: Floats = np.concatenate(filled)
        raw: Floats = np.sign(logs) * np.expm1(np.abs(logs))
        return np.clip(raw, target.values[known].min(), target.values[known].max())

    return estimate


def _design(target: Target, predictors: Sequence[TypedColumn], rows: Ints, known: Ints) -> Floats:
    """The target (NaN outside `known`) and the predictors of the rows, shape (rows, columns)."""
    values = np.where(np.isin(rows, known), target.values[rows], np.nan)
    parts = [_logarithm(values)]
    for column in predictors:
        if column.kind in (Kind.NUMBER, Kind.TIME):
            parts.append(_logarithm(column.values[rows]))
        elif column.of.distinct <= ONE_HOT:
            parts += [(column.of.codes[rows] == code).astype(np.float64) for code in range(len(column.of.words))]
    return np.column_stack(parts)


def _logarithm(values: Floats) -> Floats:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)), dtype=np.float64)


def by_trees(target: Target, predictors: Sequence[TypedColumn]) -> Estimate:
    """Boosted trees on all other columns: the median of a number, the likeliest of the 25 most frequent words."""

    def estimate(known: Ints, gaps: Ints) -> Floats:
        import lightgbm  # noqa: PLC0415  (heavy)

        learn = _sample(known, target.seed)
        values = target.values[learn]
        classes = _classes(target, values)
        if classes is not None and len(classes) < 2:
            return np.full(len(gaps), classes[0])
        chosen = np.ones(len(learn), dtype=np.bool_) if classes is None else np.isin(values, classes)
        labels = values[chosen] if classes is None else np.searchsorted(classes, values[chosen]).astype(np.float64)
        categories = [i for i, column in enumerate(predictors) if column.kind not in (Kind.NUMBER, Kind.TIME)]
        data = lightgbm.Dataset(
            _features(predictors, learn[chosen]), labels, categorical_feature=categories, params={"verbosity": -1}
        )
        booster = lightgbm.train(_parameters(target.seed, classes), data, num_boost_round=80 if classes is None else 30)
        parts = np.array_split(gaps, len(gaps) // CHUNK + 1)
        raw = np.concatenate([np.asarray(booster.predict(_features(predictors, part))) for part in parts])
        return raw if classes is None else classes[np.argmax(raw, axis=1)]

    return estimate


def _classes(target: Target, values: Floats) -> Floats | None:
    """The codes to tell apart, in order; None for numbers."""
    if target.is_number:
        return None
    codes, counts = np.unique(values, return_counts=True)
    return np.sort(codes[np.argsort(-counts, kind="stable")[:MOST_WORDS]])


def _parameters(seed: int, classes: Floats | None) -> dict[str, object]:
    task: dict[str, object] = (
        {"objective": "regression_l1"}
        if classes is None
        else {"objective": "multiclass", "num_class": len(classes), "min_sum_hessian_in_leaf": 1.0}
    )
    return {
        **task,
        "learning_rate": 0.1,
        "num_leaves": 31 if classes is None else 15,
        "min_data_in_leaf": 10,
        "cat_smooth": 10.0,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "verbosity": -1,
    }


def _features(predictors: Sequence[TypedColumn], rows: Ints) -> Floats:
    return np.column_stack([feature_of(column)[rows] for column in predictors])


def feature_of(column: TypedColumn) -> Floats:
    """Numbers as they are; words by rank of frequency, the rare ones as missing."""
    if column.kind in (Kind.NUMBER, Kind.TIME):
        return column.values
    ranks = np.empty(len(column.of.words))
    ranks[np.argsort(-column.of.counts, kind="stable")] = np.arange(len(column.of.words))
    return column.of.spread(np.where(ranks < MOST_LEVELS, ranks, np.nan))


def _predictors(target: Target) -> list[TypedColumn]:
    return [
        column
        for column in target.others
        if column.name != target.column.name
        and column.role is not Role.OUTCOME
        and column.kind not in (Kind.TEXT, Kind.EMPTY)
        and column.of.distinct > 1
        and not (column.role is Role.IDENTIFIER and column.of.distinct > max(2, len(column.of) // 3))
    ]


def _sample(rows: Ints, seed: int, most: int = LEARN_FROM) -> Ints:
    """At most `most` of the rows, in order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))

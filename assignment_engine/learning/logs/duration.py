"""How long work takes: median and 90 % quantile in hours, on the last decisions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.logs.replayed import Replayed
from assignment_engine.learning.logs.slices import Slices
from assignment_engine.learning.quantiles import conformal_shift, coverage, pinball, with_unfinished
from assignment_engine.learning.recipes import Recipe, Rows, fit, predict

RECIPE = Recipe(objective="quantile", learning_rate=0.05, leaves=15, min_data=40, rounds=500, patience=40)
KNOWN_ROUNDS = 150
HALF, MOST = 0.5, 0.9
FEWEST, FEWEST_IN_KIND = 30, 20
Two = tuple[Floats, Floats]


def duration_table(replayed: Replayed, slices: Slices, *, seeds: Sequence[int]) -> dict[str, object]:
    """Pinball losses of p50 and p90 in hours, and how often p90 was enough."""
    made = replayed.actual
    table = _Table(made, slices)
    tested = int(table.test.sum())
    if min(tested, int(table.train.sum()), int(table.stop.sum())) < FEWEST:
        return {"n": tested, "rows": {}}
    return {"n": tested, "median_hours": float(np.median(table.hours[table.test])), "rows": table.rows(seeds)}


class _Table:
    def __init__(self, made: Replayed, slices: Slices) -> None:
        rows, cases = made.decision, made.cases
        self.hours = cases.hours[rows]
        self.there = np.isfinite(self.hours)
        self.train, self.stop, self.test = (
            part[rows] & self.there for part in (slices.train, slices.stop, slices.test)
        )  # fmt: skip
        self._before = (slices.train | slices.stop)[rows]
        self._known_at, self._decided_at = cases.hours_known_at[rows], cases.decided_at[rows]
        self._start = slices.test_start
        self._elapsed = bool(np.allclose(self._known_at[self.there] - self._decided_at[self.there],
                                         self.hours[self.there] * 3600.0, atol=1.0))  # fmt: skip
        self._estimate, self._category = cases.estimated_hours[rows], cases.category[rows]
        self._made, self._log = made, np.log1p(self.hours)

    def rows(self, seeds: Sequence[int]) -> dict[str, dict[str, float]]:
        train = self.train
        everything = tuple(np.full(len(train), np.quantile(self.hours[train], q)) for q in (HALF, MOST))
        rows = {
            "global quantile": self._measured(everything),
            "per category": self._measured(_per_kind(self.hours, train, self._category)),
        }
        if np.isfinite(self._estimate[train]).all():
            ratio = self.hours / self._estimate
            found = _per_kind(ratio, train, np.zeros(len(ratio), dtype=np.int64))
            rows["estimate × ratio quantiles"] = self._measured((found[0] * self._estimate, found[1] * self._estimate))
        rows["LightGBM quantile, 17"] = self._mean([self._fitted(seed) for seed in seeds])
        rows["+ conformal p90"] = self._mean([self._conformal(seed) for seed in seeds])
        if self._made.names != FEATURE_NAMES:
            rows["LightGBM quantile, 17 + recency + context"] = self._mean(
                [self._conformal(seed, self._made.names) for seed in seeds]
            )
        known = self._before & self.there & (self._known_at < self._start)
        if known.sum() >= FEWEST:
            rows["labels known at training time only"] = self._mean([self._with_known(known, s) for s in seeds])
        if self._elapsed and (self._before & (self._known_at >= self._start)).any():
            rows["… with unresolved tasks as censored"] = self._mean([self._censored(s) for s in seeds])
        return rows

    def _measured(self, two: tuple[Floats, ...]) -> dict[str, float]:
        actual, half, most = self.hours[self.test], two[0][self.test], two[1][self.test]
        return {
            "pinball_p50": float(pinball(actual, half, HALF).mean()),
            "pinball_p90": float(pinball(actual, most, MOST).mean()),
            "coverage_p90": coverage(actual, most),
            "se_p50": _standard_error(pinball(actual, half, HALF)),
            "se_p90": _standard_error(pinball(actual, most, MOST)),
        }

    def _mean(self, results: Sequence[Two]) -> dict[str, float]:
        rows = [self._measured(result) for result in results]
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}

    def _fit(self, rows: Rows, names: Sequence[str], seed: int, later: Rows | None, quantile: float) -> Floats:
        rounds = {} if later else {"rounds": KNOWN_ROUNDS, "patience": 0}
        recipe = RECIPE.model_copy(update={"quantile": quantile, **rounds})
        features = self._made.columns(tuple(names))
        return np.asarray(np.expm1(predict(fit(recipe, rows, names, seed=seed, later=later), features)))

    def _rows(self, part: Bools, names: Sequence[str] = FEATURE_NAMES) -> Rows:
        return Rows(self._made.columns(tuple(names))[part], self._log[part])

    def _fitted(self, seed: int, names: Sequence[str] = FEATURE_NAMES) -> Two:
        rows, later = self._rows(self.train, names), self._rows(self.stop, names)
        return self._fit(rows, names, seed, later, HALF), self._fit(rows, names, seed, later, MOST)

    def _conformal(self, seed: int, names: Sequence[str] = FEATURE_NAMES) -> Two:
        half, most = self._fitted(seed, names)
        log = np.log1p(np.maximum(most, 0.0))
        shift = conformal_shift(self._log[self.stop], log[self.stop], MOST)
        return half, np.asarray(np.expm1(log + shift))

    def _with_known(self, known: Bools, seed: int) -> Two:
        rows = self._rows(known)
        return self._fit(rows, FEATURE_NAMES, seed, None, HALF), self._fit(rows, FEATURE_NAMES, seed, None, MOST)

    def _censored(self, seed: int) -> Two:
        """Learned when the test slice began; what was not finished then counts as at least as long as so far."""
        before = self._before
        ended = self._known_at[before] < self._start
        hours = np.where(ended, self.hours[before], (self._start - self._decided_at[before]) / 3600.0)
        features, kind = self._made.columns(FEATURE_NAMES)[before], self._category[before]
        half, most = (with_unfinished(features, np.log1p(hours), ended, kind, q) for q in (HALF, MOST))
        return self._fit(half, FEATURE_NAMES, seed, None, HALF), self._fit(most, FEATURE_NAMES, seed, None, MOST)


def _standard_error(losses: Floats) -> float:
    return float(losses.std(ddof=1) / np.sqrt(len(losses)))


def _per_kind(values: Floats, train: Bools, kind: Ints) -> Two:
    """Quantiles of each kind of work, of everything where it is rare."""
    half, most = (np.full(len(values), np.quantile(values[train], q)) for q in (HALF, MOST))
    for code in np.unique(kind):
        rows = train & (kind == code)
        if rows.sum() >= FEWEST_IN_KIND:
            half[kind == code], most[kind == code] = np.quantile(values[rows], (HALF, MOST))
    return half, most

"""How likely the pair that was chosen ends well: discrimination and calibration on the last decisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from assignment_engine.features.arrays import Bools, Floats
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.logistic import Logistic
from assignment_engine.learning.logs.replayed import Replayed
from assignment_engine.learning.logs.slices import Slices
from assignment_engine.learning.metrics import measures
from assignment_engine.learning.recipes import Recipe, Rows, fit, predict
from assignment_engine.learning.train import platt
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.lightgbm_scorer import sigmoid

RECIPE = Recipe(objective="binary", learning_rate=0.03, leaves=15, min_data=40, rounds=600, patience=40)
KNOWN_ROUNDS = 150
TASK_COLUMNS = ("priority", "dependencies", "task_age_hours", "time_pressure")
FEWEST = 30


def success_table(replayed: Replayed, slices: Slices, *, seeds: Sequence[int]) -> dict[str, object]:
    """AUC, log-loss, Brier and calibration error of each way to a probability, for decisions with an outcome."""
    made = replayed.actual
    good = made.cases.good[made.decision]
    judged = made.take(np.isfinite(good))
    outcome = judged.cases.good[judged.decision] > 0.5
    train, stop, test = (part[judged.decision] for part in (slices.train, slices.stop, slices.test))
    if any(part.sum() < FEWEST or not 0 < outcome[part].sum() < part.sum() for part in (train, stop, test)):
        return {"n": int(test.sum()), "rows": {}}
    return {
        "n": int(test.sum()),
        "share_good": float(outcome[test].mean()),
        "standard_error_auc": _standard_error(outcome[test]),
        "rows": _Table(judged, outcome, _Parts(train, stop, test, _known(judged, slices))).rows(seeds),
    }


def _known(judged: Replayed, slices: Slices) -> Bools:
    """Whose outcome was known when the test slice began, made before it."""
    at = judged.cases.outcome_known_at[judged.decision]
    return np.asarray((slices.train | slices.stop)[judged.decision] & (at < slices.test_start), dtype=np.bool_)


def _standard_error(good: Bools) -> float:
    """Of an AUC of a half, by the rank-sum statistic; smaller for better models."""
    positives, negatives = int(good.sum()), int((~good).sum())
    return float(np.sqrt((positives + negatives + 1) / (12 * positives * negatives)))


@dataclass(frozen=True)
class _Parts:
    """Masks over the pairs that were judged; `known` are those whose outcome was known when the test began."""

    train: Bools
    stop: Bools
    test: Bools
    known: Bools


class _Table:
    def __init__(self, made: Replayed, good: Bools, parts: _Parts) -> None:
        self._made, self._good, self._parts = made, good, parts
        self._features = made.columns(FEATURE_NAMES)

    def rows(self, seeds: Sequence[int]) -> dict[str, dict[str, float]]:
        good, features, train = self._good, self._features, self._parts.train
        logistic = Logistic.fitted(features[train], good[train])
        rows = {
            "constant": self._measured(np.full(len(good), good[train].mean())),
            "person mean": self._measured(features[:, FEATURE_NAMES.index("performance")]),
            "logistic regression, 17": self._measured(logistic.probability(features)),
            "LightGBM, 17": self._mean(seeds, lambda seed: self._fitted(features, FEATURE_NAMES, seed)),
            "task and category ids only, no person": self._mean(seeds, self._ids_only),
            "weighted fallback, taken as a probability": self._measured(WeightedFallback().score(features).scores),
            "LightGBM, 17, calibrated on the second slice": self._mean(seeds, self._calibrated),
        }
        if self._made.names != FEATURE_NAMES:
            everything, names = self._made.features, self._made.names
            rows["LightGBM, 17 + recency + context"] = self._mean(
                seeds, lambda seed: self._fitted(everything, names, seed)
            )
        known = good[self._parts.known]
        if len(known) >= FEWEST and 0 < known.sum() < len(known):
            rows["LightGBM, 17, labels known at training time only"] = self._mean(seeds, self._with_known)
        return rows

    def _measured(self, probability: Floats) -> dict[str, float]:
        test = self._parts.test
        return measures(np.clip(np.nan_to_num(probability[test], nan=0.5), 0.0, 1.0), self._good[test])

    def _mean(self, seeds: Sequence[int], make: Callable[[int], Floats]) -> dict[str, float]:
        results = [self._measured(make(seed)) for seed in seeds]
        return {name: float(np.mean([result[name] for result in results])) for name in results[0]}

    def _rows(self, features: Floats, part: Bools) -> Rows:
        return Rows(features[part], self._good[part].astype(np.float64))

    def _fitted(
        self, features: Floats, names: Sequence[str], seed: int, categorical: Sequence[str] = (), *, raw: bool = False
    ) -> Floats:
        rows, later = self._rows(features, self._parts.train), self._rows(features, self._parts.stop)
        return predict(fit(RECIPE, rows, names, seed=seed, later=later, categorical=categorical), features, raw=raw)

    def _ids_only(self, seed: int) -> Floats:
        cases, rows = self._made.cases, self._made.decision
        columns = {name: self._made.features[:, self._made.names.index(name)] for name in TASK_COLUMNS}
        ids = {"category": cases.category, "subcategory": cases.subcategory, "department": cases.department}
        codes = {name: np.where(values[rows] < 0, np.nan, values[rows]) for name, values in ids.items()}
        table = {**columns, "given_hours": cases.estimated_hours[rows], **codes}
        return self._fitted(np.column_stack(list(table.values())), tuple(table), seed, tuple(codes))

    def _calibrated(self, seed: int) -> Floats:
        raw = self._fitted(self._features, FEATURE_NAMES, seed, raw=True)
        calibration = platt(raw[self._parts.stop], self._good[self._parts.stop])
        return sigmoid(calibration.slope * raw + calibration.intercept)

    def _with_known(self, seed: int) -> Floats:
        """With fixed rounds: the newest rows with a label are those that ended soonest, no fair test to stop by."""
        fixed = RECIPE.model_copy(update={"rounds": KNOWN_ROUNDS, "patience": 0})
        rows = self._rows(self._features, self._parts.known)
        return predict(fit(fixed, rows, FEATURE_NAMES, seed=seed), self._features)

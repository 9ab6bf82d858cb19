"""From decisions with known outcomes to a bundle that gives the probability of a good one."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as library_version

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from assignment_engine.domain.errors import TrainingError
from assignment_engine.features.arrays import Bools, Floats
from assignment_engine.features.definition import FEATURE_NAMES, FEATURES
from assignment_engine.learning.metrics import auc, measures
from assignment_engine.scoring.bundle import Bundle, Calibration, Manifest, Predictor, TrainingRun, text_sha256
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.lightgbm_scorer import sigmoid

ROUNDS = 100
OBJECTIVE = "binary sigmoid:1"
TRAINED_UNTIL, CALIBRATED_UNTIL, SETTLED = 0.7, 0.85, 0.95
SMALL_TRAINED_UNTIL = 0.75
SMALLEST_SLICE = 100
SMALL = 2000
BLANKED = 0.02
NEVER_MISSING = "never"
MONOTONE = {
    "skill_match": 1, "capacity_fit": 1, "success_rate": 1, "performance": 1, "workload_ratio": -1, "time_pressure": -1,
}  # fmt: skip
PARAMETERS: dict[str, object] = {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.08,
    "min_data_in_leaf": 80,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "monotone_constraints": [MONOTONE.get(name, 0) for name in FEATURE_NAMES],
    "monotone_constraints_method": "basic",  # measured: the other methods of LightGBM 4.7 break the constraints
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}

Instants = NDArray[np.datetime64]


@dataclass(frozen=True)
class Split:
    """Which of k decisions are learned from, calibrated with and tested on; the slices follow each other in time."""

    train: Bools
    calibrate: Bools
    test: Bools


def temporal_split(decided_at: Instants, known_at: Instants) -> Split:
    """70 / 15 / 15 % by time of decision, each slice with only what was known when it ended.

    Bad outcomes come late, so the newest decisions with an outcome are the good ones: those made in the last days of a
    slice are left out, as many days as 95 % of the outcomes take.
    """
    moments = np.sort(decided_at)
    trained, calibrated = (moments[int(share * len(moments))] for share in (TRAINED_UNTIL, CALIBRATED_UNTIL))
    settled = _settled(decided_at, known_at)
    return Split(
        train=settled(trained),
        calibrate=(decided_at >= trained) & settled(calibrated),
        test=(decided_at >= calibrated) & settled(known_at.max()),
    )


def small_split(decided_at: Instants, known_at: Instants) -> Split:
    """The same for few decisions: 75 / 25 %, with nothing set aside to calibrate with."""
    end = np.sort(decided_at)[int(SMALL_TRAINED_UNTIL * len(decided_at))]
    settled = _settled(decided_at, known_at)
    train = settled(end)
    return Split(train=train, calibrate=train, test=(decided_at >= end) & settled(known_at.max()))


def _settled(decided_at: Instants, known_at: Instants) -> Callable[[np.datetime64], Bools]:
    delay = np.quantile((known_at - decided_at).astype(np.int64), SETTLED).astype("timedelta64[s]")

    def settled(end: np.datetime64) -> Bools:
        return np.asarray((known_at < end) & (decided_at < end - delay), dtype=np.bool_)

    return settled


def train_success(
    features: Floats,
    good: Bools,
    decided_at: Instants,
    known_at: Instants,
    *,
    seed: int,
    name: str = "success",
    version: str,
    data: str,
    created_at: datetime | None = None,
) -> Bundle:
    """Train on the oldest decisions, calibrate on later ones, measure on the last.

    Parameters
    ----------
    features : shape (k, 17), float64 in table order, NaN where missing, as they were at the decision.
    good : outcomes, shape (k,).
    decided_at, known_at : UTC in seconds, shape (k,): when the decision was made and when its outcome was known.
    version, data : the name of the result, and in words what it was trained on.

    Raises
    ------
    TrainingError
        If there are too few decisions, all end alike, or the model does not order outcomes that it has not seen.
    """
    if len(good) < SMALLEST_SLICE:
        raise TrainingError(f"{len(good)} decisions with an outcome are too few to learn from")
    split = temporal_split(decided_at, known_at)
    _check_slices(good, split)
    text = _fit(blanked(features[split.train], seed), good[split.train], seed)
    raw = _predictor(text).raw(features)
    calibration = platt(raw[split.calibrate], good[split.calibrate])
    probability = sigmoid(calibration.slope * raw + calibration.intercept)
    manifest = Manifest(
        format=1,
        name=name,
        version=version,
        kind="success",
        features=FEATURE_NAMES,
        objective=OBJECTIVE,
        calibration=calibration,
        training=run_of(decided_at[split.train], seed, data),
        metrics=_compare(probability, features, good, split),
        libraries=libraries(),
        sha256=text_sha256(text),
        created_at=created_at or datetime.now(UTC),
    )
    return Bundle(manifest, text)


def platt(raw: Floats, good: Bools) -> Calibration:
    """Slope and intercept that make sigmoid(slope · raw + intercept) the most likely probability of `good`.

    Raises
    ------
    TrainingError
        If the slope is not positive: a higher raw score would mean a worse outcome.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  (takes seconds to import)

    fit = LogisticRegression(C=1e9, tol=1e-9, max_iter=1000).fit(raw[:, None], good)
    slope, intercept = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    if not slope > 0:
        raise TrainingError(f"the model does not order later outcomes (slope {slope:.3g}); more or better data needed")
    return Calibration(slope=slope, intercept=intercept)


def _check_slices(good: Bools, split: Split) -> None:
    for words, rows in (("train on", split.train), ("calibrate with", split.calibrate), ("test on", split.test)):
        outcomes = good[rows]
        if len(outcomes) < SMALLEST_SLICE:
            raise TrainingError(f"{len(outcomes)} decisions to {words} are too few, expected {SMALLEST_SLICE} or more")
        if outcomes.all() or not outcomes.any():
            raise TrainingError(f"all decisions to {words} ended alike")


def blanked(features: Floats, seed: int) -> Floats:
    """A copy in which every one of the 17 that can be missing sometimes is.

    LightGBM takes a missing value for zero where it met none in training.
    """
    rng = default_rng(seed)
    copy = features.copy()
    for position, feature in enumerate(FEATURES):
        if feature.missing != NEVER_MISSING and np.isnan(copy[:, position]).mean() < BLANKED:
            copy[rng.random(len(copy)) < BLANKED, position] = np.nan
    return copy


def _fit(features: Floats, good: Bools, seed: int) -> str:
    import lightgbm  # noqa: PLC0415  (takes seconds to import)

    rows = lightgbm.Dataset(features, good.astype(np.float64), feature_name=list(FEATURE_NAMES))
    booster = lightgbm.train({**PARAMETERS, "seed": seed}, rows, num_boost_round=ROUNDS)
    return str(booster.model_to_string())


def _predictor(text: str) -> Predictor:
    import lightgbm  # noqa: PLC0415  (takes seconds to import)

    return Predictor(lightgbm.Booster(model_str=text))


def _compare(probability: Floats, features: Floats, good: Bools, split: Split) -> dict[str, dict[str, float]]:
    """The model on the last slice beside a constant, and beside the ranking of the weighted fallback."""
    outcomes, tested = good[split.test], features[split.test]
    constant = np.full(len(outcomes), good[split.train].mean())
    return {
        "model": measures(probability[split.test], outcomes),
        "constant": measures(constant, outcomes),
        "fallback": {"auc": auc(WeightedFallback().score(tested).scores, outcomes)},
        "test": {"rows": float(len(outcomes)), "share_good": float(outcomes.mean())},
    }


def run_of(decided_at: Instants, seed: int, data: str) -> TrainingRun:
    start, end = _utc(decided_at.min()), _utc(decided_at.max())
    return TrainingRun(start=start, end=end, rows=len(decided_at), seed=seed, data=data)


def libraries() -> dict[str, str]:
    names = ("lightgbm", "numpy", "scikit-learn")
    return {"python": platform.python_version(), **{name: library_version(name) for name in names}}


def _utc(moment: np.datetime64) -> datetime:
    return datetime.fromtimestamp(int(moment.astype("datetime64[s]").astype(np.int64)), UTC)

"""What a bundle is worth on decisions it has not seen: how good, for whom, why, and whether the world has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from assignment_engine.domain.errors import TrainingError
from assignment_engine.features.arrays import Bools, Floats
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.dataset import Dataset
from assignment_engine.learning.holdout import holdout
from assignment_engine.learning.metrics import auc, log_loss, measures
from assignment_engine.learning.ranking import Sets, choice_measures
from assignment_engine.learning.train import SMALL, TRAINED_UNTIL, small_split, temporal_split
from assignment_engine.scoring.bundle import Bundle
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.lightgbm_scorer import sigmoid

Metric = Literal["log_loss", "brier", "auc"]
FEWEST = 100
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
BANDS = ((0.0, 1.0), (1.0, 3.0), (3.0, 10.0), (10.0, np.inf))
DRIFT_BINS = 10
CALIBRATION_BINS = 10
MOST_ROWS = 5000
RESAMPLES = 200
_SMALLEST = 1e-15


@dataclass(frozen=True)
class Unseen:
    """The newest decisions with an outcome, none of which a bundle has learned from."""

    rows: Dataset
    good: Bools

    @classmethod
    def of(cls, data: Dataset, bundle: Bundle) -> Unseen:
        """
        Raises
        ------
        TrainingError
            If fewer than a hundred are left, or all ended alike.
        """
        judged = data.judged
        later = judged.decided_at > np.datetime64(int(bundle.manifest.training.end.timestamp()), "s")
        if len(judged) >= FEWEST:
            later &= _last_slice(judged)
        rows = judged.take(later)
        good = rows.good > 0.5
        if len(rows) < FEWEST or good.all() or not good.any():
            raise TrainingError(
                f"{len(rows)} later decisions, {int(good.sum())} of them good, cannot judge bundle "
                f"{bundle.manifest.version!r}; expected {FEWEST} or more of both kinds"
            )
        return cls(rows, good)


def _last_slice(judged: Dataset) -> Bools:
    """The slice that training leaves to test on, the larger one where decisions are few."""
    tested = temporal_split(judged.decided_at, judged.known_at).test
    if len(judged) >= SMALL and tested.sum() >= FEWEST:
        return tested
    return small_split(judged.decided_at, judged.known_at).test


def probability(bundle: Bundle, rows: Dataset) -> Floats:
    """The calibrated probability of each pair, shape (k,); for a choice bundle the sigmoid of its score."""
    manifest = bundle.manifest
    raw = bundle.predictor.raw(rows.columns(manifest.features))
    return sigmoid(manifest.calibration.slope * raw + manifest.calibration.intercept)


def report(bundle: Bundle, data: Dataset, *, champion: Bundle | None = None, seed: int = 1) -> dict[str, Any]:
    """Everything there is to know before a bundle is promoted, as plain data.

    Measures against a constant, the weighted fallback, the least loaded and the champion; ranking where candidates
    were logged; precision when it may abstain; departments and bands of experience; importance of features; drift.
    """
    unseen = Unseen.of(data, bundle)
    found = probability(bundle, unseen.rows)
    return {
        "bundle": bundle.manifest.version,
        "decisions": len(unseen.good),
        "from": f"{unseen.rows.decided_at.min()}Z",
        "to": f"{unseen.rows.decided_at.max()}Z",
        "success": _against(found, unseen, champion),
        "choice": _ranked(bundle, data, unseen, champion),
        "calibration": calibration(found, unseen.good),
        "abstaining": [_abstaining(found, unseen.good, threshold) for threshold in THRESHOLDS],
        "departments": _by_department(found, unseen),
        "experience": _by_experience(found, unseen),
        "importance": importance(bundle, unseen, seed),
        "drift": drift(data),
        "holdout": holdout(data),
    }


def _against(found: Floats, unseen: Unseen, champion: Bundle | None) -> dict[str, dict[str, float]]:
    good, features = unseen.good, unseen.rows.features
    rows = {
        "model": measures(found, good),
        "constant": measures(np.full(len(good), good.mean()), good),
        "weighted fallback": {"auc": auc(WeightedFallback().score(features).scores, good)},
        "least loaded": {"auc": auc(-features[:, FEATURE_NAMES.index("workload_ratio")], good)},
    }
    return rows if champion is None else {**rows, "champion": measures(probability(champion, unseen.rows), good)}


def _ranked(bundle: Bundle, data: Dataset, unseen: Unseen, champion: Bundle | None) -> dict[str, Any]:
    """How high the chosen person stands among the candidates that were logged."""
    size = np.bincount(data.decision)
    rows = data.take((size[data.decision] > 1) & (data.decided_at >= unseen.rows.decided_at.min()))
    sets = Sets.of(rows.decision)
    if not len(sets.sizes):
        return {}
    table = {
        "model": probability(bundle, rows),
        "weighted fallback": WeightedFallback().score(rows.features).scores,
        "least loaded": -rows.features[:, FEATURE_NAMES.index("workload_ratio")],
        **({} if champion is None else {"champion": probability(champion, rows)}),
    }
    return {
        "decisions": len(sets.sizes),
        "median_set": float(np.median(sets.sizes)),
        **{name: choice_measures(score, rows.chosen, sets) for name, score in table.items()},
    }


def calibration(found: Floats, good: Bools, bins: int = CALIBRATION_BINS) -> list[dict[str, float]]:
    """What was expected and what came, in bins of about as many decisions each, in the order of the probability."""
    parts = np.array_split(np.argsort(found, kind="stable"), min(bins, len(found)))
    return [
        {"expected": float(found[p].mean()), "observed": float(good[p].mean()), "decisions": float(len(p))}
        for p in parts
    ]


def _abstaining(found: Floats, good: Bools, threshold: float) -> dict[str, float | None]:
    kept = found >= threshold
    precision = float(good[kept].mean()) if kept.any() else None
    return {"threshold": threshold, "coverage": float(kept.mean()), "precision": precision}


def _by_department(found: Floats, unseen: Unseen) -> dict[str, dict[str, float]]:
    names = unseen.rows.department
    return {str(name): _group(found[names == name], unseen.good[names == name]) for name in np.unique(names)}


def _by_experience(found: Floats, unseen: Unseen) -> dict[str, dict[str, float]]:
    """Whether people of little experience are judged as truly as others: excess is mean probability − share good."""
    years = unseen.rows.features[:, FEATURE_NAMES.index("experience_years")]
    masks = {f"{low:g}–{high:g} years": (years >= low) & (years < high) for low, high in BANDS}
    masks["not known"] = np.isnan(years)
    return {name: _group(found[mask], unseen.good[mask]) for name, mask in masks.items() if mask.any()}


def _group(found: Floats, good: Bools) -> dict[str, float]:
    row = {
        "decisions": float(len(good)),
        "share_good": float(good.mean()),
        "mean_probability": float(found.mean()),
        "excess": float(found.mean() - good.mean()),
    }
    return {**row, "auc": auc(found, good)} if 0 < good.sum() < len(good) else row


def importance(bundle: Bundle, unseen: Unseen, seed: int, repeats: int = 3) -> dict[str, dict[str, float]]:
    """For each feature how much log-loss rises when its values are exchanged, and its mean absolute SHAP value."""
    rng = np.random.default_rng(seed)
    some = rng.permutation(len(unseen.good))[:MOST_ROWS]
    rows, good, names = unseen.rows.take(some), unseen.good[some], bundle.manifest.features
    features, usual = rows.columns(names), log_loss(probability(bundle, rows), good)
    slope, intercept = bundle.manifest.calibration.slope, bundle.manifest.calibration.intercept
    shares = np.abs(bundle.predictor.contributions(features)[:, :-1]).mean(axis=0) * slope
    result = {}
    for position, name in enumerate(names):
        losses = []
        for _ in range(repeats):
            changed = features.copy()
            changed[:, position] = rng.permutation(changed[:, position])
            losses.append(log_loss(sigmoid(slope * bundle.predictor.raw(changed) + intercept), good))
        result[name] = {"permutation": float(np.mean(losses)) - usual, "shap": float(shares[position])}
    return dict(sorted(result.items(), key=lambda item: -item[1]["permutation"]))


def drift(data: Dataset) -> dict[str, Any]:
    """Population stability of each feature between the first 70 % of the decisions and the rest, and base rates.

    Σ (p − q) · ln(p / q) over ten bins of the earlier values and one for missing; above 0.25 a feature has changed.
    """
    judged = data.judged
    if len(judged) < FEWEST:
        return {}
    early = np.arange(len(judged)) < TRAINED_UNTIL * len(judged)
    features = {
        name: _stability(judged.features[early, i], judged.features[~early, i]) for i, name in enumerate(judged.names)
    }
    return {
        "base_rate": {"earlier": float(judged.good[early].mean()), "later": float(judged.good[~early].mean())},
        "features": dict(sorted(features.items(), key=lambda item: -item[1])),
    }


def _stability(earlier: Floats, later: Floats) -> float:
    known = earlier[~np.isnan(earlier)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, DRIFT_BINS + 1)[1:-1])) if len(known) else np.empty(0)
    shares = []
    for values in (earlier, later):
        bins = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right"))
        counts = np.bincount(bins, minlength=len(edges) + 2) + 0.5
        shares.append(counts / counts.sum())
    return float(np.sum((shares[0] - shares[1]) * np.log(shares[0] / shares[1])))


def gain(
    challenger: Bundle, champion: Bundle | None, data: Dataset, metric: Metric, seed: int = 1
) -> Mapping[str, Any]:
    """How much better the challenger is than the champion on decisions it has not seen, with a standard error.

    Positive is better. Differences are paired; that of AUC is estimated from resamples. Without a champion the
    challenger is compared with a constant, for AUC with the weighted fallback.
    """
    unseen = Unseen.of(data, challenger)
    mine, good = probability(challenger, unseen.rows), unseen.good
    if champion is not None:
        other = probability(champion, unseen.rows)
    elif metric == "auc":
        other = WeightedFallback().score(unseen.rows.features).scores
    else:
        other = np.full(len(good), good.mean())
    better, error = _auc_gain(mine, other, good, seed) if metric == "auc" else _loss_gain(mine, other, good, metric)
    against = "the weighted fallback" if metric == "auc" else "a constant"
    return {
        "metric": metric,
        "decisions": len(good),
        "against": champion.manifest.version if champion else against,
        "gain": better,
        "standard_error": error,
    }


def _loss_gain(mine: Floats, other: Floats, good: Bools, metric: Metric) -> tuple[float, float]:
    difference = _losses(other, good, metric) - _losses(mine, good, metric)
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference)))


def _losses(found: Floats, good: Bools, metric: Metric) -> Floats:
    if metric == "brier":
        return np.asarray((found - good) ** 2)
    return np.asarray(-np.log(np.maximum(np.where(good, found, 1.0 - found), _SMALLEST)))


def _auc_gain(mine: Floats, other: Floats, good: Bools, seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    gains: list[float] = []
    while len(gains) < RESAMPLES:
        rows = rng.integers(0, len(good), len(good))
        if 0 < good[rows].sum() < len(rows):
            gains.append(auc(mine[rows], good[rows]) - auc(other[rows], good[rows]))
    return auc(mine, good) - auc(other, good), float(np.std(gains, ddof=1))

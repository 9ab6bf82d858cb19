"""How well probabilities tell good from bad, and how far they can be taken at their word."""

from __future__ import annotations

import numpy as np

from assignment_engine.features.arrays import Bools, Floats

CALIBRATION_BINS = 15
_SMALLEST = 1e-15


def measures(probability: Floats, good: Bools) -> dict[str, float]:
    """AUC, log-loss, Brier score and calibration error of `probability`, shape (k,), for the outcomes `good`."""
    return {
        "auc": auc(probability, good),
        "log_loss": log_loss(probability, good),
        "brier": float(np.mean((probability - good) ** 2)),
        "ece": calibration_error(probability, good),
    }


def auc(score: Floats, good: Bools) -> float:
    """The chance that a good outcome has a higher score than a bad one, ties counting half."""
    from scipy.stats import rankdata  # noqa: PLC0415  (takes a while to import)

    positives, negatives = int(good.sum()), int((~good).sum())
    ranks = float(rankdata(score)[good].sum())
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def log_loss(probability: Floats, good: Bools) -> float:
    """Mean negative log-likelihood, in nats."""
    of_outcome = np.where(good, probability, 1.0 - probability)
    return float(-np.mean(np.log(np.maximum(of_outcome, _SMALLEST))))


def calibration_error(probability: Floats, good: Bools) -> float:
    """Expected calibration error: |mean probability − share of good| over 15 bins of equal width, weighted."""
    bins = np.minimum((probability * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    excess = np.bincount(bins, weights=probability - good, minlength=CALIBRATION_BINS)
    return float(np.abs(excess).sum() / len(good))

"""When work will be done: hours to completion at even odds (p50) and with 90 % safety (p90), for each assignment.

Quantile regression by LightGBM on log(1 + hours), with unfinished work counted as lasting at least as long as so far,
and p90 moved by what later finished work shows (split conformal). As work goes on, the estimate is that of all work
that took longer than this has taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist

import numpy as np

from assignment_engine.domain.errors import TrainingError
from assignment_engine.features.arrays import Bools, Floats, Ints, floats
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.keeping import booster, keep, kept
from assignment_engine.learning.quantiles import conformal_shift, coverage, pinball, with_unfinished
from assignment_engine.learning.recipes import Recipe, fit, predict

KIND = "eta"
HALF, MOST = 0.5, 0.9
FEWEST = 200
FITTED_SHARE = 0.8
RECIPE = Recipe(objective="quantile", learning_rate=0.05, leaves=15, min_data=40, rounds=150, patience=0)
_REACH = NormalDist().inv_cdf(MOST)
_SMALLEST_SPREAD = 1e-6


@dataclass(frozen=True)
class Work:
    """k assignments for an ETA: `features` (k, f) at the assignment, `hours` it took or has taken so far, whether it
    has `ended`, and a code for its `kind` of work (−1 not known); in the order of assignment."""

    features: Floats
    hours: Floats
    ended: Bools
    kind: Ints

    def take(self, rows: Bools) -> Work:
        return Work(self.features[rows], self.hours[rows], self.ended[rows], self.kind[rows])


@dataclass(frozen=True)
class EtaModel:
    """`shift` is what the conformal step adds to the logarithm of p90."""

    names: tuple[str, ...]
    half: str = field(repr=False)
    most: str = field(repr=False)
    shift: float
    measured: dict[str, float]

    def hours(self, features: Floats, elapsed: Floats | None = None) -> tuple[Floats, Floats]:
        """Hours from the assignment to completion, (k,) each: p50 and p90.

        Parameters
        ----------
        elapsed : hours since the assignment for work that is going on; the answer is never below them.
        """
        half, most = (predict(booster(text), features) for text in (self.half, self.most))
        half, most = np.maximum(half, 0.0), np.maximum(most + self.shift, 0.0)
        most = np.maximum(most, half)
        if elapsed is None:
            return floats(np.expm1(half)), floats(np.expm1(most))
        return _still_going(half, most, np.log1p(np.maximum(elapsed, 0.0)))

    def save(self, directory: Path) -> None:
        content = {"features": list(self.names), "shift": self.shift, "measured": self.measured}
        keep(directory, KIND, content, {"half": self.half, "most": self.most})

    @classmethod
    def load(cls, directory: Path) -> EtaModel:
        """
        Raises
        ------
        BundleError
            If the directory does not hold what was saved.
        """
        manifest, texts = kept(directory, KIND)
        names, measured = tuple(manifest["features"]), dict(manifest["measured"])
        return cls(names, texts["half"], texts["most"], float(manifest["shift"]), measured)


def train_eta(work: Work, names: Sequence[str] = FEATURE_NAMES, *, seed: int = 1) -> EtaModel:
    """Learn from the older four fifths, calibrate and measure on the newer fifth that has ended.

    Raises
    ------
    TrainingError
        If too little work has ended.
    """
    older = np.arange(len(work.hours)) < FITTED_SHARE * len(work.hours)
    later = work.take(~older & work.ended)
    if int((older & work.ended).sum()) < FEWEST or len(later.hours) < FEWEST // 4:
        raise TrainingError(f"{int(work.ended.sum())} finished assignments are too few to learn how long work takes")
    half, most = (_fitted(work.take(older), quantile, names, seed) for quantile in (HALF, MOST))
    log = np.log1p(later.hours)
    shift = conformal_shift(log, predict(booster(most), later.features), MOST)
    model = EtaModel(tuple(names), half, most, shift, {})
    even, safe = model.hours(later.features)
    measured = {
        "assignments": float(len(later.hours)),
        "pinball_p50": float(pinball(later.hours, even, HALF).mean()),
        "pinball_p90": float(pinball(later.hours, safe, MOST).mean()),
        "coverage_p50": coverage(later.hours, even),
    }
    return EtaModel(tuple(names), half, most, shift, measured)


def _fitted(work: Work, quantile: float, names: Sequence[str], seed: int) -> str:
    rows = with_unfinished(work.features, np.log1p(work.hours), work.ended, work.kind, quantile)
    return str(fit(RECIPE.model_copy(update={"quantile": quantile}), rows, names, seed=seed).model_to_string())


def _still_going(half: Floats, most: Floats, elapsed: Floats) -> tuple[Floats, Floats]:
    """Quantiles of log(1 + hours) among work that took longer, from a normal curve through both quantiles."""
    from scipy.stats import norm  # noqa: PLC0415  (takes a while to import)

    spread = np.maximum((most - half) / _REACH, _SMALLEST_SPREAD)
    going = norm.sf((elapsed - half) / spread)
    # far out in the tail the share that is still going is 0 in floating point: there the work ends now
    even, safe = (half + spread * norm.isf(np.maximum((1.0 - q) * going, 1e-300)) for q in (HALF, MOST))
    return floats(np.expm1(np.maximum(even, elapsed))), floats(np.expm1(np.maximum(safe, elapsed)))

"""When work will be done: hours to completion at even odds (p50) and with 90 % safety (p90), for each assignment.

Quantile regression by LightGBM on log(1 + hours) beyond log(1 + estimate), with unfinished work counted as lasting at
least as long as so far. Both quantiles are then moved by what later work shows (split conformal, on the Kaplan–Meier
curve of its residuals, so that what is still going on counts there too); the whole curve is kept as a shape. As work
goes on, the estimate is that of all work that took longer than this has taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment_engine.domain.errors import BundleError, TrainingError
from assignment_engine.features.arrays import Bools, Floats, Ints, floats
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.keeping import booster, keep, kept
from assignment_engine.learning.quantiles import TWICE, pinball, share_ended, survival, with_unfinished
from assignment_engine.learning.recipes import Recipe, fit, predict
from assignment_engine.learning.shape import HALF, LEVELS, LONGEST_HOURS, MOST, Shape, Two
from assignment_engine.scoring.model_text import read_trees

if TYPE_CHECKING:
    from lightgbm import Booster

KIND = "eta"
FEWEST = 200
FITTED, CALIBRATED = 0.7, 0.85
ESTIMATE = "estimated_hours"
RECIPE = Recipe(objective="quantile", learning_rate=0.05, leaves=15, min_data=40, rounds=150, patience=0)
_SMALLEST_SPREAD = 0.02


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
    """`offsets` are what was added to p50 and p90 in units of their distance; `about` says where it comes from."""

    names: tuple[str, ...]
    half: str = field(repr=False)
    most: str = field(repr=False)
    offsets: tuple[float, float]
    shape: Shape = field(repr=False)
    measured: Mapping[str, float]
    about: Mapping[str, Any] = field(default_factory=dict)

    def hours(self, features: Floats, elapsed: Floats | None = None) -> Two:
        """Hours from the assignment to completion, (k,) each: p50 and p90.

        Parameters
        ----------
        elapsed : hours since the assignment for work that is going on; the answer is never below them.
        """
        half, spread = _raw(features, self.names, self._boosters)
        found = (np.maximum(half + spread * offset, 0.0) for offset in self.offsets)
        p50, p90 = (floats(np.expm1(np.minimum(log, np.log1p(self.shape.longest)))) for log in found)
        return (p50, p90) if elapsed is None else self.shape.hours(p50, p90, elapsed)

    @cached_property
    def _boosters(self) -> tuple[Booster, Booster]:
        return booster(self.half), booster(self.most)

    def save(self, directory: Path) -> None:
        content = {
            "features": list(self.names),
            "offsets": list(self.offsets),
            "shape": self.shape.knots.tolist(),
            "longest_hours": self.shape.longest,
            "measured": dict(self.measured),
            "about": dict(self.about),
        }
        keep(directory, KIND, content, {"half": self.half, "most": self.most})

    @classmethod
    def load(cls, directory: Path) -> EtaModel:
        """The model of a directory, tried once before it is used.

        Raises
        ------
        BundleError
            If the directory does not hold what was saved.
        """
        manifest, texts = kept(directory, KIND)
        try:
            model = _from_manifest(manifest, texts)
            answers = np.concatenate(model.hours(np.full((1, len(model.names)), np.nan)))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as exc:
            raise BundleError(f"{directory}: these are not the parts of an ETA model") from exc
        if not np.isfinite(answers).all():
            raise BundleError(f"{directory}: the model gives no hours")
        return model


def train_eta(
    work: Work,
    names: Sequence[str] = FEATURE_NAMES,
    *,
    seed: int = 1,
    rule: Two | None = None,
    about: Mapping[str, Any] | None = None,
) -> EtaModel:
    """Learn from the oldest 70 %, calibrate on the next 15 % and measure on the newest.

    Parameters
    ----------
    rule : p50 and p90, (k,) each, of what the model must be better than, made without looking at the newest 15 %.

    Raises
    ------
    TrainingError
        If too little work has ended.
    """
    parts = slices(len(work.hours))
    old, later, newest = (work.take(part) for part in parts)
    if int(old.ended.sum()) < FEWEST or min(int(later.ended.sum()), int(newest.ended.sum())) < FEWEST // 4:
        raise TrainingError(f"{int(work.ended.sum())} finished assignments are too few to learn how long work takes")
    half, most = (_fitted(old, quantile, names, seed) for quantile in (HALF, MOST))
    curve = _residuals(later, *_raw(later.features, names, (booster(half), booster(most))))
    seen = np.concatenate([old.hours[old.ended], later.hours[later.ended]])
    shape = Shape.of(curve, float(min(seen.max(), LONGEST_HOURS)))
    offsets = tuple(np.interp([HALF, MOST], LEVELS, curve).tolist())
    model = EtaModel(tuple(names), half, most, (offsets[0], offsets[1]), shape, {}, about or {})
    measured = _measured(newest, model.hours(newest.features), None if rule is None else _of(rule, parts[2]))
    return EtaModel(model.names, half, most, model.offsets, model.shape, measured, model.about)


def slices(count: int) -> tuple[Bools, Bools, Bools]:
    """The rows to learn from, to calibrate on and to measure on, of `count` in the order of assignment."""
    place = np.arange(count)
    first, second = place < int(FITTED * count), place < int(CALIBRATED * count)
    return first, second & ~first, ~second


def coverage_of(work: Work, hours: Floats) -> float:
    """The share of work that takes no longer than `hours` of each row says, unfinished work counted (Kaplan–Meier)."""
    times, going = survival(np.log1p(work.hours) - np.log1p(hours), work.ended)
    return float(share_ended(np.zeros(1), times, going)[0])


def _fitted(work: Work, quantile: float, names: Sequence[str], seed: int) -> str:
    rows = with_unfinished(work.features, np.log1p(work.hours), work.ended, work.kind, quantile)
    beyond = type(rows)(rows.features, rows.target - _base(rows.features, names), rows.groups, rows.weight)
    return str(fit(RECIPE.model_copy(update={"quantile": quantile}), beyond, names, seed=seed).model_to_string())


def _base(features: Floats, names: Sequence[str]) -> Floats:
    """log(1 + estimate), 0 where there is none: trees alone would follow an estimate only in steps."""
    return floats(np.log1p(np.nan_to_num(features[:, list(names).index(ESTIMATE)])))


def _raw(features: Floats, names: Sequence[str], boosters: tuple[Booster, Booster]) -> Two:
    """log(1 + p50) as it was learned, and the distance of log(1 + p90) from it."""
    base = _base(features, names)
    half, most = (predict(fitted, features) for fitted in boosters)
    return base + half, np.maximum(most - half, _SMALLEST_SPREAD)


def _residuals(work: Work, half: Floats, spread: Floats) -> Floats:
    """Quantiles at `LEVELS` of how far work lies from what was learned, in units of the spread; never falling.

    Work that has been open for more than twice as long as any took is left out: nobody closed it.
    """
    log = np.log1p(work.hours)
    kept = work.ended | (log <= log[work.ended].max() + TWICE)
    times, going = survival(((log - half) / spread)[kept], work.ended[kept])
    rank = np.minimum(np.searchsorted(1.0 - going, LEVELS), len(times) - 1)
    return floats(np.maximum.accumulate(times[rank] + 1e-9 * np.arange(len(LEVELS))))


def _measured(work: Work, hours: Two, rule: Two | None) -> dict[str, float]:
    found = {
        "assignments": float(len(work.hours)),
        "finished": float(work.ended.sum()),
        "coverage_p50": coverage_of(work, hours[0]),
        "coverage_p90": coverage_of(work, hours[1]),
    }
    for level, name, at in ((HALF, "p50", 0), (MOST, "p90", 1)):
        mine = pinball(work.hours, hours[at], level)[work.ended]
        found[f"pinball_{name}"] = float(mine.mean())
        if rule is not None:
            gain = pinball(work.hours, rule[at], level)[work.ended] - mine
            found[f"gain_{name}"] = float(gain.mean())
            found[f"error_{name}"] = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    return found


def _of(two: Two, rows: Bools) -> Two:
    return two[0][rows], two[1][rows]


def _from_manifest(manifest: Mapping[str, Any], texts: Mapping[str, str]) -> EtaModel:
    names = tuple(str(name) for name in manifest["features"])
    knots = floats(manifest["shape"])
    half, most = (float(offset) for offset in manifest["offsets"])
    longest = float(manifest["longest_hours"])
    if names[: len(FEATURE_NAMES)] != FEATURE_NAMES or knots.shape != LEVELS.shape or not (np.diff(knots) >= 0).all():
        raise ValueError("other features or another shape")
    if not 0.0 < longest <= LONGEST_HOURS:
        raise ValueError("no work lasts so long")
    measured = {str(name): float(value) for name, value in manifest["measured"].items()}
    for name in ("half", "most"):
        read_trees(texts[name], names, RECIPE.objective)  # LightGBM is shown nothing that was not read before
    return EtaModel(
        names, texts["half"], texts["most"], (half, most), Shape(knots, longest), measured, dict(manifest["about"])
    )

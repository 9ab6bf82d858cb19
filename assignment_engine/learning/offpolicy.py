"""What another policy would have been worth, from decisions whose propensities were logged.

Inverse propensity (IPS), self-normalised (SNIPS) and doubly robust (DR) estimates with confidence intervals. Without
logged propensities there is no such estimate, and the functions refuse. Dudík, Langford, Li (2011); Swaminathan and
Joachims (2015).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Floats
from assignment_engine.learning.dataset import Dataset
from assignment_engine.learning.ranking import Sets

Score = Callable[[Dataset], Floats]
LEVEL = 0.975
FEWEST = 30
SMALLEST_EFFECTIVE = 50.0  # measured on a crossed log: with fewer, intervals of 95 % hold the truth in 84 to 90 %


class Estimate(Record):
    """The mean good outcome of a policy; `low` and `high` bound it in 95 of 100 logs."""

    value: float
    standard_error: float
    low: float
    high: float


class Estimates(Record):
    """All three, with what they rest on: `effective` decisions that count fully, and the largest weight."""

    decisions: int
    effective: float
    largest_weight: float
    logged: Estimate
    ips: Estimate
    snips: Estimate
    doubly_robust: Estimate | None = None


@dataclass(frozen=True)
class Logged:
    """n decisions: `reward` 0–1, the `propensity` with which the logged person was chosen, and the probability
    `target` with which the other policy would have chosen the same. `expected` is a model's reward of the logged
    person, `expected_target` its mean under the other policy; all (n,)."""

    reward: Floats
    propensity: Floats
    target: Floats
    expected: Floats | None = None
    expected_target: Floats | None = None


def estimate(logged: Logged) -> Estimates:
    """The value of the target policy.

    Raises
    ------
    InvalidInputError
        If propensities are missing or the policies have too little in common.
    """
    _check(logged)
    weight = logged.target / logged.propensity
    effective = float(weight.sum() ** 2 / np.maximum((weight**2).sum(), 1e-300))
    if effective < SMALLEST_EFFECTIVE:
        raise InvalidInputError.at(
            "/propensity",
            f"the policy would seldom have chosen as the log did: the decisions count as {effective:.1f} only, "
            f"expected {SMALLEST_EFFECTIVE:.0f} or more",
        )
    share = float((weight * logged.reward).sum() / weight.sum())
    residual = weight * (logged.reward - share) / weight.mean()
    return Estimates(
        decisions=len(weight),
        effective=effective,
        largest_weight=float(weight.max()),
        logged=_mean(logged.reward, float(len(weight))),
        ips=_mean(weight * logged.reward, effective),
        snips=_around(share, float(residual.std(ddof=1) / np.sqrt(len(weight))), effective),
        doubly_robust=_doubly_robust(logged, weight, effective),
    )


def estimate_policy(
    data: Dataset, score: Score, *, expected: Score | None = None, temperature: float = 0.0
) -> Estimates:
    """The value of choosing by `score` among the logged candidates, always the best or by a softmax.

    Parameters
    ----------
    expected : a probability of a good outcome for the doubly robust estimate; best fitted on other decisions.
    temperature : 0 takes the highest score; above 0 people are drawn with weight exp(score / temperature).
    """
    kept = _judged_sets(data)
    sets = Sets.of(kept.decision)
    target = policy(score(kept), sets, temperature)
    chosen = kept.chosen
    model = None if expected is None else expected(kept)
    return estimate(
        Logged(
            reward=kept.good[chosen],
            propensity=kept.propensity[chosen],
            target=target[chosen],
            expected=None if model is None else model[chosen],
            expected_target=None if model is None else np.add.reduceat(model * target, sets.starts),
        )
    )


def policy(score: Floats, sets: Sets, temperature: float = 0.0) -> Floats:
    """The probability of choosing each candidate of its set; equal highest scores share."""
    score = np.nan_to_num(score, nan=-1e300)
    highest = np.maximum.reduceat(score, sets.starts)[sets.index]
    weight = np.exp((score - highest) / temperature) if temperature > 0.0 else (score == highest).astype(np.float64)
    return np.asarray(weight / np.add.reduceat(weight, sets.starts)[sets.index])


def _judged_sets(data: Dataset) -> Dataset:
    """Decisions whose chosen pair has an outcome, with all their candidates."""
    count = int(data.decision.max(initial=-1)) + 1
    judged = data.chosen & np.isfinite(data.good)
    if not judged.any():
        raise InvalidInputError.at("/outcome", "no decision has an outcome")
    if np.isnan(data.propensity[judged]).any():
        missing = int(np.isnan(data.propensity[judged]).sum())
        raise InvalidInputError.at(
            "/propensity",
            f"{missing} of {int(judged.sum())} decisions were logged without the probability of their choice: nothing "
            "can be said about another policy; turn exploration on, or compare with the randomised hold-out",
        )
    return data.take((np.bincount(data.decision, weights=judged, minlength=count) == 1)[data.decision])


def _check(logged: Logged) -> None:
    if len(logged.reward) < FEWEST:
        raise InvalidInputError.at("", f"{len(logged.reward)} decisions are too few, expected {FEWEST} or more")
    if not np.all((logged.propensity > 0.0) & (logged.propensity <= 1.0)):
        raise InvalidInputError.at("/propensity", "expected logged probabilities above 0 and at most 1")


def _doubly_robust(logged: Logged, weight: Floats, effective: float) -> Estimate | None:
    if logged.expected is None or logged.expected_target is None:
        return None
    return _mean(logged.expected_target + weight * (logged.reward - logged.expected), effective)


def _mean(values: Floats, effective: float) -> Estimate:
    return _around(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))), effective)


def _around(value: float, error: float, effective: float) -> Estimate:
    """An interval by Student's t: few decisions of large weight are a small sample, whatever the log's length."""
    from scipy.stats import t  # noqa: PLC0415  (takes a while to import)

    widened = error * np.sqrt(effective / (effective - 1.0))
    reach = float(t.ppf(LEVEL, effective - 1.0) * widened)
    return Estimate(value=value, standard_error=float(widened), low=value - reach, high=value + reach)

"""Quantiles of how long work takes, with unfinished work counted as what it is: at least as long as so far."""

from __future__ import annotations

import numpy as np

from assignment_engine.features.arrays import Bools, Floats, Ints, floats
from assignment_engine.learning.recipes import Rows

FEWEST_IN_KIND = 30
TWICE = float(np.log(2.0))
_LIGHTEST = 1e-6  # LightGBM refuses rows of no weight


def pinball(actual: Floats, predicted: Floats, quantile: float) -> Floats:
    """Pinball loss of each row, in the unit of `actual`; its mean is half the mean absolute error at the median."""
    short = actual - predicted
    return np.maximum(quantile * short, (quantile - 1.0) * short)


def coverage(actual: Floats, predicted: Floats) -> float:
    """The share that took no longer than predicted."""
    return float(np.mean(actual <= predicted))


def conformal_shift(actual: Floats, predicted: Floats, quantile: float) -> float:
    """What to add to predictions so that they cover `quantile` of rows like these (split conformal, one-sided)."""
    count = len(actual)
    level = min(1.0, np.ceil((count + 1) * quantile) / count)
    return float(np.quantile(actual - predicted, level, method="higher"))


def survival(hours: Floats, ended: Bools) -> tuple[Floats, Floats]:
    """Kaplan–Meier: the times at which work ended, and the share that was still going on after each."""
    order = np.argsort(hours, kind="stable")
    times, starts = np.unique(hours[order], return_index=True)
    events = np.add.reduceat(ended[order].astype(np.float64), starts)
    at_risk = len(hours) - starts
    return times, floats(np.cumprod(1.0 - events / at_risk))


def share_ended(at: Floats, times: Floats, going: Floats) -> Floats:
    """The share of work that has ended by `at`, from a survival curve."""
    place = np.searchsorted(times, at, side="right") - 1
    return np.where(place < 0, 0.0, 1.0 - going[np.maximum(place, 0)])


def with_unfinished(features: Floats, value: Floats, ended: Bools, kind: Ints, quantile: float) -> Rows:
    """Rows for quantile regression in which unfinished work counts from `value` on (redistribution to the right).

    `value` is log(1 + hours). A row censored at c, in a kind of work of which the share F has ended by then, stands for
    a row at c of weight (q − F) / (1 − F) and one beyond all others of weight (1 − q) / (1 − F); where F ≥ q it lies
    above the quantile already. F is the Kaplan–Meier estimate of the kind, or of everything where the kind is rare.
    Work that has been open for more than twice as long as any took is left out: nobody closed it. After Portnoy (2003).
    """
    open_rows = ~ended & (value <= value[ended].max() + TWICE)
    kept = ended | open_rows
    share = _shares_ended(value, ended, kind)
    below = np.clip((quantile - share) / np.maximum(1.0 - share, 1e-9), 0.0, 1.0)
    first = np.where(open_rows, np.maximum(below, _LIGHTEST), 1.0)[kept]
    beyond = np.full(int(open_rows.sum()), value[kept].max() + TWICE)
    return Rows(
        features=np.concatenate([features[kept], features[open_rows]]),
        target=np.concatenate([value[kept], beyond]),
        weight=np.concatenate([first, np.maximum(1.0 - below[open_rows], _LIGHTEST)]),
    )


def _shares_ended(value: Floats, ended: Bools, kind: Ints) -> Floats:
    """For each row the share of work of its kind that has ended by its value."""
    share, whole = np.empty(len(value)), survival(value, ended)
    for code in np.unique(kind):
        rows = kind == code
        curve = survival(value[rows], ended[rows]) if ended[rows].sum() >= FEWEST_IN_KIND else whole
        share[rows] = share_ended(value[rows], *curve)
    return share

"""What the engine is worth, by the tasks that it did not decide about."""

from __future__ import annotations

from typing import Any

import numpy as np

from assignment_engine.features.arrays import Bools
from assignment_engine.learning.dataset import Dataset

FEWEST = 30
Z = 1.959963984540054  # of the normal distribution, for intervals of 95 %
NO_HOLDOUT = (
    "no hold-out: no decision with an outcome was made while tasks were held out, so nothing can be said about what "
    "the engine adds; HOLDOUT_SHARE above 0 begins one"
)


def holdout(data: Dataset) -> dict[str, Any]:
    """Good outcomes in both arms of the hold-out and their difference with an interval of 95 %.

    Only decisions that were made while tasks were held out count, the same task as often as it was decided about.
    Where there are none, or too few, `note` says so and there is no number.
    """
    judged = data.judged
    compared = judged.take(judged.randomised)
    if not len(compared):
        return {"note": NO_HOLDOUT}
    rows = {"control": compared.good[compared.control] > 0.5, "engine": compared.good[~compared.control] > 0.5}
    arms = {name: _arm(good) for name, good in rows.items()}
    if min(len(good) for good in rows.values()) < FEWEST:
        counts = " and ".join(f"{len(good)} of the {name}" for name, good in rows.items())
        return {**arms, "note": f"too few decisions to compare: {counts}, expected {FEWEST} of each"}
    return {**arms, **_difference(rows["engine"], rows["control"])}


def _arm(good: Bools) -> dict[str, float]:
    return {"decisions": len(good), "share_good": float(good.mean())} if len(good) else {"decisions": 0}


def _difference(engine: Bools, control: Bools) -> dict[str, Any]:
    """The gain of the engine with Newcombe's interval, which holds for few decisions and rare outcomes too.

    Newcombe (1998), method 10: the distances of each share to its own Wilson interval, added as squares.
    """
    mine, other = float(engine.mean()), float(control.mean())
    (low, high), (other_low, other_high) = _wilson(mine, len(engine)), _wilson(other, len(control))
    gain = mine - other
    interval = [
        gain - float(np.hypot(mine - low, other_high - other)),
        gain + float(np.hypot(high - mine, other - other_low)),
    ]
    error = float(np.sqrt(mine * (1 - mine) / len(engine) + other * (1 - other) / len(control)))
    return {"gain": gain, "standard_error": error, "interval": interval, "note": _words(interval)}


def _wilson(share: float, count: int) -> tuple[float, float]:
    middle = share + Z * Z / (2 * count)
    reach = Z * float(np.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count)))
    return (middle - reach) / (1 + Z * Z / count), (middle + reach) / (1 + Z * Z / count)


def _words(interval: list[float]) -> str:
    if interval[0] > 0.0:
        return "the engine's decisions end better than those of the control policy"
    if interval[1] < 0.0:
        return "the engine's decisions end worse than those of the control policy"
    return "no difference between the arms is shown"

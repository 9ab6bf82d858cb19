"""The formulas of the features, written once.

Every function works on float64 arrays of any shape (and on scalars inside compiled code): only arithmetic and ufuncs.
Missing values are NaN and stay NaN. Division by zero is meant where it happens; callers run under
``np.errstate(divide="ignore", invalid="ignore")``. The numbers in brackets are the ranges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from assignment_engine.features.arrays import Floats

CATEGORY_PRIOR = 5.0
EMPLOYEE_PRIOR = 10.0
EVERYONE_PRIOR = 5.0
EXPERIENCE_RATIO_CAP = 10.0


def workload_ratio(current_hours: Floats, max_hours: Floats) -> Floats:
    """Load over capacity [0, 1]; 1 where there is no capacity (0 / 0 is NaN, which fmin passes over)."""
    return np.fmin(current_hours / max_hours, 1.0)


def performance(rating: Floats) -> Floats:
    """Rating of 0 to 5 as a share [0, 1]."""
    return rating / 5.0


def mean_hours(hours: Floats, completed: Floats) -> Floats:
    """Mean hours of finished work [≥ 0]; NaN with none."""
    return hours / np.where(completed > 0.0, completed, np.nan)


def time_pressure(estimated_hours: Floats, hours_left: Floats) -> Floats:
    """Work over calendar time to the deadline [0, 1]; 1 when overdue, 0 without a deadline (`hours_left` NaN)."""
    pressed = np.minimum(estimated_hours / hours_left, 1.0)
    return np.where(np.isnan(hours_left), 0.0, np.where(hours_left <= 0.0, 1.0, pressed))


def level_share(held: Floats, required: Floats) -> Floats:
    """How far a held skill level reaches the required one [0, 1]."""
    return np.minimum(held / required, 1.0)


def experience_complexity_ratio(experience_years: Floats, complexity: Floats) -> Floats:
    """Years for each point of complexity on a scale of 1 to 10 [0, 10]."""
    return np.minimum(experience_years / (1.0 + 9.0 * complexity), EXPERIENCE_RATIO_CAP)


def capacity_fit(estimated_hours: Floats, free_hours: Floats) -> Floats:
    """The share of the free hours (≥ 0) that would be left [0, 1]; 0 with no free hours, NaN without an estimate."""
    return np.maximum(1.0 - estimated_hours / free_hours, 0.0)


def context_share(handled: Floats, total: Floats) -> Floats:
    """How much of all work with one id a person was given [0, 1]; NaN where nobody was given any.

    `total` may have been read before `handled`: whoever was given work since then counts in both.
    """
    return handled / np.maximum(total, handled)


def free_hours(current_hours: Floats, max_hours: Floats) -> Floats:
    """Capacity that is left [≥ 0]."""
    return np.maximum(max_hours - current_hours, 0.0)


def smoothed_share(good: Floats, total: Floats, prior: Floats, weight: float) -> Floats:
    """Share of good outcomes, pulled towards `prior` as by `weight` earlier outcomes [0, 1]."""
    return (good + weight * prior) / (total + weight)

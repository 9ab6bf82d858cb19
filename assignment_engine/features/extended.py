"""Feature sets that a bundle may declare beyond the 17: `recency` and `context`.

They are computed from `RecentArrays`, in planning, live and in training alike, and missing (NaN) where a person's
recent work is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal

import numpy as np

from assignment_engine.domain.types import CONTEXT_KINDS, RECENT_HALF_LIFE_HOURS
from assignment_engine.features import formulas
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.pairs import Loads, Pairs
from assignment_engine.features.recent import RecentArrays
from assignment_engine.features.table import Compute, Feature

_INF = float("inf")
_UNKNOWN = "recent work not known"
_Of = Callable[[RecentArrays, Ints, Ints], Floats]
_Group = Literal["employee", "pair"]


def _recent(of: _Of) -> Compute:
    def compute(pairs: Pairs, _loads: Loads, task: Ints, employee: Ints) -> Floats:
        if pairs.recent is None:
            return np.full(np.broadcast_shapes(np.shape(task), np.shape(employee)), np.nan)
        return of(pairs.recent, task, employee)

    return compute


def _hours(name: str, what: str, of: _Of, group: _Group = "pair") -> Feature:
    text = f"hours since this person was last given work{what}"
    return Feature(name, group, "hours", 0, _INF, "never, or " + _UNKNOWN, text, _recent(of))


def _count(name: str, what: str, of: _Of, group: _Group = "pair") -> Feature:
    text = f"times this person was given work{what}, halved every {RECENT_HALF_LIFE_HOURS:.0f} hours"
    return Feature(name, group, "times", 0, _INF, _UNKNOWN, text, _recent(of))


RECENCY: tuple[Feature, ...] = (
    _hours("hours_since_work", "", lambda recent, _task, employee: recent.since[employee], "employee"),
    _hours(
        "hours_since_category", " of this category",
        lambda recent, task, employee: recent.since_category[employee, recent.category[task]],
    ),
    _hours(
        "hours_since_department", " for this department",
        lambda recent, task, employee: recent.since_department[employee, recent.department[task]],
    ),
    _count("recent_work", "", lambda recent, _task, employee: recent.count[employee], "employee"),
    _count(
        "recent_category", " of this category",
        lambda recent, task, employee: recent.count_category[employee, recent.category[task]],
    ),
    _count(
        "recent_department", " for this department",
        lambda recent, task, employee: recent.count_department[employee, recent.department[task]],
    ),
    Feature(
        "hour_share", "employee", "share", 0, 1, _UNKNOWN,
        "share of this person's assignments that were made at this hour of the day (UTC)",
        _recent(lambda recent, _task, employee: recent.hour_share[employee]),
    ),
)  # fmt: skip


def _share(kind: str) -> Feature:
    def of(recent: RecentArrays, task: Ints, employee: Ints) -> Floats:
        handled = recent.handled[kind].read(employee, recent.context[kind][task])
        return formulas.context_share(handled, recent.context_total[kind][task])

    text = f"share of all work with the same {kind} that this person was given"
    return Feature(f"{kind}_share", "pair", "share", 0, 1, f"no {kind}, or a new one", text, _recent(of))


def _total(kind: str) -> Feature:
    text = f"how often work with the same {kind} was given to anybody"
    return Feature(
        f"{kind}_history", "task", "times", 0, _INF, f"no {kind}", text,
        _recent(lambda recent, task, _employee: recent.context_total[kind][task]),
    )  # fmt: skip


CONTEXT: tuple[Feature, ...] = tuple(make(kind) for kind in CONTEXT_KINDS for make in (_share, _total))
FEATURE_SETS: dict[str, tuple[Feature, ...]] = {"recency": RECENCY, "context": CONTEXT}
EXTENDED: tuple[Feature, ...] = RECENCY + CONTEXT


def feature_names(base: tuple[str, ...], sets: Collection[str]) -> tuple[str, ...]:
    """`base` and the names of the declared sets, in the order of the table."""
    chosen = (features for name, features in FEATURE_SETS.items() if name in sets)
    return base + tuple(feature.name for features in chosen for feature in features)

"""A log in arrays: one row for each task that was given to somebody, in the order of the decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assignment_engine.features.arrays import Bools, Floats, Ints

NEVER = np.inf
UNKNOWN = -1


@dataclass(frozen=True)
class Cases:
    """n cases by time of decision. Times are seconds since 1970 UTC, float64; codes are −1 where nothing is known.

    `is_decision` marks those whose decision is judged; the others are history only. `left_at`, `hours_known_at` and
    `outcome_known_at` are infinite where it never happened; `hours` and `good` (1, 0) are NaN where there is none.
    `context` has a code for each kind that the log has. `names` gives the words behind the codes.
    """

    case_id: NDArray[np.object_]
    decided_at: Floats
    is_decision: Bools
    person: Ints
    department: Ints
    category: Ints
    subcategory: Ints
    priority: Floats
    estimated_hours: Floats
    created_at: Floats
    deadline: Floats
    dependencies: Floats
    complexity: Floats
    left_at: Floats
    hours: Floats
    hours_known_at: Floats
    good: Floats
    outcome_known_at: Floats
    title: NDArray[np.object_] = field(repr=False)
    context: Mapping[str, Ints] = field(repr=False)
    names: Mapping[str, tuple[str, ...]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.case_id)

    def take(self, rows: Ints | Bools) -> Cases:
        """These cases, in this order."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"context", "names"}}
        context = {kind: codes[rows] for kind, codes in self.context.items()}
        return replace(self, context=context, **{name: values[rows] for name, values in arrays.items()})


def unknown_at(cases: Cases, moment: float, seed: int) -> Cases:
    """What the log could also have become after `moment`: later decisions gone, outcomes not known yet permuted.

    Everything that was known before `moment` is the same; hours, outcomes and the times at which they are known are
    exchanged among the cases that had not ended.
    """
    rng = np.random.default_rng(seed)
    kept = cases.take(cases.decided_at < moment)
    changes: dict[str, Any] = {}
    for known, values in (("left_at", ()), ("hours_known_at", ("hours",)), ("outcome_known_at", ("good",))):
        late = np.flatnonzero(getattr(kept, known) >= moment)
        order = rng.permutation(late)
        for name in (known, *values):
            column = getattr(kept, name).copy()
            column[late] = column[order]
            changes[name] = column
    flip = kept.outcome_known_at >= moment
    changes["good"] = np.where(flip, 1.0 - changes["good"], changes["good"])
    return replace(kept, **changes)

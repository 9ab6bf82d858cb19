"""Work that goes on, with what it is expected to take now that it has lasted so long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from assignment_engine.domain.assignments import Expected
from assignment_engine.domain.going import ActiveWork, NewEta
from assignment_engine.domain.types import SECONDS_PER_HOUR, hours_between
from assignment_engine.features.arrays import floats
from assignment_engine.learning.shape import LONGEST_HOURS
from assignment_engine.learning.usual import Quantiles
from assignment_engine.services.eta import Asked, EtaPredictor

SMALLEST_CHANGE = timedelta(seconds=30)
SMALLEST_SHARE = 0.02
STUCK_BEYOND = 1.25
_NEVER = 1e9


@dataclass(frozen=True)
class Watched:
    """How it stands `at` a moment: `elapsed` hours without pauses, `eta` the moments of completion, p50 and p90.

    `late` is how likely it will not be complete by its deadline; None without one. Nearly all such work is done within
    `longest` hours.
    """

    work: ActiveWork
    at: datetime
    expected: Expected
    elapsed: float
    longest: float
    eta: tuple[datetime, datetime]
    late: float | None

    @property
    def is_news(self) -> bool:
        """Whether what is stored differs by more than half a minute and 2 % of what is left."""
        if self.work.eta is None or self.work.expected is None:
            return True
        return any(
            abs(new - old) > max(SMALLEST_CHANGE, SMALLEST_SHARE * (new - self.at))
            for old, new in zip(self.work.eta, self.eta, strict=True)
        )

    @property
    def news(self) -> NewEta:
        return NewEta(self.work.assignment_id, self.expected, self.eta)


def watched(works: Sequence[ActiveWork], eta: EtaPredictor, now: datetime) -> list[Watched]:
    """What can be said of each; work of which nothing is known is left out.

    An ETA that was made with the assignment stays its measure. Where there is none, it is made from what is known now.
    """
    unknown = [work for work in works if work.expected is None]
    asked = [Asked(w.employee_id, w.category, w.estimated_hours) for w in unknown]
    made = {w.assignment_id: e for w, e in zip(unknown, eta.expect(asked), strict=True)}
    known = [(w, e) for w in works if (e := w.expected or made.get(w.assignment_id)) is not None]
    if not known:
        return []
    p50, p90 = (floats([getattr(e, name) / SECONDS_PER_HOUR for _, e in known]) for name in ("p50", "p90"))
    elapsed = floats([_elapsed(work, now) for work, _ in known])
    limit = elapsed + floats([_hours_to_deadline(work, now) for work, _ in known])
    still = eta.shape.hours(p50, p90, elapsed)
    late = eta.shape.chance_beyond(p50, p90, elapsed, np.nan_to_num(limit, nan=_NEVER))
    left = [np.minimum(hours - elapsed, LONGEST_HOURS).tolist() for hours in still]
    return [
        Watched(
            work=work,
            at=now,
            expected=expected,
            elapsed=float(elapsed[row]),
            longest=_longest(eta.usual(work.category), float(p90[row])),
            eta=(now + timedelta(hours=left[0][row]), now + timedelta(hours=left[1][row])),
            late=None if work.deadline is None else float(late[row]),
        )
        for row, (work, expected) in enumerate(known)
    ]


def _longest(usual: Quantiles | None, own: float) -> float:
    """What 90 % of work of this kind takes at most, but half of the work's own p90 at least."""
    return own if usual is None else max(usual.p90, own / (2.0 * STUCK_BEYOND))


def _elapsed(work: ActiveWork, now: datetime) -> float:
    return max(0.0, hours_between(work.assigned_at, now) - work.paused_seconds / SECONDS_PER_HOUR)


def _hours_to_deadline(work: ActiveWork, now: datetime) -> float:
    return float("nan") if work.deadline is None else hours_between(now, work.deadline)

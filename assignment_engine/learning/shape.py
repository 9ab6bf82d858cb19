"""How the hours of finished work scatter around their p50 and p90, and what that says about work that is going on.

On the axis z = (log(1 + h) − log(1 + p50)) / (log(1 + p90) − log(1 + p50)) p50 lies at 0 and p90 at 1. A shape holds
the other quantiles on that axis; beyond the last one the share that still goes on falls exponentially in z, which is
a power of the hours. So what has lasted very long is expected to last long again.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from assignment_engine.features.arrays import Floats, floats

LEVELS: Floats = np.linspace(0.005, 0.995, 199)
HALF, MOST = 0.5, 0.9
Two = tuple[Floats, Floats]
LONGEST_HOURS = 10.0 * 365.0 * 24.0
_SMALLEST_SPREAD = 1e-3
_TAIL_FROM = 0.95
_SMALLEST_TAIL = 0.02
_LEAST_GOING = 1e-12


@dataclass(frozen=True)
class Shape:
    """`knots` are the quantiles at `LEVELS` on the axis z, rising, with p50 at 0 and p90 at 1.

    Nothing is expected to take longer than `longest` hours, unless it has already.
    """

    knots: Floats
    longest: float = LONGEST_HOURS

    @classmethod
    def of(cls, quantiles: Floats, longest: float = LONGEST_HOURS) -> Shape:
        """The shape of rising quantiles at `LEVELS`, wherever their p50 and p90 lie."""
        half, most = np.interp([HALF, MOST], LEVELS, quantiles)
        return cls(floats((quantiles - half) / max(most - half, _SMALLEST_SPREAD)), longest)

    def hours(self, p50: Floats, p90: Floats, elapsed: Floats) -> Two:
        """p50 and p90 in hours since the beginning, among all work like this that lasted longer than `elapsed`."""
        going = self._going(_place(p50, p90, elapsed), _log(p50, p90)[1])
        half, most = (self._hours(p50, p90, going * (1.0 - level)) for level in (HALF, MOST))
        return np.maximum(half, elapsed), np.maximum(most, elapsed)

    def chance_beyond(self, p50: Floats, p90: Floats, elapsed: Floats, limit: Floats) -> Floats:
        """How likely work that has lasted `elapsed` lasts longer than `limit`; 1 where it has already."""
        spread = _log(p50, p90)[1]
        going, beyond = (self._going(_place(p50, p90, hours), spread) for hours in (elapsed, limit))
        return np.where(limit <= elapsed, 1.0, np.minimum(beyond / going, 1.0))

    def _tail(self, spread: Floats) -> Floats:
        """How far on the axis the share that still goes on falls to 1/e, beyond the last quantile.

        At most so far that what has lasted long is expected, at even odds, to last as long again.
        """
        last, before = self.knots[-1], np.interp(_TAIL_FROM, LEVELS, self.knots)
        seen = max(float(last - before) / float(np.log((1.0 - _TAIL_FROM) / (1.0 - LEVELS[-1]))), _SMALLEST_TAIL)
        return np.minimum(seen, 1.0 / spread)

    def _going(self, place: Floats, spread: Floats) -> Floats:
        """The share of work that lasts longer."""
        inside = 1.0 - np.interp(place, self.knots, LEVELS, left=0.0)
        further = (1.0 - LEVELS[-1]) * np.exp(-np.maximum(place - self.knots[-1], 0.0) / self._tail(spread))
        return np.maximum(np.where(place > self.knots[-1], further, inside), _LEAST_GOING)

    def _hours(self, p50: Floats, p90: Floats, going: Floats) -> Floats:
        """What the share `going` of work like this lasts longer than."""
        least = 1.0 - LEVELS[-1]
        inside = np.interp(1.0 - going, LEVELS, self.knots)
        half, spread = _log(p50, p90)
        further = self.knots[-1] + self._tail(spread) * np.log(least / np.minimum(going, least))
        place = np.where(going < least, further, inside)
        return floats(np.expm1(np.clip(half + spread * place, 0.0, np.log1p(self.longest))))


def _log(p50: Floats, p90: Floats) -> Two:
    half = np.log1p(p50)
    return half, np.maximum(np.log1p(p90) - half, _SMALLEST_SPREAD)


def _place(p50: Floats, p90: Floats, hours: Floats) -> Floats:
    half, spread = _log(p50, p90)
    return floats((np.log1p(np.maximum(hours, 0.0)) - half) / spread)


LOG_NORMAL = Shape.of(floats([NormalDist().inv_cdf(level) for level in LEVELS]))
"""What is assumed where too little work has been finished to see."""

"""Whether answers that used to be yes have become no more often: a cumulative sum with a known rate of false alarms.

After each answer the log-likelihood ratio of a fallen rate against the usual one is added to a sum that never goes
below 0 (Page 1954). While the rate is the usual one or better, the sum reaches `RAISED_AT` = ln(10,000) at most once
in 10,000 answers on average, whatever the rate (Lorden 1971).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

RAISED_AT = math.log(10_000.0)
KEPT_AT = RAISED_AT / 2.0
NEWEST = 200
FEWEST_BEFORE = 100
FALL = 0.2
_SURE = 1.64  # standard errors below what was seen: the usual rate is at least that in 95 of 100 cases
_EDGE = 0.01


@dataclass(frozen=True)
class Fall:
    """What the newest answers say: the sum after the last one, and the two rates that it compares."""

    evidence: float
    usual: float
    newest: float


def fall_of(answers: Sequence[bool]) -> Fall | None:
    """The evidence that the newest 200 answers come at a lower rate than those before; the oldest come first.

    None where fewer than 100 answers tell what is usual.
    """
    before, newest = answers[:-NEWEST], answers[-NEWEST:]
    if len(before) < FEWEST_BEFORE:
        return None
    usual = sum(before) / len(before)
    least = usual - _SURE * math.sqrt(max(usual * (1.0 - usual), _EDGE) / len(before))
    least = min(max(least, 2.0 * _EDGE), 1.0 - _EDGE)
    fallen = max(least - FALL, least / 2.0)
    yes, no = math.log(fallen / least), math.log((1.0 - fallen) / (1.0 - least))
    evidence = 0.0
    for answer in newest:
        evidence = max(0.0, evidence + (yes if answer else no))
    return Fall(evidence, usual, sum(newest) / len(newest))

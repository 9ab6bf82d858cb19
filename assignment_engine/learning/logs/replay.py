"""A log replayed: at each decision, who could have been chosen, and all features as they were known then.

Four kinds of events change what is known: work was given to somebody, it left them, its hours became known, its
outcome became known. At a decision only events of an earlier time count.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from assignment_engine.features.definition import feature_names
from assignment_engine.learning.logs.adapter import Adapter
from assignment_engine.learning.logs.cases import NEVER, Cases
from assignment_engine.learning.logs.moments import Moments
from assignment_engine.learning.logs.replayed import Replayed
from assignment_engine.learning.logs.state import ANYBODY, State

SECONDS_PER_DAY = 86400.0
CHUNK_PAIRS = 50_000
SETS = ("recency", "context")
_GIVEN, _LEFT, _HOURS, _OUTCOME = range(4)


def replay(cases: Cases, adapter: Adapter, sets: tuple[str, ...] = SETS) -> Replayed:
    """Walk through the log in the order of time.

    Only as many candidates as `adapter.candidates` allows are looked at, and features are made in parts, so that
    memory grows with the pairs that are returned and not with people times tasks.
    """
    return _Replay(cases, adapter, feature_names(sets)).run()


class _Replay:
    def __init__(self, cases: Cases, adapter: Adapter, names: tuple[str, ...]) -> None:
        self._cases, self._adapter, self._names = cases, adapter, names
        people = int(cases.person.max(initial=-1)) + 1
        self._state = State(people, adapter.half_life_days * SECONDS_PER_DAY)
        self._load = np.zeros(len(cases))
        self._moments = Moments(cases, self._state, names)

    def run(self) -> Replayed:
        for at, events in _by_time(self._cases):
            given = [case for kind, case in events if kind == _GIVEN]
            for case in given:
                self._load[case] = self._moments.expected_hours(case)
                if self._cases.is_decision[case]:
                    self._decide(case, at)
            for kind, case in events:
                self._apply(kind, case, at)
        self._moments.flush()
        return self._moments.joined()

    def _decide(self, case: int, at: float) -> None:
        rule = self._adapter.candidates
        group = int(self._cases.department[case]) if rule.same_department else ANYBODY
        people = self._state.candidates(group, at, at - rule.days * SECONDS_PER_DAY, rule.cap)
        self._moments.add(case, people, at)
        if self._moments.size >= CHUNK_PAIRS:
            self._moments.flush()

    def _apply(self, kind: int, case: int, at: float) -> None:
        cases, state = self._cases, self._state
        person, category, subcategory = (int(v[case]) for v in (cases.person, cases.category, cases.subcategory))
        if kind == _GIVEN:
            state.give(person, self._load[case], at)
            self._moments.remember(case, person, at)
        elif kind == _LEFT:
            state.take(person, self._load[case])
        elif kind == _HOURS:
            state.note_hours(person, category, subcategory, float(cases.hours[case]))
        else:
            state.note_outcome(person, category, subcategory, float(cases.good[case]))


def _by_time(cases: Cases) -> Iterator[tuple[float, list[tuple[int, int]]]]:
    """All events of one time together, in the order of time; within one time by kind and case."""
    count = len(cases)
    hours = np.where(np.isfinite(cases.hours), cases.hours_known_at, NEVER)
    outcome = np.where(np.isfinite(cases.good), cases.outcome_known_at, NEVER)
    at = np.concatenate([cases.decided_at, cases.left_at, hours, outcome])
    kind = np.repeat(np.arange(4), count)
    case = np.tile(np.arange(count), 4)
    order = np.lexsort((case, kind, at))
    order = order[np.isfinite(at[order])]
    if not len(order):
        return
    starts = np.flatnonzero(np.r_[True, np.diff(at[order]) > 0])
    for start, end in zip(starts, np.r_[starts[1:], len(order)], strict=True):
        rows = order[start:end]
        yield float(at[rows[0]]), list(zip(kind[rows].tolist(), case[rows].tolist(), strict=True))

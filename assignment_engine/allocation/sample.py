"""What each choice of a plan was compared with, for the log that models learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

import numpy as np

from assignment_engine.allocation.allocators import load_ratio, rounded
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.types import new_id
from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.features.definition import feature_matrix
from assignment_engine.features.pairs import Loads
from assignment_engine.scoring.protocol import ScoreRow

SAMPLE_BEST = 10
SAMPLE_OTHERS = 5
AT_ONCE = 250


class Compared(NamedTuple):
    """One choice: its id, its place among all candidates, and some of these as they stood then, (s,) each."""

    decision_id: str
    task: int
    rank: int
    employees: Ints
    scores: Floats
    hours: Floats
    active: Floats


class Comparison(NamedTuple):
    """The same with the features of these candidates, shape (s, f), as the scorer takes them."""

    compared: Compared
    features: Floats


@dataclass
class Sampler:
    """Watches an allocator choose: keeps the ten best candidates of each choice and five others, drawn by its id.

    What it keeps does not depend on how many candidates there were.
    """

    problem: AllocationProblem
    choices: list[Compared] = field(default_factory=list)

    def add(self, task: int, candidates: Ints, row: ScoreRow, chosen: int, loads: Loads) -> None:
        """Note a choice, before the load of who was chosen changes; `chosen` is a position among the candidates."""
        scores, raw = rounded(row.scores), rounded(row.raw)
        ratios = load_ratio(loads, self.problem.capacity, candidates)
        decision_id = new_id()
        some = _sampled(scores, raw, ratios, decision_id)
        people = candidates[some]
        self.choices.append(
            Compared(
                decision_id,
                task,
                1 + _better(scores, raw, ratios, chosen),
                people,
                scores[some],
                loads.hours[people],
                loads.active[people],
            )
        )

    def comparisons(self) -> Iterator[list[Comparison]]:
        """All choices in their order, some of them at a time."""
        for start in range(0, len(self.choices), AT_ONCE):
            yield self._with_features(self.choices[start : start + AT_ONCE])

    def _with_features(self, choices: list[Compared]) -> list[Comparison]:
        sizes = [len(choice.employees) for choice in choices]
        pairs = self.problem.pairs.of_employees(np.concatenate([choice.employees for choice in choices]))
        rows = np.arange(sum(sizes))
        nothing = np.zeros(rows.size, dtype=np.int64)
        loads = Loads(
            hours=np.concatenate([choice.hours for choice in choices]),
            seconds=nothing,
            active=np.concatenate([choice.active for choice in choices]),
            count=nothing,
        )
        tasks = np.repeat([choice.task for choice in choices], sizes)
        features = feature_matrix(pairs, loads, tasks, rows, self.problem.scorer.features)
        return [Comparison(*both) for both in zip(choices, np.split(features, np.cumsum(sizes)[:-1]), strict=True)]


def _sampled(scores: Floats, raw: Floats, ratios: Floats, seed: str) -> Ints:
    """Positions of the best candidates, the best first, and of some others."""
    best = _best(scores, raw, ratios)
    left = np.ones(scores.size, dtype=np.bool_)
    left[best] = False
    others = left.nonzero()[0]
    lots = Random(seed)  # noqa: S311  (a sample, not a secret)
    drawn = lots.sample(range(others.size), min(SAMPLE_OTHERS, others.size))
    return np.concatenate([best, others[drawn]])


def _best(scores: Floats, raw: Floats, ratios: Floats) -> Ints:
    near = np.arange(scores.size)
    if scores.size > SAMPLE_BEST:
        lowest = np.partition(scores, -SAMPLE_BEST)[-SAMPLE_BEST]
        near = (scores >= lowest).nonzero()[0]
    return near[np.lexsort((near, ratios[near], -raw[near], -scores[near]))][:SAMPLE_BEST]


def _better(scores: Floats, raw: Floats, ratios: Floats, chosen: int) -> int:
    """How many candidates come before the chosen one: by score, then lower load, then id."""
    same: Bools = scores == scores[chosen]
    equals = same.nonzero()[0]
    order = equals[np.lexsort((equals, ratios[equals], -raw[equals]))]
    return int((scores > scores[chosen]).sum() + (order == chosen).nonzero()[0][0])

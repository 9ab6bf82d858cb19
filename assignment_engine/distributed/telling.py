"""The last word about each pair: its score at the loads of its moment, its value at the start, and why."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from assignment_engine.distributed.slices import Terms, piece
from assignment_engine.domain.plans import PlannedAssignment
from assignment_engine.domain.types import SECONDS_PER_HOUR, Method
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.definition import feature_matrix
from assignment_engine.features.pairs import Loads


class Moments(NamedTuple):
    """Chosen pairs, and what the person had at that moment: tasks, columns of people, hours and active tasks, (k,)."""

    rows: Ints
    columns: Ints
    hours: Floats
    active: Floats

    def take(self, which: Ints) -> Moments:
        return Moments(self.rows[which], self.columns[which], self.hours[which], self.active[which])


class Told(NamedTuple):
    """Of k pairs: Σ weight · score at the start, Σ score of their moment, and the records of the plan."""

    value: float
    total: float
    planned: tuple[PlannedAssignment, ...]


def moments(order: Ints, at: Ints, seconds: Ints, initial: Loads, method: Method) -> tuple[Moments, Loads]:
    """The pairs in the order in which they were chosen, and the loads of the end.

    Greedy and balanced decide one task after the other: a later one finds what the earlier ones left. Optimal decides
    on the loads of the start.
    """
    loads = initial.copy()
    rows = order[at[order] >= 0]
    seen = loads if method is not Method.OPTIMAL else initial
    hours, active = np.empty(rows.size), np.empty(rows.size)
    for place, row in enumerate(rows.tolist()):
        person = int(at[row])
        hours[place], active[place] = seen.hours[person], seen.active[person]
        loads.add(person, int(seconds[row]))
    return Moments(rows, at[rows], hours, active), loads


def told(terms: Terms, tasks: bytes, people: bytes, pairs: Moments, explain: bool) -> Told:
    """Score the pairs of these slices, whose rows and columns they name."""
    here = piece(terms, tasks, people)
    problem, scorer = here.problem, here.problem.scorer
    row = np.searchsorted(here.rows, pairs.rows)
    of = problem.pairs.of_employees(np.searchsorted(here.columns, pairs.columns))
    everyone, whole = np.arange(pairs.rows.size), np.zeros(pairs.rows.size, dtype=np.int64)
    then = Loads(pairs.hours, whole, pairs.active, whole)
    features = feature_matrix(of, then, row, everyone, scorer.features)
    first = scorer.score(feature_matrix(of, of.initial, row, everyone, scorer.features)).scores
    scores = scorer.score(features).scores
    reasons = scorer.explain(features) if explain else [None] * pairs.rows.size
    planned = tuple(
        PlannedAssignment(
            task_id=problem.tasks[task].task_id,
            employee_id=of.employee_ids[place],
            score=float(scores[place]),
            confidence=scorer.confidence,
            hours=int(problem.seconds[task]) / SECONDS_PER_HOUR,
            explanation=reason,
        )
        for place, (task, reason) in enumerate(zip(row.tolist(), reasons, strict=True))
    )
    return Told(float((here.weight[row] * first).sum()), float(scores.sum()), planned)

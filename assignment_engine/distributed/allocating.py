"""One part, allocated by a worker on its own: its tasks, and people who belong to it alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import numpy as np

from assignment_engine.allocation.allocators import BalancedAllocator, GreedyAllocator
from assignment_engine.allocation.optimal import warmup
from assignment_engine.allocation.optimal.allocator import start_scores
from assignment_engine.allocation.optimal.problem import GapProblem
from assignment_engine.allocation.optimal.solve import SEARCHABLE, solve_gap
from assignment_engine.distributed.bids import NOBODY
from assignment_engine.distributed.slices import Piece, Terms, piece, required
from assignment_engine.domain.types import Method
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.definition import feature_matrix

TICKS = 500.0
SHORT, LONG = 0.02, 1.0


@dataclass(frozen=True)
class Recipe:
    """How parts are allocated: `weight` is for balanced, `effort` and `seed` for optimal, see `plan_distributed`."""

    method: Method
    weight: float
    effort: float
    seed: int


def allocated(terms: Terms, tasks: bytes, people: bytes, at: Ints, recipe: Recipe) -> tuple[Ints, Floats]:
    """Whom each task of the part gets, as a column of the whole problem, −1 is nobody, and what that is worth; (k,).

    Parameters
    ----------
    at : a plan to begin with, in the same form; the optimal method is never worse.
    """
    here = piece(terms, tasks, people)
    if recipe.method is Method.OPTIMAL:
        found = _solved(here, at, recipe)
    else:
        method = BalancedAllocator(recipe.weight) if recipe.method is Method.BALANCED else GreedyAllocator()
        found = np.full(here.rows.size, NOBODY, dtype=np.int64)
        for choice in method.allocate(here.problem).choices:
            found[choice.task] = choice.employee
    return np.where(found == NOBODY, NOBODY, here.columns[found]), _values(here, found)


def _values(here: Piece, found: Ints) -> Floats:
    """What each chosen pair is worth on the scores at the problem's start, shape (k,); 0 without one."""
    tasks = np.flatnonzero(found != NOBODY)
    pairs, scorer = here.problem.pairs, here.problem.scorer
    values = np.zeros(found.size)
    if tasks.size:
        features = feature_matrix(pairs, pairs.initial, tasks, found[tasks], scorer.features)
        values[tasks] = here.weight[tasks] * scorer.score(features).scores
    return values


def _solved(here: Piece, at: Ints, recipe: Recipe) -> Ints:
    problem, limit = here.problem, here.problem.constraints.max_assignments
    warmup.begin().join()  # the search must not depend on how long compiling takes
    initial = problem.pairs.initial
    scores = start_scores(problem)
    gap = GapProblem(
        value=scores * here.weight[:, None],
        seconds=problem.seconds,
        capacity=problem.capacity - initial.seconds,
        limit=None if limit is None else np.maximum(limit - initial.count, 0),
        mandatory=required(problem.tasks, problem.constraints) & ~np.isnan(scores).all(axis=1),
    )
    place = np.searchsorted(here.columns, at)
    known = (at != NOBODY) & (here.columns[np.minimum(place, here.columns.size - 1)] == at)
    start = np.where(known, place, NOBODY)
    tick = SHORT if gap.value.size <= SEARCHABLE else LONG
    return solve_gap(gap, tick * recipe.effort * TICKS, recipe.seed, starts=[start], clock=ticking(tick)).assigned


def ticking(tick: float) -> Callable[[], float]:
    """A clock that goes on by so much each time it is read.

    With it work ends after so many steps, not so much time, and a plan does not depend on how fast a worker is. Only
    HiGHS watches the real time, whose limit is far away; but small parts may be searched to the end, which has no
    natural length: there ticks are short.
    """
    ticks = count()
    return lambda: tick * next(ticks)

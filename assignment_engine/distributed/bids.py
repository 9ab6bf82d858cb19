"""What a worker answers when prices are asked: whom each task of a slice would take among the people of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator, default_rng

from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.distributed.slices import Terms, piece
from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.scoring.protocol import scored

NOBODY = -1
FIRST_FIELD = 4
WIDER = 8


class Goal(NamedTuple):
    """How bids are chosen: `best` ones of each task, and `drawn` winners among ever more people drawn by lot.

    With `pull` the load of people counts against them.
    """

    pull: float
    best: int
    drawn: int
    seed: int


class Asked(NamedTuple):
    """Prices of some people, shape (k,): a second, a place; `load` is their load ratio, `seconds` and `tasks` are what
    they have been given up to now.
    """

    second: Floats
    place: Floats
    load: Floats
    seconds: Ints
    tasks: Ints


@dataclass(frozen=True)
class Given:
    """What everybody has been given beyond the start: seconds and tasks, shape (m,)."""

    seconds: Ints
    count: Ints

    @classmethod
    def nothing(cls, people: int) -> Given:
        return cls(np.zeros(people, dtype=np.int64), np.zeros(people, dtype=np.int64))


class Bids(NamedTuple):
    """Of k tasks: the best bids and the drawn ones, and what is known of everybody else.

    `person` and `value` have shape (k, best + drawn), −1 and −inf where there is none; `key` (k, best) is what the
    best ones were chosen by. `rest` (k,) is the greatest value of anybody who is no bid here, `worth` (k,) the greatest
    value less prices of anybody at all; −inf with nobody.
    """

    person: Ints
    value: Floats
    key: Floats
    rest: Floats
    worth: Floats


def bids(terms: Terms, tasks: bytes, people: bytes, asked: Asked, goal: Goal, turn: tuple[int, ...]) -> Bids:
    """Score these tasks with these people, and keep what each of them would take.

    Nothing has the size of tasks × people: scores live for one task. `turn` is the number of the round, and whatever
    else tells this call from others, for the lots.
    """
    here = piece(terms, tasks, people)
    problem = here.problem
    answer = _nothing(here.rows.size, goal)
    initial = problem.pairs.initial
    loads = initial.copy()
    loads.seconds += asked.seconds
    loads.count += asked.tasks
    scores, eligibility = problem.scorer.prepare(problem.pairs, initial), Eligibility.of(problem)
    rng = default_rng([goal.seed, *turn])
    for row in np.flatnonzero(~here.closed):
        candidates, found = scored(scores, int(row), eligibility.candidates(int(row), loads))
        if not candidates.size:
            continue
        weight = float(here.weight[row])
        value = weight * found.scores
        reduced = value - asked.second[candidates] * problem.seconds[row] - asked.place[candidates]
        answer.worth[row] = reduced.max()
        key = reduced - goal.pull * weight * asked.load[candidates] if goal.pull else reduced
        best = top(key, goal.best)
        drawn = _drawn(key, best, goal.drawn, FIRST_FIELD * WIDER ** turn[0], rng)
        kept = np.concatenate([best, drawn])
        answer.key[row, : best.size] = key[best]
        for chosen, start in ((best, 0), (drawn, goal.best)):
            answer.person[row, start : start + chosen.size] = here.columns[candidates[chosen]]
            answer.value[row, start : start + chosen.size] = value[chosen]
        value[kept] = -np.inf
        answer.rest[row] = value.max()
    return answer


def joined(parts: Sequence[Bids], goal: Goal, turn: tuple[int, ...]) -> Bids:
    """The bids of the same tasks among several groups of people, as if it had been one."""
    if len(parts) == 1:
        return parts[0]
    best = [slice(0, goal.best), slice(goal.best, None)]
    person, value = ([np.concatenate([p[field][:, s] for p in parts], axis=1) for s in best] for field in (0, 1))
    key = np.concatenate([p.key for p in parts], axis=1)
    lot = np.where(person[1] == NOBODY, -1.0, default_rng([goal.seed, *turn]).random(person[1].shape))
    rest = np.max([p.rest for p in parts], axis=0)
    kept = [_largest(key, goal.best), _largest(lot, goal.drawn)]
    for group, columns in zip(value, kept, strict=True):
        rest = np.maximum(rest, np.max(group, axis=1, initial=-np.inf, where=_others(group, columns)))
    pick = np.take_along_axis
    return Bids(
        person=np.concatenate([pick(g, c, axis=1) for g, c in zip(person, kept, strict=True)], axis=1),
        value=np.concatenate([pick(g, c, axis=1) for g, c in zip(value, kept, strict=True)], axis=1),
        key=pick(key, kept[0], axis=1),
        rest=rest,
        worth=np.max([p.worth for p in parts], axis=0),
    )


def top(keys: Floats, count: int) -> Ints:
    """Positions of the largest keys, at most so many."""
    if keys.size <= count:
        return np.arange(keys.size)
    return np.argpartition(-keys, count - 1)[:count]


def _drawn(keys: Floats, best: Ints, count: int, field: int, rng: Generator) -> Ints:
    """Winners of small contests among people drawn by lot, without those that are best anyway.

    Without them all tasks would bid for the same few people, and nothing would be learned of the price of the others.
    """
    if not count or keys.size <= best.size:
        return np.empty(0, dtype=np.int64)
    lots = rng.integers(0, keys.size, (count, min(field, keys.size)))
    winners = lots[np.arange(count), keys[lots].argmax(axis=1)]
    return np.array(sorted({*winners.tolist()} - {*best.tolist()}), dtype=np.int64)


def _largest(keys: Floats, count: int) -> Ints:
    """Columns of the largest keys of each row, shape (k, count)."""
    return np.argpartition(-keys, count - 1, axis=1)[:, :count] if count else np.empty((len(keys), 0), dtype=np.int64)


def _others(group: Floats, columns: Ints) -> Bools:
    others = np.ones(group.shape, dtype=bool)
    np.put_along_axis(others, columns, values=False, axis=1)
    return others


def _nothing(tasks: int, goal: Goal) -> Bids:
    shape = (tasks, goal.best + goal.drawn)
    return Bids(
        person=np.full(shape, NOBODY, dtype=np.int64),
        value=np.full(shape, -np.inf),
        key=np.full((tasks, goal.best), -np.inf),
        rest=np.full(tasks, -np.inf),
        worth=np.full(tasks, -np.inf),
    )

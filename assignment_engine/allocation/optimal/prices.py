"""Prices of capacity, and the bound on all pairs that any prices give.

A price λ ≥ 0 for each second of a person and μ ≥ 0 for each place among their tasks turn the rules into costs. What is
left, Σ λ·capacity + Σ μ·limit + Σ over tasks of the best value − λ·seconds − μ, is worth at least as much as every
solution.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from assignment_engine.allocation.optimal.model import Budget, Model
from assignment_engine.features.arrays import Floats, Ints

ROUNDS = 100
BLOCK = 1 << 20
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Prices:
    """`second` and `place`, shape (m,), ≥ 0."""

    second: Floats
    place: Floats

    def fixed(self, model: Model) -> float:
        """What all capacity and all places cost."""
        return float(self.second @ model.capacity + self.place @ model.limit)

    def reduced(self, model: Model, rows: slice) -> Floats:
        """value − λ·seconds − μ of the given tasks, shape (k, m)."""
        return model.value[rows] - self.second * model.seconds[rows] - self.place


@dataclass(frozen=True)
class Valuation:
    """What prices say: the bound, and for each task its best reduced value and with whom, shape (n,).

    An optional task is worth at least 0.
    """

    bound: float
    worth: Floats
    best: Ints


def free(model: Model) -> Prices:
    """All prices zero."""
    m = model.shape[1]
    return Prices(np.zeros(m), np.zeros(m))


def blocks(model: Model) -> Iterator[slice]:
    """Rows in pieces of about a million pairs."""
    n, m = model.shape
    step = max(1, BLOCK // max(1, m))
    return (slice(first, min(first + step, n)) for first in range(0, n, step))


def valuation(model: Model, prices: Prices) -> Valuation:
    """The bound at `prices`, raised by more than rounding can have lowered it."""
    n, m = model.shape
    worth, best = np.full(n, -np.inf), np.zeros(n, dtype=np.int64)
    for rows in blocks(model) if m else ():
        reduced = prices.reduced(model, rows)
        best[rows] = reduced.argmax(axis=1)
        worth[rows] = np.take_along_axis(reduced, best[rows, None], axis=1)[:, 0]
    worth = np.where(model.mandatory, worth, np.maximum(worth, 0.0))
    return Valuation(safe_sum(prices.fixed(model), worth), worth, best)


def safe_sum(fixed: float, terms: Floats) -> float:
    """fixed + Σ terms, and a margin beyond the rounding error of both."""
    if np.isneginf(terms).any():
        return -np.inf
    size = abs(fixed) + float(np.abs(terms).sum())
    return fixed + float(terms.sum()) + 4.0 * (terms.size + 8) * _EPSILON * size


def subgradient(model: Model, budget: Budget, rounds: int = ROUNDS) -> tuple[Prices, float]:
    """Prices near the best ones by subgradient steps, and their bound. Capacity is counted in shares of itself."""
    m = model.shape[1]
    size = np.concatenate([np.maximum(model.capacity, 1), np.maximum(model.limit, 1)]).astype(np.float64)
    share, at, best, reach, stalled = np.zeros(2 * m), np.zeros(2 * m), np.inf, 1.0, 0
    for _ in range(rounds):
        prices = Prices(at[:m] / size[:m], at[m:] / size[m:])
        found = valuation(model, prices)
        if found.bound < best:
            best, share, stalled = found.bound, at, 0
        else:
            stalled += 1
            if stalled == 4:
                reach, stalled, at = 0.6 * reach, 0, share
        if np.isneginf(best) or not budget.left:
            break
        slope = 1.0 - _use(model, found) / size
        slope[(at <= 0.0) & (slope > 0.0)] = 0.0
        at = np.maximum(0.0, at - 0.05 * reach * abs(best) / max(float(slope @ slope), 1e-9) * slope)
    return Prices(share[:m] / size[:m], share[m:] / size[m:]), best


def _use(model: Model, found: Valuation) -> Floats:
    """Seconds, then places, that the best choices take from each person, shape (2m,)."""
    m = model.shape[1]
    tasks = np.flatnonzero(model.mandatory | (found.worth > 0.0))
    people = found.best[tasks]
    seconds = np.bincount(people, weights=model.seconds[tasks, people], minlength=m)
    return np.concatenate([seconds, np.bincount(people, minlength=m)])


def best_people(model: Model, prices: Prices, k: int) -> Ints:
    """The k people with the best reduced value for each task, best first, shape (n, k); ineligible ones come last."""
    n, m = model.shape
    k = min(k, m)
    people = np.empty((n, k), dtype=np.int64)
    for rows in blocks(model):
        reduced = -prices.reduced(model, rows)
        near = np.argpartition(reduced, k - 1, axis=1)[:, :k] if k < m else np.tile(np.arange(m), (len(reduced), 1))
        order = np.argsort(np.take_along_axis(reduced, near, axis=1), axis=1, kind="stable")
        people[rows] = np.take_along_axis(near, order, axis=1)
    return people

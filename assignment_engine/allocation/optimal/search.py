"""Local search over plans of one problem at given capacity prices."""

from __future__ import annotations

import numpy as np

from assignment_engine.allocation.optimal import moves
from assignment_engine.allocation.optimal.model import Budget, Model
from assignment_engine.allocation.optimal.prices import Prices, best_people
from assignment_engine.allocation.optimal.problem import NOBODY
from assignment_engine.allocation.optimal.relaxation import Relaxation
from assignment_engine.features.arrays import Floats, Ints

CHOICES = 24
LIGHTEST = 6
ABSENCE = 10.0
WORTH = 1e-9
AT_ONCE = 500


class Search:
    """Plans are made from wishes, and improved. Every plan keeps to capacity and limits."""

    def __init__(self, model: Model, relaxation: Relaxation, budget: Budget, seed: int) -> None:
        self._model, self._budget = model, budget
        self.choices = _choices(model, relaxation)
        self.worth = WORTH * max(1.0, model.spread)
        self._chain = new_chain(seed)
        self._state = _empty(model, self.choices)
        self._kept, self._best = self.at, np.inf

    def chosen(self, people: Ints) -> Ints:
        """The choice of each task that stands for its person (m: nobody), shape (n,); nobody where there is none."""
        counts = np.arange(self.choices.person.shape[1]) < self.choices.width[:, None]
        return np.asarray(((self.choices.person == people[:, None]) & counts).argmax(axis=1), dtype=np.int64)

    def build(self, wishes: Ints, order: Ints) -> float:
        """Make a plan from wishes, taken in this order, and lower its loss by chains; returns the loss."""
        self._state = _empty(self._model, self.choices)
        moves.place_wishes(wishes, order, self.choices, self._state)
        queue = moves.Queue(
            order.copy(), np.ones(order.size, dtype=np.uint8), np.array([0, order.size], dtype=np.int64)
        )
        while moves.descend(AT_ONCE, self.worth, queue, self.choices, self._state, self._chain):
            if not self._budget.left:
                break
        self._kept, self._best = self.at, self.loss
        return self._best

    def anneal(self, steps: int, heat: float) -> None:
        """Chains from random tasks, worse ones too with a probability that grows with `heat`, a loss."""
        if heat > 0.0:
            self._best = moves.anneal(
                steps, heat, self.loss, self._best, self._kept, self.choices, self._state, self._chain
            )

    def back_to_best(self) -> float:
        """Return to the best plan since the last `load`; returns its loss."""
        self.load(self._kept)
        return self._best

    def load(self, at: Ints) -> None:
        """Make the plan in which each task has this choice."""
        at = at.copy()
        self._state = _empty(self._model, self.choices)
        moves.place_wishes(at, np.arange(at.size), self.choices, self._state)
        self._kept, self._best = at, self.loss

    @property
    def at(self) -> Ints:
        """The choice of each task, shape (n,)."""
        return self._state.at.copy()

    @property
    def loss(self) -> float:
        """What the plan loses against the bound at the prices; absent mandatory tasks cost more than any chain."""
        state, choices = self._state, self.choices
        m = state.held.size
        unused = choices.second_price[:m] @ state.room[:m] + choices.place_price[:m] @ state.places[:m]
        return float(choices.cost[np.arange(state.at.size), state.at].sum() + unused)

    @property
    def assigned(self) -> Ints:
        """The person of each task, −1 is nobody, shape (n,)."""
        people = self.choices.person[np.arange(self._state.at.size), self._state.at]
        return np.where(people == self._model.shape[1], NOBODY, people)


def _choices(model: Model, relaxation: Relaxation) -> moves.Choices:
    n, m = model.shape
    prices = relaxation.prices
    people = _candidates(model, prices)
    tasks = np.arange(n)[:, None]
    seconds = model.seconds[tasks, people]
    reduced = model.value[tasks, people] - prices.second[people] * seconds - prices.place[people]
    regret = np.maximum(relaxation.worth[:, None] - reduced, 0.0)
    regret[:, 1:][people[:, 1:] == people[:, :-1]] = np.inf
    order = np.argsort(regret, axis=1, kind="stable")
    people, seconds, regret = (np.take_along_axis(array, order, axis=1) for array in (people, seconds, regret))
    able = np.isfinite(regret)
    return moves.Choices(
        person=np.concatenate([np.full((n, 1), m), people], axis=1),
        seconds=np.concatenate([np.zeros((n, 1), dtype=np.int64), seconds], axis=1),
        cost=np.concatenate([_absence(model, relaxation, seconds, regret)[:, None], regret], axis=1),
        width=1 + able.sum(axis=1),
        second_price=np.append(prices.second, 0.0),
        place_price=np.append(prices.place, 0.0),
    )


def _candidates(model: Model, prices: Prices) -> Ints:
    """The people with the best reduced value, and those from whom a task takes least, shape (n, k); ascending."""
    best = best_people(model, prices, CHOICES)
    if best.shape[1] == model.shape[1] or model.seconds.strides[1] == 0:
        return np.sort(best, axis=1)
    far = np.where(model.eligible, model.seconds, np.iinfo(np.int64).max)
    lightest = np.argpartition(far, LIGHTEST - 1, axis=1)[:, :LIGHTEST]
    return np.sort(np.concatenate([best, lightest], axis=1), axis=1)


def _absence(model: Model, relaxation: Relaxation, seconds: Ints, regret: Floats) -> Floats:
    """What it costs to leave each task undone, shape (n,).

    Mandatory tasks cost more than any chain can, large ones most: one that is left over may then be exchanged for a
    smaller one, for which room is found more easily.
    """
    able = np.isfinite(regret)
    greatest = float(regret[able].max(initial=0.0)) + model.spread
    size = np.where(able, seconds, 0).sum(axis=1) / np.maximum(able.sum(axis=1), 1)
    dear = ABSENCE * greatest * (1.0 + size / max(1.0, float(size.max(initial=0.0)))) + 1.0
    return np.where(model.mandatory, dear, relaxation.worth)


def _empty(model: Model, choices: moves.Choices) -> moves.State:
    n, m = model.shape
    plenty = np.iinfo(np.int64).max // 4
    smallest = np.where(choices.width > 1, np.where(choices.person < m, choices.seconds, plenty).min(axis=1), plenty)
    fitting = np.searchsorted(np.cumsum(np.sort(np.minimum(smallest, 1 << 40))), model.capacity.max(initial=0), "right")
    most = max(1, min(int(fitting), int(model.limit.max(initial=0)), n))
    # One place more: where a chain comes back to its start, the last task arrives before the first one leaves.
    return moves.State(
        at=np.zeros(n, dtype=np.int64),
        room=np.append(model.capacity, plenty),
        places=np.append(model.limit, plenty),
        members=np.zeros((m, most + 1), dtype=np.int64),
        held=np.zeros(m, dtype=np.int64),
        position=np.zeros(n, dtype=np.int64),
    )


def new_chain(seed: int) -> moves.Chain:
    """Room for one chain, and the state of its random numbers."""
    steps = moves.DEPTH + 1
    state = np.random.SeedSequence(seed).generate_state(1, np.uint64) | np.uint64(1)
    return moves.Chain(
        task=np.zeros(steps, dtype=np.int64),
        choice=np.zeros(steps, dtype=np.int64),
        cost=np.zeros(steps),
        pushed=np.zeros((steps, moves.BEAM), dtype=np.int64),
        into=np.zeros((steps, moves.BEAM), dtype=np.int64),
        rank=np.zeros((steps, moves.BEAM)),
        width=np.zeros(steps, dtype=np.int64),
        next=np.zeros(steps, dtype=np.int64),
        random=state,
    )

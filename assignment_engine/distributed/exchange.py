"""Rounds between the parts: prices go out, bids come back, and people go to the part where they are worth most."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from assignment_engine.distributed.asking import Asking
from assignment_engine.distributed.bids import NOBODY, Given
from assignment_engine.distributed.kernels import Ask
from assignment_engine.distributed.market import Market, Prices
from assignment_engine.distributed.partition import Parts
from assignment_engine.features.arrays import Bools, Floats, Ints

SETTLED = 1e-3
EVENLY = 1e-3  # what is worth the same goes to those who have less


@dataclass
class Exchange:
    """The rounds up to now: bids, prices, the lowest bound, the parts, and the plan that the bids alone would give."""

    asking: Asking
    market: Market
    prices: Prices
    order: Ints
    parts: Parts
    at: Ints = field(repr=False)
    load: Floats = field(repr=False)
    bound: float = np.inf

    @classmethod
    def begin(cls, asking: Asking, market: Market, order: Ints) -> Exchange:
        """Before the first round: no bids, no prices, the loads of the start."""
        supply = market.supply
        at = np.full(market.seconds.size, NOBODY, dtype=np.int64)
        return cls(asking, market, Prices.free(supply), order, asking.parts, at, supply.load(supply.taken))

    def run(self, rounds: int) -> None:
        """At most so many rounds; fewer where the bound is near what the bids reach already.

        Where loads count there are two at least: the first one only knows those of the start.
        """
        for turn in range(rounds):
            self._round(turn)
            reached = self.market.bound(self.prices, self.market.worth(self.prices))
            if self.bound - reached <= SETTLED * abs(self.bound) and (turn or not self.asking.goal.pull):
                break

    @property
    def ask(self) -> Ask:
        """What makes one bid better than another: prices, or with a pull the load of people."""
        pull = self.asking.goal.pull
        return Prices.free(self.market.supply).ask(pull) if pull else self.prices.ask()

    def _round(self, turn: int) -> None:
        market, prices, ask = self.market, self.prices, self.ask
        room = market.supply.at(self.load)
        worth = market.worth(prices)
        given = Given.nothing(market.nobody)
        for rows, found in self.asking.ask(np.flatnonzero(self._open(turn)), turn, prices, self.load[:-1], given):
            worth[rows] = np.maximum(found.worth, 0.0)
            market.take_up(rows, found, ask, room)
        self.bound = min(self.bound, market.bound(prices, worth))
        self.prices = market.settle(prices)
        self._share()

    def _open(self, turn: int) -> Bools:
        """Which tasks are asked about: all at first, and wherever loads count, because those are others each time."""
        if turn == 0 or self.asking.goal.pull:
            return np.ones(self.market.seconds.size, dtype=bool)
        return self.market.open(self.prices)

    def _share(self) -> None:
        """Plan by the bids alone; each person goes to the part whose tasks are worth most with them, tasks follow."""
        market, ask = self.market, self.ask
        order = self.order if ask.pull else market.by_regret(self.prices)
        self.at, room = market.placed(order, ask._replace(pull=max(ask.pull, EVENLY)))
        self.load = market.supply.load(room.taken)
        of_person = given_to(self.at, market.values_at(self.at), self.parts)
        best = market.best(ask, market.supply.at(self.load))
        follow = np.where(self.at == NOBODY, best, self.at)
        of_task = np.where(follow == NOBODY, self.parts.of_task, of_person[follow])
        self.parts = replace(self.parts, of_task=of_task, of_person=of_person)


def given_to(at: Ints, value: Floats, parts: Parts) -> Ints:
    """The part in which each person is worth most, shape (m,); whoever has nothing stays.

    Parameters
    ----------
    at, value : whom each task has (−1 nobody), and what that is worth, shape (n,).
    """
    of_person = parts.of_person.copy()
    tasks = np.flatnonzero(at != NOBODY)
    keys, which = np.unique(at[tasks] * parts.count + parts.of_task[tasks], return_inverse=True)
    total = np.bincount(which, weights=value[tasks], minlength=keys.size)
    falling = np.lexsort((keys, -total))  # of parts that are worth the same, the first one
    people, part = np.divmod(keys[falling], parts.count)
    someone, first = np.unique(people, return_index=True)
    of_person[someone] = part[first]
    return of_person

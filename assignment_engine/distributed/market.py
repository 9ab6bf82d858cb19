"""The bids of all tasks, the prices at which they agree, and who then gets what."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from assignment_engine.allocation.optimal.prices import safe_sum
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.distributed import kernels
from assignment_engine.distributed.bids import NOBODY, Bids
from assignment_engine.distributed.kernels import Ask, Room, Wants
from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.features.pairs import Loads

WIDTH = 32
STEPS = 150
PATIENCE, SHRINK, REACH = 4, 0.6, 0.05


@dataclass(frozen=True)
class Supply:
    """What people have to give: seconds and places, shape (m + 1,); the last one stands for nobody and has nothing."""

    seconds: Ints
    places: Ints
    taken: Ints
    capacity: Ints

    @classmethod
    def of(cls, problem: AllocationProblem, initial: Loads) -> Supply:
        """What everybody has left at the start; without a limit there is a place for every task."""
        n, limit = len(problem.tasks), problem.constraints.max_assignments
        places = np.full(initial.count.size, n) if limit is None else np.clip(limit - initial.count, 0, n)
        free = np.maximum(problem.capacity - initial.seconds, 0)
        return cls(*(np.append(values, 0) for values in (free, places, initial.seconds, problem.capacity)))

    def room(self) -> Room:
        """All of it, to be taken from."""
        return Room(self.seconds.copy(), self.places.copy(), self.taken.copy(), self.capacity)

    def at(self, load: Floats) -> Room:
        """The same people when they carry these shares of their capacity, shape (m + 1,)."""
        return self.room()._replace(taken=np.rint(load * self.capacity).astype(np.int64))

    def load(self, taken: Ints) -> Floats:
        """Which share of their capacity people carry, shape (m + 1,), 0 to 1; 1 without capacity."""
        return np.minimum(np.where(self.capacity > 0, taken / np.maximum(self.capacity, 1), 1.0), 1.0)


@dataclass(frozen=True)
class Prices:
    """What a second and a place of each person cost, shape (m + 1,), ≥ 0; nobody costs nothing."""

    second: Floats
    place: Floats

    @classmethod
    def free(cls, supply: Supply) -> Prices:
        return cls(np.zeros(supply.seconds.size), np.zeros(supply.seconds.size))

    def ask(self, pull: float = 0.0) -> Ask:
        return Ask(self.second, self.place, pull)


@dataclass
class Market:
    """At most `WIDTH` bids of each of n tasks; `rest` (n,) is the greatest value of anybody who is no bid.

    `firm` (n,) marks tasks that one person must do; they come first.
    """

    seconds: Ints
    weight: Floats
    supply: Supply
    firm: Bools
    person: Ints = field(repr=False)
    value: Floats = field(repr=False)
    rest: Floats = field(repr=False)

    @classmethod
    def empty(cls, seconds: Ints, weight: Floats, supply: Supply, firm: Bools) -> Market:
        n, nobody = seconds.size, supply.seconds.size - 1
        return cls(
            np.ascontiguousarray(seconds),
            weight,
            supply,
            firm,
            np.full((n, WIDTH), nobody, dtype=np.int64),
            np.full((n, WIDTH), -np.inf),
            np.full(n, np.inf),
        )

    @property
    def nobody(self) -> int:
        return self.supply.seconds.size - 1

    @property
    def wants(self) -> Wants:
        """The bids as the compiled loops take them."""
        return Wants(self.person, self.value, self.seconds, self.weight)

    def keys(self, ask: Ask, room: Room, rows: Ints | None = None) -> Floats:
        """What each bid of these tasks (all) is worth at these prices and loads, shape (k, w)."""
        if rows is None:
            return _keys(self.wants, ask, room)
        some = Wants(self.person[rows], self.value[rows], self.seconds[rows], self.weight[rows])
        return _keys(some, ask, room)

    def take_up(self, rows: Ints, found: Bids, ask: Ask, room: Room, *, insist: bool = False) -> None:
        """Take in the bids of some tasks; the worst at these prices make room, or do so always (`insist`)."""
        person = np.where(found.person == NOBODY, self.nobody, found.person)
        more = Wants(person, found.value, self.seconds[rows], self.weight[rows])
        if not insist:
            self.rest[rows] = np.minimum(self.rest[rows], found.rest)
        more_keys = np.full_like(found.value, np.inf) if insist else _keys(more, ask, room)
        kernels.take_up(rows, more, more_keys, self.wants, self.keys(ask, room, rows), self.rest)

    def insist(self, at: Ints, value: Floats) -> None:
        """Make a bid of whom each task has (−1: of none), with what that is worth, shape (n,)."""
        rows = np.flatnonzero(at != NOBODY)
        more = Wants(at[rows, None], value[rows, None], self.seconds[rows], self.weight[rows])
        keys = self.keys(Prices.free(self.supply).ask(), self.supply.room(), rows)
        kernels.take_up(rows, more, np.full((rows.size, 1), np.inf), self.wants, keys, self.rest)

    def open(self, prices: Prices) -> Bools:
        """Tasks that may be worth more to somebody who is no bid than to every bid, shape (n,)."""
        return np.asarray(self.rest > self.worth(prices))

    def worth(self, prices: Prices) -> Floats:
        """The greatest value less prices of each task, shape (n,), at least 0: exact where the task is not open."""
        return np.asarray(np.maximum(self.keys(prices.ask(), self.supply.room()).max(axis=1), 0.0))

    def settle(self, prices: Prices, steps: int = STEPS) -> Prices:
        """Prices from which demand meets supply, by subgradient steps from these; capacity counts in shares of itself.

        The dual of the linear program over all bids, which is the one that every capacity price of a plan comes from.
        """
        size = np.concatenate([np.maximum(self.supply.seconds, 1), np.maximum(self.supply.places, 1)]).astype(float)
        at = share = np.concatenate([prices.second, prices.place]) * size
        used, best, reach, stalled = np.zeros(size.size), np.inf, 1.0, 0
        for _ in range(steps):
            bound = self._respond(at / size, used)
            if bound < best:
                best, share, stalled = bound, at, 0
            else:
                stalled += 1
                if stalled == PATIENCE:
                    reach, stalled, at = SHRINK * reach, 0, share
            slope = 1.0 - used / size
            slope[(at <= 0.0) & (slope > 0.0)] = 0.0
            at = np.maximum(0.0, at - REACH * reach * abs(best) / max(float(slope @ slope), 1e-9) * slope)
        return self._split(share / size)

    def _respond(self, price: Floats, used: Floats) -> float:
        """The bound at these prices over the bids alone; `used` becomes the seconds and places that are asked for."""
        prices, m = self._split(price), self.supply.seconds.size
        worth = float(kernels.respond(self.wants, prices.ask(), used[:m], used[m:]))
        return worth + self.fixed(prices)

    def fixed(self, prices: Prices) -> float:
        """What all seconds and places cost."""
        return float(prices.second @ self.supply.seconds + prices.place @ self.supply.places)

    def bound(self, prices: Prices, worth: Floats) -> float:
        """No plan is worth more, if `worth` (n,) holds for everybody: the Lagrangian bound at these prices."""
        return safe_sum(self.fixed(prices), worth)

    def _split(self, price: Floats) -> Prices:
        m = self.supply.seconds.size
        second, place = price[:m].copy(), price[m:].copy()
        second[-1] = place[-1] = 0.0
        return Prices(second, place)

    def placed(self, order: Ints, ask: Ask) -> tuple[Ints, Room]:
        """The plan that follows when each task of `order` takes the best of its bids with room, −1 is nobody."""
        room, at = self.supply.room(), np.full(self.seconds.size, NOBODY, dtype=np.int64)
        kernels.place(order, self.wants, ask, room, at)
        return at, room

    def values_at(self, at: Ints) -> Floats:
        """What the plan is worth task by task, as far as its pairs are bids, shape (n,); 0 elsewhere."""
        there = (self.person == at[:, None]) & np.isfinite(self.value)
        return np.asarray(np.max(self.value, axis=1, initial=0.0, where=there))

    def best(self, ask: Ask, room: Room) -> Ints:
        """Whom each task would like most at these prices and loads, shape (n,); −1 where it has no bid."""
        keys = self.keys(ask, room)
        chosen = keys.argmax(axis=1)
        people = np.take_along_axis(self.person, chosen[:, None], axis=1)[:, 0]
        return np.where(np.isneginf(keys.max(axis=1, initial=-np.inf)), NOBODY, people)

    def by_regret(self, prices: Prices) -> Ints:
        """Tasks in the order of what they lose with their second choice, the largest loss first; but firm ones lead."""
        keys = self.keys(prices.ask(), self.supply.room())
        second, first = np.partition(keys, -2, axis=1)[:, -2:].T
        regret = np.maximum(first, 0.0) - np.maximum(second, 0.0)
        return np.lexsort((-regret, ~self.firm))


def _keys(wants: Wants, ask: Ask, room: Room) -> Floats:
    keys = np.empty_like(wants.value)
    kernels.fill_keys(wants, ask, room, keys)
    return keys

"""After the parts: what is left undone looks for room in all of them, and tasks move across borders where they gain."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from assignment_engine.allocation.optimal import moves
from assignment_engine.allocation.optimal.search import new_chain
from assignment_engine.distributed import kernels
from assignment_engine.distributed.bids import NOBODY, Given
from assignment_engine.distributed.exchange import Exchange
from assignment_engine.distributed.kernels import Ask, Room
from assignment_engine.distributed.market import Market, Prices
from assignment_engine.domain.types import Method
from assignment_engine.features.arrays import Floats, Ints

GAIN = 1e-9
CHOICES = 12
ABSENCE = 100.0  # more than any chain can gain
CHAINS_AT_ONCE = 10_000
LOOKS_PER_TASK = 50
FLOOR = 0.995


@dataclass
class Repair:
    """A whole plan: whom each task has, `at` (n,), and what is left of everybody."""

    exchange: Exchange
    at: Ints = field(repr=False)
    room: Room = field(repr=False)
    turn: int

    @classmethod
    def of(cls, exchange: Exchange, at: Ints, value: Floats, turn: int) -> Repair:
        """A plan whose pairs are worth `value` (n,), each pair made a bid."""
        market = exchange.market
        market.insist(at, value)
        return cls(exchange, at.copy(), room_of(market, at), turn)

    def run(self, method: Method, seed: int) -> None:
        """Until nobody who is left can do what is left undone, and no task gains by moving to another part.

        Balanced plans keep who has what: moves that gain value undo the balance. But where parts have cost more than
        `FLOOR` allows, greedy plans are lifted by chains and balanced ones by moves.
        """
        self.fill()
        if method is Method.OPTIMAL:
            self._chain(seed)
        elif method is Method.GREEDY or self._is_low:
            self._relocate()
        if method is Method.GREEDY and self._is_low:
            self._chain(seed)

    @property
    def _is_low(self) -> bool:
        """Whether the plan is worth less than what the bids alone would give, by more than the method explains."""
        market = self.exchange.market
        reached, expected = (float(market.values_at(at).sum()) for at in (self.at, self.exchange.at))
        return reached < FLOOR * expected

    def _chain(self, seed: int) -> None:
        market = self.exchange.market
        self.at = chained(market, self.exchange.prices, self.at, seed)
        self.room = room_of(market, self.at)
        self.fill()

    def fill(self) -> None:
        """Give what is undone to people with room, in the order of the method, until none of it fits anywhere."""
        while self._place() or self._look():
            pass

    @property
    def _ask(self) -> Ask:
        return self.exchange.ask

    def _undone(self) -> Ints:
        order = self.exchange.order
        return np.asarray(order[self.at[order] == NOBODY])

    def _place(self) -> int:
        """How many find room with somebody they have bid for."""
        return int(kernels.place(self._undone(), self.exchange.market.wants, self._ask, self.room, self.at))

    def _look(self) -> bool:
        """Ask everybody who has room; whether anybody can do any of it."""
        exchange, rows = self.exchange, np.sort(self._undone())
        market, supply, found_any = exchange.market, exchange.market.supply, False
        if not rows.size:
            return False
        able = (self.room.seconds >= market.seconds[rows].min()) & (self.room.places > 0)
        given = Given((supply.seconds - self.room.seconds)[:-1], (supply.places - self.room.places)[:-1])
        answers = exchange.asking.ask(rows, self.turn, exchange.prices, supply.load(self.room.taken)[:-1], given, able)
        for some, found in answers:
            market.take_up(some, found, self._ask, self.room, insist=True)
            found_any = found_any or bool(np.isfinite(found.worth).any())
        self.turn += 1
        return found_any

    def _relocate(self) -> None:
        """Single moves to people in other parts who have room."""
        market, pull = self.exchange.market, self._ask.pull
        ask = Prices.free(market.supply).ask(pull)
        part = np.append(self.exchange.parts.of_person, NOBODY)
        kernels.relocate(self.exchange.order, market.wants, ask, self.room, part, GAIN, self.at)
        self.fill()


def room_of(market: Market, at: Ints) -> Room:
    """What a plan leaves of everybody."""
    room = market.supply.room()
    tasks = np.flatnonzero(at != NOBODY)
    np.subtract.at(room.seconds, at[tasks], market.seconds[tasks])
    np.subtract.at(room.places, at[tasks], 1)
    np.add.at(room.taken, at[tasks], market.seconds[tasks])
    return room


def chained(market: Market, prices: Prices, at: Ints, seed: int) -> Ints:
    """The plan after moves that lower its loss against the bound: a task into the place of another, and that one on."""
    n, nobody = at.size, market.nobody
    if not n:
        return at
    choices = _choices(market, prices, at)
    wishes = (choices.person == np.where(at == NOBODY, nobody, at)[:, None]).argmax(axis=1)
    state = _empty(market)
    moves.place_wishes(wishes, np.arange(n), choices, state)
    order = np.random.default_rng(seed).permutation(n)
    queue = moves.Queue(order, np.ones(n, dtype=np.uint8), np.array([0, n], dtype=np.int64))
    chain = new_chain(seed)
    worth, left = GAIN * max(1.0, float(market.weight.max())), LOOKS_PER_TASK * n
    while left > 0 and moves.descend(CHAINS_AT_ONCE, worth, queue, choices, state, chain):
        left -= CHAINS_AT_ONCE
    people = choices.person[np.arange(n), state.at]
    return np.where(people == nobody, NOBODY, people)


def _choices(market: Market, prices: Prices, at: Ints) -> moves.Choices:
    """The best bids of each task at the prices, the present one among them; choice 0 is nobody."""
    reduced = market.keys(prices.ask(), market.supply.room())
    worth = np.maximum(reduced.max(axis=1), 0.0)
    cost = np.maximum(worth[:, None] - reduced, 0.0)
    present = (market.person == at[:, None]) & np.isfinite(cost)
    best = np.argsort(np.where(present, -1.0, cost), axis=1, kind="stable")[:, :CHOICES]
    pick = np.take_along_axis
    best = pick(best, np.argsort(pick(cost, best, axis=1), axis=1, kind="stable"), axis=1)
    cost, people = pick(cost, best, axis=1), pick(market.person, best, axis=1)
    able = np.isfinite(cost)
    column = np.full((len(at), 1), market.nobody)
    absence = np.where(market.firm, ABSENCE * (1.0 + float(np.max(cost, initial=0.0, where=able))), worth)
    return moves.Choices(
        person=np.concatenate([column, people], axis=1),
        seconds=np.concatenate([0 * column, np.where(able, market.seconds[:, None], 0)], axis=1),
        cost=np.concatenate([absence[:, None], cost], axis=1),
        width=1 + able.sum(axis=1),
        second_price=prices.second,
        place_price=prices.place,
    )


def _empty(market: Market) -> moves.State:
    n, m = market.seconds.size, market.nobody
    plenty = np.iinfo(np.int64).max // 4
    room, places = market.supply.seconds.copy(), market.supply.places.copy()
    room[-1] = places[-1] = plenty
    most = int(np.searchsorted(np.cumsum(np.sort(market.seconds)), market.supply.seconds.max(initial=0), "right"))
    most = max(1, min(most, int(market.supply.places.max(initial=0)), n))
    return moves.State(
        at=np.zeros(n, dtype=np.int64),
        room=room,
        places=places,
        members=np.zeros((m, most + 1), dtype=np.int64),
        held=np.zeros(m, dtype=np.int64),
        position=np.zeros(n, dtype=np.int64),
    )

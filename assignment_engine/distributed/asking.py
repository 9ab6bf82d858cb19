"""Asks the cluster whom tasks would take, group by group of tasks and of people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment_engine.distributed.bids import Asked, Bids, Given, Goal, bids, joined
from assignment_engine.distributed.cluster import Cluster
from assignment_engine.distributed.market import Prices
from assignment_engine.distributed.partition import Parts
from assignment_engine.distributed.slices import Slicer, Terms
from assignment_engine.features.arrays import Bools, Floats, Ints

if TYPE_CHECKING:
    from distributed import Future

PEOPLE_AT_ONCE = 20_000
TASKS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Group:
    """Some people: `columns` in the whole problem, and their records on the cluster."""

    columns: Ints
    people: Future[Any]


class Asking:
    """Sends prices out and brings bids back. People's records are sent once; tasks when they are asked about."""

    def __init__(self, cluster: Cluster, slicer: Slicer, terms: Terms, parts: Parts, goal: Goal) -> None:
        self.cluster, self.slicer, self.parts, self.goal = cluster, slicer, parts, goal
        self.terms = cluster.held(terms)
        self.groups = [
            Group(np.sort(columns), cluster.held(slicer.people(columns)))
            for columns in pieces(np.lexsort((parts.of_person, parts.person_component)), PEOPLE_AT_ONCE)
        ]
        self._tasks_at_once = max(1, min(TASKS_AT_ONCE, -(-parts.of_task.size // parts.count)))

    def ask(
        self, rows: Ints, turn: int, prices: Prices, load: Floats, given: Given, able: Bools | None = None
    ) -> Iterator[tuple[Ints, Bids]]:
        """The bids of these tasks at these prices and loads (m,); groups with nobody `able` are not asked."""
        groups = [group for group in self.groups if able is None or able[group.columns].any()]
        asked = [(group, self._asked(group, prices, load, given)) for group in groups]
        order = rows[np.lexsort((self.parts.of_task[rows], self.parts.task_component[rows]))]
        parts = list(pieces(order, self._tasks_at_once))
        futures = [self._answer(number, some, turn, asked) for number, some in enumerate(parts)]
        answers = self.cluster.answers([future for future in futures if future is not None], f"round {turn + 1}")
        for some, future in zip(parts, futures, strict=True):
            if future is not None:
                yield some, next(answers)

    def _asked(self, group: Group, prices: Prices, load: Floats, given: Given) -> Future[Any]:
        of = group.columns
        return self.cluster.held(
            Asked(prices.second[of], prices.place[of], load[of], given.seconds[of], given.count[of])
        )

    def _answer(self, number: int, some: Ints, turn: int, asked: list[tuple[Group, Future[Any]]]) -> Future[Any] | None:
        """The bids of some tasks among all groups in which anybody could do any of them; None where there is none."""
        tasks, found = self.cluster.held(self.slicer.tasks(some)), []
        for place, (group, price) in enumerate(asked):
            if self.meet(some, group.columns):
                lot = (turn, number, place)
                found.append(self.cluster.submit(bids, self.terms, tasks, group.people, price, self.goal, lot))
        return self.cluster.submit(joined, found, self.goal, (turn, number)) if found else None

    def meet(self, rows: Ints, columns: Ints) -> bool:
        """Whether any of these people could do any of these tasks."""
        return bool(np.isin(self.parts.person_component[columns], self.parts.task_component[rows]).any())


def pieces(rows: Ints, size: int) -> Iterator[Ints]:
    """`rows` in pieces of equal length, at most so long."""
    if rows.size:
        yield from np.array_split(rows, -(-rows.size // size))

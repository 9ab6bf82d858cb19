"""Compiled: the loops over all bids that one process makes between the rounds.

A bid is a person whom a task would take. Everything of people has shape (m + 1,): the last one stands for nobody.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from assignment_engine.allocation.optimal.compiled import compiled
from assignment_engine.features.arrays import Floats, Ints


class Wants(NamedTuple):
    """w bids of each of n tasks: `person` and their `value`, shape (n, w), m and −inf where there is none.

    `seconds` is what a task takes and `weight` what a score of it counts, shape (n,).
    """

    person: Ints
    value: Floats
    seconds: Ints
    weight: Floats


class Ask(NamedTuple):
    """What a person costs: by the second, by the place, and `pull` times their load times the task's weight."""

    second: Floats
    place: Floats
    pull: float


class Room(NamedTuple):
    """What is left of each person: seconds, places; `taken` and `capacity` give the load ratio."""

    seconds: Ints
    places: Ints
    taken: Ints
    capacity: Ints


@compiled
def respond(wants: Wants, ask: Ask, used: Floats, counts: Floats) -> float:
    """Everybody asks their price: what each task then chooses. Fills `used` and `counts`; returns Σ of their worth."""
    total = 0.0
    used[:] = 0.0
    counts[:] = 0.0
    for task in range(wants.person.shape[0]):
        best, chosen = 0.0, -1
        for bid in range(wants.person.shape[1]):
            column = wants.person[task, bid]
            worth = wants.value[task, bid] - ask.second[column] * wants.seconds[task] - ask.place[column]
            if worth > best:
                best, chosen = worth, column
        if chosen >= 0:
            total += best
            used[chosen] += wants.seconds[task]
            counts[chosen] += 1.0
    return total


@compiled
def key_of(task: int, bid: int, wants: Wants, ask: Ask, room: Room) -> float:
    """What a bid is worth to its task at these prices and loads."""
    column = wants.person[task, bid]
    key = wants.value[task, bid] - ask.second[column] * wants.seconds[task] - ask.place[column]
    if ask.pull > 0.0:
        key -= ask.pull * wants.weight[task] * min(room.taken[column] / max(room.capacity[column], 1), 1.0)
    return float(key)


@compiled
def fill_keys(wants: Wants, ask: Ask, room: Room, keys: Floats) -> None:
    """The same of every bid; fills `keys`, shape (n, w)."""
    for task in range(wants.person.shape[0]):
        for bid in range(wants.person.shape[1]):
            keys[task, bid] = key_of(task, bid, wants, ask, room)


@compiled
def has_room(task: int, bid: int, wants: Wants, room: Room) -> bool:
    """Whether the person of a bid can take the task now."""
    column = wants.person[task, bid]
    there = wants.value[task, bid] > -np.inf
    return bool(there and room.seconds[column] >= wants.seconds[task] and room.places[column] > 0)


@compiled
def place(order: Ints, wants: Wants, ask: Ask, room: Room, at: Ints) -> int:
    """Give each task of `order` that has nobody (−1) to the best of its bids with room; returns how many found one."""
    placed = 0
    for task in order:
        best, chosen = -np.inf, -1
        for bid in range(wants.person.shape[1]) if at[task] < 0 else range(0):
            if has_room(task, bid, wants, room):
                key = key_of(task, bid, wants, ask, room)
                if key > best:
                    best, chosen = key, wants.person[task, bid]
        if chosen >= 0:
            move(task, chosen, wants.seconds[task], room, at)
            placed += 1
    return placed


@compiled
def move(task: int, to: int, seconds: int, room: Room, at: Ints) -> None:
    """Give the task, which takes so many seconds, to somebody else."""
    if at[task] >= 0:
        room.seconds[at[task]] += seconds
        room.places[at[task]] += 1
        room.taken[at[task]] -= seconds
    room.seconds[to] -= seconds
    room.places[to] -= 1
    room.taken[to] += seconds
    at[task] = to


@compiled
def take_up(rows: Ints, more: Wants, more_keys: Floats, wants: Wants, keys: Floats, rest: Floats) -> None:
    """Take new bids of some tasks into the worst places of those they have; `more` and both keys are by row.

    `rest` becomes the best value among everybody without a bid, beside what it was: those that were pushed out.
    """
    for row in range(rows.size):
        task = rows[row]
        for bid in range(more.person.shape[1]):
            known = more.value[row, bid] == -np.inf
            worst = 0
            for other in range(keys.shape[1]):
                known = known or wants.person[task, other] == more.person[row, bid]
                if keys[row, other] < keys[row, worst]:
                    worst = other
            if known:
                continue
            if more_keys[row, bid] > keys[row, worst]:
                rest[task] = max(rest[task], wants.value[task, worst])
                wants.person[task, worst] = more.person[row, bid]
                wants.value[task, worst] = more.value[row, bid]
                keys[row, worst] = more_keys[row, bid]
            else:
                rest[task] = max(rest[task], more.value[row, bid])


@compiled
def relocate(order: Ints, wants: Wants, ask: Ask, room: Room, part: Ints, least: float, at: Ints) -> int:
    """Move each task to the best of its bids with room in another part, if it gains more than `least`.

    `part` (m + 1,) is that of the people; whom a task has must be one of its bids. Returns how many moved.
    """
    moved = 0
    for task in order:
        now = at[task]
        if now < 0:
            continue
        room.taken[now] -= wants.seconds[task]  # a task is no reason against the one who has it
        present, best, chosen = np.inf, -np.inf, -1
        for bid in range(wants.person.shape[1]):
            column = wants.person[task, bid]
            if column == now:
                present = key_of(task, bid, wants, ask, room) + least
            elif part[column] != part[now] and has_room(task, bid, wants, room):
                key = key_of(task, bid, wants, ask, room)
                if key > best:
                    best, chosen = key, column
        room.taken[now] += wants.seconds[task]
        if best > present:
            move(task, chosen, wants.seconds[task], room, at)
            moved += 1
    return moved

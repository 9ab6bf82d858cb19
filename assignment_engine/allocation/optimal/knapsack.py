"""Compiled: the best set of tasks for each person at given task prices."""

from __future__ import annotations

import numpy as np

from assignment_engine.allocation.optimal.compiled import compiled
from assignment_engine.features.arrays import Floats, Ints

Marks = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

TABLE_CELLS = 300_000
NODES = 20_000
FAR = 1 << 62


@compiled
def by_table(profit: Floats, size: Ints, capacity: int, chosen: Marks) -> float:
    """Exact 0/1 knapsack by dynamic programming over capacity; marks the items of the best set."""
    best = np.zeros(capacity + 1)
    keep = np.zeros((profit.size, capacity + 1), np.uint8)
    for item in range(profit.size):
        for room in range(capacity, size[item] - 1, -1):
            value = best[room - size[item]] + profit[item]
            if value > best[room]:
                best[room] = value
                keep[item, room] = 1
    room = capacity
    for item in range(profit.size - 1, -1, -1):
        chosen[item] = keep[item, room]
        if chosen[item]:
            room -= size[item]
    return float(best[capacity])


@compiled
def best_by_room(profit: Floats, size: Ints, capacity: int) -> Floats:
    """The value of the best set for every capacity up to this one, shape (capacity + 1,)."""
    best = np.zeros(capacity + 1)
    for item in range(profit.size):
        for room in range(capacity, size[item] - 1, -1):
            best[room] = max(best[room], best[room - size[item]] + profit[item])
    return best


@compiled
def fill(profit: Floats, size: Ints, first: int, value: float, room: int) -> tuple[int, float, int, float]:
    """Take items from `first` on while they fit: the first that does not, value, room left, and the bound."""
    item = first
    while item < profit.size and size[item] <= room:
        room -= size[item]
        value += profit[item]
        item += 1
    bound = value + room * profit[item] / size[item] if item < profit.size else value
    return item, value, room, bound


@compiled
def by_branching(profit: Floats, size: Ints, capacity: int, chosen: Marks) -> float:
    """0/1 knapsack by depth-first search over items in falling profit per size (Horowitz and Sahni).

    Marks the best set found. Returns its value, or the linear bound when the search was cut short.
    """
    k = profit.size
    here = np.zeros(k, np.uint8)
    smallest = np.full(k + 1, FAR)
    for item in range(k - 1, -1, -1):
        smallest[item] = min(smallest[item + 1], size[item])
        chosen[item] = 0
    item, value, room, best = 0, 0.0, capacity, 0.0
    root = fill(profit, size, 0, 0.0, capacity)[3]
    for _ in range(NODES):
        stop, filled, rest, bound = fill(profit, size, item, value, room)
        dead = True
        if bound > best:
            for taken in range(item, stop):
                here[taken] = 1
            item, value, room = stop, filled, rest
            if value > best:
                best = value
                for position in range(k):
                    chosen[position] = here[position] if position < item else 0
            if item < k and smallest[item + 1] <= room:
                here[item] = 0
                item += 1
                dead = False
        if dead:
            item = last_taken(here, item)
            if item < 0:
                return best
            here[item] = 0
            value -= profit[item]
            room += size[item]
            item += 1
    return root


@compiled
def last_taken(here: Marks, item: int) -> int:
    """The last item before `item` that is taken; −1 where there is none."""
    item -= 1
    while item >= 0 and here[item] == 0:
        item -= 1
    return item


@compiled
def sort_by_density(items: Ints, profit: Floats, size: Ints, k: int) -> None:
    """Put the first k items in falling order of profit per size (Shell's method: quick to compile)."""
    gap = k // 2
    while gap > 0:
        for first in range(gap, k):
            item, gain, takes = items[first], profit[first], size[first]
            place = first
            while place >= gap and gain * size[place - gap] > profit[place - gap] * takes:
                items[place], profit[place], size[place] = items[place - gap], profit[place - gap], size[place - gap]
                place -= gap
            items[place], profit[place], size[place] = item, gain, takes
        gap //= 2


@compiled
def best_sets(value: Floats, seconds: Ints, capacity: Ints, price: Floats, place: Floats, sets: Marks) -> float:
    """Solve the knapsack of every person, with profit value − task price − place price.

    Parameters
    ----------
    value, seconds : shape (m, n), by person.
    price : of each task, shape (n,).
    sets : shape (m, n), overwritten by 1 where a person's best set has a task.

    Returns
    -------
    An upper bound on the sum of the best profits.
    """
    m, n = value.shape
    items, profit, size = np.empty(n, np.int64), np.empty(n), np.empty(n, np.int64)
    chosen = np.empty(n, np.uint8)
    total = 0.0
    for person in range(m):
        k = wanted(value[person] - place[person], price, seconds[person], items, profit, size)
        if (k + 1) * capacity[person] < TABLE_CELLS:
            total += by_table(profit[:k], size[:k], capacity[person], chosen)
        else:
            sort_by_density(items, profit, size, k)
            total += by_branching(profit[:k], size[:k], capacity[person], chosen)
        for task in range(n):
            sets[person, task] = 0
        for position in range(k):
            sets[person, items[position]] = chosen[position]
    return total


@compiled
def wanted(value: Floats, price: Floats, seconds: Ints, items: Ints, profit: Floats, size: Ints) -> int:
    """Collect the tasks that are worth more than their price; returns how many."""
    k = 0
    for task in range(price.size):
        if value[task] > price[task]:
            items[k], profit[k], size[k] = task, value[task] - price[task], seconds[task]
            k += 1
    return k


@compiled
def forced_changes(value: Floats, seconds: Ints, capacity: Ints, price: Floats, place: Floats, changes: Floats) -> None:
    """What the bound of `best_sets` changes at most when a pair is chosen: `changes`, shape (m, n), is overwritten."""
    m, n = value.shape
    items, profit, size = np.empty(n, np.int64), np.empty(n), np.empty(n, np.int64)
    for person in range(m):
        k = wanted(value[person] - place[person], price, seconds[person], items, profit, size)
        room = capacity[person] if (k + 1) * capacity[person] < TABLE_CELLS else 0
        best = best_by_room(profit[:k], size[:k], room)
        for task in range(n):
            changes[person, task] = value[person, task] - place[person] - price[task]
            if seconds[person, task] <= room:
                changes[person, task] += best[room - seconds[person, task]] - best[room]

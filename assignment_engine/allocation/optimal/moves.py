"""Compiled: local search by chains, in which each task pushes the next one out of its place.

The loss of a plan against the bound at prices λ is Σ regret of the chosen pairs + Σ λ · seconds left unused. A chain is
followed only while what it has cost so far is below what it may cost, so that most are given up at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from assignment_engine.allocation.optimal.compiled import compiled
from assignment_engine.features.arrays import Floats, Ints

BEAM = 6
DEPTH = 3
TINY = 1e-300
CLEAR = 1e-12
_TO_UNIT = 1.0 / 9007199254740992.0
Random = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]
Marks = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Shares = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


class Choices(NamedTuple):
    """What each task can choose from, best first; choice 0 is nobody, person m, who has no capacity to lose.

    person, seconds and cost have shape (n, k + 1), `width` says how many choices count; cost is regret against the best
    choice at the prices. The prices have shape (m + 1,).
    """

    person: Ints
    seconds: Ints
    cost: Floats
    width: Ints
    second_price: Floats
    place_price: Floats


class State(NamedTuple):
    """A plan: the choice of each task, what is left of each person, and the tasks of each person."""

    at: Ints
    room: Ints
    places: Ints
    members: Ints
    held: Ints
    position: Ints


class Queue(NamedTuple):
    """Tasks to look at: a ring from `ends[0]` on that holds `ends[1]` tasks, and whether a task is in it."""

    waiting: Ints
    due: Marks
    ends: Ints


class Chain(NamedTuple):
    """Tasks and the choices they move to, first to last, and the pushes to try at each step, best first."""

    task: Ints
    choice: Ints
    cost: Floats
    pushed: Ints
    into: Ints
    rank: Floats
    width: Ints
    next: Ints
    random: Random


@compiled
def uniform(random: Random) -> float:
    """The next number in [0, 1) of a xorshift generator, whose state is `random[0]`."""
    x = random[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    random[0] = x
    return float(x >> np.uint64(11)) * _TO_UNIT


@compiled
def move(task: int, choice: int, choices: Choices, state: State) -> None:
    """Give `task` to its `choice`."""
    person = choices.person[task, state.at[task]]
    state.room[person] += choices.seconds[task, state.at[task]]
    state.places[person] += 1
    if person < state.held.size:
        state.held[person] -= 1
        last = state.members[person, state.held[person]]
        state.members[person, state.position[task]] = last
        state.position[last] = state.position[task]
    person = choices.person[task, choice]
    state.room[person] -= choices.seconds[task, choice]
    state.places[person] -= 1
    if person < state.held.size:
        state.members[person, state.held[person]] = task
        state.position[task] = state.held[person]
        state.held[person] += 1
    state.at[task] = choice


@compiled
def close(task: int, spent: float, allowed: float, choices: Choices, state: State) -> tuple[int, float]:
    """The choice with room that costs least in all, if that is less than `allowed`; otherwise −1."""
    found = -1
    for choice in range(choices.width[task]):
        person, seconds = choices.person[task, choice], choices.seconds[task, choice]
        if choice == state.at[task] or state.room[person] < seconds or state.places[person] < 1:
            continue
        cost = spent + choices.cost[task, choice] - choices.second_price[person] * seconds - choices.place_price[person]
        if cost < allowed:
            allowed = cost
            found = choice
    return found, allowed


@compiled
def remember(chain: Chain, step: int, rank: float, pushed: int, into: int) -> None:
    """Keep a push among the best of its step."""
    if chain.width[step] < BEAM:
        place = chain.width[step]
        chain.width[step] += 1
    elif rank < chain.rank[step, BEAM - 1]:
        place = BEAM - 1
    else:
        return
    while place > 0 and chain.rank[step, place - 1] > rank:
        chain.rank[step, place] = chain.rank[step, place - 1]
        chain.pushed[step, place] = chain.pushed[step, place - 1]
        chain.into[step, place] = chain.into[step, place - 1]
        place -= 1
    chain.rank[step, place] = rank
    chain.pushed[step, place] = pushed
    chain.into[step, place] = into


@compiled
def pushes(step: int, allowed: float, heat: float, origin: int, choices: Choices, state: State, chain: Chain) -> None:
    """Rank whom the task of this step could push out, and from where."""
    task = chain.task[step]
    chain.width[step] = 0
    chain.next[step] = 0
    for choice in range(1, choices.width[task]):
        person, seconds = choices.person[task, choice], choices.seconds[task, choice]
        spent = chain.cost[step] + choices.cost[task, choice]
        if spent >= allowed:
            break
        if choice == state.at[task] or (step == 0 and person == origin):
            continue
        for member in range(state.held[person]):
            other = state.members[person, member]
            freed = choices.seconds[other, state.at[other]]
            cost = spent - choices.cost[other, state.at[other]] + choices.second_price[person] * (freed - seconds)
            if state.room[person] + freed < seconds or cost >= allowed or in_chain(other, step, chain):
                continue
            if heat > 0.0:
                cost -= heat * np.log(uniform(chain.random) + TINY)
            remember(chain, step, cost, other, choice)


@compiled
def in_chain(task: int, step: int, chain: Chain) -> bool:
    """Whether the task moves already."""
    for earlier in range(step + 1):  # noqa: SIM110  (a generator does not compile)
        if chain.task[earlier] == task:
            return True
    return False


@compiled
def push(step: int, sign: int, choices: Choices, state: State, chain: Chain) -> None:
    """Take (sign 1) the room that the push of this step changes, or give it back (−1)."""
    task, other, choice = chain.task[step], chain.task[step + 1], chain.choice[step]
    freed = choices.seconds[other, state.at[other]]
    state.room[choices.person[task, choice]] += sign * (freed - choices.seconds[task, choice])


@compiled
def find_chain(
    task: int, allowed: float, heat: float, choices: Choices, state: State, chain: Chain
) -> tuple[int, float]:
    """A chain from `task` on that changes the loss by less than `allowed`: its length (0: none) and the change.

    `heat` blurs the order in which pushes are tried.
    """
    origin, seconds = choices.person[task, state.at[task]], choices.seconds[task, state.at[task]]
    hole = choices.second_price[origin] * seconds + choices.place_price[origin]
    state.room[origin] += seconds
    state.places[origin] += 1
    chain.task[0] = task
    chain.cost[0] = -choices.cost[task, state.at[task]]
    step, arrived, length = 0, True, 0
    while step >= 0:
        if arrived:
            choice, change = close(chain.task[step], chain.cost[step] + hole, allowed, choices, state)
            if choice >= 0:
                chain.choice[step] = choice
                length, allowed = step + 1, change
                break
            chain.width[step] = 0
            chain.next[step] = 0
            if step < chain.task.size - 1:
                pushes(step, allowed, heat, origin, choices, state, chain)
        arrived = chain.next[step] < chain.width[step]
        if arrived:
            step = follow(step, choices, state, chain)
        else:
            step -= 1
            if step >= 0:
                push(step, -1, choices, state, chain)
    for earlier in range(step - 1, -1, -1):
        push(earlier, -1, choices, state, chain)
    state.room[origin] -= seconds
    state.places[origin] -= 1
    return length, allowed


@compiled
def follow(step: int, choices: Choices, state: State, chain: Chain) -> int:
    """Go along the next push of this step; returns the step it leads to."""
    task, other = chain.task[step], chain.pushed[step, chain.next[step]]
    choice = chain.into[step, chain.next[step]]
    freed = choices.seconds[other, state.at[other]] - choices.seconds[task, choice]
    change = choices.cost[task, choice] - choices.cost[other, state.at[other]]
    chain.next[step] += 1
    chain.choice[step] = choice
    chain.task[step + 1] = other
    chain.cost[step + 1] = chain.cost[step] + change + choices.second_price[choices.person[task, choice]] * freed
    push(step, 1, choices, state, chain)
    return step + 1


@compiled
def descend(most: int, worth: float, queue: Queue, choices: Choices, state: State, chain: Chain) -> bool:
    """Apply chains that lower the loss by more than `worth` from the tasks that wait, at most so many.

    When a chain changes people, their tasks wait again. Returns whether any task is left waiting.
    """
    for _ in range(most):
        if queue.ends[1] == 0:
            break
        task = queue.waiting[queue.ends[0]]
        queue.ends[0] = (queue.ends[0] + 1) % queue.waiting.size
        queue.ends[1] -= 1
        queue.due[task] = 0
        length = find_chain(task, -worth, 0.0, choices, state, chain)[0]
        for step in range(length - 1, -1, -1):
            left = choices.person[chain.task[step], state.at[chain.task[step]]]
            move(chain.task[step], chain.choice[step], choices, state)
            entered = choices.person[chain.task[step], chain.choice[step]]
            for person in (left, entered):
                call_again(person, queue, state)
    return bool(queue.ends[1] > 0)


@compiled
def call_again(person: int, queue: Queue, state: State) -> None:
    """Put the tasks of a person behind those that wait."""
    if person < state.held.size:
        for member in range(state.held[person]):
            task = state.members[person, member]
            if queue.due[task] == 0:
                queue.due[task] = 1
                queue.waiting[(queue.ends[0] + queue.ends[1]) % queue.waiting.size] = task
                queue.ends[1] += 1


@compiled
def anneal(
    steps: int, heat: float, loss: float, best: float, kept: Ints, choices: Choices, state: State, chain: Chain
) -> float:
    """Try a chain from a random task `steps` times, taking worse ones with a probability that grows with `heat`.

    `kept` receives the choices of a plan with a loss below `best`. Returns the lowest loss.
    """
    for _ in range(steps):
        allowed = -heat * np.log(uniform(chain.random) + TINY)
        task = int(uniform(chain.random) * state.at.size)
        length, change = find_chain(task, allowed, heat, choices, state, chain)
        for step in range(length - 1, -1, -1):
            move(chain.task[step], chain.choice[step], choices, state)
        if length > 0:
            loss += change
            if loss < best - CLEAR * abs(best):
                best = loss
                kept[:] = state.at
    return best


@compiled
def place_wishes(wishes: Ints, order: Ints, choices: Choices, state: State) -> None:
    """Give each task, in this order, the choice it wishes for where that still fits."""
    for task in order:
        choice = wishes[task]
        person = choices.person[task, choice]
        if state.at[task] == 0 and state.room[person] >= choices.seconds[task, choice] and state.places[person] > 0:
            move(task, choice, choices, state)


@compiled
def wishes_of(sets: Marks, past: Shares, memory: float, choices: Choices, wishes: Ints, strength: Floats) -> None:
    """For each task the choice that sets ask for most, now and in the past; nobody where none ever did.

    `sets` and `past`, shape (m, n), by person; `past` forgets a part of 1 − memory and takes up `sets`.
    """
    for task in range(wishes.size):
        wishes[task] = 0
        strength[task] = 0.0
        for choice in range(1, choices.width[task]):
            person = choices.person[task, choice]
            past[person, task] = memory * past[person, task] + (1.0 - memory) * sets[person, task]
            wish = sets[person, task] + 0.5 * past[person, task]
            if wish > strength[task]:
                strength[task] = wish
                wishes[task] = choice

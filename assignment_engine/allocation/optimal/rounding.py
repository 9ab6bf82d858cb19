"""Plans without search: from the linear program alone, and into the room that is left."""

from __future__ import annotations

import numpy as np

from assignment_engine.allocation.optimal.model import Model
from assignment_engine.allocation.optimal.prices import best_people
from assignment_engine.allocation.optimal.problem import NOBODY
from assignment_engine.allocation.optimal.relaxation import Relaxation
from assignment_engine.features.arrays import Ints

CANDIDATES = 24


def rounded(model: Model, relaxation: Relaxation) -> Ints:
    """Tasks by their largest share: to that person where there is room, otherwise to the best priced one with room."""
    n, m = model.shape
    tasks, people = relaxation.columns
    wish, share = np.full(n, NOBODY, dtype=np.int64), np.zeros(n)
    order = np.argsort(relaxation.shares, kind="stable")
    wish[tasks[order]], share[tasks[order]] = people[order], relaxation.shares[order]
    assigned = np.full(n, NOBODY, dtype=np.int64)
    room, places = model.capacity.copy(), model.limit.copy()
    candidates = best_people(model, relaxation.prices, CANDIDATES) if m else np.empty((n, 0), dtype=np.int64)
    for task in np.argsort(-share, kind="stable"):
        near = np.append(wish[task], candidates[task]) if wish[task] != NOBODY else candidates[task]
        fits = model.eligible[task, near] & (model.seconds[task, near] <= room[near]) & (places[near] > 0)
        if fits.any():
            person = near[fits.argmax()]
            assigned[task] = person
            room[person] -= model.seconds[task, person]
            places[person] -= 1
    return assigned


def filled(model: Model, assigned: Ints) -> Ints:
    """The assignment, with every task that still fits somewhere given to the best person with room."""
    assigned = assigned.copy()
    tasks = np.flatnonzero(assigned != NOBODY)
    people = assigned[tasks]
    room, places = model.capacity.copy(), model.limit.copy()
    np.subtract.at(room, people, model.seconds[tasks, people])
    np.subtract.at(places, people, 1)
    for task in np.flatnonzero(assigned == NOBODY):
        fits = model.eligible[task] & (model.seconds[task] <= room) & (places > 0)
        if fits.any():
            person = int(np.where(fits, model.value[task], -np.inf).argmax())
            assigned[task] = person
            room[person] -= model.seconds[task, person]
            places[person] -= 1
    return assigned

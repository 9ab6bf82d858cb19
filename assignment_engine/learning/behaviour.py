"""How the simulated organisation behaves: what goes well, who used to be chosen, and how long work takes."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from assignment_engine.features.arrays import Floats, floats
from assignment_engine.learning.people import People
from assignment_engine.learning.work import Job

ANYBODY, SKILLED = 0.35, 0.5


def match(people: People, job: Job) -> Floats:
    """Mean share of the required levels that is held, shape (m,)."""
    return floats(np.minimum(people.levels[:, job.columns] / job.required, 1.0).mean(axis=1))


def success_probability(people: People, job: Job, load: Floats, waiting_for: int) -> Floats:
    """The truth: how likely `job` is to go well with each person, shape (m,), at `load` hours of work, shape (m,).

    The log-odds are 1.2 + 3.5 · (match − 0.8) + 1.5 · (experience − 0.6) − 2.5 · overload − 1.6 · pressure − 0.4 ·
    unfinished dependencies + 0.5 in the same department − 0.6 · (1 − availability) + quality + affinity, where match
    is the mean share of the required levels that is held, experience min(1, years / (1 + 9 · complexity)), and
    overload the part of the load, with this task, above 60 % of the capacity.
    """
    experience = np.minimum(people.years / (1.0 + 9.0 * job.complexity), 1.0)
    overload = np.maximum((load + job.hours) / people.capacity - 0.6, 0.0)
    log_odds = (
        1.2
        + 3.5 * (match(people, job) - 0.8)
        + 1.5 * (experience - 0.6)
        - 2.5 * overload
        - 1.6 * job.pressure
        - 0.4 * waiting_for
        + 0.5 * (people.department == job.department)
        - 0.6 * (1.0 - people.availability)
        + people.quality
        + people.affinity[:, job.kind]
    )
    return floats(1.0 / (1.0 + np.exp(-log_odds)))


def choose(rng: Generator, people: People, job: Job, load: Floats) -> int:
    """The person who was given `job`, by a mix of policies.

    Of all decisions 35 % take anybody who is not far above capacity, 50 % prefer the skilled and free (a softmax), the
    rest takes somebody of the department; the latter two respect capacity where they can.
    """
    ratio = (load + job.hours) / people.capacity
    which = rng.random()
    if which < ANYBODY:
        weight = np.where(ratio <= 1.5, 1.0, 0.0)
    elif which < ANYBODY + SKILLED:
        weight = np.where(ratio <= 1.0, np.exp(6.0 * match(people, job) - 2.0 * ratio), 0.0)
    else:
        weight = np.where((ratio <= 1.0) & (people.department == job.department), 1.0, 0.0)
    if not weight.any():
        return int(np.argmin(ratio))
    return int(rng.choice(len(ratio), p=weight / weight.sum()))


def overrun(rng: Generator, good: bool) -> float:
    """Hours needed per hour estimated: at most 1 for good work, at least 1.05 for bad."""
    if good:
        return float(min(1.0, rng.lognormal(-0.2, 0.2)))
    return float(max(1.05, rng.lognormal(0.3, 0.3)))

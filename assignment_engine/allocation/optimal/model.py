"""A problem made ready for solving, and the best that is known about it so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assignment_engine.allocation.optimal.problem import NOBODY, GapProblem
from assignment_engine.features.arrays import Bools, Floats, Ints

CLOSED = 1e-9


@dataclass(frozen=True)
class Budget:
    """How long solving may take, by a monotonic clock in seconds."""

    clock: Callable[[], float]
    started: float
    seconds: float

    @classmethod
    def start(cls, seconds: float, clock: Callable[[], float]) -> Budget:
        return cls(clock, clock(), seconds)

    @property
    def spent(self) -> float:
        return self.clock() - self.started

    @property
    def left(self) -> float:
        return max(0.0, self.seconds - self.spent)

    def part(self, share: float) -> Budget:
        """The given share of what is left, as a budget that starts now."""
        return Budget(self.clock, self.clock(), share * self.left)


@dataclass(frozen=True)
class Model:
    """A problem without pairs that no solution can use: those have the value −inf.

    `seconds` has shape (n, m) even where it does not depend on the person; it and `capacity` are divided by their
    greatest common divisor. `limit` is n where there is none. Mandatory tasks that nobody can do are counted as
    `hopeless` and not mandatory here, so that the others are still done as well as possible. `quantum` is 1 where all
    values are whole numbers, otherwise 0: then the value of every solution is whole too.
    """

    value: Floats
    seconds: Ints
    capacity: Ints
    limit: Ints
    mandatory: Bools
    hopeless: int
    quantum: float

    @classmethod
    def of(cls, problem: GapProblem) -> Model:
        n, m = problem.value.shape
        column = problem.seconds if problem.seconds.ndim == 2 else problem.seconds[:, None]
        unit = max(1, int(np.gcd.reduce(problem.seconds, axis=None))) if n else 1
        seconds = np.broadcast_to(column // unit, (n, m))
        capacity = np.maximum(problem.capacity, 0) // unit
        limit = np.full(m, n) if problem.limit is None else np.clip(problem.limit, 0, n)
        mandatory = np.broadcast_to(np.asarray(problem.mandatory, dtype=bool), (n,))
        never = np.isnan(problem.value) | (seconds > capacity) | (limit == 0)
        never |= (problem.value < 0.0) & ~mandatory[:, None]
        value = np.where(never, -np.inf, problem.value)
        hopeless = mandatory & ~np.isfinite(value).any(axis=1)
        return cls(
            value=value,
            seconds=seconds,
            capacity=capacity,
            limit=limit.astype(np.int64),
            mandatory=mandatory & ~hopeless,
            hopeless=int(np.count_nonzero(hopeless)),
            quantum=_quantum(value),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(n tasks, m employees)."""
        n, m = self.value.shape
        return n, m

    @cached_property
    def eligible(self) -> Bools:
        """Pairs that a solution can use, shape (n, m)."""
        return np.isfinite(self.value)

    @cached_property
    def spread(self) -> float:
        """Difference between the greatest and the smallest value, 0 among them."""
        finite = self.value[self.eligible]
        return float(np.ptp(np.append(finite, 0.0)))

    def total(self, assigned: Ints) -> float:
        """Value of an assignment."""
        tasks = np.flatnonzero(assigned != NOBODY)
        return float(self.value[tasks, assigned[tasks]].sum())

    def missing(self, assigned: Ints) -> int:
        """Mandatory tasks that have nobody."""
        return int(np.count_nonzero(self.mandatory & (assigned == NOBODY)))

    def feasible(self, assigned: Ints) -> bool:
        """Whether pairs, capacity and limits allow the assignment, complete or not."""
        tasks = np.flatnonzero(assigned != NOBODY)
        people = assigned[tasks]
        m = self.shape[1]
        load = np.zeros(m, dtype=np.int64)
        np.add.at(load, people, self.seconds[tasks, people])
        count = np.bincount(people, minlength=m)
        return bool(
            self.eligible[tasks, people].all() and np.all(load <= self.capacity) and np.all(count <= self.limit)
        )


def _quantum(value: Floats) -> float:
    finite = value[np.isfinite(value)]
    return 1.0 if np.all(finite == np.rint(finite)) and np.all(np.abs(finite) < 2.0**40) else 0.0


class Incumbent:
    """The best assignment and the lowest bound so far."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.assigned: Ints = np.full(model.shape[0], NOBODY, dtype=np.int64)
        self.value = 0.0
        self.missing = model.missing(self.assigned)
        self.bound = np.inf

    def offer(self, assigned: Ints) -> bool:
        """Keep the assignment if it is allowed and better: fewer mandatory tasks missing, then more value."""
        if not self._model.feasible(assigned):
            return False
        missing, value = self._model.missing(assigned), self._model.total(assigned)
        if (-missing, value) <= (-self.missing, self.value):
            return False
        self.assigned, self.value, self.missing = assigned.copy(), value, missing
        return True

    def tighten(self, bound: float) -> bool:
        """Keep a valid upper bound if it is lower; whole where all values are."""
        if self._model.quantum and np.isfinite(bound):
            bound = float(np.floor(bound))
        lower = bound < self.bound
        self.bound = min(self.bound, bound)
        return lower

    @property
    def slack(self) -> float:
        """What a better solution could still gain; ∞ before the first complete one."""
        return max(0.0, self.bound - self.value) if self.missing == 0 else np.inf

    @property
    def closed(self) -> bool:
        """Whether nothing better exists."""
        return self.bound == -np.inf or self.slack <= CLOSED * max(1.0, abs(self.bound))

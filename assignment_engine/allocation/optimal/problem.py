"""The generalised assignment problem as arrays, and what solving it answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.features.arrays import Bools, Floats, Ints

NOBODY = -1


@dataclass(frozen=True)
class GapProblem:
    """Give each of n tasks to at most one of m employees so that the total value is greatest.

    Parameters
    ----------
    value : shape (n, m); −inf or NaN where the pair must not be chosen. To minimise costs give their negative.
    seconds : what a task takes from a person's capacity, whole numbers ≥ 0; shape (n,), or (n, m).
    capacity : shape (m,), in the unit of `seconds`.
    limit : most tasks that a person may get, shape (m,); None is no limit.
    mandatory : whether tasks must be assigned, for all of them or by task, shape (n,).

    Raises
    ------
    InvalidInputError
        If the shapes do not fit, seconds are negative, or a value is +inf.
    """

    value: Floats
    seconds: Ints = field(repr=False)
    capacity: Ints = field(repr=False)
    limit: Ints | None = field(default=None, repr=False)
    mandatory: bool | Bools = False

    def __post_init__(self) -> None:
        if self.value.ndim != 2:
            raise InvalidInputError.at("/value", f"expected two dimensions (got {self.value.ndim})")
        n, m = self.value.shape
        self._expect("/seconds", self.seconds.shape in ((n,), (n, m)) and not np.any(self.seconds < 0))
        self._expect("/capacity", self.capacity.shape == (m,))
        self._expect("/limit", self.limit is None or self.limit.shape == (m,))
        self._expect("/mandatory", np.shape(self.mandatory) in ((), (n,)))
        self._expect("/value", not np.any(np.isposinf(self.value)))

    def _expect(self, pointer: str, fits: bool | np.bool_) -> None:
        if not fits:
            raise InvalidInputError.at(pointer, f"does not fit a problem of shape {self.value.shape}")


@dataclass(frozen=True)
class GapSolution:
    """The best assignment found.

    Attributes
    ----------
    assigned : employee of each task, shape (n,); −1 is nobody.
    value : total value of the assigned pairs.
    bound : no complete solution is worth more; −inf where it is proven that none exists.
    missing : mandatory tasks that found nobody; 0 is a complete solution.
    seconds : time taken.
    iterations : rounds of improvement.
    """

    assigned: Ints
    value: float
    bound: float
    missing: int
    seconds: float
    iterations: int

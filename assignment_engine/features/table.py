"""What a feature is: a row of the table that serving, training, explanations and docs derive from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.pairs import Loads, Pairs

Compute = Callable[[Pairs, Loads, Ints, Ints], Floats]


@dataclass(frozen=True)
class Feature:
    """One feature of an employee-task pair. `compute` takes broadcastable task and employee indices."""

    name: str
    group: Literal["employee", "task", "pair"]
    unit: str
    low: float
    high: float
    missing: str
    formula: str
    compute: Compute = field(repr=False, compare=False)

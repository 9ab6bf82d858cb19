"""Who can take a task at all, and what stands in the way of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.allocation.rules import Rule, rules_of
from assignment_engine.features.arrays import Bools, Ints
from assignment_engine.features.pairs import Loads


@dataclass(frozen=True)
class Eligibility:
    """All rules of a problem together."""

    problem: AllocationProblem
    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, problem: AllocationProblem) -> Eligibility:
        return cls(problem, rules_of(problem))

    def candidates(self, task: int, loads: Loads) -> Ints:
        """Indices of the employees that no rule blocks, ascending."""
        blocked = np.zeros(len(self.problem.employees), dtype=bool)
        for rule in self.rules:
            mask = rule.blocked(task, loads)
            if mask is not None:
                blocked |= mask
        return (~blocked).nonzero()[0]

    def obstacles(self, task: int, loads: Loads) -> list[tuple[Rule, Bools]]:
        """Each rule that blocks anybody, with whom it blocks, shape (m,)."""
        masks = [(rule, rule.blocked(task, loads)) for rule in self.rules]
        return [(rule, mask) for rule, mask in masks if mask is not None and mask.any()]

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
        found: Ints = self.allowed(np.array([task]), loads)[0].nonzero()[0]
        return found

    def allowed(self, tasks: Ints, loads: Loads) -> Bools:
        """Which employees no rule blocks, shape (k, m)."""
        blocked = np.zeros((len(tasks), len(self.problem.employees)), dtype=bool)
        for rule in self.rules:
            mask = rule.blocked(tasks, loads)
            if mask is not None:
                blocked |= mask
        return ~blocked

    def obstacles(self, task: int, loads: Loads) -> list[tuple[Rule, Bools]]:
        """Each rule that blocks anybody, with whom it blocks, shape (m,)."""
        masks = [(rule, rule.blocked(np.array([task]), loads)) for rule in self.rules]
        everyone = (1, len(self.problem.employees))
        return [(rule, np.broadcast_to(mask, everyone)[0]) for rule, mask in masks if mask is not None and mask.any()]

"""The hard constraints of a problem; each rule says whom it blocks, and what would have to change for one person."""

from __future__ import annotations

from typing import Protocol

from assignment_engine.allocation.live_rules import live_rules
from assignment_engine.allocation.pair_rules import DependencyRule, PairRule, RejectionRule
from assignment_engine.allocation.person_rules import (
    AvailabilityRule,
    CapacityRule,
    DepartmentRule,
    MaxAssignmentsRule,
    MinimumLevelRule,
    ShiftEndRule,
)
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.plans import Change, Obstacle
from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.features.pairs import Loads


class Rule(Protocol):
    """One hard constraint of one problem."""

    @property
    def code(self) -> Obstacle: ...

    def blocked(self, tasks: Ints, loads: Loads) -> Bools | None:
        """Who cannot take which of k tasks: shape (k, m), or one that is broadcast to it; None: nobody is blocked."""
        ...

    def sizes(self, task: int, loads: Loads) -> Floats:
        """How big a change would lift the rule for each person, shape (m,): 1 ≈ dropping a rule, inf: impossible.

        Only meant for those who are blocked.
        """
        ...

    def changes(self, task: int, employee: int, loads: Loads) -> list[Change]:
        """What would lift the rule for one person."""
        ...

    def detail(self, task: int, employee: int, loads: Loads) -> str:
        """What is missing for one person, as the end of "Ana …"."""
        ...


def rules_of(problem: AllocationProblem) -> tuple[Rule, ...]:
    """The rules that can block anybody in `problem`; those that do not depend on loads come first."""
    constraints = problem.constraints
    rules: list[Rule] = []
    if constraints.minimum_levels or any(task.minimum_levels for task in problem.tasks):
        rules.append(MinimumLevelRule(problem))
    if constraints.forbidden or constraints.required:
        rules.append(PairRule(problem))
    if problem.rejections:
        rules.append(RejectionRule(problem))
    if problem.live is not None:
        rules += live_rules(problem, problem.live)
    elif constraints.respect_availability:
        rules.append(AvailabilityRule(problem))
    if constraints.require_department:
        rules.append(DepartmentRule(problem))
    if constraints.respect_shift_end and any(employee.shift_end for employee in problem.employees):
        rules.append(ShiftEndRule(problem))
    if constraints.ready_only and any(problem.unfinished):
        rules.append(DependencyRule(problem))
    if constraints.max_assignments is not None:
        rules.append(MaxAssignmentsRule(problem, constraints.max_assignments))
    return (*rules, CapacityRule(problem))

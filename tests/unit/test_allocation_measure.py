"""Value and bound, measured while a plan is made, are those of a second look at the scores of the start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from assignment_engine.allocation.allocators import BalancedAllocator, GreedyAllocator, near_best, rounded
from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.scoring.fallback import WeightedFallback
from tests.builders import employee, task, world


@dataclass(frozen=True)
class CountingFallback(WeightedFallback):
    """The fallback with a record of every pair it was asked for."""

    asked: tuple[list[int], ...] = ([],)

    def prepare(self, pairs, loads):
        return _Counting(super().prepare(pairs, loads), self.asked[0])


@dataclass(frozen=True)
class _Counting:
    scores: object
    asked: list[int]

    def row(self, task, employees):
        self.asked.append(employees.size)
        return self.scores.row(task, employees)

    def employee_changed(self, employee):
        self.scores.employee_changed(employee)


def crowd(scorer=None):
    """Loads change the scores, and some people are full before the end."""
    return world(
        *(task(f"t{i:02d}", estimated_hours=1 + i % 4, complexity_score=i % 7 / 7) for i in range(25)),
        *(employee(f"e{i}", max_workload=9, experience_years=i, current_workload=i % 5) for i in range(7)),
        scorer=scorer or WeightedFallback(),
    ).problem()


@pytest.mark.parametrize("method", [GreedyAllocator(), BalancedAllocator()])
def test_value_and_bound_are_those_of_the_scores_at_the_start(method):
    problem = crowd()
    allocation = method.allocate(problem)
    loads = problem.pairs.initial
    scores, eligibility = problem.scorer.prepare(problem.pairs, loads), Eligibility.of(problem)
    chosen = {choice.task: choice.employee for choice in allocation.choices}
    value = bound = 0.0
    for row in range(len(problem.tasks)):
        candidates = eligibility.candidates(row, loads)
        found, weight = dict(zip(candidates, scores.row(row, candidates).scores, strict=True)), 2.0
        bound += weight * max(found.values(), default=0.0)
        value += weight * found[chosen[row]] if row in chosen else 0.0
    assert 5 < len(chosen) < 25
    assert allocation.measured == pytest.approx((value, bound))


def test_who_has_been_given_nothing_is_scored_once():
    """With a task for every second person, each pair is asked for once and those with a task once more."""
    asked: list[int] = []
    people = [employee(f"e{i}", experience_years=10) for i in range(8)]
    tasks = [task(f"t{i}", complexity_score=0.0) for i in range(4)]
    problem = world(*tasks, *people, scorer=CountingFallback(asked=(asked,))).problem()
    GreedyAllocator().allocate(problem)
    assert sum(asked) == 4 * 8 + (0 + 1 + 2 + 3)


def test_near_best_holds_all_that_round_to_the_best():
    values = np.array([0.5, 0.7, 0.7 - 0.4e-9, 0.7 + 0.4e-9, 0.7 - 1.6e-9, 0.69])
    largest = rounded(values).max()
    assert set(np.flatnonzero(rounded(values) == largest)) <= set(near_best(values))
    assert near_best(np.array([0.1, 0.3, 0.2])).tolist() == [1]

"""The optimal method on planning problems."""

from __future__ import annotations

import pytest

from assignment_engine.allocation.allocators import BalancedAllocator, GreedyAllocator
from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.optimal.allocator import OptimalAllocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.verify import verify
from assignment_engine.domain.errors import InvalidInputError
from tests.builders import employee, pairs_of, task, world


def rivals():
    """Ana is best at both tasks but has time for one; greedy gives her the one where she is missed least."""
    return world(
        task("a", required_skills={"python": 1.0}, estimated_hours=4, priority="medium"),
        task("b", required_skills={"sql": 1.0}, estimated_hours=4, priority="medium"),
        employee("ana", skills={"python": 1.0, "sql": 1.0}, max_workload=4),
        employee("bob", skills={"python": 0.9, "sql": 0.1}, max_workload=4),
    )


def test_gives_people_to_the_tasks_where_they_are_missed_most():
    problem = rivals().problem()
    greedy, optimal = (solve(problem, method)[0] for method in (GreedyAllocator(), OptimalAllocator()))
    assert pairs_of(greedy) == {"a": "ana", "b": "bob"}
    assert pairs_of(optimal) == {"a": "bob", "b": "ana"}
    assert optimal.report.value > greedy.report.value
    assert optimal.report.gap == pytest.approx(0.0, abs=1e-6)
    assert optimal.report.bound <= greedy.report.bound


def test_scores_and_explanations_are_those_of_the_start():
    problem = rivals().problem()
    plan, _ = solve(problem, OptimalAllocator())
    for assignment in plan.assignments:
        explained = assignment.explanation
        assert explained.base + sum(t.contribution for t in explained.terms) == pytest.approx(assignment.score)
    assert plan.report.total_score * 2 == pytest.approx(plan.report.value)  # medium tasks weigh 2


def test_is_never_worse_than_greedy_and_balanced_even_without_time():
    crowd = world(
        *(task(f"t{i}", estimated_hours=1 + i % 5, complexity_score=i % 7 / 7) for i in range(30)),
        *(employee(f"e{i}", max_workload=7, experience_years=i, current_workload=i % 3) for i in range(8)),
    )
    problem = crowd.problem()
    hurried = solve(problem, OptimalAllocator(time_budget_seconds=1e-6))[0]
    assert verify(problem, hurried) == []
    for method in (GreedyAllocator(), BalancedAllocator()):
        assert hurried.report.value >= solve(problem, method)[0].report.value - 1e-9


def test_a_critical_task_is_weighed_against_low_ones_unless_scores_alone_count():
    problem = world(
        task("hard", priority="critical", estimated_hours=4, complexity_score=1.0),
        task("easy-1", priority="low", estimated_hours=2, complexity_score=0.0),
        task("easy-2", priority="low", estimated_hours=2, complexity_score=0.0),
        employee("ana", max_workload=4, experience_years=5),
    ).problem()
    assert pairs_of(solve(problem, OptimalAllocator())[0]) == {"hard": "ana"}
    by_score = solve(problem, OptimalAllocator(objective="score"))[0]
    assert pairs_of(by_score) == {"easy-1": "ana", "easy-2": "ana"}


def test_costs_are_made_small_and_every_task_is_done():
    problem = rivals().problem()
    dear = solve(problem, OptimalAllocator(objective="score"))[0]
    cheap = solve(problem, OptimalAllocator(objective="cost"))[0]
    assert set(pairs_of(cheap)) == {"a", "b"}
    assert cheap.report.total_score < dear.report.total_score


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_budget_must_be_a_time(seconds):
    with pytest.raises(InvalidInputError, match="time_budget_seconds"):
        allocator("optimal", time_budget_seconds=seconds)


def test_an_unknown_objective_is_refused():
    with pytest.raises(InvalidInputError, match="objective"):
        OptimalAllocator(objective="speed")

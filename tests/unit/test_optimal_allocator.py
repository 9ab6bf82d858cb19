"""The optimal method on planning problems."""

from __future__ import annotations

import numpy as np
import pytest

from assignment_engine.allocation.allocators import BalancedAllocator, GreedyAllocator
from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.optimal.allocator import OptimalAllocator
from assignment_engine.allocation.plan import plan, solve
from assignment_engine.allocation.verify import verify
from assignment_engine.domain.errors import InvalidInputError
from tests.builders import NOW, employee, pairs_of, task, world


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
    made, _ = solve(problem, OptimalAllocator())
    for assignment in made.assignments:
        explained = assignment.explanation
        assert explained.base + sum(t.contribution for t in explained.terms) == pytest.approx(assignment.score)
    assert made.report.total_score * 2 == pytest.approx(made.report.value)  # medium tasks weigh 2


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


COSTS = np.array([[3.0, 1.0], [2.0, 5.0]])


def planned(**options):
    """A plan for the rivals; the rows of costs and hours are the tasks a and b, the columns ana and bob."""
    given = rivals()
    return plan(given.tasks, given.employees, scorer=given.scorer, now=NOW, **{"method": "optimal", **options})


def test_costs_are_made_small_and_every_task_is_done():
    cheap = planned(objective="cost", costs=COSTS)
    assert pairs_of(cheap) == {"a": "bob", "b": "ana"}
    report = cheap.report
    assert (report.objective, report.value, report.bound, report.gap) == ("cost", 3.0, 3.0, 0.0)
    assert pairs_of(planned(objective="cost", costs=COSTS[:, ::-1])) == {"a": "ana", "b": "bob"}


def test_costs_belong_to_the_people_in_the_order_given():
    given = rivals()
    turned = plan(
        given.tasks[::-1], given.employees[::-1], objective="cost", costs=COSTS[::-1, ::-1], method="optimal",
        scorer=given.scorer, now=NOW,
    )  # fmt: skip
    assert pairs_of(turned) == {"a": "bob", "b": "ana"}


def test_a_pair_without_a_cost_is_not_chosen():
    costs = COSTS.copy()
    costs[0, 1] = np.nan
    assert pairs_of(planned(objective="cost", costs=costs)) == {"a": "ana", "b": "bob"}


def test_costs_below_zero_are_gains():
    report = planned(objective="cost", costs=-COSTS).report
    assert (report.value, report.bound) == (-8.0, -8.0)


def test_tasks_that_nobody_can_do_for_any_price_are_named_and_the_others_are_done():
    cheap = planned(objective="cost", costs=COSTS, hours=np.array([[4.0, 4.0], [9.0, 9.0]]))
    assert pairs_of(cheap) == {"a": "bob"}
    assert (cheap.report.value, cheap.report.bound) == (1.0, 1.0)
    assert "mandatory tasks that found nobody: 1" in cheap.report.warnings


def crowded():
    """Ana can do the critical task or both others."""
    return world(
        task("critical", priority="critical", estimated_hours=4),
        task("low-1", priority="low", estimated_hours=2),
        task("low-2", priority="low", estimated_hours=2),
        employee("ana", max_workload=4),
    )


@pytest.mark.parametrize(
    ("mandatory", "done"),
    [(False, {"critical"}), (["low-1"], {"low-1", "low-2"}), (True, {"low-1", "low-2"})],
)
def test_mandatory_tasks_come_before_value(mandatory, done):
    """With all of them mandatory as many as possible are done."""
    chosen = allocator("optimal", mandatory=mandatory)
    made = solve(crowded().problem(), chosen)[0]
    assert set(pairs_of(made)) == done
    assert made.report.value <= made.report.bound + 1e-9
    assert any("mandatory" in warning for warning in made.report.warnings) == (mandatory is True)


def test_the_report_of_scores_is_their_sum():
    report = planned(objective="score").report
    assert report.objective == "score"
    assert report.value == pytest.approx(report.total_score)
    assert report.bound == pytest.approx(report.value)


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"method": "greedy", "objective": "score"}, "/objective"),
        ({"method": "balanced", "mandatory": True}, "/mandatory"),
        ({"method": "greedy", "objective": "speed"}, "/objective"),
        ({"objective": "cost"}, "/costs"),
        ({"costs": COSTS}, "/costs"),
        ({"method": "greedy", "costs": COSTS}, "/costs"),
        ({"objective": "cost", "costs": COSTS[:1]}, "/costs"),
        ({"objective": "cost", "costs": COSTS * np.inf}, "/costs"),
        ({"mandatory": ["a", "c"]}, "/mandatory/1"),
    ],
)
def test_options_that_do_not_apply_are_refused(options, pointer):
    with pytest.raises(InvalidInputError) as refused:
        planned(**options)
    assert [error.pointer for error in refused.value.errors] == [pointer]


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_budget_must_be_a_time(seconds):
    with pytest.raises(InvalidInputError, match="time_budget_seconds"):
        allocator("optimal", time_budget_seconds=seconds)


def test_an_unknown_objective_is_refused():
    with pytest.raises(InvalidInputError, match="objective"):
        OptimalAllocator(objective="speed")

"""The numbers of the report against their definitions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignment_engine.allocation.report import gini, jain
from assignment_engine.features.arrays import floats
from tests.builders import World, pairs_of
from tests.property.strategies import worlds
from tests.reference.allocators import Counters, candidates, features_of, needed_seconds, scorable, score_of

WEIGHTS = {"critical": 8, "high": 4, "medium": 2, "low": 1}
methods = st.sampled_from(["greedy", "balanced"])
loads = st.lists(st.integers(0, 2000).map(lambda n: n / 1000), max_size=8)


def start_scores(world: World) -> dict[str, dict[str, float]]:
    """task id → employee id → score of every eligible pair before anything is planned."""
    counters = Counters.of(world)
    return {
        t.task_id: {
            e.employee_id: score_of(world, features_of(world, t, e))
            for e in candidates(world, t, counters)
            if scorable(world, t, e)
        }
        for t in world.pending
    }


def brute_gini(values: list[float]) -> float:
    """Mean absolute difference over twice the mean."""
    if not values or sum(values) == 0:
        return 0.0
    differences = sum(abs(a - b) for a in values for b in values) / len(values) ** 2
    return differences / (2 * sum(values) / len(values))


def brute_jain(values: list[float]) -> float:
    squares = sum(v * v for v in values)
    return 1.0 if squares == 0 else sum(values) ** 2 / (len(values) * squares)


@given(worlds(), methods)
def test_value_and_bound_are_measured_on_the_scores_at_the_start(world, method):
    """Σ weight · score of the pairs, Σ weight · best eligible score, and their relative distance."""
    report, pairs = (plan := world.plan(method)).report, pairs_of(plan)
    scores, weights = start_scores(world), {t.task_id: WEIGHTS[t.priority.value] for t in world.pending}
    value = sum(weights[t] * scores[t][e] for t, e in pairs.items())
    bound = sum(weights[t] * max(of_task.values()) for t, of_task in scores.items() if of_task)
    assert report.value == pytest.approx(value, abs=1e-9)
    assert report.bound == pytest.approx(bound, abs=1e-9)
    assert report.value <= report.bound + 1e-9
    assert report.gap == pytest.approx((bound - value) / abs(bound) if bound else 0.0, abs=1e-9)


@given(worlds(), methods)
def test_load_spread_is_that_of_the_people_with_capacity(world, method):
    plan, counters = world.plan(method), Counters.of(world)
    tasks = {t.task_id: t for t in world.pending}
    able = [e for e in world.employees if e.max_workload > 0]

    def ratios() -> dict[str, float]:
        return {e.employee_id: counters.seconds[e.employee_id] / (e.max_workload * 3600) for e in able}

    before = ratios()
    for task_id, employee_id in pairs_of(plan).items():
        counters.give(employee_id, needed_seconds(world, tasks[task_id], employee_id))
    for spread, expected in ((plan.report.load_before, before), (plan.report.load_after, ratios())):
        assert spread.by_employee == pytest.approx(expected)
        assert spread.gini == pytest.approx(brute_gini(list(expected.values())), abs=1e-9)
        assert spread.jain == pytest.approx(brute_jain(list(expected.values())), abs=1e-9)
        assert spread.max_ratio == pytest.approx(max(expected.values(), default=0.0))


@given(worlds(), methods)
def test_explanations_add_up_to_the_score(world, method):
    for planned in world.plan(method).assignments:
        total = planned.explanation.base + sum(term.contribution for term in planned.explanation.terms)
        assert total == pytest.approx(planned.score, abs=1e-9)


@given(loads)
def test_gini_is_half_the_relative_mean_difference(values):
    assert gini(floats(values)) == pytest.approx(brute_gini(values), abs=1e-12)


@given(loads)
def test_jain_is_the_square_of_the_sum_over_the_sum_of_squares(values):
    assert jain(floats(values)) == pytest.approx(brute_jain(values), abs=1e-12)

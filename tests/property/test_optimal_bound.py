"""What is claimed about the best plan, against trying all plans."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignment_engine.allocation.optimal.dual import TaskPrices
from assignment_engine.allocation.optimal.model import Budget, Incumbent, Model
from assignment_engine.allocation.optimal.prices import Prices, valuation
from assignment_engine.allocation.optimal.problem import GapProblem
from assignment_engine.allocation.optimal.relaxation import relax
from assignment_engine.allocation.optimal.search import Search
from assignment_engine.allocation.optimal.solve import solve_gap
from tests.reference import gap


@st.composite
def problems(draw) -> GapProblem:
    """Up to five tasks and three people; whole or broken values, gains or costs, everything that can be left out."""
    n, m = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    value = rng.integers(-3, 10, (n, m)).astype(float) if draw(st.booleans()) else rng.normal(1.0, 1.0, (n, m))
    value[rng.random((n, m)) < draw(st.sampled_from([0.0, 0.15, 0.5]))] = draw(st.sampled_from([np.nan, -np.inf]))
    seconds = rng.integers(0, 9, (n, m) if draw(st.booleans()) else n) * draw(st.sampled_from([1, 900]))
    capacity = rng.integers(0, 14, m) * draw(st.sampled_from([1, 900]))
    limit = rng.integers(0, n + 1, m) if draw(st.booleans()) else None
    mandatory = draw(st.sampled_from([False, True])) if draw(st.booleans()) else rng.random(n) < 0.4
    return GapProblem(value, seconds, capacity, limit, mandatory)


def timeless() -> Budget:
    return Budget(lambda: 0.0, 0.0, 1.0)


@given(problems())
def test_the_solution_is_the_best_one_and_its_bound_says_so(problem):
    fewest, value = gap.best(problem)
    solution = solve_gap(problem, 30.0)
    assert gap.violations(problem, solution.assigned) == []
    assert solution.missing == gap.missing(problem, solution.assigned) == fewest
    assert solution.value == pytest.approx(value, abs=1e-9)
    assert solution.value == pytest.approx(gap.value_of(problem, solution.assigned), abs=1e-9)
    if fewest == 0:
        assert solution.bound >= value - 1e-12
        assert solution.bound == pytest.approx(value, abs=1e-4)


@given(problems())
def test_with_no_time_at_all_the_answer_is_allowed_and_the_bound_valid(problem):
    fewest, value = gap.best(problem)
    solution = solve_gap(problem, 0.0)
    assert gap.violations(problem, solution.assigned) == []
    assert solution.missing == gap.missing(problem, solution.assigned)
    if fewest == 0:
        assert solution.bound >= value - 1e-12


@given(problems(), st.integers(0, 2**32))
def test_any_prices_give_a_bound(problem, seed):
    fewest, value = gap.best(problem)
    rng = np.random.default_rng(seed)
    m = problem.capacity.size
    prices = Prices(rng.exponential(1.0, m) * rng.integers(0, 2, m), rng.exponential(1.0, m) * rng.integers(0, 2, m))
    if fewest == 0:
        assert valuation(Model.of(problem), prices).bound >= value


@given(problems())
def test_task_prices_give_a_bound_at_every_step(problem):
    fewest, value = gap.best(problem)
    model = Model.of(problem)
    prices = TaskPrices(model, relax(model, timeless(), Incumbent(model)))
    bounds = [prices.step(0.0) for _ in range(10)]
    if fewest == 0:
        assert min(bounds) >= value


@given(problems())
def test_no_plan_with_a_pair_is_worth_more_than_the_bound_says_once_the_pair_is_forced(problem):
    model = Model.of(problem)
    prices = TaskPrices(model, relax(model, timeless(), Incumbent(model)))
    for _ in range(5):
        prices.step(0.0)
    limits = prices.bound + prices.forced_changes()
    for assigned in gap.allowed(problem):
        if not gap.missing(problem, assigned) and model.feasible(np.array(assigned)):
            value = gap.value_of(problem, assigned)
            assert all(value <= limits[task, who] + 1e-9 for task, who in enumerate(assigned) if who != -1)


@given(problems(), st.integers(0, 2**32))
def test_local_search_keeps_to_the_rules_and_knows_what_it_loses(problem, seed):
    model = Model.of(problem)
    incumbent = Incumbent(model)
    relaxation = relax(model, timeless(), incumbent)
    search = Search(model, relaxation, timeless(), seed)
    rng = np.random.default_rng(seed)
    n, m = model.shape
    built = search.build(search.chosen(rng.integers(0, m + 1, n)), rng.permutation(n))
    search.anneal(50, 1.0)
    assert gap.violations(problem, search.assigned) == []
    assert search.back_to_best() <= built
    assigned = search.assigned
    assert gap.violations(problem, assigned) == []
    if not gap.missing(problem, assigned):
        bound = relaxation.valuation.bound
        assert search.loss == pytest.approx(bound - gap.value_of(problem, assigned), abs=1e-6)


@given(problems(), st.integers(0, 2**32))
def test_a_start_is_never_made_worse(problem, seed):
    rng = np.random.default_rng(seed)
    n, m = problem.value.shape
    starts = [start for start in rng.integers(-1, m, (20, n)) if not gap.violations(problem, start)]
    solution = solve_gap(problem, 0.0, starts=starts)
    for start in starts:
        lost = solution.missing, -solution.value
        assert lost <= (gap.missing(problem, start), -gap.value_of(problem, start) + 1e-12)

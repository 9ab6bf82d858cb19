"""Solving whole problems: easy cases, mandatory tasks, time and repeatability."""

from __future__ import annotations

import time

import numpy as np
import pytest

from assignment_engine.allocation.optimal import warmup
from assignment_engine.allocation.optimal.problem import GapProblem
from assignment_engine.allocation.optimal.solve import solve_gap
from assignment_engine.domain.errors import InvalidInputError
from tests.reference import gap


def tight(n: int, m: int, seed: int = 0, **others) -> GapProblem:
    """As many seconds of capacity as of work."""
    rng = np.random.default_rng(seed)
    seconds = rng.integers(1800, 28800, n)
    capacity = np.full(m, seconds.sum() // m)
    return GapProblem(rng.random((n, m)) * rng.choice([1, 2, 4, 8], n)[:, None], seconds, capacity, **others)


def test_an_empty_problem_is_solved():
    for n, m in ((0, 0), (0, 3), (3, 0)):
        problem = GapProblem(np.zeros((n, m)), np.ones(n, dtype=np.int64), np.ones(m, dtype=np.int64))
        solution = solve_gap(problem, 1.0)
        assert solution.assigned.tolist() == [-1] * n
        assert (solution.value, solution.bound, solution.missing) == (0.0, 0.0, 0)


def test_one_task_each_is_the_classical_assignment_problem():
    value = np.array([[7.0, 5.0, 1.0], [6.0, 1.0, 1.0], [5.0, 4.0, 3.0]])
    once = np.ones(3, dtype=np.int64)
    by_limit = solve_gap(GapProblem(value, once, 9 * once, limit=once), 1.0)
    by_capacity = solve_gap(GapProblem(value, 5 * once, 9 * once), 1.0)
    assert by_limit.assigned.tolist() == by_capacity.assigned.tolist() == [1, 0, 2]
    assert (by_limit.value, by_limit.bound) == (14.0, 14.0)


def test_equal_tasks_fill_several_places():
    value = np.array([[5.0, 1.0], [4.0, 1.0], [3.0, 2.5], [2.0, 0.5]])
    solution = solve_gap(GapProblem(value, np.full(4, 3), np.array([7, 5])), 1.0)
    assert solution.assigned.tolist() == [0, 0, 1, -1]
    assert solution.value == solution.bound == 11.5


def test_a_mandatory_task_is_done_at_a_loss_and_an_optional_one_is_not():
    value = np.array([[-5.0], [-1.0]])
    seconds, capacity = np.array([2, 2]), np.array([3])
    assert solve_gap(GapProblem(value, seconds, capacity), 1.0).assigned.tolist() == [-1, -1]
    must = solve_gap(GapProblem(value, seconds, capacity, mandatory=np.array([True, False])), 1.0)
    assert (must.assigned.tolist(), must.value, must.bound) == ([0, -1], -5.0, -5.0)


def test_where_not_all_mandatory_tasks_fit_that_is_said():
    problem = GapProblem(np.ones((3, 1)), np.array([2, 3, 4]), np.array([6]), mandatory=True)
    solution = solve_gap(problem, 5.0)
    assert solution.missing == 1
    assert solution.bound == -np.inf


def test_tasks_worth_nothing_are_done_where_there_is_room():
    problem = GapProblem(np.zeros((2, 1)), np.array([3, 4]), np.array([8]))
    assert solve_gap(problem, 1.0).assigned.tolist() == [0, 0]


@pytest.mark.parametrize("seconds", [0.3, 2.0])
def test_the_time_budget_holds(seconds):
    warmup.begin().join()
    problem = tight(400, 40)
    begun = time.monotonic()
    solution = solve_gap(problem, seconds)
    assert time.monotonic() - begun <= 1.1 * seconds + 0.3
    assert gap.violations(problem, solution.assigned) == []
    assert solution.value <= solution.bound


def test_a_large_tight_problem_is_nearly_closed():
    problem = tight(600, 60)
    solution = solve_gap(problem, 5.0)
    assert gap.violations(problem, solution.assigned) == []
    assert (solution.bound - solution.value) / solution.bound < 0.0075


def test_the_same_seed_gives_the_same_solution():
    problem = tight(120, 15)
    first, second = (solve_gap(problem, 1.0, clock=Ticks(1_000)) for _ in range(2))
    assert first.assigned.tolist() == second.assigned.tolist()
    assert (first.value, first.bound) == (second.value, second.bound)


class Ticks:
    """A clock that runs by being looked at: one second in so many looks."""

    def __init__(self, looks: int) -> None:
        self._looks, self._seen = looks, 0

    def __call__(self) -> float:
        self._seen += 1
        return self._seen / self._looks


@pytest.mark.parametrize(
    ("pointer", "changed"),
    [
        ("/value", {"value": np.zeros(3)}),
        ("/value", {"value": np.full((2, 2), np.inf)}),
        ("/seconds", {"seconds": np.ones(3, dtype=np.int64)}),
        ("/seconds", {"seconds": np.array([1, -1])}),
        ("/capacity", {"capacity": np.ones(3, dtype=np.int64)}),
        ("/limit", {"limit": np.ones(1, dtype=np.int64)}),
        ("/mandatory", {"mandatory": np.ones(3, dtype=bool)}),
    ],
)
def test_arrays_that_do_not_fit_are_refused(pointer, changed):
    fitting = {"value": np.zeros((2, 2)), "seconds": np.array([1, 1]), "capacity": np.array([1, 1])}
    with pytest.raises(InvalidInputError) as caught:
        GapProblem(**{**fitting, **changed})
    assert caught.value.errors[0].pointer == pointer

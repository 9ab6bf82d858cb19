"""What planning in parts is made of, without a cluster: components, bids, prices, sharing and moves."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from assignment_engine.allocation.optimal.allocator import start_scores
from assignment_engine.allocation.optimal.problem import NOBODY
from assignment_engine.distributed.allocating import ticking
from assignment_engine.distributed.bids import Asked, Bids, Goal, bids, joined
from assignment_engine.distributed.exchange import given_to
from assignment_engine.distributed.market import Market, Prices, Supply
from assignment_engine.distributed.partition import Parts, components, partition
from assignment_engine.distributed.repair import chained, room_of
from assignment_engine.distributed.slices import Slicer, Terms
from tests.builders import World, employee, task, world
from tests.contract.test_allocators import organisation

BEST = Goal(0.0, 4, 0, 0)


def labels(problem_world: World) -> tuple[list[int], list[int]]:
    of_task, of_person = components(problem_world.problem())
    return of_task.tolist(), of_person.tolist()


def test_hard_skills_and_departments_divide_tasks_and_people():
    staff = [employee("ana", skills=["sql"], department="north"), employee("bo", skills=["java"], department="south")]
    needs = [task("t1", minimum_levels={"sql": 0.5}), task("t2", minimum_levels={"java": 0.5})]
    (sql, java), (ana, bo) = labels(world(*needs, *staff))
    assert (sql, java) == (ana, bo)
    assert sql != java
    (anyone,), (ana, bo) = labels(world(task("t3"), *staff))
    assert anyone == ana == bo
    by_department = world(task("t4", department="north"), *staff).with_constraints(require_department=True)
    (north,), (ana, bo) = labels(by_department)
    assert north == ana != bo


def test_somebody_with_two_skills_joins_what_each_would_divide():
    needs = [task("t1", minimum_levels={"sql": 0.5}), task("t2", minimum_levels={"java": 0.5})]
    both = employee("cy", skills=["sql", "java"])
    (sql, java), people = labels(world(*needs, employee("ana", skills=["sql"]), both))
    assert sql == java == people[0] == people[1]


def test_parts_have_about_the_same_hours():
    problem = organisation(1, people=30, work=200).problem()
    parts = partition(problem, problem.capacity, 4)
    hours = np.bincount(parts.of_task, weights=problem.seconds, minlength=4)
    assert hours.max() < 1.1 * hours.mean()


def asked_of(count: int, prices: float = 0.0) -> Asked:
    zero, none = np.zeros(count), np.zeros(count, dtype=np.int64)
    return Asked(zero + prices, zero, zero, none, none)


def test_bids_of_groups_joined_are_those_of_everybody_at_once():
    problem = organisation(5, people=20, work=15).problem()
    slicer, terms = Slicer(problem, np.ones(15)), Terms.of(problem)
    tasks, price = slicer.tasks(np.arange(15)), 1e-6
    whole = bids(terms, tasks, slicer.people(np.arange(20)), asked_of(20, price), BEST, (0,))
    groups = [np.arange(0, 20, 2), np.arange(1, 20, 2)]
    halves = [bids(terms, tasks, slicer.people(g), asked_of(10, price), BEST, (0,)) for g in groups]
    found = joined(halves, BEST, (0,))
    assert np.array_equal(np.sort(found.value, axis=1), np.sort(whole.value, axis=1))
    assert np.array_equal(found.worth, whole.worth)
    assert np.array_equal(found.rest, whole.rest)


def test_bids_are_the_best_scores_and_the_rest_is_below_them():
    problem = organisation(5, people=20, work=15).problem()
    slicer, scores = Slicer(problem, np.ones(15)), start_scores(problem)
    found = bids(Terms.of(problem), slicer.tasks(np.arange(15)), slicer.people(np.arange(20)), asked_of(20), BEST, (0,))
    falling = -np.sort(-np.nan_to_num(scores, nan=-np.inf), axis=1)
    assert np.allclose(-np.sort(-found.value, axis=1), falling[:, :4])
    assert np.allclose(found.rest, falling[:, 4])


def tight_market(seed: int = 0, n: int = 120, m: int = 8) -> Market:
    """Every pair is a bid, and there is a little less time than work."""
    rng = np.random.default_rng(seed)
    value, seconds = rng.random((n, m)), rng.integers(1, 9, n) * 900
    capacity = np.full(m, int(0.9 * seconds.sum() / m))
    supply = Supply(*(np.append(values, 0) for values in (capacity, np.full(m, n), 0 * capacity, capacity)))
    market = Market.empty(seconds, np.ones(n), supply, np.zeros(n, dtype=bool))
    found = Bids(np.tile(np.arange(m), (n, 1)), value, value, np.full(n, -np.inf), value.max(axis=1))
    market.take_up(np.arange(n), found, Prices.free(supply).ask(), supply.room())
    return market


def relaxed_value(market: Market) -> float:
    """The optimum when tasks may be divided among people, by HiGHS."""
    n, people = len(market.seconds), np.arange(market.nobody)
    task, bid = np.nonzero(market.value > -np.inf)
    once = (np.arange(n)[:, None] == task).astype(float)
    takes = (people[:, None] == market.person[task, bid]) * market.seconds[task]
    most = np.concatenate([np.ones(n), market.supply.seconds[:-1]])
    return -float(linprog(-market.value[task, bid], A_ub=np.vstack([once, takes]), b_ub=most).fun)


def test_settled_prices_bound_every_plan_and_hardly_more():
    market = tight_market()
    prices, free = market.settle(Prices.free(market.supply)), Prices.free(market.supply)
    bound, least = market.bound(prices, market.worth(prices)), relaxed_value(market)
    assert least <= bound <= 1.001 * least
    assert 1.01 * bound < market.bound(free, market.worth(free))


def test_moves_gain_value_and_keep_to_the_room_there_is():
    market = tight_market(1)
    prices = market.settle(Prices.free(market.supply))
    start, _ = market.placed(np.arange(120), Prices.free(market.supply).ask())
    after = chained(market, prices, start, seed=0)
    assert market.values_at(after).sum() > 1.01 * market.values_at(start).sum()
    assert market.values_at(after).sum() <= market.bound(prices, market.worth(prices))
    assert room_of(market, after).seconds.min() >= 0


def test_people_go_where_they_are_worth_most_and_stay_without_work():
    parts = Parts(3, np.array([0, 1, 1, 2]), np.array([0, 0, 2]), np.zeros(4), np.zeros(3))
    at, value = np.array([0, 0, 0, NOBODY]), np.array([1.0, 0.6, 0.5, 9.0])
    assert given_to(at, value, parts).tolist() == [1, 0, 2]


def test_the_clock_of_a_search_counts_looks_and_not_time():
    clock = ticking(0.5)
    assert [clock(), clock(), clock()] == [0.0, 0.5, 1.0]


def test_equal_bids_go_to_those_who_have_less():
    """Three alike people share six alike tasks."""
    market = tight_market(0, n=6, m=3)
    market.value[:, :3] = 1.0
    market.seconds[:] = 900
    market.supply.seconds[:-1] = market.supply.capacity[:-1] = 9000
    at, _ = market.placed(np.arange(6), Prices.free(market.supply).ask(1e-3))
    assert np.bincount(at).tolist() == [2, 2, 2]

"""What every method of planning must do, whatever it is made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.verify import verify
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.types import Method
from tests.builders import NOW, World, employee, pairs_of, task, world
from tests.reference.allocators import Counters, candidates, needed_seconds

SKILLS = ("python", "sql", "kubernetes", "javascript", "network administration")
PRIORITIES = ("critical", "high", "medium", "low")


def organisation(seed: int, *, people: int, work: int, tight: bool = False) -> World:
    """People and tasks with gaps; `tight` leaves room for about half of the work."""
    rng = np.random.default_rng(seed)

    def some(values, chance=0.8):
        return values if rng.random() < chance else None

    def skills(count):
        return {str(s): float(rng.choice([0.4, 0.6, 0.8, 1.0])) for s in rng.choice(SKILLS, count, replace=False)}

    staff = [
        employee(
            f"e{i:03d}",
            skills=some(skills(2)),
            experience_years=some(float(rng.integers(0, 15))),
            current_workload=float(rng.integers(0, 8)),
            max_workload=float(rng.choice([0, 8]) if tight else rng.choice([16, 40])),
            availability_status=str(rng.choice(["available", "partial", "away"], p=[0.8, 0.1, 0.1])),
            department=some(str(rng.choice(["north", "south"]))),
            history=some({"active_tasks": int(rng.integers(0, 3))}),
        )
        for i in range(people)
    ]
    tasks = [
        task(
            f"t{i:03d}",
            required_skills=some(skills(1)),
            minimum_levels=skills(1) if rng.random() < 0.2 else {},
            priority=str(rng.choice(PRIORITIES)),
            estimated_hours=some(float(rng.integers(1, 8))),
            deadline=some(NOW + timedelta(hours=int(rng.integers(-10, 100)))),
            complexity_score=some(float(rng.choice([0, 0.2, 0.5, 1]))),
            department=some(str(rng.choice(["north", "south"]))),
        )
        for i in range(work)
    ]
    return World(tuple(tasks), tuple(staff), Constraints(max_assignments=6))


WORLDS = {
    "roomy": organisation(1, people=12, work=20),
    "tight": organisation(2, people=8, work=25, tight=True),
    "one person": organisation(3, people=1, work=10),
    "one task": organisation(4, people=10, work=1),
    "nobody": organisation(5, people=0, work=5),
    "nothing": organisation(6, people=5, work=0),
    "neither": world(),
    "no capacity": world(task("a"), task("b"), employee("ana", max_workload=0)),
    "rules": organisation(7, people=10, work=15).with_constraints(
        require_department=True,
        ready_only=True,
        respect_shift_end=True,
        forbidden=[("t001", "e001")],
        required=[("t002", "e003")],
    ),
}


@pytest.fixture(params=Method, ids=str)
def method(request) -> Method:
    return request.param


@pytest.fixture(params=WORLDS)
def any_world(request) -> World:
    return WORLDS[request.param]


def test_says_which_method_it_is(method):
    assert allocator(method).method == method
    assert allocator(str(method)).method == method


def test_plans_break_no_rule(method, any_world):
    problem = any_world.problem()
    plan, features = solve(problem, allocator(method))
    assert verify(problem, plan) == []
    assert plan.method == method
    assert features.shape == (len(plan.assignments), 17)


def test_every_task_is_planned_or_has_a_reason(method, any_world):
    plan = any_world.plan(method)
    assert all(entry.reasons for entry in plan.unassigned)
    ids = [*pairs_of(plan), *(entry.task_id for entry in plan.unassigned)]
    assert sorted(ids) == sorted(t.task_id for t in any_world.tasks)


def test_nobody_who_is_left_could_take_an_unassigned_task(method, any_world):
    plan, counters = any_world.plan(method), Counters.of(any_world)
    tasks = {t.task_id: t for t in any_world.tasks}
    for task_id, employee_id in pairs_of(plan).items():
        counters.give(employee_id, needed_seconds(any_world, tasks[task_id], employee_id))
    assert [u.task_id for u in plan.unassigned if candidates(any_world, tasks[u.task_id], counters)] == []


def test_the_same_problem_gives_the_same_plan(method, any_world):
    assert any_world.plan(method) == any_world.plan(method)


def test_the_order_of_the_input_does_not_matter(method, any_world):
    turned = replace(any_world, tasks=any_world.tasks[::-1], employees=any_world.employees[::-1])
    assert pairs_of(turned.plan(method)) == pairs_of(any_world.plan(method))


def test_value_stays_below_its_bound(method, any_world):
    report = any_world.plan(method).report
    assert report.value <= report.bound + 1e-9
    assert report.gap == pytest.approx((report.bound - report.value) / report.bound if report.bound else 0.0, abs=1e-9)


def test_scores_and_their_explanations_agree(method):
    for planned in WORLDS["roomy"].plan(method).assignments:
        terms = sum(term.contribution for term in planned.explanation.terms)
        assert planned.explanation.base + terms == pytest.approx(planned.score, abs=1e-9)
        assert planned.confidence == 0.6


def test_a_single_pair_is_chosen_for_its_score(method):
    """With one task the method does not matter: the better of two who are equally free has it."""
    people = [employee("ana", skills=["sql"]), employee("bo", skills=["python"])]
    assert pairs_of(world(task(required_skills=["python"]), *people).plan(method)) == {"t1": "bo"}


def test_equal_people_are_told_apart_by_their_id(method):
    people = [employee(name) for name in ("cy", "ana", "bo")]
    assert pairs_of(world(task(), *people).plan(method)) == {"t1": "ana"}


def test_a_required_pair_is_made(method):
    better, worse = employee("ana", skills=["sql"]), employee("bo", skills=[])
    required = world(task(required_skills=["sql"]), better, worse).with_constraints(required=[("t1", "bo")])
    assert pairs_of(required.plan(method)) == {"t1": "bo"}


def test_a_required_pair_is_made_before_others_take_the_hours(method):
    """The person has room for one of two tasks: the one that must be theirs, though the other matters more."""
    work = [task("a", priority="low", estimated_hours=8), task("b", priority="critical", estimated_hours=8)]
    required = world(*work, employee(max_workload=8)).with_constraints(required=[("a", "ana")])
    assert pairs_of(required.plan(method)) == {"a": "ana"}


def test_a_critical_task_is_not_given_up_for_a_low_one(method):
    """There is room for one of the two."""
    work = [task("a", priority="low", estimated_hours=8), task("b", priority="critical", estimated_hours=8)]
    assert pairs_of(world(*work, employee(max_workload=8)).plan(method)) == {"b": "ana"}


def test_hours_per_pair_are_what_is_taken(method):
    base = WORLDS["tight"]
    hours = {
        (t.task_id, e.employee_id): 1.0 + (i + j) % 3
        for i, t in enumerate(base.tasks)
        for j, e in enumerate(base.employees)
    }
    problem = replace(base, hours=hours).problem()
    plan, _ = solve(problem, allocator(method))
    assert verify(problem, plan) == []
    assert plan.assignments
    assert all(a.hours == hours[a.task_id, a.employee_id] for a in plan.assignments)

"""What holds for every plan of every problem."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.verify import verify
from assignment_engine.domain.plans import Plan, PlannedAssignment
from tests.builders import World, pairs_of
from tests.property.strategies import LEVELS, SKILLS, worlds
from tests.reference.allocators import (
    Counters,
    allocate,
    candidates,
    fixed_obstacles,
    needed_seconds,
    obstacles,
    scorable,
)

methods = st.sampled_from(
    [("greedy", None), ("balanced", None), ("balanced", 0.0), ("balanced", 0.5), ("balanced", 1.0)]
)


def eligible_pairs(world: World) -> set[tuple[str, str]]:
    """(task, employee) pairs that no rule blocks at the start, as the engine sees them."""
    problem = world.problem()
    rules, loads = Eligibility.of(problem), problem.pairs.initial
    return {
        (task.task_id, problem.employees[position].employee_id)
        for row, task in enumerate(problem.tasks)
        for position in rules.candidates(row, loads)
    }


@given(worlds(), methods)
def test_plans_equal_the_slow_reference(world, method):
    """Pairs, scores and features are those of planning by hand, one task after the other."""
    name, weight = method
    plan, features = solve(world.problem(), allocator(name, weight=weight))
    by_hand = allocate(world, name, 0.3 if weight is None else weight)
    assert pairs_of(plan) == by_hand.chosen
    assert {u.task_id for u in plan.unassigned} == by_hand.unassigned
    for planned, row in zip(plan.assignments, features, strict=True):
        assert planned.score == pytest.approx(by_hand.scores[planned.task_id], abs=1e-9)
        expected = list(by_hand.features[planned.task_id].values())
        np.testing.assert_allclose(row, expected, rtol=1e-9, atol=1e-9)
    assert plan.report.total_score == pytest.approx(sum(by_hand.scores.values()), abs=1e-9)


@given(worlds())
def test_eligible_is_whom_no_rule_blocks(world):
    counters = Counters.of(world)
    expected = {(t.task_id, e.employee_id) for t in world.pending for e in candidates(world, t, counters)}
    assert eligible_pairs(world) == expected


@given(worlds(), methods)
def test_every_plan_passes_verify(world, method):
    problem = world.problem()
    assert verify(problem, solve(problem, allocator(method[0], weight=method[1]))[0]) == []


@given(worlds(), st.data())
def test_verify_finds_exactly_the_broken_rules(world, data):
    """A plan that gives every task to anybody breaks what the rules say it breaks, nothing else."""
    assume(world.employees and world.pending)
    people = {e.employee_id: e for e in world.employees}
    chosen = {t.task_id: data.draw(st.sampled_from(sorted(people))) for t in world.pending}
    broken: set[tuple[str, str]] = set()
    counters = Counters.of(world)
    for task in world.pending:
        employee_id = chosen[task.task_id]
        broken |= {(code, task.task_id) for code in fixed_obstacles(world, task, people[employee_id])}
        counters.give(employee_id, needed_seconds(world, task, employee_id))
    too_much = {e for e in set(chosen.values()) if counters.seconds[e] > round(people[e].max_workload * 3600)}
    found = verify(world.problem(), arbitrary_plan(world, chosen))
    totals = {"capacity", "max_assignments"}
    assert {(v.code, v.task_id) for v in found if v.code not in totals} == broken
    assert {v.employee_id for v in found if v.code == "capacity"} == too_much


def arbitrary_plan(world: World, chosen: dict[str, str]) -> Plan:
    tasks = {t.task_id: t for t in world.pending}
    assignments = tuple(
        PlannedAssignment(
            task_id=t, employee_id=e, score=0.5, confidence=0.6, hours=needed_seconds(world, tasks[t], e) / 3600
        )
        for t, e in chosen.items()
    )
    return world.plan().model_copy(update={"assignments": assignments, "unassigned": ()})


@given(worlds(), methods, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(world, method, random):
    """And planning twice gives the same plan, to the last bit."""
    tasks, people = list(world.tasks), list(world.employees)
    random.shuffle(tasks)
    random.shuffle(people)
    before = world.plan(*method)
    assert world.plan(*method) == before
    after = replace(world, tasks=tuple(tasks), employees=tuple(people)).plan(*method)
    assert after.assignments == before.assignments
    assert {u.task_id: u for u in after.unassigned} == {u.task_id: u for u in before.unassigned}
    for name in ("value", "bound", "gap", "total_score"):
        assert getattr(after.report, name) == pytest.approx(getattr(before.report, name), abs=1e-12)
    assert after.report.load_after == before.report.load_after


@given(worlds(), st.data())
def test_one_more_rule_never_makes_a_pair_eligible(world, data):
    rules = world.constraints
    pairs = [(t.task_id, e.employee_id) for t in world.tasks for e in world.employees]
    free = [pair for pair in pairs if pair not in rules.required]
    stricter = [
        {"max_assignments": data.draw(st.integers(0, 4 if rules.max_assignments is None else rules.max_assignments))},
        {
            "minimum_levels": {
                **rules.minimum_levels,
                data.draw(st.sampled_from(SKILLS)).lower(): data.draw(st.sampled_from(LEVELS)),
            }
        },
        {"require_department": True},
        {"ready_only": True},
        {"respect_availability": True},
        {"respect_shift_end": True},
        {"forbidden": rules.forbidden | set(free[:1])},
    ]
    change = data.draw(st.sampled_from(stricter))
    if "minimum_levels" in change:
        change = {
            "minimum_levels": {k: max(v, rules.minimum_levels.get(k, 0)) for k, v in change["minimum_levels"].items()}
        }
    assert eligible_pairs(world.with_constraints(**change)) <= eligible_pairs(world)


@given(worlds(), st.integers(0, 40 * 60))
def test_more_capacity_never_costs_a_pair_its_eligibility(world, minutes):
    assume(world.employees)
    person = world.employees[0]
    roomier = world.with_employee(person.model_copy(update={"max_workload": person.max_workload + minutes / 60}))
    assert eligible_pairs(world) <= eligible_pairs(roomier)


@given(worlds(), methods)
def test_a_task_stays_unassigned_only_when_nobody_is_left_for_it(world, method):
    """Replaying the plan in its own order: each task without a person has no candidate at the end."""
    plan = world.plan(*method)
    counters = Counters.of(world)
    tasks = {t.task_id: t for t in world.pending}
    for planned in plan.assignments:
        person = counters.people[planned.employee_id]
        assert not obstacles(world, tasks[planned.task_id], person, counters)
        counters.give(planned.employee_id, needed_seconds(world, tasks[planned.task_id], planned.employee_id))
    for entry in plan.unassigned:
        left = candidates(world, tasks[entry.task_id], counters)
        assert not any(scorable(world, tasks[entry.task_id], e) for e in left)
        assert entry.reasons

"""Plans of small worlds, worked out by hand from the rules."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

import assignment_engine
from assignment_engine.allocation.methods import allocator
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.intake import read_tasks
from assignment_engine.domain.types import InputNotes
from assignment_engine.scoring.fallback import WeightedFallback
from tests.builders import NOW, employee, pairs_of, reason_codes, task, unassigned, world

ANA, BO = employee("ana"), employee("bo")


def planned(*records, method: str = "greedy", weight: float | None = None, **constraints) -> dict[str, str]:
    return pairs_of(world(*records).with_constraints(**constraints).plan(method, weight))


def codes(*records, **constraints) -> set[str]:
    """Why `t1` stays unassigned."""
    return reason_codes(world(*records).with_constraints(**constraints).plan(), "t1")


def test_greedy_takes_the_better_one():
    assert planned(
        task(required_skills=["sql"]), employee("ana", skills=["python"]), employee("bo", skills=["sql"])
    ) == {"t1": "bo"}


def test_the_weights_of_the_fallback():
    """0.4 skills + 0.3 experience + 0.3 free time, confidence 0.6."""
    person = employee(skills={"sql": 0.5}, experience_years=2.75, current_workload=10, max_workload=40)
    plan = world(task(required_skills=["sql"], complexity_score=0.5, estimated_hours=1), person).plan()
    (pair,) = plan.assignments
    assert pair.score == pytest.approx(0.4 * 0.5 + 0.3 * 0.5 + 0.3 * 0.75)
    assert pair.confidence == 0.6
    assert pair.explanation.unit == "score"


def test_a_missing_term_is_left_out_and_said_so():
    plan = world(task(required_skills=["sql"]), employee(skills=["sql"], current_workload=20)).plan()
    (pair,) = plan.assignments
    assert pair.score == pytest.approx((0.4 * 1 + 0.3 * 0.5) / 0.7)
    assert "experience" in pair.explanation.note


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"priority": "critical"}, {"priority": "high", "deadline": NOW}),
        ({"deadline": NOW}, {"deadline": NOW + timedelta(hours=1), "created_at": NOW - timedelta(days=9)}),
        ({"deadline": NOW + timedelta(days=9)}, {"deadline": None}),
        ({"created_at": NOW - timedelta(hours=2)}, {"created_at": NOW - timedelta(hours=1)}),
        ({"created_at": NOW}, {"created_at": None}),
        ({"task_id": "a"}, {"task_id": "b"}),
    ],
)
def test_greedy_goes_by_priority_deadline_age_and_id(first, second):
    """There is room for one of the two."""
    one, other = {"task_id": "first", **first}, {"task_id": "a-second", **second}
    plan = planned(task(**other), task(**one), employee("ana", max_workload=1))
    assert plan == {one["task_id"]: "ana"}


def test_balanced_goes_by_priority_and_id_alone():
    late, soon = task("a"), task("b", deadline=NOW)
    assert planned(soon, late, employee("ana", max_workload=1), method="balanced") == {"a": "ana"}


def test_equal_scores_go_to_the_lower_load_then_to_the_lower_id():
    """(0.4 · 1 + 0.3 · 0.5) is 0.4 · 0.625 + 0.3 · 1."""
    skilled = employee("ana", skills=["sql"], current_workload=20)
    free = employee("bo", skills={"sql": 0.625})
    assert planned(task(required_skills=["sql"]), skilled, free) == {"t1": "bo"}
    assert planned(task(), employee("bo"), employee("ana")) == {"t1": "ana"}


def test_a_later_task_sees_the_new_load():
    work = [task(f"t{i}", estimated_hours=10) for i in range(4)]
    plan = planned(*work, ANA, BO)
    assert sorted(plan.values()) == ["ana", "ana", "bo", "bo"]


def test_balanced_weighs_load_against_score():
    """At w = 0 the better one has it, at w = 1 the freer one."""
    good = employee("good", skills=["sql"], current_workload=20, experience_years=10)
    free = employee("free", skills={"sql": 0.5}, current_workload=0, experience_years=10)
    work = task(required_skills=["sql"], complexity_score=0.0, estimated_hours=1)
    assert planned(work, good, free, method="balanced", weight=0.0) == {"t1": "good"}
    assert planned(work, good, free, method="balanced", weight=1.0) == {"t1": "free"}
    assert planned(work, good, free, method="balanced") == {"t1": "free"}  # 0.85·0.7 + 0.5·0.3 < 0.8·0.7 + 1·0.3


def test_balanced_spreads_what_greedy_piles_up():
    star = employee("star", skills=["sql"], experience_years=10)
    plain = employee("plain", skills=[], experience_years=10)
    work = [task(f"t{i}", required_skills=["sql"], complexity_score=0.0, estimated_hours=5) for i in range(8)]
    greedy = world(*work, star, plain).plan("greedy").report.load_after
    balanced = world(*work, star, plain).plan("balanced", 0.8).report.load_after
    assert balanced.gini < greedy.gini
    assert balanced.jain > greedy.jain


@pytest.mark.parametrize("method", ["greedy", "balanced"])
def test_nothing_to_plan(method):
    plan = world(ANA).plan(method)
    assert (plan.assignments, plan.unassigned) == ((), ())
    assert (plan.report.value, plan.report.bound, plan.report.gap, plan.report.total_score) == (0, 0, 0, 0)
    assert (plan.report.load_after.gini, plan.report.load_after.jain) == (0, 1)


@pytest.mark.parametrize("method", ["greedy", "balanced"])
def test_nobody_to_plan(method):
    plan = world(task()).plan(method)
    assert reason_codes(plan, "t1") == {"no_employees"}
    assert unassigned(plan, "t1").relaxations == ()


@pytest.mark.parametrize(
    ("status", "eligible"),
    [("available", True), ("partial", True), ("busy", False), ("away", False), ("offline", False)],
)
def test_availability(status, eligible):
    person = employee(availability_status=status)
    assert planned(task(), person) == ({"t1": "ana"} if eligible else {})
    assert planned(task(), person, respect_availability=False) == {"t1": "ana"}
    assert eligible or codes(task(), person) == {"availability"}


def test_zero_capacity():
    plan = world(task(), employee(max_workload=0)).plan()
    assert reason_codes(plan, "t1") == {"capacity"}
    assert plan.report.load_after.by_employee == {}


def test_capacity_is_filled_to_the_last_second():
    work = [task(f"t{i}", estimated_hours=1 / 3) for i in range(30)]
    assert len(planned(*work, employee(max_workload=10))) == 30
    assert len(planned(*work, task("more", estimated_hours=1 / 3600), employee(max_workload=10))) == 30


def test_existing_and_new_assignments_count_toward_the_most_allowed():
    busy = employee(history={"active_tasks": 2})
    work = [task("t0"), task("t1")]
    assert planned(*work, busy, max_assignments=3) == {"t0": "ana"}
    assert codes(*work, busy, max_assignments=3) == {"max_assignments"}


@pytest.mark.parametrize(("level", "eligible"), [(0.6, True), (0.59, False)])
def test_minimum_levels_are_hard_and_required_skills_are_soft(level, eligible):
    person = employee(skills={"sql": level})
    assert planned(task(required_skills={"sql": 1.0}), person) == {"t1": "ana"}
    assert planned(task(minimum_levels={"sql": 0.6}), person) == ({"t1": "ana"} if eligible else {})
    assert planned(task(), person, minimum_levels={"sql": 0.6}) == ({"t1": "ana"} if eligible else {})


def test_unknown_skills_do_not_reach_a_minimum():
    assert codes(task(minimum_levels={"sql": 0.1}), employee()) == {"minimum_level"}


@pytest.mark.parametrize(("own", "eligible"), [("north", True), ("south", False), (None, False)])
def test_required_department(own, eligible):
    person = employee(department=own)
    assert bool(planned(task(department="north"), person, require_department=True)) is eligible
    assert planned(task(department="north"), person) == {"t1": "ana"}
    assert planned(task(), person, require_department=True) == {"t1": "ana"}


def test_forbidden_and_required_pairs():
    assert planned(task(), ANA, BO, forbidden=[("t1", "ana")]) == {"t1": "bo"}
    assert planned(task(), ANA, BO, required=[("t1", "bo")]) == {"t1": "bo"}


def test_a_required_pair_that_cannot_be_met_leaves_the_task_unassigned():
    away = employee("bo", availability_status="away")
    plan = world(task(), ANA, away).with_constraints(required=[("t1", "bo")]).plan()
    assert reason_codes(plan, "t1") == {"pair", "availability"}


def test_dropping_a_required_pair_does_not_help_somebody_forbidden():
    """Cy may come after dropping the required pair; Ana would also need the exception for herself."""
    people = [ANA, employee("bo", availability_status="away"), employee("cy")]
    rules = {"required": [("t1", "bo")], "forbidden": [("t1", "ana")]}
    entry = unassigned(world(task(), *people).with_constraints(**rules).plan(), "t1")
    (pair,) = [r for r in entry.relaxations if r.kind == "pair"]
    assert (pair.employee_id, pair.from_, pair.to) == ("cy", "required: bo", None)


def test_two_exceptions_for_a_pair_count_twice():
    """Bo needs to be there and a week of capacity (1½), Ana to be there and two exceptions (2)."""
    people = [employee("ana", availability_status="away"), employee("bo", availability_status="away", max_workload=0)]
    rules = {"required": [("t1", "bo")], "forbidden": [("t1", "ana")]}
    (only,) = unassigned(world(task(estimated_hours=40), *people).with_constraints(**rules).plan(), "t1").relaxations
    assert (only.kind, only.employee_id) == ("combined", "bo")


def test_who_rejected_a_task_never_gets_it_again():
    plan = world(task(), ANA, rejections=frozenset({("t1", "ana")})).plan()
    assert reason_codes(plan, "t1") == {"rejected"}
    assert unassigned(plan, "t1").relaxations == ()


def test_dependencies_block_only_where_asked_for():
    work = task(dependencies=["other"])
    assert planned(work, ANA) == {"t1": "ana"}
    assert codes(work, ANA, ready_only=True) == {"dependency"}
    ready = world(work, ANA, completed=frozenset({"other"})).with_constraints(ready_only=True)
    assert pairs_of(ready.plan()) == {"t1": "ana"}


def test_work_must_end_before_the_shift_where_asked_for():
    until = employee(shift_end=NOW + timedelta(hours=2))
    assert planned(task(estimated_hours=2), until, respect_shift_end=True) == {"t1": "ana"}
    assert codes(task(estimated_hours=2.001), until, respect_shift_end=True) == {"shift_end"}
    assert planned(task(estimated_hours=3), until) == {"t1": "ana"}
    assert planned(task(estimated_hours=3), ANA, respect_shift_end=True) == {"t1": "ana"}


def test_hours_may_differ_per_pair():
    hours = {("t1", "ana"): 3.0, ("t1", "bo"): 1.0}
    small = [employee("ana", max_workload=2), employee("bo", max_workload=2)]
    (pair,) = world(task(estimated_hours=1), *small, hours=hours).plan().assignments
    assert (pair.employee_id, pair.hours) == ("bo", 1.0)


def test_an_overdue_task_is_planned_like_any_other():
    assert planned(task(deadline=NOW - timedelta(days=1)), ANA) == {"t1": "ana"}


def test_relaxations_say_what_would_help():
    people = [
        employee("ana", name="Ana", current_workload=38.5),
        employee("bo", skills={"python": 0.5}, current_workload=0),
        employee("cy", skills={"python": 1.0}, availability_status="away"),
    ]
    people[0] = people[0].model_copy(update={"skills": {"python": 1.0}})
    entry = unassigned(world(task(estimated_hours=4, minimum_levels={"python": 0.6}), *people).plan(), "t1")
    found = [(r.kind, r.employee_id, r.skill, r.from_, r.to) for r in entry.relaxations]
    assert found == [
        ("capacity", "ana", None, 40.0, 42.5),
        ("minimum_level", "bo", "python", 0.6, 0.5),
        ("availability", "cy", None, "away", "available"),
    ]
    assert any("2.5 h" in reason.detail and "Ana" in reason.detail for reason in entry.reasons)


def test_a_relaxed_level_can_be_sent_back():
    """Under the name that the task uses; a level that nothing fits is dropped."""
    needed = {"k8s": 0.8, "js": 0.5}
    near = employee(skills={"kubernetes": 0.6, "javascript": 1.0})
    entry = unassigned(world(task(minimum_levels=needed), near).plan(), "t1")
    (change,) = entry.relaxations
    assert (change.skill, change.from_, change.to) == ("k8s", 0.8, 0.6)
    assert "k8s at 0.6 of 0.8" in entry.reasons[0].detail
    assert planned(task(minimum_levels={**needed, change.skill: change.to}), near) == {"t1": "ana"}
    lacking = employee(skills={"kubernetes": 1.0})
    (change,) = unassigned(world(task(minimum_levels=needed), lacking).plan(), "t1").relaxations
    assert (change.skill, change.from_, change.to) == ("js", 0.5, None)


def test_relaxations_are_combined_where_no_single_one_helps():
    person = employee(availability_status="away", max_workload=1)
    (only,) = unassigned(world(task(estimated_hours=2), person).plan(), "t1").relaxations
    assert (only.kind, only.employee_id) == ("combined", "ana")
    assert {change.kind for change in only.changes} == {"availability", "capacity"}


def test_a_relaxed_count_is_a_count():
    """The answer can be given back as a constraint."""
    plan = world(task(), ANA).with_constraints(max_assignments=0).plan()
    (only,) = unassigned(plan, "t1").relaxations
    assert '"from":0,"to":1,' in only.model_dump_json(by_alias=True)
    assert planned(task(), ANA, max_assignments=only.to) == {"t1": "ana"}


def test_unknown_methods_and_weights_are_refused():
    with pytest.raises(InvalidInputError, match="greedy"):
        allocator("best")
    for weight in (-0.1, 1.1, float("nan")):
        with pytest.raises(InvalidInputError, match="0 to 1"):
            allocator("balanced", weight=weight)


def test_plan_takes_dicts_and_frames():
    people = [{"employee_id": "ana", "skills": "sql"}]
    work = [{"task_id": 1, "required_skills": ["sql"], "estimated_hours": 2.0}]
    options = {"scorer": WeightedFallback(), "now": NOW, "constraints": {"max_assignments": 1}}
    from_dicts = assignment_engine.plan(work, people, **options)
    assert pairs_of(from_dicts) == {"1": "ana"}
    assert assignment_engine.plan(pd.DataFrame(work), pd.DataFrame(people), **options) == from_dicts


def test_plan_counts_defaults_and_naive_times_in_its_warnings():
    plan = assignment_engine.plan(
        [{"task_id": "t1", "deadline": "2026-03-05T10:00"}, {"task_id": "t2", "priority": "low", "estimated_hours": 1}],
        [{"employee_id": "ana", "max_workload": 8, "current_workload": 0}],
        scorer=WeightedFallback(),
        now=NOW,
    )
    assert set(plan.report.warnings) == {
        "priority not given, taken as medium: 1",
        "availability_status not given, taken as available: 1",
        "deadline without a time zone, read as UTC: 1",
        "tasks without estimated_hours, counted as 1.0 h of load: 1",
    }


def test_records_read_in_a_stated_zone_can_be_planned():
    work = read_tasks([{"task_id": "t1", "deadline": "2026-03-05T10:00"}], InputNotes("Europe/Berlin"))
    assert planned(*work, ANA) == {"t1": "ana"}


@pytest.mark.parametrize(
    "constraints", [{"speed": 1}, {"max_assignments": -1}, {"required": [["t1", "ana"]], "forbidden": [["t1", "ana"]]}]
)
def test_plan_refuses_bad_constraints(constraints):
    with pytest.raises(InvalidInputError):
        assignment_engine.plan([task()], [ANA], constraints=constraints, scorer=WeightedFallback(), now=NOW)


def test_bad_constraints_are_pointed_to():
    with pytest.raises(InvalidInputError) as refused:
        assignment_engine.plan([], [], constraints={"speed": 3, "max_assignments": -1})
    assert [error.pointer for error in refused.value.errors] == ["/constraints/max_assignments", "/constraints/speed"]


def test_the_zone_of_naive_times_can_be_stated():
    tasks = [{"task_id": "a", "deadline": "2026-03-05T12:00"}]
    noted = assignment_engine.plan(tasks, [{"employee_id": "e"}], time_zone="Europe/Berlin").report.warnings
    assert "deadline without a time zone, read as Europe/Berlin: 1" in noted

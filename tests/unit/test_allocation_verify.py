"""A plan that is broken on purpose is found out, for what is wrong with it and nothing else."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from assignment_engine.allocation.verify import verify
from assignment_engine.domain.plans import Plan, PlannedAssignment, Unassigned
from tests.builders import NOW, World, employee, task, world

PLAIN = world(task("t1", estimated_hours=2), task("t2", estimated_hours=2), employee("ana"), employee("bo"))


def pair(task_id: str = "t1", employee_id: str = "ana", **fields: object) -> PlannedAssignment:
    return PlannedAssignment(
        **{"task_id": task_id, "employee_id": employee_id, "score": 0.5, "confidence": 0.6, "hours": 2.0, **fields}
    )


def plan_of(*assignments: PlannedAssignment, unassigned: tuple[str, ...] = ()) -> Plan:
    left = tuple(Unassigned(task_id=task_id, reasons=()) for task_id in unassigned)
    return PLAIN.plan().model_copy(update={"assignments": assignments, "unassigned": left})


def codes(broken: Plan, of: World = PLAIN) -> list[str]:
    return [violation.code for violation in verify(of.problem(), broken)]


GOOD = plan_of(pair("t1"), pair("t2"))


def of_two(person=None, work=None, **fields: object) -> World:
    """The plain world with another Ana, another first task, or other rules."""
    first = task("t1", **{"estimated_hours": 2, **(work or {})})
    constraints = fields.pop("constraints", {})
    changed = world(first, PLAIN.tasks[1], employee("ana", **(person or {})), PLAIN.employees[1], **fields)
    return changed.with_constraints(**constraints)


def test_a_good_plan_has_no_violation():
    assert codes(GOOD) == []
    assert codes(plan_of(pair("t1"), unassigned=("t2",))) == []
    assert codes(plan_of(unassigned=("t1", "t2"))) == []


@pytest.mark.parametrize(
    ("code", "broken"),
    [
        ("missing", plan_of(pair("t1"))),
        ("missing", plan_of(unassigned=("t2",))),
        ("duplicate", plan_of(pair("t1"), pair("t1", "bo"), pair("t2"))),
        ("duplicate", plan_of(pair("t1"), pair("t2"), unassigned=("t2",))),
        ("unknown", plan_of(pair("t1"), pair("t2"), pair("t3"))),
        ("unknown", plan_of(pair("t1"), pair("t2"), unassigned=("t3",))),
        ("unknown", plan_of(pair("t1", "nobody"), pair("t2"))),
        ("score", plan_of(pair("t1", score=math.nan), pair("t2"))),
        ("score", plan_of(pair("t1", score=1.1), pair("t2"))),
        ("score", plan_of(pair("t1", score=-0.1), pair("t2"))),
        ("hours", plan_of(pair("t1", hours=1.0), pair("t2"))),
        ("hours", plan_of(pair("t1", hours=math.nan), pair("t2"))),
        ("hours", plan_of(pair("t1", hours=math.inf), pair("t2"))),
    ],
)
def test_a_plan_that_is_broken_in_itself(code, broken):
    assert codes(broken) == [code]


@pytest.mark.parametrize(
    ("code", "of"),
    [
        *[("availability", of_two({"availability_status": status})) for status in ("busy", "away", "offline")],
        ("capacity", of_two({"max_workload": 3.9})),
        ("capacity", of_two({"current_workload": 36.1})),
        ("capacity", of_two({"max_workload": 0})),
        ("capacity", of_two({"max_workload": 4 - 1 / 3600})),
        ("max_assignments", of_two(constraints={"max_assignments": 1})),
        ("max_assignments", of_two({"history": {"active_tasks": 2}}, constraints={"max_assignments": 3})),
        ("minimum_level", of_two(work={"minimum_levels": {"sql": 0.5}})),
        ("minimum_level", of_two({"skills": {"sql": 0.4}}, {"minimum_levels": {"sql": 0.5}})),
        ("minimum_level", of_two({"skills": {"kubernetez": 1.0}}, {"minimum_levels": {"k8s": 0.5}})),
        ("department", of_two({"department": "a"}, {"department": "b"}, constraints={"require_department": True})),
        ("department", of_two({}, {"department": "b"}, constraints={"require_department": True})),
        ("pair", of_two(constraints={"forbidden": [("t1", "ana")]})),
        ("pair", of_two(constraints={"required": [("t1", "bo")]})),
        ("rejected", of_two(rejections=frozenset({("t1", "ana")}))),
        ("dependency", of_two(work={"dependencies": ["t2"]}, constraints={"ready_only": True})),
        ("dependency", of_two(work={"dependencies": ["gone"]}, constraints={"ready_only": True})),
        (
            "shift_end",
            of_two({"shift_end": NOW - timedelta(hours=1)}, constraints={"respect_shift_end": True}, work={}),
        ),
    ],
)
def test_a_plan_that_breaks_a_rule(code, of):
    """Both tasks to Ana, in a world where that is not allowed."""
    assert set(codes(GOOD, of)) == {code}


@pytest.mark.parametrize(
    "of",
    [
        of_two({"availability_status": "away"}, constraints={"respect_availability": False}),
        of_two({"availability_status": "partial"}),
        of_two({"max_workload": 4}),
        of_two({"history": {"active_tasks": 2}}, constraints={"max_assignments": 4}),
        of_two({"skills": ["kube"]}, {"minimum_levels": {"k8s": 1.0}}),
        of_two({}, {}, constraints={"require_department": True}),
        of_two({"department": "a"}, {"department": "b"}),
        of_two(constraints={"required": [("t1", "ana")]}),
        of_two(constraints={"forbidden": [("t1", "bo")]}),
        of_two(rejections=frozenset({("t1", "bo")})),
        of_two(work={"dependencies": ["gone"]}),
        of_two(work={"dependencies": ["gone"]}, constraints={"ready_only": True}, completed=frozenset({"gone"})),
        of_two({"shift_end": NOW - timedelta(hours=1)}),
        of_two({"shift_end": NOW + timedelta(hours=2)}, constraints={"respect_shift_end": True}),
    ],
)
def test_what_is_allowed_is_no_violation(of):
    assert codes(GOOD, of) == []


def test_all_violations_are_listed():
    bad = of_two({"availability_status": "away", "max_workload": 1}, {"minimum_levels": {"sql": 1}})
    assert set(codes(plan_of(pair("t1", score=2.0)), bad)) == {
        "availability",
        "capacity",
        "minimum_level",
        "score",
        "missing",
    }


def test_hours_per_pair_are_those_that_count():
    hours = {(t, e): 2.0 if e == "ana" else 30.0 for t in ("t1", "t2") for e in ("ana", "bo")}
    of = of_two(hours=hours)
    assert codes(GOOD, of) == []
    both = plan_of(pair("t1", "bo", hours=30.0), pair("t2", "bo", hours=30.0))
    assert codes(both, of) == ["capacity"]
    assert set(codes(plan_of(pair("t1", "bo"), pair("t2")), of)) == {"hours"}

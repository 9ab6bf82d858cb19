"""What a planning problem refuses, what it leaves out, and what it says about it."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from assignment_engine.allocation.problem import build_problem
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.scoring.fallback import WeightedFallback
from tests.builders import NOW, employee, pairs_of, reason_codes, task, world


def refused(records, **fields) -> tuple[str, str]:
    """Pointer and detail of the one error."""
    with pytest.raises(InvalidInputError) as error:
        world(*records, **fields).problem()
    (only,) = error.value.errors
    return only.pointer, only.detail


@pytest.mark.parametrize("records", [(), (task(),), (employee(),)])
def test_nothing_or_nobody_is_a_problem_too(records):
    built = world(*records)
    assert built.problem().shape == (len(built.tasks), len(built.employees))


@pytest.mark.parametrize(
    ("waits", "cycle"),
    [
        ({"a": ["a"]}, {"a → a"}),
        ({"a": ["b"], "b": ["a"]}, {"a → b → a", "b → a → b"}),
        ({"x": ["a"], "a": ["b", "free"], "b": ["c"], "c": ["a"], "free": []}, {"a → b → c → a"}),
    ],
)
def test_a_cycle_names_its_members(waits, cycle):
    """Whether or not dependencies block in this plan; what only leads into the circle is not named."""
    work = [task(task_id, dependencies=others) for task_id, others in waits.items()]
    pointer, detail = refused([*work, employee()])
    assert detail.removeprefix("these tasks wait for each other: ") in cycle
    assert list(waits)[int(pointer.split("/")[2])] in detail.split(": ")[1].split(" → ")


def test_a_diamond_and_a_double_dependency_are_no_cycle():
    work = [
        task("a", dependencies=["b", "c"]),
        task("b", dependencies=["d", "d"]),
        task("c", dependencies=["d", "elsewhere"]),
        task("d"),
    ]
    assert world(*work, employee()).problem().shape == (4, 1)


def test_a_chain_of_ten_thousand_is_followed_to_its_end():
    chain = [task(f"t{i}", dependencies=[f"t{i + 1}"]) for i in range(10_000)]
    chain.append(task("t10000", dependencies=["t0"]))
    assert "t0" in refused(chain)[1]


@pytest.mark.parametrize("rule", ["forbidden", "required"])
@pytest.mark.parametrize("pair", [("t1", "nobody"), ("nothing", "ana")])
def test_a_rule_about_somebody_unknown_is_refused(rule, pair):
    with pytest.raises(InvalidInputError, match=r"there is no (task|employee) 'no") as error:
        world(task(), employee()).with_constraints(**{rule: [pair]}).problem()
    assert error.value.errors[0].pointer == f"/constraints/{rule}"


@pytest.mark.parametrize("records", [(task(), task()), (employee(), employee())])
def test_an_id_comes_once(records):
    assert "more than once" in refused(records)[1]


def test_the_present_moment_has_a_zone():
    assert refused([task(), employee()], now=datetime(2026, 3, 2))[0] == "/now"  # noqa: DTZ001


@pytest.mark.parametrize(
    "hours", [np.ones((1, 2)), np.ones(2), np.full((2, 1), np.nan), np.full((2, 1), -1.0), np.full((2, 1), np.inf)]
)
def test_hours_per_pair_fit_tasks_and_people(hours):
    with pytest.raises(InvalidInputError, match="hours"):
        build_problem([task("a"), task("b")], [employee()], now=NOW, scorer=WeightedFallback(), hours=hours)


@pytest.mark.parametrize("status", ["assigned", "in_progress", "completed", "failed", "cancelled"])
def test_only_pending_tasks_are_planned(status):
    """The others are counted in a warning, and what is completed holds nobody up."""
    work = [task("a", status=status, estimated_hours=1), task("b", dependencies=["a"], estimated_hours=1)]
    plan = world(*work, employee()).with_constraints(ready_only=True).plan()
    assert plan.report.warnings == (f"tasks left out because their status is not pending: 1 (a is {status})",)
    assert pairs_of(plan) == ({"b": "ana"} if status == "completed" else {})
    assert status == "completed" or reason_codes(plan, "b") == {"dependency"}


def test_a_task_without_an_estimate_counts_one_hour_with_a_warning():
    plan = world(task(), employee(max_workload=1.5)).plan()
    assert plan.assignments[0].hours == 1.0
    assert any("estimated_hours" in warning and warning.endswith(": 1") for warning in plan.report.warnings)
    assert reason_codes(world(task(), employee(max_workload=0.9)).plan(), "t1") == {"capacity"}


def test_a_tiny_estimate_still_takes_something():
    plan = world(
        task("a", estimated_hours=1e-6), task("b", estimated_hours=1e-6), employee(max_workload=1 / 3600)
    ).plan()
    assert len(plan.assignments) == 1


def test_of_many_tasks_that_are_left_out_the_first_are_named():
    work = [task(f"t{n}", status="completed", estimated_hours=1) for n in range(7)]
    (warning,) = world(*work, employee()).plan().report.warnings
    assert warning.endswith(
        "7 (t0 is completed; t1 is completed; t2 is completed; t3 is completed; t4 is completed; …)"
    )

"""What a plan says would place an unassigned task really does, and nothing smaller does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from assignment_engine.domain.plans import Change, Relaxation, Unassigned
from assignment_engine.domain.records import Employee, EmployeeHistory, Task
from tests.builders import World, pairs_of
from tests.property.strategies import worlds
from tests.reference.allocators import (
    Counters,
    candidates,
    lacking_levels,
    needed_seconds,
    obstacles,
    pairs_in_the_way,
    scorable,
    to_seconds,
    unfinished,
)
from tests.reference.features import canonical

methods = st.sampled_from(["greedy", "balanced"])


def at_the_end(world: World, chosen: dict[str, str]) -> World:
    """The same world once the plan is carried out: everybody has the load and the count of the end."""
    counters = Counters.of(world)
    tasks = {t.task_id: t for t in world.tasks}
    for task_id, employee_id in chosen.items():
        counters.give(employee_id, needed_seconds(world, tasks[task_id], employee_id))
    people = [
        e.model_copy(
            update={
                "current_workload": counters.seconds[e.employee_id] / 3600,
                "history": EmployeeHistory(active_tasks=counters.active[e.employee_id]),
            }
        )
        for e in world.employees
    ]
    return replace(world, employees=tuple(people))


def applied(world: World, task: Task, change: Change | Relaxation) -> World:
    """`world` after one change, made to the records or the rules that it names."""
    match str(change.kind):
        case "dependency":
            return replace(world, completed=world.completed | set(task.dependencies))
        case "minimum_level":
            return with_lower_level(world, task, change)
        case "max_assignments" | "department" | "pair" as kind:
            return world.with_constraints(**eased_rule(world, task, kind, change))
    person = next(e for e in world.employees if e.employee_id == change.employee_id)
    return world.with_employee(Employee(**{**dict(person), **changed_person(world, change)}))


def eased_rule(world: World, task: Task, kind: str, change: Change | Relaxation) -> dict[str, object]:
    rules = world.constraints
    if kind == "max_assignments":
        return {"max_assignments": change.to}
    if kind == "department":
        return {"require_department": False}
    if change.from_ == "forbidden":
        return {"forbidden": rules.forbidden - {(task.task_id, change.employee_id)}}
    return {"required": [pair for pair in rules.required if pair[0] != task.task_id]}


def changed_person(world: World, change: Change | Relaxation) -> dict[str, object]:
    if change.kind == "shift_end":
        return {"shift_end": world.now + timedelta(hours=change.to)}
    return {{"capacity": "max_workload", "availability": "availability_status"}[str(change.kind)]: change.to}


def with_lower_level(world: World, task: Task, change: Change | Relaxation) -> World:
    def lowered(levels: dict[str, float]) -> dict[str, float]:
        same = {n for n in levels if canonical(n, world.aliases) == canonical(change.skill, world.aliases)}
        if change.to is None:
            return {n: level for n, level in levels.items() if n not in same}
        return {n: min(level, change.to) if n in same else level for n, level in levels.items()}

    easier = task.model_copy(update={"minimum_levels": lowered(task.minimum_levels)})
    tasks = tuple(easier if t.task_id == task.task_id else t for t in world.tasks)
    return replace(world, tasks=tasks).with_constraints(minimum_levels=lowered(world.constraints.minimum_levels))


def task_of(world: World, task_id: str) -> Task:
    return next(t for t in world.tasks if t.task_id == task_id)


def who_could(world: World, task_id: str) -> set[str]:
    task = task_of(world, task_id)
    return {e.employee_id for e in candidates(world, task, Counters.of(world)) if scorable(world, task, e)}


def sizes(world: World, task: Task, person: Employee) -> dict[str, list[float]]:
    """For each rule in the way of the person the changes it needs, by size.

    A week of capacity, a whole level and a shift count 1; one more assignment ¼, being there ½, another department or
    an exception for a pair ¾, not waiting for other tasks 1.
    """
    counters = Counters.of(world)
    needed = needed_seconds(world, task, person.employee_id)
    limit, active = world.constraints.max_assignments, counters.active[person.employee_id]
    measures = {
        "capacity": lambda: [
            (counters.seconds[person.employee_id] + needed - to_seconds(person.max_workload)) / 3600 / 40
        ],
        "minimum_level": lambda: [level - held for level, held in lacking_levels(world, task, person).values()],
        "max_assignments": lambda: [(active + 1 - limit) / 4],
        "availability": lambda: [0.5],
        "department": lambda: [0.75],
        "pair": lambda: [0.75] * len(pairs_in_the_way(world, task, person)),
        "dependency": lambda: [1.0],
        "shift_end": lambda: [(needed / 3600 - (person.shift_end - world.now).total_seconds() / 3600) / 8],
        "rejected": list,
    }
    return {code: measures[code]() for code in obstacles(world, task, person, counters)}


def unassigned_at_the_end(world: World, method: str) -> list[tuple[World, Task, Unassigned]]:
    plan = world.plan(method)
    end, tasks = at_the_end(world, pairs_of(plan)), {t.task_id: t for t in world.tasks}
    return [(end, tasks[entry.task_id], entry) for entry in plan.unassigned]


@given(worlds(), methods)
def test_each_relaxation_alone_places_the_task(world, method):
    for end, task, entry in unassigned_at_the_end(world, method):
        for relaxation in entry.relaxations:
            changed = end
            for change in relaxation.changes or (relaxation,):
                changed = applied(changed, task_of(changed, task.task_id), change)
            possible = who_could(changed, task.task_id)
            assert possible, relaxation
            assert relaxation.employee_id is None or relaxation.employee_id in possible


@given(worlds(), methods)
def test_single_relaxations_are_the_smallest_of_each_kind_and_sorted(world, method):
    """A kind is offered exactly when it is all that stands between the task and somebody."""
    for end, task, entry in unassigned_at_the_end(world, method):
        smallest: dict[str, float] = {}
        for person in end.employees:
            blocking = sizes(end, task, person)
            if (
                scorable(end, task, person)
                and len(blocking) == 1
                and all(len(needed) == 1 for needed in blocking.values())
            ):
                ((code, (size,)),) = blocking.items()
                smallest[code] = min(size, smallest.get(code, size))
        single = [r for r in entry.relaxations if r.kind != "combined"]
        assert {str(r.kind) for r in single} == set(smallest)
        for relaxation in single:
            if relaxation.employee_id:
                (person,) = [e for e in end.employees if e.employee_id == relaxation.employee_id]
                assert abs(sizes(end, task, person)[str(relaxation.kind)][0] - smallest[str(relaxation.kind)]) < 1e-9
        order = [smallest[str(r.kind)] for r in single]
        assert all(a <= b + 1e-9 for a, b in pairwise(order))


@given(worlds(), methods)
def test_changes_are_combined_only_where_no_single_one_helps(world, method):
    """And then for the person who needs least; a rejection is never taken back."""
    for end, task, entry in unassigned_at_the_end(world, method):
        combined = [r for r in entry.relaxations if r.kind == "combined"]
        single = [r for r in entry.relaxations if r.kind != "combined"]
        assert len(combined) <= 1
        assert not (combined and single)
        blocking = {e.employee_id: sizes(end, task, e) for e in end.employees if scorable(end, task, e)}
        total = {e: sum(sum(v, 0.0) for v in by.values()) for e, by in blocking.items() if "rejected" not in by}
        assert bool(combined or single) == bool(total)
        for relaxation in combined:
            assert sum(sum(v) for v in blocking[relaxation.employee_id].values()) <= min(total.values()) + 1e-9
            assert len(relaxation.changes) == sum(len(v) for v in blocking[relaxation.employee_id].values())


@given(worlds(), methods)
def test_reasons_are_the_rules_that_block_anybody(world, method):
    for end, task, entry in unassigned_at_the_end(world, method):
        blocking = {code for e in end.employees for code in obstacles(end, task, e, Counters.of(end))}
        if candidates(end, task, Counters.of(end)):
            blocking.add("no_data")
        assert {str(reason.code) for reason in entry.reasons} == (blocking or {"no_employees"})
        for reason in entry.reasons:
            if reason.employee_id:
                (person,) = [e for e in end.employees if e.employee_id == reason.employee_id]
                assert str(reason.code) in obstacles(end, task, person, Counters.of(end))


@given(worlds(), methods)
def test_from_is_what_holds_now(world, method):
    for end, task, entry in unassigned_at_the_end(world, method):
        people = {e.employee_id: e for e in end.employees}
        for change in [c for r in entry.relaxations for c in r.changes or (r,)]:
            if change.kind == "capacity":
                assert change.from_ == people[change.employee_id].max_workload < change.to
            if change.kind == "max_assignments":
                assert change.from_ == world.constraints.max_assignments < change.to
            if change.kind == "minimum_level":
                lacking = lacking_levels(end, task, people[change.employee_id])
                assert lacking[canonical(change.skill, world.aliases)] == (change.from_, change.to or 0.0)
                assert change.to != 0.0
                assert change.skill in {*task.minimum_levels, *world.constraints.minimum_levels}
            if change.kind == "availability":
                assert change.from_ == people[change.employee_id].availability_status
            if change.kind in ("pair", "department", "dependency"):
                assert change.to is None
            if change.kind == "dependency":
                assert change.from_.split(", ") == unfinished(end, task)

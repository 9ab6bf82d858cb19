"""Random people, tasks and rules, with every combination of missing values.

Hours are whole minutes and levels have one decimal, so that scores that are equal on paper are never told apart by the
last bit of a float.
"""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.records import Employee, EmployeeHistory, Priors, Tally, Task
from tests.builders import NOW, World

SKILLS = ("python", "Py", "k8s", "java", "javascript", "network administrator", "Network  Administrators")
DEPARTMENTS = ("north", "south", "east")
CATEGORIES = ("repair", "install")
OUTSIDE = ("x1", "x2")
PEOPLE, WORK = (3, 4, 3, 2, 4, 2, 3, 1, 4, 0), (4, 5, 3, 4, 5, 2, 3, 1, 4, 0)  # how many, the usual numbers more often

levels = st.sampled_from([0.2, 0.4, 0.5, 0.6, 0.8, 1.0])
minutes = st.integers(0, 60 * 48).map(lambda m: m / 60)
moments = st.integers(-60 * 100, 60 * 100).map(lambda m: NOW + timedelta(minutes=m))
skills = st.dictionaries(st.sampled_from(SKILLS), levels, max_size=3)


def maybe(values: st.SearchStrategy) -> st.SearchStrategy:
    """Missing now and then, so that most records have something to compute with."""
    return st.one_of(values, values, values, st.none())


def rarely(usual: object, values: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(st.just(usual), st.just(usual), values)


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    total = draw(st.integers(0, 20))
    return Tally(good=draw(st.integers(0, total)), total=total)


@st.composite
def histories(draw: st.DrawFn) -> EmployeeHistory:
    by_category = draw(st.dictionaries(st.sampled_from(CATEGORIES), tallies(), max_size=2))
    other = draw(tallies())
    return EmployeeHistory(
        active_tasks=draw(st.integers(0, 3)),
        completed=draw(st.integers(0, 5)),
        completed_hours=draw(minutes),
        outcomes=Tally(
            good=other.good + sum(t.good for t in by_category.values()),
            total=other.total + sum(t.total for t in by_category.values()),
        ),
        by_category=by_category,
        by_department=draw(st.dictionaries(st.sampled_from(DEPARTMENTS), st.integers(0, 9), max_size=3)),
    )


@st.composite
def employees(draw: st.DrawFn, employee_id: str) -> Employee:
    return Employee(
        employee_id=employee_id,
        skills=draw(maybe(skills)),
        experience_years=draw(maybe(st.integers(0, 30))),
        current_workload=draw(rarely(0.0, minutes)),
        max_workload=draw(st.sampled_from([40.0, 40.0, 8.0, 8.0, 0.0])),
        availability_status=draw(
            st.sampled_from(["available", "available", "available", "partial", "busy", "away", "offline"])
        ),
        performance_rating=draw(maybe(st.sampled_from([0.0, 2.5, 5.0]))),
        department=draw(maybe(st.sampled_from(DEPARTMENTS))),
        shift_end=draw(maybe(moments)),
        history=draw(maybe(histories())),
    )


@st.composite
def tasks(draw: st.DrawFn, task_id: str, before: tuple[str, ...] = ()) -> Task:
    """A task that may wait for some of those `before` it, or for tasks that are not in the plan."""
    return Task(
        task_id=task_id,
        required_skills=draw(maybe(skills)),
        minimum_levels=draw(rarely({}, st.dictionaries(st.sampled_from(SKILLS), levels, max_size=2))),
        priority=draw(st.sampled_from(["critical", "high", "medium", "low"])),
        estimated_hours=draw(maybe(st.integers(1, 60 * 12).map(lambda m: m / 60))),
        deadline=draw(maybe(moments)),
        complexity_score=draw(maybe(st.sampled_from([0.0, 0.2, 0.5, 1.0]))),
        status=draw(st.sampled_from(["pending"] * 9 + ["completed", "in_progress", "cancelled"])),
        category=draw(maybe(st.sampled_from((*CATEGORIES, "never done")))),
        department=draw(maybe(st.sampled_from(DEPARTMENTS))),
        dependencies=draw(rarely((), st.lists(st.sampled_from((*before, *OUTSIDE)), max_size=3))),
        created_at=draw(maybe(moments)),
    )


@st.composite
def constraints(draw: st.DrawFn, pairs: list[tuple[str, str]]) -> Constraints:
    """A few kinds of rules at once: with all of them together hardly anything can be planned."""
    some = st.lists(st.sampled_from(pairs), min_size=1, max_size=6) if pairs else st.just([])
    required = {task_id: (task_id, employee_id) for task_id, employee_id in draw(some)[:2]}
    rules = {
        "max_assignments": st.integers(1, 6),
        "minimum_levels": st.dictionaries(st.sampled_from(SKILLS), levels, max_size=1),
        "require_department": st.just(True),
        "pairs": some.map(lambda drawn: [pair for pair in drawn if pair not in required.values()]),
        "ready_only": st.just(True),
        "respect_availability": st.just(False),
        "respect_shift_end": st.just(True),
    }
    fields = {name: draw(rules[name]) for name in draw(st.sets(st.sampled_from(sorted(rules)), min_size=1, max_size=4))}
    if "pairs" in fields:
        fields |= {"forbidden": fields.pop("pairs"), "required": list(required.values())}
    return Constraints(**fields)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Everything at once: gaps in the data, all rules, hours per pair, priors or none."""
    people_ids = draw(st.permutations([f"e{i}" for i in range(draw(st.sampled_from(PEOPLE)))]))
    task_ids = tuple(draw(st.permutations([f"t{i}" for i in range(draw(st.sampled_from(WORK)))])))
    pairs = [(t, e) for t in task_ids for e in people_ids]
    some_pairs = st.lists(st.sampled_from(pairs), max_size=3) if pairs else st.just([])
    per_pair = st.fixed_dictionaries(dict.fromkeys(pairs, st.integers(0, 60 * 12).map(lambda m: m / 60)))
    return World(
        tasks=tuple(draw(tasks(t, task_ids[:i])) for i, t in enumerate(task_ids)),
        employees=tuple(draw(employees(e)) for e in people_ids),
        constraints=draw(constraints(pairs)),
        completed=frozenset(draw(st.lists(st.sampled_from(OUTSIDE), max_size=2))),
        rejections=frozenset(draw(rarely([], some_pairs))),
        hours=draw(rarely(None, per_pair)),
        priors=draw(maybe(tallies().map(lambda t: Priors(version="1", everyone=t)))),
    )

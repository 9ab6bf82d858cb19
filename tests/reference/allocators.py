"""Slow, obvious greedy and balanced planning over records and dicts: every candidate is scored again each time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from assignment_engine.domain.records import Employee, EmployeeHistory, Tally, Task
from tests.builders import World
from tests.reference.features import canonical_levels, features

LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass
class Counters:
    """What each person carries: seconds of work, active assignments, and their record as it would be now."""

    seconds: dict[str, int]
    active: dict[str, int]
    people: dict[str, Employee]

    @classmethod
    def of(cls, world: World) -> Counters:
        return cls(
            seconds={e.employee_id: to_seconds(e.current_workload) for e in world.employees},
            active={e.employee_id: e.history.active_tasks if e.history else 0 for e in world.employees},
            people={e.employee_id: e for e in world.employees},
        )

    def give(self, employee_id: str, seconds: int) -> None:
        self.seconds[employee_id] += seconds
        self.active[employee_id] += 1
        person = self.people[employee_id]
        changed: dict[str, object] = {"current_workload": person.current_workload + seconds / 3600}
        if person.history:
            active = person.history.active_tasks + 1
            changed["history"] = person.history.model_copy(update={"active_tasks": active})
        self.people[employee_id] = person.model_copy(update=changed)


@dataclass
class Result:
    """Pairs with their score and features at the moment of choice; tasks that nobody could take; the final counters."""

    chosen: dict[str, str] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    features: dict[str, dict[str, float]] = field(default_factory=dict)
    unassigned: set[str] = field(default_factory=set)
    counters: Counters = field(default_factory=lambda: Counters({}, {}, {}))


def to_seconds(hours: float) -> int:
    return round(hours * 3600)


def needed_seconds(world: World, task: Task, employee_id: str) -> int:
    if world.hours is not None:
        return to_seconds(world.hours[task.task_id, employee_id])
    return max(1, to_seconds(1.0 if task.estimated_hours is None else task.estimated_hours))


def lacking_levels(world: World, task: Task, person: Employee) -> dict[str, tuple[float, float]]:
    """Skill → (minimum, held) of every minimum level that the person does not reach."""
    held = canonical_levels(person.skills or {}, world.aliases)
    minimum: dict[str, float] = {}
    for rule in (task.minimum_levels, world.constraints.minimum_levels):
        for name, level in canonical_levels(rule, world.aliases).items():
            minimum[name] = max(level, minimum.get(name, 0.0))
    return {n: (level, held.get(n, 0.0)) for n, level in minimum.items() if held.get(n, 0.0) < level}


def pairs_in_the_way(world: World, task: Task, person: Employee) -> list[str]:
    required = dict(world.constraints.required)
    in_the_way = []
    if (task.task_id, person.employee_id) in world.constraints.forbidden:
        in_the_way.append("forbidden")
    if required.get(task.task_id, person.employee_id) != person.employee_id:
        in_the_way.append(f"required: {required[task.task_id]}")
    return in_the_way


def unfinished(world: World, task: Task) -> list[str]:
    return [d for d in task.dependencies if d not in world.done]


def fixed_obstacles(world: World, task: Task, person: Employee) -> set[str]:
    """Every rule that keeps the person from the task whatever else is planned."""
    rules, employee_id = world.constraints, person.employee_id
    needed = timedelta(seconds=needed_seconds(world, task, employee_id))
    blocked = {
        "availability": rules.respect_availability and person.availability_status.value in ("busy", "away", "offline"),
        "department": rules.require_department and task.department is not None and person.department != task.department,
        "minimum_level": bool(lacking_levels(world, task, person)),
        "pair": bool(pairs_in_the_way(world, task, person)),
        "rejected": (task.task_id, employee_id) in world.rejections,
        "dependency": rules.ready_only and bool(unfinished(world, task)),
        "shift_end": rules.respect_shift_end and bool(person.shift_end) and world.now + needed > person.shift_end,
    }
    return {code for code, holds in blocked.items() if holds}


def obstacles(world: World, task: Task, person: Employee, counters: Counters) -> set[str]:
    """Every rule that keeps the person from the task at these counters."""
    employee_id, limit = person.employee_id, world.constraints.max_assignments
    found = fixed_obstacles(world, task, person)
    load = counters.seconds[employee_id] + needed_seconds(world, task, employee_id)
    if load > to_seconds(person.max_workload):
        found.add("capacity")
    if limit is not None and counters.active[employee_id] + 1 > limit:
        found.add("max_assignments")
    return found


def everyone(world: World) -> Tally:
    """The outcomes of all people: as given, otherwise those of the people in the plan."""
    if world.priors is not None:
        return world.priors.everyone
    tallies = [(e.history or EmployeeHistory()).outcomes for e in world.employees]
    return Tally(good=sum(t.good for t in tallies), total=sum(t.total for t in tallies))


def features_of(world: World, task: Task, person: Employee) -> dict[str, float]:
    return features(person, task, world.now, everyone=everyone(world), done=world.done, aliases=world.aliases)


def fallback_score(values: Mapping[str, float]) -> float:
    """0.4 · skill match + 0.3 · experience match + 0.3 · (1 − workload ratio) over the terms that are known."""
    experience = values["experience_years"] / (1 + 9 * values["complexity"])
    terms = [
        (0.4, values["skill_match"]),
        (0.3, experience if math.isnan(experience) else min(1.0, experience)),
        (0.3, 1 - values["workload_ratio"]),
    ]
    known = [(weight, value) for weight, value in terms if not math.isnan(value)]
    return sum(weight * value for weight, value in known) / sum(weight for weight, _ in known)


def score_of(world: World, values: Mapping[str, float]) -> float:
    """The score by the world's scorer; NaN where nothing is known that could be scored."""
    return values["skill_match"] if world.scorer.name == "skills" else fallback_score(values)


def load_of(person: Employee, counters: Counters) -> Fraction:
    capacity = to_seconds(person.max_workload)
    return Fraction(1) if capacity == 0 else min(Fraction(1), Fraction(counters.seconds[person.employee_id], capacity))


def in_order(world: World, method: str) -> list[Task]:
    rank = {"critical": 0, "high": 1, "medium": 2, "low": 3}
    required = {task_id for task_id, _ in world.constraints.required}
    if method == "balanced":
        return sorted(world.pending, key=lambda t: (t.task_id not in required, rank[t.priority.value], t.task_id))
    return sorted(
        world.pending,
        key=lambda t: (
            t.task_id not in required,
            rank[t.priority.value],
            t.deadline or LATEST,
            t.created_at or LATEST,
            t.task_id,
        ),
    )


def candidates(world: World, task: Task, counters: Counters) -> list[Employee]:
    """Whom no rule blocks."""
    return [e for e in counters.people.values() if not obstacles(world, task, e, counters)]


def scorable(world: World, task: Task, person: Employee) -> bool:
    return not math.isnan(score_of(world, features_of(world, task, person)))


def allocate(world: World, method: str, weight: float = 0.3) -> Result:
    """One task after the other to the best person at that moment; ties by lower load, then by id."""
    counters = Counters.of(world)
    result = Result(counters=counters)
    for task in in_order(world, method):
        ranked = []
        for person in candidates(world, task, counters):
            values = features_of(world, task, person)
            score, load = score_of(world, values), load_of(person, counters)
            if math.isnan(score):
                continue
            wanted = score if method == "greedy" else (1 - weight) * score + weight * (1 - float(load))
            ranked.append((-round(wanted, 9), load, -round(score, 9), person.employee_id, score, values))
        if not ranked:
            result.unassigned.add(task.task_id)
            continue
        *_, employee_id, score, values = min(ranked, key=lambda entry: entry[:4])
        result.chosen[task.task_id] = employee_id
        result.scores[task.task_id], result.features[task.task_id] = score, values
        counters.give(employee_id, needed_seconds(world, task, employee_id))
    return result

"""Random people, tasks and rules, with every combination of missing values.

Hypothesis chooses how many there are and a seed; the rest follows from the seed, which gives full and varied worlds
much sooner than drawing every field. Values come from small sets, so that ties are common. Hours are whole minutes and
levels have one decimal, so that scores that are equal on paper are never told apart by the last bit of a float.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.records import Employee, EmployeeHistory, Priors, Tally, Task
from assignment_engine.scoring.fallback import WeightedFallback
from tests.builders import NOW, SkillScorer, World

T = TypeVar("T")
SKILLS = ("python", "Py", "k8s", "java", "javascript", "network administrator", "Network  Administrators")
DEPARTMENTS = ("north", "south", "east")
CATEGORIES = ("repair", "install")
OUTSIDE = ("x1", "x2")
MANY = (6, 5, 7, 4, 6, 3, 5, 2, 1, 0)
LEVELS = (1.0, 1.0, 0.8, 0.5, 0.4)
SHORT = tuple(minutes / 60 for minutes in (60, 60, 120, 240, 1, 20, 479))
LOADS = (0.0, 0.0, 0.0, 4.0, 8.0, 20.0, 1 / 60, 50.0)


class Chance:
    """Random choices of one world."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.among = self._random.choice
        self.count = self._random.randint

    def happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def maybe(self, make: Callable[[], T], probability: float = 0.75) -> T | None:
        return make() if self.happens(probability) else None

    def some(self, values: Sequence[T], most: int) -> list[T]:
        """Up to `most` of the values, in any order."""
        return self._random.sample(values, min(len(values), self.count(0, most)))

    def shuffled(self, values: Sequence[T]) -> list[T]:
        return self._random.sample(values, len(values))

    def levels(self, most: int) -> dict[str, float]:
        return {name: self.among(LEVELS) for name in self.some(SKILLS, most)}

    def tally(self) -> Tally:
        total = self.count(0, 12)
        return Tally(good=self.count(0, total), total=total)

    def moment(self):
        return NOW + timedelta(hours=self.among([24, 2, 100, -5, 0]))


def history(chance: Chance) -> EmployeeHistory:
    by_category = {name: chance.tally() for name in chance.some(CATEGORIES, 2)}
    tallies = [chance.tally(), *by_category.values()]
    return EmployeeHistory(
        active_tasks=chance.count(0, 3),
        completed=chance.count(0, 5),
        completed_hours=chance.among(SHORT),
        outcomes=Tally(good=sum(t.good for t in tallies), total=sum(t.total for t in tallies)),
        by_category=by_category,
        by_department={name: chance.count(0, 9) for name in chance.some(DEPARTMENTS, 3)},
    )


def person(chance: Chance, employee_id: str) -> Employee:
    return Employee(
        employee_id=employee_id,
        skills=chance.maybe(lambda: chance.levels(3)),
        experience_years=chance.maybe(lambda: chance.among([0, 2, 10, 30])),
        current_workload=chance.among(LOADS),
        max_workload=chance.among([40.0, 40.0, 40.0, 8.0, 0.0]),
        availability_status=chance.among(["available"] * 7 + ["partial", "busy", "away", "offline"]),
        performance_rating=chance.maybe(lambda: chance.among([0.0, 2.5, 5.0])),
        department=chance.maybe(lambda: chance.among(DEPARTMENTS)),
        shift_end=chance.maybe(chance.moment),
        history=chance.maybe(lambda: history(chance)),
    )


def work(chance: Chance, task_id: str, before: Sequence[str]) -> Task:
    """A task that may wait for some of those `before` it, or for tasks that are not in the plan."""
    waits_for = chance.some((*before, *OUTSIDE), 2) if chance.happens(0.3) else []
    return Task(
        task_id=task_id,
        required_skills=chance.maybe(lambda: chance.levels(2)),
        minimum_levels=chance.levels(2) if chance.happens(0.2) else {},
        priority=chance.among(["high", "high", "critical", "medium", "low"]),
        estimated_hours=chance.maybe(lambda: chance.among(SHORT)),
        deadline=chance.maybe(chance.moment, 0.5),
        complexity_score=chance.maybe(lambda: chance.among([0.0, 0.2, 0.5, 1.0])),
        status=chance.among(["pending"] * 9 + ["completed", "in_progress", "cancelled"]),
        category=chance.maybe(lambda: chance.among((*CATEGORIES, "never done"))),
        department=chance.maybe(lambda: chance.among(DEPARTMENTS)),
        dependencies=[*waits_for, *waits_for[:1]],
        created_at=chance.maybe(chance.moment),
    )


def rules(chance: Chance, pairs: Sequence[tuple[str, str]]) -> Constraints:
    """Each kind of rule now and then: with all of them together hardly anything can be planned."""
    several = {task_id: (task_id, employee_id) for task_id, employee_id in chance.some(pairs, 2)}
    required = list(several.values()) if chance.happens(0.2) else []
    forbidden = [pair for pair in chance.some(pairs, 6) if pair not in required]
    return Constraints(
        max_assignments=chance.maybe(lambda: chance.count(0, 5), 0.3),
        minimum_levels=chance.levels(1) if chance.happens(0.1) else {},
        require_department=chance.happens(0.2),
        forbidden=forbidden if chance.happens(0.4) else [],
        required=required,
        ready_only=chance.happens(0.3),
        respect_availability=chance.happens(0.8),
        respect_shift_end=chance.happens(0.3),
    )


def random_world(seed: int, tasks: int, people: int) -> World:
    """Everything at once: gaps in the data, all rules, hours per pair, priors or none."""
    chance = Chance(seed)
    people_ids = chance.shuffled([f"e{i}" for i in range(people)])
    task_ids = chance.shuffled([f"t{i}" for i in range(tasks)])
    pairs = [(t, e) for t in task_ids for e in people_ids]
    priors = chance.maybe(chance.tally, 0.5)
    return World(
        tasks=tuple(work(chance, t, task_ids[:i]) for i, t in enumerate(task_ids)),
        employees=tuple(person(chance, e) for e in people_ids),
        constraints=rules(chance, pairs),
        completed=frozenset(chance.some(OUTSIDE, 2)),
        rejections=frozenset(chance.some(pairs, 3)) if chance.happens(0.3) else frozenset(),
        hours=chance.maybe(lambda: {pair: chance.among((*SHORT, 0.0)) for pair in pairs}, 0.3),
        priors=priors and Priors(version="1", everyone=priors),
        scorer=SkillScorer() if chance.happens(0.3) else WeightedFallback(),
    )


def worlds() -> st.SearchStrategy[World]:
    return st.builds(random_world, st.integers(0, 2**32), tasks=st.sampled_from(MANY), people=st.sampled_from(MANY))

"""Organisations of several kinds, for planning in parts: what divides them, and how scarce time is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from assignment_engine.allocation.problem import AllocationProblem, build_problem
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.plans import Explanation, Term
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.types import Availability
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.definition import FEATURE_NAMES, column
from assignment_engine.features.pairs import Loads, Pairs
from assignment_engine.scoring.protocol import Scorer, ScoreRow, Scores
from benchmarks.problems import NOW, people, scorer_of, work

PERSON, TASK, RATING = "experience_years", "complexity", "performance"
HARD_LEVEL = 0.5


@dataclass(frozen=True)
class DrawnScorer:
    """0.4 · chance of the pair + 0.4 · rating + 0.2 · complexity: nothing divides people, and the best are the same for
    all. Chance is a chaotic function of two features, so that the score follows from the features as it must.
    """

    name: str = "drawn"
    version: str = "1"
    confidence: float = 0.5
    features: tuple[str, ...] = FEATURE_NAMES

    def prepare(self, pairs: Pairs, loads: Loads) -> Scores:
        return _Drawn(pairs, loads)

    def score(self, features: Floats) -> ScoreRow:
        scores = drawn(*(features[:, FEATURE_NAMES.index(name)] for name in (PERSON, TASK, RATING)))
        return ScoreRow(scores, scores)

    def explain(self, features: Floats) -> tuple[Explanation, ...]:
        return tuple(
            Explanation(unit="score", base=0.0, terms=(Term(feature="chance", value=score, contribution=score),))
            for score in self.score(features).scores.tolist()
        )


@dataclass(frozen=True)
class _Drawn:
    pairs: Pairs = field(repr=False)
    loads: Loads = field(repr=False)

    def row(self, task: int, employees: Ints) -> ScoreRow:
        values = [column(name, self.pairs, self.loads, np.asarray(task), employees) for name in (PERSON, TASK, RATING)]
        scores = drawn(*np.broadcast_arrays(*values))
        return ScoreRow(scores, scores)

    def employee_changed(self, employee: int) -> None:
        """Load does not matter."""


def drawn(person: Floats, task: Floats, rating: Floats) -> Floats:
    """The score of pairs, shape (k,), 0 to 1."""
    chance = np.mod(43758.5453 * np.sin(12.9898 * person + 78.233 * task), 1.0)
    return 0.4 * chance + 0.4 * rating + 0.2 * task


def by_department(n: int, m: int, rng: np.random.Generator) -> AllocationProblem:
    """Nobody works for another department."""
    return _problem(work(n, m, rng), people(m, rng), scorer_of(None), require_department=True)


def by_skill(n: int, m: int, rng: np.random.Generator) -> AllocationProblem:
    """Most tasks ask for one of 36 skills at a level; people have three to eight of them, so that all is connected."""
    tasks = [task.model_copy(update={"minimum_levels": _hard(task)}) for task in work(n, m, rng)]
    return _problem(tasks, people(m, rng), scorer_of(None))


def tight(n: int, m: int, rng: np.random.Generator) -> AllocationProblem:
    """No divisions, and five percent more work than time."""
    staff = people(m, rng)
    return _problem(_filling(work(n, m, rng), staff, 1.05), staff, scorer_of(None))


def plain(n: int, m: int, rng: np.random.Generator) -> AllocationProblem:
    """No divisions at all, and enough time."""
    return _problem(work(n, m, rng), people(m, rng), scorer_of(None))


def by_chance(n: int, m: int, rng: np.random.Generator) -> AllocationProblem:
    """No divisions, as much work as time, and everybody wants the same people; load does not matter to a score."""
    staff = [
        person.model_copy(
            update={"experience_years": float(rng.uniform(0.0, 30.0)), "availability_status": Availability.AVAILABLE}
        )
        for person in people(m, rng)
    ]
    tasks = [task.model_copy(update={"complexity_score": float(rng.random())}) for task in work(n, m, rng)]
    return _problem(_filling(tasks, staff, 1.0), staff, DrawnScorer())


def alike(n: int, m: int, rng: np.random.Generator) -> AllocationProblem:
    """Everybody is the same person with another name."""
    first = people(1, rng)[0].model_copy(
        update={"availability_status": Availability.AVAILABLE, "current_workload": 0.0}
    )
    staff = [first.model_copy(update={"employee_id": f"e{i:06d}"}) for i in range(m)]
    return _problem(work(n, m, rng), staff, scorer_of(None))


KINDS: dict[str, Callable[[int, int, np.random.Generator], AllocationProblem]] = {
    "department": by_department,
    "skills": by_skill,
    "tight": tight,
    "none": plain,
    "chance": by_chance,
    "alike": alike,
}


def _problem(tasks: Sequence[Task], staff: Sequence[Employee], scorer: Scorer, **rules: bool) -> AllocationProblem:
    return build_problem(tasks, staff, now=NOW, scorer=scorer, constraints=Constraints(**rules))


def _hard(task: Task) -> dict[str, float]:
    """The first skill that is asked for, at half its level or less."""
    return dict([(name, min(level, HARD_LEVEL)) for name, level in (task.required_skills or {}).items()][:1])


def _filling(tasks: Sequence[Task], staff: Sequence[Employee], share: float) -> list[Task]:
    """The same tasks, as long as fills this share of the time of those who are there."""
    free = sum(max(0.0, e.max_workload - e.current_workload) for e in staff if e.availability_status.eligible)
    factor = share * free / sum(task.estimated_hours or 0.0 for task in tasks)
    return [
        task.model_copy(update={"estimated_hours": max(0.1, (task.estimated_hours or 0.0) * factor)}) for task in tasks
    ]

"""Which tasks and people belong together: who can do what at all, then department and skills, then equal hours."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.features.arrays import Floats, Ints

PAIRS_PER_PART = 1_000_000
CELLS = 1 << 24


@dataclass(frozen=True)
class Parts:
    """The part of each task (n,) and of each person (m,), and of each the component, beyond which nobody can work."""

    count: int
    of_task: Ints
    of_person: Ints
    task_component: Ints
    person_component: Ints


def partition(problem: AllocationProblem, free: Ints, parts: int | None = None) -> Parts:
    """Cut tasks and people into parts of equal hours, side by side those that belong together.

    Parameters
    ----------
    free : seconds that each person has left, shape (m,).
    parts : how many; by default so many that none has much more than a million pairs.
    """
    n, m = problem.shape
    count = parts or max(1, int(np.ceil(np.sqrt(n * m / PAIRS_PER_PART))))
    of_task, of_person = components(problem)
    tasks = sorted(range(n), key=lambda row: (of_task[row], *_task_family(problem, row), problem.tasks[row].task_id))
    people = sorted(range(m), key=lambda column: (of_person[column], *_person_family(problem, column), column))
    return Parts(
        count=count,
        of_task=_cut(tasks, problem.seconds, count),
        of_person=_cut(people, free, count),
        task_component=of_task,
        person_component=of_person,
    )


def members(part: Ints, count: int) -> list[Ints]:
    """Who is in each part, ascending."""
    return np.split(np.argsort(part, kind="stable"), np.cumsum(np.bincount(part, minlength=count))[:-1])


def components(problem: AllocationProblem) -> tuple[Ints, Ints]:
    """The component of each task and each person in the relation *could do*, as far as skills and departments say.

    Levels and single pairs are not looked at: a component may be larger than it need be, never smaller.
    """
    tasks, people = _Kinds(_task_kinds(problem)), _Kinds(_person_kinds(problem))
    first_person = len(tasks.distinct)
    label = np.arange(first_person + len(people.distinct), dtype=np.int64)
    for left, right in _could_do(tasks.distinct, people.distinct):
        label = _united(label, left, right + first_person)
    return label[tasks.of], label[first_person:][people.of]


def _united(label: Ints, left: Ints, right: Ints) -> Ints:
    """The components after these links, each with the smallest number in it."""
    from scipy.sparse import coo_array  # noqa: PLC0415  (slow to import)
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    known = np.arange(label.size)
    links = np.concatenate([left, known]), np.concatenate([right, label])
    found = connected_components(coo_array((np.ones(links[0].size), links), (label.size, label.size)), directed=False)[
        1
    ]
    smallest = np.full(label.size, label.size, dtype=np.int64)
    np.minimum.at(smallest, found, known)
    return smallest[found]


class _Kinds:
    """Records that are alike as far as hard rules go: the distinct kinds, and the kind of each record."""

    def __init__(self, kinds: Sequence[_Kind]) -> None:
        number: dict[_Kind, int] = {}
        self.of = np.array([number.setdefault(kind, len(number)) for kind in kinds], dtype=np.int64)
        self.distinct = list(number)


_Kind = tuple[frozenset[str], str | None]  # skills that are asked for or held, and the department, None: any


def _task_kinds(problem: AllocationProblem) -> list[_Kind]:
    """What each task asks for without exception."""
    constraints, names = problem.constraints, problem.matcher.levels
    general = frozenset(names(constraints.minimum_levels))
    return [
        (
            general.union(names(task.minimum_levels)) if task.minimum_levels else general,
            task.department if constraints.require_department else None,
        )
        for task in problem.tasks
    ]


def _person_kinds(problem: AllocationProblem) -> list[_Kind]:
    """What each person has of what any task asks for."""
    asked = frozenset[str]().union(*(skills for skills, _ in _task_kinds(problem)))
    by_department = problem.constraints.require_department
    return [
        (
            asked.intersection(problem.matcher.levels(person.skills or {})) if asked else asked,
            person.department or "" if by_department else None,
        )
        for person in problem.employees
    ]


def _could_do(tasks: Sequence[_Kind], people: Sequence[_Kind]) -> Iterator[tuple[Ints, Ints]]:
    """Which kinds of people have what which kinds of tasks ask for: pairs of positions, some tasks at a time."""
    number: dict[Hashable, int] = {}
    asked, held = _table(tasks, number), _table(people, number)
    asked = np.pad(asked, ((0, 0), (0, len(number) - asked.shape[1])))
    step = max(1, CELLS // max(1, len(people)))
    for first in range(0, len(tasks), step):
        block = asked[first : first + step]
        left, right = np.nonzero(block @ held.T >= block.sum(axis=1, keepdims=True))
        yield left + first, right


def _table(kinds: Sequence[_Kind], number: dict[Hashable, int]) -> Floats:
    """1 where a kind has a skill or is of a department, shape (kinds, words); `number` learns the words."""
    rows = [[*skills, *([("department", place)] if place is not None else [])] for skills, place in kinds]
    cells = [
        (row, number.setdefault(word, len(number))) for row, words in enumerate(rows) for word in sorted(words, key=str)
    ]
    table = np.zeros((len(kinds), len(number)))
    for row, column in cells:
        table[row, column] = 1.0
    return table


def _task_family(problem: AllocationProblem, row: int) -> tuple[str, tuple[str, ...]]:
    task = problem.tasks[row]
    names = task.minimum_levels or task.required_skills or {}
    return task.department or "", tuple(sorted(problem.matcher.levels(names)))


def _person_family(problem: AllocationProblem, column: int) -> tuple[str, str]:
    person = problem.employees[column]
    levels = problem.matcher.levels(person.skills or {})
    return person.department or "", min(levels, key=lambda name: (-levels[name], name), default="")


def _cut(order: Sequence[int], amounts: Ints, count: int) -> Ints:
    """Consecutive pieces of about the same amount, shape (k,)."""
    part = np.empty(len(order), dtype=np.int64)
    ends = np.cumsum(np.maximum(amounts[order], 1))
    part[order] = np.minimum((ends - 1) * count // max(1, int(ends[-1]) if ends.size else 1), count - 1)
    return part

"""Why tasks stay undone: found among some of the people at a time, put together as if they had been asked at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.allocation.rules import Rule
from assignment_engine.distributed.bids import Given
from assignment_engine.distributed.slices import Piece, Terms, piece
from assignment_engine.domain.plans import Change, Obstacle, Reason, Relaxation, Unassigned
from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.features.pairs import Loads
from assignment_engine.scoring.protocol import Scores

Near = tuple[float, int]  # how big the change is and for whom, as a column of the whole problem


class Hindrance(NamedTuple):
    """A rule: how many it blocks, who is nearest to passing it, and what that person lacks."""

    code: Obstacle
    blocked: int
    near: Near
    employee_id: str
    detail: str


class Way(NamedTuple):
    """Changes that would place the task with one person; `code` is the rule that they are about, None for several."""

    code: Obstacle | None
    near: Near
    employee_id: str
    changes: tuple[Change, ...]


class Hindered(NamedTuple):
    """What is known of one task among some people: `free` of them are blocked by nothing, and have no score."""

    task_id: str
    people: int
    free: int
    hindrances: tuple[Hindrance, ...]
    ways: tuple[Way, ...]


def hindered(terms: Terms, tasks: bytes, people: bytes, given: Given) -> list[Hindered]:
    """Look at each of these tasks with these people, who have been `given` work."""
    here = piece(terms, tasks, people)
    loads = here.problem.pairs.initial.copy()
    for column, (seconds, count) in enumerate(zip(given.seconds.tolist(), given.count.tolist(), strict=True)):
        loads.seconds[column] += seconds
        loads.hours[column] += seconds / 3600.0
        loads.active[column] += count
        loads.count[column] += count
    look = _Look(here, loads)
    return [look.at(row) for row in range(here.rows.size)]


def explained(parts: Sequence[Sequence[Hindered]]) -> list[Unassigned]:
    """The reasons of each task, from what is known of it among all groups of people."""
    return [_explained(groups) for groups in zip(*parts, strict=True)]


class _Look:
    def __init__(self, here: Piece, loads: Loads) -> None:
        self._here, self._problem, self._loads = here, here.problem, loads
        self._eligibility = Eligibility.of(here.problem)
        self._scores: Scores = here.problem.scorer.prepare(here.problem.pairs, loads)

    def at(self, row: int) -> Hindered:
        found = self._eligibility.obstacles(row, self._loads)
        masks = [mask for _, mask in found]
        sizes = [np.where(mask, rule.sizes(row, self._loads), np.inf) for rule, mask in found]
        blocked = np.sum(masks, axis=0, dtype=np.int64) if masks else np.zeros(len(self._problem.employees), np.int64)
        singles = [
            way
            for (rule, mask), size in zip(found, sizes, strict=True)
            for way in self._single(row, rule, np.where(mask & (blocked == 1), size, np.inf))
        ]
        return Hindered(
            task_id=self._problem.tasks[row].task_id,
            people=blocked.size,
            free=int((blocked == 0).sum()),
            hindrances=tuple(self._hindrance(row, *pair, size) for pair, size in zip(found, sizes, strict=True)),
            ways=tuple(singles or self._combined(row, found, sizes, np.asarray(blocked > 0))),
        )

    def _hindrance(self, row: int, rule: Rule, mask: Bools, size: Floats) -> Hindrance:
        nearest = int(np.argmin(size))
        nearest = nearest if mask[nearest] else int(np.argmax(mask))
        person = self._problem.employees[nearest]
        shortfall = f"{person.name or person.employee_id} {rule.detail(row, nearest, self._loads)}"
        return Hindrance(rule.code, int(mask.sum()), self._near(size, nearest), person.employee_id, shortfall)

    def _single(self, row: int, rule: Rule, size: Floats) -> list[Way]:
        """The smallest change of this kind that alone places the task."""
        for column in _rising(size):
            changes = tuple(rule.changes(row, column, self._loads))
            if len(changes) == 1 and self._scorable(row, column):
                return [Way(rule.code, self._near(size, column), changes[0].employee_id or "", changes)]
        return []

    def _combined(self, row: int, found: list[tuple[Rule, Bools]], sizes: list[Floats], blocked: Bools) -> list[Way]:
        """The smallest set of changes for one person."""
        own = [np.where(mask, size, 0.0) for (_, mask), size in zip(found, sizes, strict=True)]
        total = np.where(blocked, np.sum(own, axis=0), np.inf)
        column = next((column for column in _rising(total) if self._scorable(row, column)), None)
        if column is None:
            return []
        changes = tuple(c for rule, mask in found if mask[column] for c in rule.changes(row, column, self._loads))
        return [Way(None, self._near(total, column), self._problem.employees[column].employee_id, changes)]

    def _scorable(self, row: int, column: int) -> bool:
        return not np.isnan(self._scores.row(row, np.array([column], dtype=np.int64)).scores[0])

    def _near(self, size: Floats, column: int) -> Near:
        return float(size[column]), int(self._here.columns[column])


def _rising(size: Floats) -> list[int]:
    """Positions by finite size, the smallest first."""
    order: Ints = np.argsort(size, kind="stable")
    return [int(column) for column in order[: int(np.isfinite(size).sum())]]


def _explained(groups: Sequence[Hindered]) -> Unassigned:
    people, free = sum(group.people for group in groups), sum(group.free for group in groups)
    found = [h for group in groups for h in group.hindrances]
    codes = sorted({h.code for h in found}, key=RULES.index)
    reasons = [_reason([h for h in found if h.code == code], people) for code in codes]
    if free:
        detail = f"{free} of {people} have nothing known that could be scored"
        reasons.append(Reason(code=Obstacle.NO_DATA, detail=detail))
    ways = _relaxations([way for group in groups for way in group.ways]) if found else ()
    return Unassigned(task_id=groups[0].task_id, reasons=tuple(reasons), relaxations=ways)


def _reason(same: Sequence[Hindrance], people: int) -> Reason:
    nearest = min(same, key=lambda hindrance: hindrance.near)
    detail = f"{sum(hindrance.blocked for hindrance in same)} of {people}; {nearest.detail}"
    return Reason(code=nearest.code, detail=detail, employee_id=nearest.employee_id)


def _relaxations(ways: Sequence[Way]) -> tuple[Relaxation, ...]:
    """The smallest single change of each kind, smallest first; else the smallest set of changes."""
    best: dict[Obstacle | None, Way] = {}
    for way in ways:
        if way.code not in best or way.near < best[way.code].near:
            best[way.code] = way
    singles = [best[code] for code in RULES if code in best]
    if singles:
        return tuple(_alone(way.changes[0]) for way in sorted(singles, key=lambda way: way.near[0]))
    return tuple(Relaxation(kind="combined", employee_id=way.employee_id, changes=way.changes) for way in best.values())


def _alone(change: Change) -> Relaxation:
    return Relaxation(
        kind=change.kind, employee_id=change.employee_id, skill=change.skill, from_=change.from_, to=change.to
    )


RULES = (  # the order in which reasons are named, that of `rules_of`
    Obstacle.MINIMUM_LEVEL,
    Obstacle.PAIR,
    Obstacle.REJECTED,
    Obstacle.AVAILABILITY,
    Obstacle.DEPARTMENT,
    Obstacle.SHIFT_END,
    Obstacle.DEPENDENCY,
    Obstacle.MAX_ASSIGNMENTS,
    Obstacle.CAPACITY,
)

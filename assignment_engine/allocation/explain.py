"""Why tasks stayed unassigned, and the smallest change that would place each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from assignment_engine.allocation.allocators import Allocation
from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.allocation.rules import Rule
from assignment_engine.domain.plans import Change, Obstacle, Reason, Relaxation, Unassigned
from assignment_engine.features.arrays import Bools, Floats, Ints


class _Obstacle(NamedTuple):
    """A rule, whom it blocks, and how big a change would help each of them; shape (m,)."""

    rule: Rule
    mask: Bools
    sizes: Floats


def unassigned_of(problem: AllocationProblem, allocation: Allocation) -> tuple[Unassigned, ...]:
    """Every task without a person, in the order of the problem, judged at the loads of the end."""
    chosen = {choice.task for choice in allocation.choices}
    explainer = _Explainer(problem, allocation)
    return tuple(explainer.explain(task) for task in range(len(problem.tasks)) if task not in chosen)


class _Explainer:
    def __init__(self, problem: AllocationProblem, allocation: Allocation) -> None:
        self._problem = problem
        self._loads = allocation.loads
        self._eligibility = Eligibility.of(problem)
        self._scores = problem.scorer.prepare(problem.pairs, allocation.loads)

    def explain(self, task: int) -> Unassigned:
        task_id = self._problem.tasks[task].task_id
        if not self._problem.employees:
            nobody = Reason(code=Obstacle.NO_EMPLOYEES, detail="there are no employees in this plan")
            return Unassigned(task_id=task_id, reasons=(nobody,))
        obstacles = self._obstacles(task)
        reasons = [self._reason(task, obstacle) for obstacle in obstacles]
        free = np.flatnonzero(~np.any([o.mask for o in obstacles], axis=0)) if obstacles else self._everyone
        if free.size:
            reasons.append(self._no_data(free))
        return Unassigned(task_id=task_id, reasons=tuple(reasons), relaxations=self._relaxations(task, obstacles))

    @property
    def _everyone(self) -> Ints:
        return np.arange(len(self._problem.employees), dtype=np.int64)

    def _obstacles(self, task: int) -> list[_Obstacle]:
        return [
            _Obstacle(rule, mask, np.where(mask, rule.sizes(task, self._loads), 0.0))
            for rule, mask in self._eligibility.obstacles(task, self._loads)
        ]

    def _reason(self, task: int, obstacle: _Obstacle) -> Reason:
        nearest = int(np.argmin(np.where(obstacle.mask, obstacle.sizes, np.inf)))
        nearest = nearest if obstacle.mask[nearest] else int(np.argmax(obstacle.mask))
        person = self._problem.employees[nearest]
        shortfall = obstacle.rule.detail(task, nearest, self._loads)
        detail = f"{int(obstacle.mask.sum())} of {obstacle.mask.size}; {person.name or person.employee_id} {shortfall}"
        return Reason(code=obstacle.rule.code, detail=detail, employee_id=person.employee_id)

    def _no_data(self, free: Ints) -> Reason:
        detail = f"{free.size} of {len(self._problem.employees)} have nothing known that could be scored"
        return Reason(code=Obstacle.NO_DATA, detail=detail)

    def _relaxations(self, task: int, obstacles: Sequence[_Obstacle]) -> tuple[Relaxation, ...]:
        """The smallest single change of each kind, smallest first; else the smallest set of changes."""
        if not obstacles:
            return ()
        blocking = np.sum([obstacle.mask for obstacle in obstacles], axis=0)
        singles = [single for o in obstacles for single in self._smallest_single(task, o, blocking == 1)]
        if singles:
            return tuple(_single(change) for _, change in sorted(singles, key=lambda pair: pair[0]))
        return self._combined(task, obstacles, blocking > 0)

    def _smallest_single(self, task: int, obstacle: _Obstacle, alone: Bools) -> list[tuple[float, Change]]:
        """The person for whom this rule is the only one, needs one change only, and the smallest of them."""
        sizes = np.where(obstacle.mask & alone, obstacle.sizes, np.inf)
        for employee in np.argsort(sizes, kind="stable"):
            if np.isinf(sizes[employee]):
                break
            changes = obstacle.rule.changes(task, int(employee), self._loads)
            if len(changes) == 1 and self._scorable(task, int(employee)):
                return [(float(sizes[employee]), changes[0])]
        return []

    def _scorable(self, task: int, employee: int) -> bool:
        return not np.isnan(self._scores.row(task, np.array([employee], dtype=np.int64)).scores[0])

    def _combined(self, task: int, obstacles: Sequence[_Obstacle], blocked: Bools) -> tuple[Relaxation, ...]:
        total = np.where(blocked, np.sum([obstacle.sizes for obstacle in obstacles], axis=0), np.inf)
        possible = (int(i) for i in np.argsort(total, kind="stable") if np.isfinite(total[i]))
        employee = next((i for i in possible if self._scorable(task, i)), None)
        if employee is None:
            return ()
        changes = [c for o in obstacles if o.mask[employee] for c in o.rule.changes(task, employee, self._loads)]
        person = self._problem.employees[employee].employee_id
        return (Relaxation(kind="combined", employee_id=person, changes=tuple(changes)),)


def _single(change: Change) -> Relaxation:
    return Relaxation(
        kind=change.kind, employee_id=change.employee_id, skill=change.skill, from_=change.from_, to=change.to
    )

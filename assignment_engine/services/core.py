"""The one place where it is decided who may do what and how good that is; every use case asks it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from assignment_engine.allocation.problem import AllocationProblem, build_problem
from assignment_engine.domain.constraints import Constraints, Pair
from assignment_engine.domain.live import Live
from assignment_engine.domain.records import Employee, EmployeeHistory, Priors, RecentWork, Task
from assignment_engine.features.definition import declared_sets
from assignment_engine.features.skills import SkillMatcher, read_aliases
from assignment_engine.scoring.protocol import Scorer
from assignment_engine.scoring.registry import load_scorer
from assignment_engine.store.unit import UnitOfWork

_log = logging.getLogger(__name__)

LIVE_CONSTRAINTS = Constraints(ready_only=True, respect_shift_end=True)


@dataclass(frozen=True)
class DecisionCore:
    """The scorer in use and how skills are compared. `warning` says why the scorer is not the model, if so."""

    scorer: Scorer
    matcher: SkillMatcher
    warning: str | None = None

    @classmethod
    def load(cls, model_dir: Path | None = None, aliases: Path | None = None, threads: int = 1) -> DecisionCore:
        """The champion of `model_dir`, or the fallback with a logged warning."""
        scorer, warning = load_scorer(model_dir, threads=threads)
        if warning:
            _log.warning("%s", warning)
        return cls(scorer, SkillMatcher(read_aliases(aliases)) if aliases else SkillMatcher(), warning)

    def problem(
        self,
        unit: UnitOfWork,
        tasks: Sequence[Task],
        employees: Sequence[Employee],
        constraints: Constraints,
        now: datetime,
        warnings: Sequence[str] = (),
    ) -> AllocationProblem:
        """The planning problem of these records, with what the database knows about them."""
        priors = unit.history.priors()
        employees = self.with_recent(unit, employees, now)
        waits_for = {dependency for task in tasks for dependency in task.dependencies}
        return build_problem(
            tasks,
            employees,
            now=now,
            scorer=self.scorer,
            constraints=constraints,
            matcher=self.matcher,
            priors=priors if priors.everyone.total else None,  # nothing is stored yet: what these people bring
            completed=done(unit, waits_for),
            rejections=unit.assignments.rejections([task.task_id for task in tasks]),
            warnings=(*warnings, *([self.warning] if self.warning else [])),
        )

    def live_problem(
        self,
        tasks: Sequence[Task],
        employees: Sequence[Employee],
        now: datetime,
        live: Live,
        priors: Priors | None,
        rejections: frozenset[Pair] = frozenset(),
        completed: frozenset[str] | None = None,
    ) -> AllocationProblem:
        """The same for dispatch. By default what `tasks` depend on is done: otherwise they would wait for nobody."""
        if completed is None:
            completed = frozenset(dependency for task in tasks for dependency in task.dependencies)
        return build_problem(
            tasks,
            employees,
            now=now,
            scorer=self.scorer,
            constraints=LIVE_CONSTRAINTS,
            matcher=self.matcher,
            priors=priors,
            completed=completed,
            rejections=rejections,
            live=live,
        )

    def with_recent(self, unit: UnitOfWork, employees: Sequence[Employee], now: datetime) -> Sequence[Employee]:
        """The same people with what they were given lately, where the model asks for it and nobody has said it."""
        if not declared_sets(self.scorer.features):
            return employees
        unknown = [e.employee_id for e in employees if e.history is None or e.history.recent is None]
        recent = unit.history.recent(unknown, now)
        return [_knowing(e, recent[e.employee_id]) if e.employee_id in recent else e for e in employees]

    def warm_up(self) -> None:
        """Load what the scorer loads on its first use, so that no transaction waits for it."""
        self.scorer.score(np.zeros((1, len(self.scorer.features))))

    def with_scorer(self, scorer: Scorer) -> DecisionCore:
        """The same core with another scorer."""
        return replace(self, scorer=scorer, warning=None)


def _knowing(employee: Employee, recent: RecentWork) -> Employee:
    history = employee.history or EmployeeHistory()
    return employee.model_copy(update={"history": history.model_copy(update={"recent": recent})})


def done(unit: UnitOfWork, task_ids: Collection[str]) -> frozenset[str]:
    """Which of these tasks are completed, here or in the imported history."""
    if not task_ids:
        return frozenset()
    return unit.tasks.completed(task_ids) | unit.history.completed(task_ids)

"""The one place where it is decided who may do what and how good that is; every use case asks it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from assignment_engine.allocation.problem import AllocationProblem, build_problem
from assignment_engine.domain.constraints import Constraints, Pair
from assignment_engine.domain.holdout import NOTHING_HELD_OUT, Holdout
from assignment_engine.domain.live import Live, PersonFacts, TaskFacts
from assignment_engine.domain.records import (
    Employee,
    EmployeeHistory,
    Priors,
    RecentWork,
    StoredEmployee,
    StoredTask,
    Task,
)
from assignment_engine.domain.types import CONTEXT_KINDS, Arm, whole_seconds
from assignment_engine.features.definition import declared_sets
from assignment_engine.features.pairs import everyone
from assignment_engine.features.skills import SkillMatcher, read_aliases
from assignment_engine.scoring.held_out import control_of, holding_out
from assignment_engine.scoring.protocol import Scorer
from assignment_engine.scoring.registry import load_scorer
from assignment_engine.store.unit import UnitOfWork

_log = logging.getLogger(__name__)

RECENCY, CONTEXT = "recency", "context"
LIVE_CONSTRAINTS = Constraints(ready_only=True, respect_shift_end=True)


@dataclass(frozen=True)
class DecisionCore:
    """The scorer in use and how skills are compared. `warning` says why the scorer is not the model, if so.

    `holdout` says about which tasks the control policy decides.
    """

    scorer: Scorer
    matcher: SkillMatcher
    warning: str | None = None
    holdout: Holdout = NOTHING_HELD_OUT

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
        priors = self.priors(unit, tasks, employees)
        employees = self.with_recent(unit, tasks, employees, now)
        waits_for = {dependency for task in tasks for dependency in task.dependencies}
        held_out = [task.task_id for task in tasks if self.holdout.arm(task.task_id) is Arm.CONTROL]
        return build_problem(
            tasks,
            employees,
            now=now,
            scorer=holding_out(self.scorer, held_out),
            constraints=constraints,
            matcher=self.matcher,
            priors=priors,
            completed=done(unit, waits_for),
            rejections=unit.assignments.rejections([task.task_id for task in tasks]),
            warnings=(*warnings, *([self.warning] if self.warning else []), *_told(held_out)),
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

    @cached_property
    def sets(self) -> tuple[str, ...]:
        """The sets of features beyond the 17 that the model declares."""
        return declared_sets(self.scorer.features)

    def priors(self, unit: UnitOfWork, tasks: Sequence[Task], employees: Sequence[Employee]) -> Priors | None:
        """The outcomes of everybody, and how often such work was given to anybody, where the model asks for it.

        While nothing is stored, what these people bring counts.
        """
        known = unit.history.known_priors()
        if CONTEXT not in self.sets:
            return known
        return with_handled(known or everyone(employees), unit.history.handled_by_anybody(context_ids(tasks)))

    def with_recent(
        self, unit: UnitOfWork, tasks: Sequence[Task], employees: Sequence[Employee], now: datetime
    ) -> Sequence[Employee]:
        """The same people with what they were given so far, where the model asks for it and nobody has said it.

        Of the context only what such `tasks` ask about.
        """
        if not self.sets:
            return employees
        unknown = [e.employee_id for e in employees if e.history is None or e.history.recent is None]
        recent = unit.history.recent(unknown, now) if RECENCY in self.sets else dict.fromkeys(unknown, RecentWork())
        if CONTEXT in self.sets:
            handled = unit.history.handled(unknown, context_ids(tasks))
            recent |= {e: recent[e].model_copy(update={"handled": given}) for e, given in handled.items()}
        return [_knowing(e, recent[e.employee_id]) if e.employee_id in recent else e for e in employees]

    def of_arm(self, arm: Arm | None) -> DecisionCore:
        """The core that decides about the tasks of one arm."""
        return self._control if arm is Arm.CONTROL else self

    @cached_property
    def _control(self) -> DecisionCore:
        return replace(self, scorer=control_of(self.scorer), warning=None)

    def warm_up(self) -> None:
        """Load what the scorer loads on its first use, so that no transaction waits for it."""
        self.scorer.score(np.zeros((1, len(self.scorer.features))))

    def with_scorer(self, scorer: Scorer) -> DecisionCore:
        """The same core with another scorer."""
        return replace(self, scorer=scorer, warning=None)


def _told(held_out: Sequence[str]) -> list[str]:
    return [f"tasks that are held out, scored by the weighted fallback: {len(held_out)}"] if held_out else []


def context_ids(tasks: Iterable[Task]) -> dict[str, set[str]]:
    """The ids of each kind of context that these tasks have."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for task in tasks:
        for kind in CONTEXT_KINDS:
            if kind in task.context:
                found[kind].add(task.context[kind])
    return dict(found)


def with_handled(priors: Priors, handled: dict[str, dict[str, float]]) -> Priors:
    """The same snapshot with how often work was given to anybody; its version changes with these counts."""
    given = sum(sum(counts.values()) for counts in handled.values())
    return priors.model_copy(update={"version": f"{priors.version} {given:.0f}", "handled": handled})


def _knowing(employee: Employee, recent: RecentWork) -> Employee:
    history = employee.history or EmployeeHistory()
    return employee.model_copy(update={"history": history.model_copy(update={"recent": recent})})


def person_facts(person: StoredEmployee) -> PersonFacts:
    """What a locked person carries, as it was read."""
    return PersonFacts(whole_seconds(person.current_workload), whole_seconds(person.max_workload))


def task_facts(task: StoredTask) -> TaskFacts:
    """What of a locked task decides about its outcome, as it was read."""
    estimated = None if task.estimated_hours is None else whole_seconds(task.estimated_hours)
    return TaskFacts(task.status, task.deadline, estimated, task.category, task.department, task.context)


def done(unit: UnitOfWork, task_ids: Collection[str]) -> frozenset[str]:
    """Which of these tasks are completed, here or in the imported history."""
    if not task_ids:
        return frozenset()
    return unit.tasks.completed(task_ids) | unit.history.completed(task_ids)

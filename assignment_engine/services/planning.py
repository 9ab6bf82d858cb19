"""Preview a plan, look at it, make it real."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from assignment_engine.allocation.allocators import Allocator
from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import read_constraints, solve
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.allocation.sample import Sampler
from assignment_engine.config import Settings, read_settings
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.errors import FieldError, InvalidInputError, TooManyPairsError
from assignment_engine.domain.holdout import Holdout
from assignment_engine.domain.intake import count_assumptions, read_employees, read_tasks
from assignment_engine.domain.plans import FinalizeResult, Plan, Preview, PreviewOutcome, ScorerInfo
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.stored import StoredPreview
from assignment_engine.domain.types import Arm, InputNotes, Method, Objective, TaskStatus, is_missing, new_id
from assignment_engine.features.arrays import Floats
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.eta import EtaPredictor
from assignment_engine.services.finalizing import OnConflict, finalize
from assignment_engine.services.planned_decisions import planned_decisions
from assignment_engine.services.serving import ServedCore
from assignment_engine.store.database import Database
from assignment_engine.store.previews import pack_decisions
from assignment_engine.store.unit import UnitOfWork


@dataclass(frozen=True)
class PlanRequest:
    """What to plan. None for both ids and records means all pending tasks, or all employees; an empty list is none."""

    tasks: tuple[Task, ...] | None = None
    employees: tuple[Employee, ...] | None = None
    task_ids: Sequence[str] | None = None
    employee_ids: Sequence[str] | None = None
    constraints: Constraints = field(default_factory=Constraints)
    method: Method | str = Method.GREEDY
    weight: float | None = None
    time_budget_seconds: float | None = None
    objective: Objective | str | None = None
    mandatory: bool | Collection[str] = False
    warnings: tuple[str, ...] = ()
    most_pairs: int | None = None


@dataclass(frozen=True)
class _Solved:
    plan: Plan
    features: Floats
    problem: AllocationProblem
    sampler: Sampler
    core: DecisionCore
    new_tasks: frozenset[str]
    new_employees: tuple[Employee, ...]


class SchedulerService:
    """Plans stored and given tasks to people. Opens no connection before its first use.

    Parameters
    ----------
    database, core, settings, eta : by default what the environment says; see `Settings`.
    """

    def __init__(
        self,
        database: Database | None = None,
        core: DecisionCore | None = None,
        settings: Settings | None = None,
        eta: EtaPredictor | None = None,
    ) -> None:
        self._settings = settings or read_settings()
        self._eta = eta or EtaPredictor(self._settings.model_dir)
        self._database = database or Database(self._settings.database_url)
        self._core = core
        self._served = ServedCore(
            self._settings.model_dir,
            self._settings.skill_aliases,
            self._settings.scoring_threads,
            holdout=Holdout(self._settings.holdout_share, self._settings.holdout_salt),
        )

    @property
    def core(self) -> DecisionCore:
        """The scorer and matcher in use, loaded when first needed."""
        return self._core or self._served.present

    def follow(self, *, at_once: bool = False) -> DecisionCore:
        """The same, after a look whether another model was promoted; not for use inside a transaction."""
        return self._core or self._served.follow(at_once=at_once)

    def assign_tasks(
        self,
        tasks: object = None,
        employees: object = None,
        constraints: Constraints | dict[str, Any] | None = None,
        method: Method | str = Method.GREEDY,
        **options: Any,
    ) -> Plan:
        """A plan, not stored. Tasks and employees are records, dicts, frames, or None for those of the database.

        Options: `task_ids`, `employee_ids`, `weight` (balanced), `time_budget_seconds`, `objective` and `mandatory`
        (optimal; see `plan`, which alone takes costs), `time_zone` (of times that have none; UTC).
        """
        return self._solve(plan_request(tasks, employees, constraints, method, **options)).plan

    def preview_assignments(
        self,
        tasks: object = None,
        employees: object = None,
        constraints: Constraints | dict[str, Any] | None = None,
        method: Method | str = Method.GREEDY,
        *,
        created_by: str = "engine",
        **options: Any,
    ) -> Preview:
        """As `assign_tasks`, but the plan is stored, so that any instance can finalize it until it expires."""
        return self.preview(plan_request(tasks, employees, constraints, method, **options), created_by)

    def preview(
        self, request: PlanRequest, created_by: str, remember: Callable[[UnitOfWork, Preview], None] | None = None
    ) -> Preview:
        """Store the plan for `request`; `remember` may write more in the same transaction."""
        solved = self._solve(request, logged=True)
        decisions = [pack_decisions(part) for part in planned_decisions(solved.sampler)]
        return self._database.run(partial(self._store_preview, solved, decisions, created_by, remember))

    def get_preview(self, preview_id: str) -> Preview:
        """The stored preview, until some time after its expiry.

        Raises
        ------
        NotFoundError
        """
        self._database.upgrade()
        with self._database.read() as unit:
            return unit.previews.get(preview_id).preview

    def preview_outcome(self, preview_id: str) -> PreviewOutcome:
        """What became of the preview, until some time after its expiry.

        Raises
        ------
        NotFoundError
        """
        self._database.upgrade()
        with self._database.read() as unit:
            stored = unit.previews.get(preview_id)
        return PreviewOutcome(
            preview_id=preview_id,
            created_at=stored.created_at,
            created_by=stored.created_by,
            constraints=stored.constraints,
            result=stored.result,
        )

    def finalize_assignments(
        self,
        preview_id: str,
        on_conflict: OnConflict | str = OnConflict.REFUSE,
        *,
        actor: str = "engine",
        remember: Callable[[UnitOfWork, FinalizeResult], None] | None = None,
    ) -> FinalizeResult:
        """Make a preview real in one transaction; a second call returns the first result.

        `remember` may write more in the same transaction.

        Raises
        ------
        NotFoundError, PreviewExpiredError
        PreviewConflictError
            If something changed meanwhile, with the differences; `on_conflict="skip"` leaves those out instead.
        """
        self._database.upgrade()
        choice, core = OnConflict.read(on_conflict), self.follow()
        self._eta.follow(self._database)

        def finalized(unit: UnitOfWork) -> FinalizeResult:
            result = finalize(core, self._eta, preview_id, choice, actor, unit)
            if remember:
                remember(unit, result)
            return result

        return self._database.run(finalized)

    def check(self, request: PlanRequest) -> None:
        """Refuse what cannot be planned, before it is planned in the background.

        Raises
        ------
        InvalidInputError
        """
        _chosen(request)
        self._database.upgrade()
        with self._database.read() as unit:
            if request.task_ids:
                _resolve_tasks(unit, request)
            if request.employee_ids:
                _resolve_employees(unit, request)

    def _solve(self, request: PlanRequest, *, logged: bool = False) -> _Solved:
        chosen, core = _chosen(request), self.follow()
        self._database.upgrade()
        with self._database.read() as unit:
            now = unit.now()
            tasks, new_tasks = _resolve_tasks(unit, request)
            employees, new_employees = _resolve_employees(unit, request)
            _refuse_too_many(len(tasks) * len(employees), request.most_pairs)
            problem = core.problem(unit, tasks, employees, request.constraints, now, request.warnings)
        sampler = Sampler(problem)
        plan, features = solve(problem, chosen, onlooker=sampler if logged else None)
        return _Solved(plan, features, problem, sampler, core, new_tasks, new_employees)

    def _store_preview(
        self,
        solved: _Solved,
        decisions: Sequence[bytes],
        created_by: str,
        remember: Callable[[UnitOfWork, Preview], None] | None,
        unit: UnitOfWork,
    ) -> Preview:
        now = unit.now()
        expires_at = now + timedelta(seconds=self._settings.preview_ttl_seconds)
        preview = Preview(**dict(solved.plan), preview_id=new_id(), expires_at=expires_at)
        unit.previews.purge(now)
        unit.previews.add(_stored(solved, preview, created_by, now), decisions)
        if remember:
            remember(unit, preview)
        return preview


def _chosen(request: PlanRequest) -> Allocator:
    """The allocator that is asked for."""
    chosen = allocator(
        request.method,
        weight=request.weight,
        time_budget_seconds=request.time_budget_seconds,
        objective=request.objective,
        mandatory=request.mandatory,
    )
    if request.objective == Objective.COST:
        raise InvalidInputError.at("/objective", "costs of pairs are not stored; the function `plan` takes them")
    return chosen


def plan_request(
    tasks: object,
    employees: object,
    constraints: Constraints | dict[str, Any] | None,
    method: Method | str,
    *,
    time_zone: str = "UTC",
    **options: Any,
) -> PlanRequest:
    """A request from whatever a library user has at hand; notes which defaults were used."""
    notes = InputNotes(time_zone)
    return PlanRequest(
        tasks=None if tasks is None else read_tasks(tasks, notes),
        employees=None if employees is None else read_employees(employees, notes),
        constraints=read_constraints(constraints),
        method=method,
        warnings=notes.warnings,
        **options,
    )


def assumptions(tasks: Sequence[Task] | None, employees: Sequence[Employee] | None) -> tuple[str, ...]:
    """The warnings for records that were read elsewhere."""
    notes = InputNotes()
    count_assumptions(Employee, employees or (), notes)
    count_assumptions(Task, tasks or (), notes)
    return notes.warnings


def _resolve_tasks(unit: UnitOfWork, request: PlanRequest) -> tuple[tuple[Task, ...], frozenset[str]]:
    """The tasks to plan, the stored row where there is one, and the ids of those that are not stored."""
    if request.tasks is None and request.task_ids is None:
        return tuple(unit.tasks.pending()), frozenset()
    given = {task.task_id: task for task in request.tasks or ()}
    named = list(request.task_ids or ())
    stored = {task.task_id: task for task in unit.tasks.get_many(sorted({*given, *named}))}
    wrong = [*_unknown("task", "/task_ids", named, stored), *_not_pending(named, stored)]
    if wrong:
        raise InvalidInputError([*wrong, *_unknown_people(unit, request)])
    wanted = dict.fromkeys([*named, *given])
    return tuple(stored.get(i) or given[i] for i in wanted), frozenset(given.keys() - stored.keys())


def _resolve_employees(unit: UnitOfWork, request: PlanRequest) -> tuple[tuple[Employee, ...], tuple[Employee, ...]]:
    """The people to plan with, and those of them who are not stored."""
    if request.employees is None and request.employee_ids is None:
        return tuple(unit.employees.get_many(None)), ()
    given = {employee.employee_id: employee for employee in request.employees or ()}
    named = list(request.employee_ids or ())
    stored = {employee.employee_id: employee for employee in unit.employees.get_many(sorted({*given, *named}))}
    unknown = _unknown("employee", "/employee_ids", named, stored)
    if unknown:
        raise InvalidInputError(unknown)
    wanted = dict.fromkeys([*named, *given])
    new = tuple(given[i] for i in given if i not in stored)
    return tuple(stored.get(i) or given[i] for i in wanted), new


def _unknown_people(unit: UnitOfWork, request: PlanRequest) -> list[FieldError]:
    named = list(request.employee_ids or ())
    stored = {employee.employee_id: employee for employee in unit.employees.get_many(sorted(set(named)))}
    return _unknown("employee", "/employee_ids", named, stored)


def _unknown(kind: str, pointer: str, named: Sequence[str], stored: Mapping[str, object]) -> list[FieldError]:
    return [
        FieldError(f"{pointer}/{row}", f"there is no {kind} {record_id!r}")
        for row, record_id in enumerate(named)
        if record_id not in stored
    ]


def _refuse_too_many(pairs: int, most: int | None) -> None:
    if most is not None and pairs > most:
        raise TooManyPairsError(pairs, most)


def _not_pending(named: Sequence[str], stored: Mapping[str, Task]) -> list[FieldError]:
    return [
        FieldError(f"/task_ids/{row}", f"task {task_id!r} is {stored[task_id].status}, expected pending")
        for row, task_id in enumerate(named)
        if task_id in stored and stored[task_id].status is not TaskStatus.PENDING
    ]


def _stored(solved: _Solved, preview: Preview, created_by: str, now: datetime) -> StoredPreview:
    planned = {assignment.task_id for assignment in preview.assignments}
    used = {assignment.employee_id for assignment in preview.assignments}
    arms = [solved.core.holdout.arm(assignment.task_id) for assignment in preview.assignments]
    control = solved.core.of_arm(Arm.CONTROL).scorer
    return StoredPreview(
        preview=preview,
        created_at=now,
        created_by=created_by,
        constraints=solved.problem.constraints,
        tasks=tuple(task for task in solved.problem.tasks if task.task_id in planned),
        new_tasks=solved.new_tasks & planned,
        feature_names=solved.problem.scorer.features,
        arms=tuple(arm for arm in arms if arm is not None),
        control=ScorerInfo(name=control.name, version=control.version),
        new_employees=tuple(e for e in solved.new_employees if e.employee_id in used),
        features=tuple(
            tuple(None if is_missing(value) else value for value in row) for row in solved.features.tolist()
        ),
    )

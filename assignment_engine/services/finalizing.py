"""Making a preview real: all of it, or what still fits, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.allocation.verify import Violation, verify
from assignment_engine.domain.assignments import Event, NewAssignment, advance
from assignment_engine.domain.errors import InvalidInputError, PreviewConflictError, PreviewExpiredError
from assignment_engine.domain.live import Locked
from assignment_engine.domain.plans import Conflict, FinalizeResult, Plan, PlannedAssignment
from assignment_engine.domain.records import StoredEmployee, StoredTask, Task
from assignment_engine.domain.stored import PlannedDecision, StoredPreview, TrainingRow
from assignment_engine.domain.types import SECONDS_PER_HOUR, Arm, TaskStatus, new_id, whole_seconds
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.services.core import DecisionCore, person_facts, task_facts
from assignment_engine.services.eta import Asked, EtaPredictor
from assignment_engine.store.unit import UnitOfWork

PLANNING_FIELDS = (
    "status",
    "priority",
    "required_skills",
    "minimum_levels",
    "estimated_hours",
    "deadline",
    "category",
    "department",
    "dependencies",
)


class OnConflict(StrEnum):
    """What to do with planned assignments that no longer fit."""

    REFUSE = "refuse"
    SKIP = "skip"

    @classmethod
    def read(cls, value: OnConflict | str) -> OnConflict:
        if value not in list(cls):
            raise InvalidInputError.at("/on_conflict", f"expected refuse or skip (got {value!r})")
        return cls(value)


def finalize(
    core: DecisionCore, eta: EtaPredictor, preview_id: str, on_conflict: OnConflict, actor: str, unit: UnitOfWork
) -> FinalizeResult:
    """Write the assignments of a preview, with counters, training log, audit and events, in this unit of work."""
    stored = unit.previews.lock(preview_id)
    now = unit.now()
    if now >= stored.preview.expires_at:
        raise PreviewExpiredError(preview_id)
    if stored.result is not None:
        return stored.result
    today = _lock_today(unit, stored, now)
    conflicts = _Conflicts(core, unit, stored, today, now).find()
    if conflicts and on_conflict is OnConflict.REFUSE:
        raise PreviewConflictError(preview_id, conflicts)
    left_out = {conflict.task_id for conflict in conflicts}
    kept = [row for row, a in enumerate(stored.preview.assignments) if a.task_id not in left_out]
    result = _write(unit, eta, stored, kept, today, actor, now, conflicts)
    unit.previews.finish(preview_id, result, now)
    return result


@dataclass(frozen=True)
class _Today:
    tasks: Mapping[str, StoredTask]
    employees: Mapping[str, StoredEmployee]

    @property
    def locked(self) -> Locked:
        """What need not be read again."""
        return Locked(
            people={key: person_facts(person) for key, person in self.employees.items()},
            tasks={key: task_facts(task) for key, task in self.tasks.items()},
        )


def _lock_today(unit: UnitOfWork, stored: StoredPreview, now: datetime) -> _Today:
    """Insert what came inline, then lock and read the rows of the plan: employees by id, then tasks by id."""
    assignments = stored.preview.assignments
    task_ids = sorted({a.task_id for a in assignments})
    employee_ids = sorted({a.employee_id for a in assignments})
    _insert_inline(unit, stored, now)
    unit.employees.lock(employee_ids)
    unit.tasks.lock(task_ids)
    return _Today(
        tasks={task.task_id: task for task in unit.tasks.get_many(task_ids)},
        employees={employee.employee_id: employee for employee in unit.employees.get_many(employee_ids)},
    )


def _insert_inline(unit: UnitOfWork, stored: StoredPreview, now: datetime) -> None:
    known_employees = unit.employees.existing([e.employee_id for e in stored.new_employees])
    unit.employees.add([e for e in stored.new_employees if e.employee_id not in known_employees], now)
    known_tasks = unit.tasks.existing(sorted(stored.new_tasks))
    new = stored.new_tasks - known_tasks
    unit.tasks.add([_titled(task) for task in stored.tasks if task.task_id in new], now)


def _titled(task: Task) -> Task:
    return task if task.title else task.model_copy(update={"title": task.task_id})


class _Conflicts:
    """What of a stored plan no longer fits today's rows."""

    def __init__(
        self, core: DecisionCore, unit: UnitOfWork, stored: StoredPreview, today: _Today, now: datetime
    ) -> None:
        self._core, self._unit, self._stored, self._today, self._now = core, unit, stored, today, now
        self._planned = {task.task_id: task for task in stored.tasks}
        self._triaged = unit.triage.filled(list(self._planned))

    def find(self) -> list[Conflict]:
        """One conflict for each assignment that does not fit, in the order of the plan."""
        found = {a.task_id: c for a in self._stored.preview.assignments if (c := self._changed(a)) is not None}
        fitting = [a for a in self._stored.preview.assignments if a.task_id not in found]
        found |= {c.task_id: c for c in self._refused(fitting)}
        return [found[a.task_id] for a in self._stored.preview.assignments if a.task_id in found]

    def _changed(self, assignment: PlannedAssignment) -> Conflict | None:
        task = self._today.tasks.get(assignment.task_id)
        if task is None or assignment.employee_id not in self._today.employees:
            gone = "task" if task is None else "employee"
            return _conflict(assignment, "gone", f"the {gone} was deleted")
        triaged = self._triaged.get(assignment.task_id, frozenset())
        before, after = _differences(self._planned[assignment.task_id], task, triaged)
        if task.status is not TaskStatus.PENDING:
            return _conflict(assignment, "taken", f"the task is {task.status}", before, after)
        if before != after:
            return _conflict(assignment, "changed", f"changed: {', '.join(before)}", before, after)
        return None

    def _refused(self, fitting: Sequence[PlannedAssignment]) -> list[Conflict]:
        """Leave out what the independent check refuses until it accepts the rest."""
        refused: list[Conflict] = []
        kept = list(fitting)
        problem = self._problem(kept)
        while kept:
            bad: dict[str, Violation] = {}
            for violation in verify(problem, self._plan_of(kept)):
                if violation.code != "missing":
                    bad.setdefault(violation.task_id, violation)
            if not bad:
                break
            refused += [_conflict(a, "refused", bad[a.task_id].detail) for a in kept if a.task_id in bad]
            kept = [a for a in kept if a.task_id not in bad]
        return refused

    def _problem(self, assignments: Sequence[PlannedAssignment]) -> AllocationProblem:
        tasks = [self._today.tasks[a.task_id] for a in assignments]
        people = [self._today.employees[i] for i in sorted({a.employee_id for a in assignments})]
        constraints = self._stored.constraints
        task_ids, employee_ids = {t.task_id for t in tasks}, {e.employee_id for e in people}
        relevant = {
            name: frozenset(p for p in getattr(constraints, name) if p[0] in task_ids and p[1] in employee_ids)
            for name in ("forbidden", "required")
        }
        return self._core.problem(self._unit, tasks, people, constraints.model_copy(update=relevant), self._now)

    def _plan_of(self, assignments: Sequence[PlannedAssignment]) -> Plan:
        return self._stored.preview.model_copy(update={"assignments": tuple(assignments), "unassigned": ()})


def _differences(
    planned: Task, today: StoredTask, triaged: frozenset[str]
) -> tuple[dict[str, object], dict[str, object]]:
    """What is different, but for fields that were empty and that triage filled meanwhile."""
    before, after = planned.model_dump(mode="json"), today.model_dump(mode="json")
    changed = [
        name
        for name in PLANNING_FIELDS
        if before[name] != after[name] and not (before[name] is None and name in triaged)
    ]
    return {name: before[name] for name in changed}, {name: after[name] for name in changed}


def _conflict(
    assignment: PlannedAssignment,
    reason: str,
    detail: str,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> Conflict:
    return Conflict.model_validate(
        {
            "task_id": assignment.task_id,
            "employee_id": assignment.employee_id,
            "reason": reason,
            "detail": detail,
            "before": before or None,
            "after": after or None,
        }
    )


def _write(
    unit: UnitOfWork,
    eta: EtaPredictor,
    stored: StoredPreview,
    kept: Sequence[int],
    today: _Today,
    actor: str,
    now: datetime,
    conflicts: Sequence[Conflict],
) -> FinalizeResult:
    preview = stored.preview
    planned = [(preview.assignments[row], _scorer(stored, row)) for row in kept]
    new = [_new_assignment(a, stored, today.tasks[a.task_id].units, actor, scorer) for a, scorer in planned]
    new = _with_expected(eta, new, [_features(stored, row) for row in kept], today)
    advances = [advance(assignment, Event.ASSIGN, now) for assignment in new]
    unit.assignments.record(advances, actor, locked=today.locked)
    _log(unit, stored, dict(zip(kept, new, strict=True)), now)
    return FinalizeResult(
        preview_id=preview.preview_id,
        assignments=tuple(step.assignment for step in advances),
        skipped=tuple(conflicts),
    )


def _new_assignment(
    planned: PlannedAssignment, stored: StoredPreview, units: int, actor: str, scorer: str
) -> NewAssignment:
    return NewAssignment(
        id=new_id(),
        task_id=planned.task_id,
        employee_id=planned.employee_id,
        assigned_by=actor,
        method=stored.preview.method.value,
        seconds=whole_seconds(planned.hours),
        units=units,
        score=planned.score,
        confidence=planned.confidence,
        scorer=scorer,
        preview_id=stored.preview.preview_id,
    )


def _with_expected(
    eta: EtaPredictor, new: Sequence[NewAssignment], features: Sequence[Mapping[str, float | None]], today: _Today
) -> list[NewAssignment]:
    """How long each will take; work of the same person comes one after the other, in the order of the plan."""
    ahead = {employee_id: person.current_workload for employee_id, person in today.employees.items()}
    asked = []
    for assignment, values in zip(new, features, strict=True):
        task, who = today.tasks[assignment.task_id], assignment.employee_id
        asked.append(Asked(who, task.category, task.estimated_hours, values, ahead[who]))
        ahead[who] += assignment.seconds / SECONDS_PER_HOUR
    return [replace(a, expected=expected) for a, expected in zip(new, eta.expect(asked), strict=True)]


def _features(stored: StoredPreview, row: int) -> Mapping[str, float | None]:
    return dict(zip(stored.feature_names or FEATURE_NAMES, stored.features[row], strict=True))


def _log(unit: UnitOfWork, stored: StoredPreview, new: Mapping[int, NewAssignment], now: datetime) -> None:
    """Log the decisions, a part of them at a time; those of a preview that was stored without stand alone."""
    rows = iter(range(len(stored.preview.assignments)))
    for part in unit.previews.decisions(stored.preview.preview_id):
        logged = [(row, decision) for decision, row in zip(part, rows, strict=False) if row in new]
        unit.training.add([_training_row(new[r], _features(stored, r), d, _arm(stored, r), now) for r, d in logged])
    alone = [row for row in rows if row in new]
    unit.training.add([_training_row(new[r], _features(stored, r), None, _arm(stored, r), now) for r in alone])


def _arm(stored: StoredPreview, row: int) -> Arm | None:
    return stored.arms[row] if stored.arms else None


def _scorer(stored: StoredPreview, row: int) -> str:
    """Who scored an assignment of the plan."""
    scorer = stored.preview.scorer
    if _arm(stored, row) is Arm.CONTROL and stored.control is not None:
        scorer = stored.control
    return f"{scorer.name} {scorer.version}"


def _training_row(
    new: NewAssignment,
    features: Mapping[str, float | None],
    decision: PlannedDecision | None,
    arm: Arm | None,
    now: datetime,
) -> TrainingRow:
    return TrainingRow(
        log_id=new_id(),
        decision_id=decision.decision_id if decision else new_id(),
        assignment_id=new.id,
        task_id=new.task_id,
        employee_id=new.employee_id,
        features=features,
        assignment_score=new.score or 0.0,
        confidence=new.confidence or 0.0,
        method=new.method,
        scorer=new.scorer or "",
        logged_at=now,
        candidates=decision.candidates if decision else None,
        rank=decision.rank if decision else None,
        arm=arm,
    )

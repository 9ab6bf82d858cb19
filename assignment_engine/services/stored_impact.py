"""What suspect rows of a file mean beside what is stored: tasks beside the people, people beside the pending tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.errors import InvalidInputError, TooManyPairsError
from assignment_engine.domain.records import Employee
from assignment_engine.domain.types import Method, TaskStatus
from assignment_engine.features.arrays import Bools
from assignment_engine.quality.report import Impact, ImpactNotComputed
from assignment_engine.quality.rules import FileKind
from assignment_engine.quality.table import Table
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.impact import Case, impact_of_rows, refuse_too_many
from assignment_engine.store.counting import Counting
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

MOST_RECORDS = 100_000
"""The most rows of a file, and the most stored records, that are planned with: a file may be far larger."""


class StoredImpact:
    """Plans greedily, as previews do: with the model in use, the history and the rejections that are stored."""

    time_zone = "UTC"
    method = Method.GREEDY

    def __init__(self, database: Database, follow: Callable[[], DecisionCore]) -> None:
        self._database, self._follow = database, follow

    def __call__(self, kind: FileKind, table: Table, suspect: Bools) -> Impact | ImpactNotComputed:
        """The impact, or why there is none; the file's own rows take the place of stored ones with their ids."""
        with self._database.read() as unit:
            why = _why_not(unit, kind, table.rows)
            others = () if why else _counterpart(unit, kind)
        if why:
            return ImpactNotComputed(reason=why)
        try:
            return impact_of_rows(kind, table, suspect, others, self)
        except (InvalidInputError, TooManyPairsError) as exc:
            return ImpactNotComputed(reason=str(exc))

    def problems(self, cases: Sequence[Case]) -> Sequence[AllocationProblem]:
        core = self._follow()
        with self._database.read() as unit:
            now, known = unit.now(), _histories(unit, cases)
            return [
                core.problem(unit, tasks, [_knowing(e, known) for e in people], Constraints(), now)
                for tasks, people in cases
            ]


def _why_not(unit: UnitOfWork, kind: FileKind, rows: int) -> str | None:
    """Counted before anything is loaded, because what is too much to plan may be too much to hold."""
    stored = _stored(unit, kind)
    what = "employees" if kind is FileKind.TASKS else "pending tasks"
    if not stored:
        return f"there are no {what} to plan with"
    for count, name in ((rows, "rows of the file"), (stored, what)):
        if count > MOST_RECORDS:
            return f"{count:,} {name} are more than {MOST_RECORDS:,}"
    try:
        refuse_too_many(rows * stored)
    except TooManyPairsError as exc:
        return str(exc)
    return None


def _stored(unit: UnitOfWork, kind: FileKind) -> int:
    counting = Counting(unit.connection)
    if kind is FileKind.TASKS:
        return counting.employees()
    return counting.tasks({TaskStatus.PENDING}).tasks.get(TaskStatus.PENDING, 0)


def _counterpart(unit: UnitOfWork, kind: FileKind) -> Sequence[Any]:
    return unit.employees.get_many() if kind is FileKind.TASKS else unit.tasks.pending()


def _histories(unit: UnitOfWork, cases: Sequence[Case]) -> dict[str, Employee]:
    """The stored people behind those of a file, who bring no history of their own."""
    ids = {e.employee_id for _, people in cases for e in people if e.history is None}
    return {e.employee_id: e for e in unit.employees.get_many(ids)} if ids else {}


def _knowing(employee: Employee, known: dict[str, Employee]) -> Employee:
    stored = known.get(employee.employee_id)
    return employee if stored is None else employee.model_copy(update={"history": stored.history})

"""What suspect rows mean for decisions: the plan with them beside the plan without them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.problem import build_problem
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.errors import InvalidInputError, TooManyPairsError
from assignment_engine.domain.intake import CsvContent, id_field, read_csv
from assignment_engine.domain.plans import Plan, PlannedAssignment
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.types import InputNotes, Method
from assignment_engine.features.arrays import Bools
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.quality.report import ChangedAssignment, Impact
from assignment_engine.quality.rules import RECORDS, FileKind
from assignment_engine.quality.table import Table
from assignment_engine.quality.writing import write_rows
from assignment_engine.scoring.protocol import Scorer

MOST_PAIRS = 5_000_000
CHANGES_SHOWN = 500
PLANNED = (FileKind.TASKS, FileKind.EMPLOYEES)


@dataclass(frozen=True)
class Planner:
    """How the two plans are made."""

    scorer: Scorer
    now: datetime
    method: Method | str = Method.GREEDY
    constraints: Constraints = field(default_factory=Constraints)
    matcher: SkillMatcher | None = None
    time_zone: str = "UTC"

    def plan(self, tasks: Sequence[Task], employees: Sequence[Employee]) -> Plan:
        """One plan.

        Raises
        ------
        TooManyPairsError
        """
        if len(tasks) * len(employees) > MOST_PAIRS:
            raise TooManyPairsError(len(tasks) * len(employees), MOST_PAIRS)
        problem = build_problem(
            tasks,
            employees,
            now=self.now,
            scorer=self.scorer,
            constraints=self.constraints,
            matcher=self.matcher or SkillMatcher(),
        )
        return solve(problem, allocator(self.method))[0]


def impact_of_rows(
    kind: FileKind, table: Table, suspect: Bools, others: Sequence[Task] | Sequence[Employee], planner: Planner
) -> Impact:
    """Plan a file of tasks or employees with and without its suspect rows.

    Rows that the intake refuses cannot be planned at all; they are in neither plan.

    Parameters
    ----------
    suspect : shape (rows,).
    others : the people for a tasks file, the tasks for an employees file.

    Raises
    ------
    InvalidInputError
        If the file is neither.
    TooManyPairsError
    """
    if kind not in PLANNED:
        raise InvalidInputError.at("", f"expected a file of tasks or employees, this is one of {kind}")
    content = records_of(kind, table, planner.time_zone)
    doubted = {int(line) for line in table.lines[suspect]}
    trusted = tuple(r for r, line in zip(content.records, content.lines, strict=True) if line not in doubted)
    suspect_ids = {getattr(r, id_field(RECORDS[kind])) for r in content.records} - {
        getattr(r, id_field(RECORDS[kind])) for r in trusted
    }
    if kind is FileKind.TASKS:
        plans = planner.plan(content.records, _people(others)), planner.plan(trusted, _people(others))
    else:
        plans = planner.plan(_tasks(others), content.records), planner.plan(_tasks(others), trusted)
    return _compared(*plans, suspect_ids, kind)


def _people(others: Sequence[Any]) -> Sequence[Employee]:
    return [other for other in others if isinstance(other, Employee)]


def _tasks(others: Sequence[Any]) -> Sequence[Task]:
    return [other for other in others if isinstance(other, Task)]


def records_of(kind: FileKind, table: Table, time_zone: str = "UTC") -> CsvContent[Any]:
    """The rows of a table as the intake reads them; the lines are those of the table.

    Raises
    ------
    InvalidInputError
        If a required column is missing.
    """
    starts = _starts(table)
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as stream:
        write_rows(stream, table)
        stream.seek(0)
        content: CsvContent[Any] = read_csv(RECORDS[kind], stream, InputNotes(time_zone))
    lines = tuple(starts[line] for line in content.lines)
    return CsvContent(content.records, lines, content.rejected)


def _starts(table: Table) -> Mapping[int, int]:
    """The line of the table's file for each line on which a row starts when it is written again."""
    starts: dict[int, int] = {}
    line = 2
    for row, texts in zip(table.lines.tolist(), table.texts(0, table.rows), strict=True):
        starts[line] = row
        line += 1 + sum(text.count("\n") for text in texts)
    return starts


def _compared(before: Plan, after: Plan, suspect_ids: set[str], kind: FileKind) -> Impact:
    with_rows = {a.task_id: a for a in before.assignments}
    without = {a.task_id: a for a in after.assignments}
    changed = sorted(
        task_id
        for task_id in with_rows.keys() | without.keys()
        if _person(with_rows.get(task_id)) != _person(without.get(task_id))
    )
    changes = [_change(task_id, with_rows.get(task_id), without.get(task_id), suspect_ids, kind) for task_id in changed]
    at_stake = sum(max(change.score_with or 0.0, change.score_without or 0.0) for change in changes)
    total = max(before.report.total_score, after.report.total_score)
    return Impact(
        method=before.method,
        scorer=f"{before.scorer.name} {before.scorer.version}",
        suspect_tasks=len(suspect_ids) if kind is FileKind.TASKS else 0,
        suspect_employees=len(suspect_ids) if kind is FileKind.EMPLOYEES else 0,
        assigned_with=len(before.assignments),
        assigned_without=len(after.assignments),
        total_score_with=before.report.total_score,
        total_score_without=after.report.total_score,
        at_stake=at_stake,
        share_at_stake=at_stake / total if total else 0.0,
        changed=len(changes),
        changes=tuple(sorted(changes, key=_by_score)[:CHANGES_SHOWN]),
    )


def _person(assignment: PlannedAssignment | None) -> str | None:
    return assignment.employee_id if assignment else None


def _change(
    task_id: str,
    before: PlannedAssignment | None,
    after: PlannedAssignment | None,
    suspect_ids: set[str],
    kind: FileKind,
) -> ChangedAssignment:
    concerned = task_id if kind is FileKind.TASKS else _person(before)
    return ChangedAssignment(
        task_id=task_id,
        suspect=concerned in suspect_ids,
        employee_with=_person(before),
        employee_without=_person(after),
        score_with=before.score if before else None,
        score_without=after.score if after else None,
    )


def _by_score(change: ChangedAssignment) -> tuple[float, str]:
    return -max(change.score_with or 0.0, change.score_without or 0.0), change.task_id

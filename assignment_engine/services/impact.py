"""What suspect rows mean for decisions: the plan with them beside the plan without them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from assignment_engine.allocation.allocators import Allocator
from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.problem import AllocationProblem, build_problem
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.errors import InvalidInputError, TooManyPairsError
from assignment_engine.domain.intake import CsvContent, id_field, read_csv
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.types import InputNotes, Method
from assignment_engine.features.arrays import Bools
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.quality.report import ChangedAssignment, Impact
from assignment_engine.quality.rules import DECIDING, RECORDS, FileKind
from assignment_engine.quality.table import Table
from assignment_engine.quality.writing import write_rows
from assignment_engine.scoring.protocol import Scorer

MOST_PAIRS = 5_000_000

Case = tuple[Sequence[Task], Sequence[Employee]]
"""The tasks and the people of one plan."""


class Planning(Protocol):
    """How the two plans are made; `time_zone` is that of times in the file that have none."""

    @property
    def time_zone(self) -> str: ...

    @property
    def method(self) -> Method | str: ...

    def problems(self, cases: Sequence[Case]) -> Sequence[AllocationProblem]:
        """What is to be planned in each case, all from what is known at one moment.

        Raises
        ------
        InvalidInputError
            If tasks depend on each other in a circle.
        TooManyPairsError
        """
        ...


@dataclass(frozen=True)
class Planner:
    """Plans from the records alone."""

    scorer: Scorer
    now: datetime
    method: Method | str = Method.GREEDY
    constraints: Constraints = field(default_factory=Constraints)
    matcher: SkillMatcher | None = None
    time_zone: str = "UTC"

    def problems(self, cases: Sequence[Case]) -> Sequence[AllocationProblem]:
        return [self._problem(tasks, employees) for tasks, employees in cases]

    def _problem(self, tasks: Sequence[Task], employees: Sequence[Employee]) -> AllocationProblem:
        refuse_too_many(len(tasks) * len(employees))
        return build_problem(
            tasks,
            employees,
            now=self.now,
            scorer=self.scorer,
            constraints=self.constraints,
            matcher=self.matcher or SkillMatcher(),
        )


def refuse_too_many(pairs: int) -> None:
    """Refuse what would take too long.

    Raises
    ------
    TooManyPairsError
    """
    if pairs > MOST_PAIRS:
        raise TooManyPairsError(pairs, MOST_PAIRS)


def impact_of_rows(
    kind: FileKind, table: Table, suspect: Bools, others: Sequence[Task] | Sequence[Employee], planner: Planning
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
        If the file is neither, or if its tasks depend on each other in a circle.
    TooManyPairsError
    """
    if kind not in DECIDING:
        raise InvalidInputError.at("", f"expected a file of tasks or employees, this is one of {kind}")
    content = records_of(kind, table, planner.time_zone)
    doubted = {int(line) for line in table.lines[suspect]}
    trusted = tuple(r for r, line in zip(content.records, content.lines, strict=True) if line not in doubted)
    suspect_ids = {getattr(r, id_field(RECORDS[kind])) for r in content.records} - {
        getattr(r, id_field(RECORDS[kind])) for r in trusted
    }
    sides = [content.records, trusted] if suspect_ids else [content.records]
    problems = planner.problems([_case(kind, side, others) for side in sides])
    chosen = allocator(planner.method)
    plans = [_Given.by(chosen, problem) for problem in problems]
    return _compared(plans[0], plans[-1], suspect_ids, kind)


@dataclass(frozen=True)
class _Given:
    """Who gets which task with which score. Nothing else of a plan is made, which would take most of the time."""

    people: Mapping[str, str]
    scores: Mapping[str, float]
    method: Method
    scorer: str

    @classmethod
    def by(cls, chosen: Allocator, problem: AllocationProblem) -> _Given:
        choices = chosen.allocate(problem).choices
        ids = [problem.tasks[choice.task].task_id for choice in choices]
        people = [problem.employees[choice.employee].employee_id for choice in choices]
        scores = [choice.score for choice in choices]
        scorer = f"{problem.scorer.name} {problem.scorer.version}"
        return cls(dict(zip(ids, people, strict=True)), dict(zip(ids, scores, strict=True)), chosen.method, scorer)

    @property
    def total(self) -> float:
        return sum(self.scores.values())


def _case(kind: FileKind, records: Sequence[Any], others: Sequence[Any]) -> Case:
    tasks, people = (records, others) if kind is FileKind.TASKS else (others, records)
    return [t for t in tasks if isinstance(t, Task)], [e for e in people if isinstance(e, Employee)]


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


def _compared(before: _Given, after: _Given, suspect_ids: set[str], kind: FileKind) -> Impact:
    tasks = before.people.keys() | after.people.keys()
    changed = sorted(task_id for task_id in tasks if before.people.get(task_id) != after.people.get(task_id))
    changes = [_change(task_id, before, after, suspect_ids, kind) for task_id in changed]
    at_stake = sum(max(change.score_with or 0.0, change.score_without or 0.0) for change in changes)
    total = max(before.total, after.total)
    return Impact(
        method=before.method,
        scorer=before.scorer,
        suspect_tasks=len(suspect_ids) if kind is FileKind.TASKS else 0,
        suspect_employees=len(suspect_ids) if kind is FileKind.EMPLOYEES else 0,
        assigned_with=len(before.people),
        assigned_without=len(after.people),
        total_score_with=before.total,
        total_score_without=after.total,
        at_stake=at_stake,
        share_at_stake=at_stake / total if total else 0.0,
        changed=len(changes),
        changes=tuple(sorted(changes, key=_by_score)),
    )


def _change(task_id: str, before: _Given, after: _Given, suspect_ids: set[str], kind: FileKind) -> ChangedAssignment:
    person = before.people.get(task_id)
    concerned = task_id if kind is FileKind.TASKS else person
    return ChangedAssignment(
        task_id=task_id,
        suspect=concerned in suspect_ids,
        employee_with=person,
        employee_without=after.people.get(task_id),
        score_with=before.scores.get(task_id),
        score_without=after.scores.get(task_id),
    )


def _by_score(change: ChangedAssignment) -> tuple[float, str]:
    return -max(change.score_with or 0.0, change.score_without or 0.0), change.task_id

"""Bringing in people, tasks and past assignments from files and lists: all rows, or the good ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import IO, Any, TypeVar

from pydantic import ValidationError

from assignment_engine.domain.errors import EngineError, InvalidInputError, field_errors
from assignment_engine.domain.intake import CsvContent, RejectedRow, id_field, read_csv
from assignment_engine.domain.records import Employee, Record, Task
from assignment_engine.domain.stored import PastAssignment
from assignment_engine.domain.types import InputNotes
from assignment_engine.services.tasks import note_changes
from assignment_engine.store.unit import UnitOfWork

R = TypeVar("R", bound=Record)


class ImportKind(StrEnum):
    EMPLOYEES = "employees"
    TASKS = "tasks"
    HISTORY = "history"


class ImportMode(StrEnum):
    """`all`: one bad row refuses everything; `rows`: the good rows are taken."""

    ALL = "all"
    ROWS = "rows"


class Rejected(Record):
    """One bad field of one row. `line` counts from 1 (with the header of a file, without one for a list)."""

    line: int
    field: str
    detail: str


class ImportResult(Record):
    """What an import did."""

    created: int
    updated: int
    rejected: tuple[Rejected, ...] = ()


class ImportRefusedError(EngineError):
    """The file has bad rows; nothing was imported."""

    def __init__(self, rejected: Sequence[Rejected]) -> None:
        self.rejected = tuple(rejected)
        super().__init__(f"{len(self.rejected)} bad value(s), nothing was imported")


RECORD_KINDS: Mapping[ImportKind, type[Record]] = {
    ImportKind.EMPLOYEES: Employee,
    ImportKind.TASKS: Task,
    ImportKind.HISTORY: PastAssignment,
}


def import_csv(unit: UnitOfWork, kind: ImportKind, mode: ImportMode, stream: IO[str]) -> ImportResult:
    """Import a CSV file with a header.

    Raises
    ------
    ImportRefusedError
        In mode `all`, if any row is bad.
    InvalidInputError
        If the header lacks a required column.
    """
    return store_content(unit, kind, mode, csv_content(kind, stream))


def csv_content(kind: ImportKind, stream: IO[str]) -> CsvContent[Any]:
    """The rows of a CSV file with a header, read before any transaction begins.

    Raises
    ------
    InvalidInputError
        If the header lacks a required column.
    """
    return read_csv(RECORD_KINDS[kind], stream, InputNotes(), unique=kind is not ImportKind.HISTORY)


def list_content(kind: ImportKind, rows: Sequence[Any]) -> CsvContent[Any]:
    """The same for a list of records as JSON has them; lines count from 1."""
    record_kind = RECORD_KINDS[kind]
    good: list[Record] = []
    lines: list[int] = []
    rejected: list[RejectedRow] = []
    seen: set[str] = set()
    for line, row in enumerate(rows, start=1):
        try:
            record = record_kind.model_validate(row)
        except ValidationError as exc:
            rejected += [RejectedRow(line, e.pointer.strip("/"), e.detail) for e in field_errors(exc)]
            continue
        record_id = getattr(record, id_field(record_kind))
        if kind is not ImportKind.HISTORY and record_id in seen:
            rejected.append(RejectedRow(line, id_field(record_kind), f"{record_id!r} is given more than once"))
            continue
        seen.add(record_id)
        good.append(record)
        lines.append(line)
    return CsvContent(tuple(good), tuple(lines), tuple(rejected))


def store_content(unit: UnitOfWork, kind: ImportKind, mode: ImportMode, content: CsvContent[Any]) -> ImportResult:
    """Store the good rows.

    Raises
    ------
    ImportRefusedError
        In mode `all`, if any row is bad.
    """
    rejected = [Rejected(line=bad.line, field=bad.field, detail=bad.detail) for bad in content.rejected]
    good = list(content.records)
    if kind is ImportKind.TASKS:
        good, untitled = _with_titles(unit, content)
        rejected = sorted([*rejected, *untitled], key=lambda bad: bad.line)
    if rejected and mode is ImportMode.ALL:
        raise ImportRefusedError(rejected)
    created, updated = _put(unit, kind, good)
    return ImportResult(created=created, updated=updated, rejected=tuple(rejected))


def _with_titles(unit: UnitOfWork, content: CsvContent[Any]) -> tuple[list[Record], list[Rejected]]:
    """New tasks need a title or a description; known ones keep theirs."""
    known = unit.tasks.existing([task.task_id for task in content.records if not task.title])
    good: list[Record] = []
    untitled = []
    for task, line in zip(content.records, content.lines, strict=True):
        if task.title or task.task_id in known:
            good.append(task)
        else:
            untitled.append(Rejected(line=line, field="title", detail="title or description is required"))
    return good, untitled


def _put(unit: UnitOfWork, kind: ImportKind, records: Sequence[Any]) -> tuple[int, int]:
    if kind is ImportKind.HISTORY:
        return unit.history.add(records)
    if kind is ImportKind.EMPLOYEES:
        return unit.employees.put(records, unit.now())
    counts = unit.tasks.put(records, unit.now())
    note_changes(unit, {task.task_id: task.model_fields_set for task in records})
    return counts


def read_json_rows(body: object) -> Sequence[Any]:
    """The rows of a JSON import body.

    Raises
    ------
    InvalidInputError
        If it is not a list.
    """
    if not isinstance(body, list):
        raise InvalidInputError.at("", "expected a list of records")
    return body

"""The rules that the engine's own files obey: each cell is read by the intake that would import it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import numpy as np

from assignment_engine.domain.intake import id_field, read_csv
from assignment_engine.domain.records import Employee, Record, Task
from assignment_engine.domain.stored import PastAssignment
from assignment_engine.features.arrays import Ints
from assignment_engine.quality.cells import Marked, marked, repeated_ids
from assignment_engine.quality.kinds import TypedColumn
from assignment_engine.quality.problems import Issue

MOST_WORDS = 200_000


class FileKind(StrEnum):
    """What the engine would import a file as."""

    EMPLOYEES = "employees"
    TASKS = "tasks"
    HISTORY = "history"
    OTHER = "other"


DECIDING = (FileKind.TASKS, FileKind.EMPLOYEES)
"""The files that a plan is made of."""

RECORDS: Mapping[FileKind, type[Record]] = {
    FileKind.EMPLOYEES: Employee,
    FileKind.TASKS: Task,
    FileKind.HISTORY: PastAssignment,
}

_IDS = {id_field(Task): FileKind.TASKS, id_field(Employee): FileKind.EMPLOYEES}
MOSTLY_DIFFERENT = 0.5


def file_kind(columns: Sequence[TypedColumn]) -> FileKind:
    """What the columns say: both ids are a history, one of them that kind, none of them another file.

    A file in which an id mostly repeats is a log of something else.
    """
    ids = {field_name(column.name): column.of for column in columns if field_name(column.name) in _IDS}
    if len(ids) == len(_IDS):
        return FileKind.HISTORY
    for name, of in ids.items():
        if of.distinct >= MOSTLY_DIFFERENT * of.present_count:
            return _IDS[name]
    return FileKind.OTHER


def field_name(column: str) -> str:
    """The field that the intake reads this column as."""
    return "_".join(column.strip().lower().split())


def id_of(kind: FileKind, columns: Sequence[TypedColumn]) -> TypedColumn | None:
    """The column that identifies a row of this kind."""
    if kind in (FileKind.OTHER, FileKind.HISTORY):
        return None
    return next((column for column in columns if field_name(column.name) == id_field(RECORDS[kind])), None)


def broken_rules(kind: FileKind, columns: Sequence[TypedColumn], lines: Ints) -> Iterator[Marked]:
    """Cells that the engine would refuse to import."""
    if kind is FileKind.OTHER:
        return
    record = RECORDS[kind]
    for column in columns:
        if field_name(column.name) in record.model_fields:
            yield from _refused(record, column, lines)
    key = id_of(kind, columns)
    if key is not None:
        yield from repeated_ids(key, lines)
    yield from _missing_required(record, columns, lines)


def _missing_required(record: type[Record], columns: Sequence[TypedColumn], lines: Ints) -> Iterator[Marked]:
    for column in columns:
        info = record.model_fields.get(field_name(column.name))
        if info is not None and info.is_required() and not column.of.present.all():
            yield marked("missing_id", "error", column.name, "this field is required", ~column.of.present, lines)


def _refused(record: type[Record], column: TypedColumn, lines: Ints) -> Iterator[Marked]:
    words = column.of.words[:MOST_WORDS]
    refused = refused_words(record, field_name(column.name), words)
    if refused:
        of_words = np.zeros(len(column.of.words), dtype=np.bool_)
        of_words[list(refused)] = True
        detail = refused[min(refused)]
        yield marked("refused", "error", column.name, detail, column.of.where(of_words), lines)
    if len(column.of.words) > MOST_WORDS:
        detail = f"only the first {MOST_WORDS:,} different values were checked against the engine's rules"
        yield (
            Issue(code="partly_checked", severity="note", column=column.name, detail=detail),
            np.zeros(len(lines), dtype=np.bool_),
        )


def refused_words(record: type[Record], field: str, words: Sequence[str]) -> dict[int, str]:
    """Position of each word that is no valid value of the field, with what was expected."""
    required = [name for name, info in record.model_fields.items() if info.is_required() and name != field]
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow([*required, field])
    writer.writerows([*(f"x{row}" for _ in required), word] for row, word in enumerate(words))
    starts = {}
    line = 2
    for row, word in enumerate(words):
        starts[line] = row
        line += 1 + word.count("\n")
    stream.seek(0)
    content = read_csv(record, stream, unique=False)
    return {starts[bad.line]: bad.detail for bad in content.rejected if bad.line in starts}

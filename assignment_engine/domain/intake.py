"""Records, dicts, pandas frames and CSV text become records; every error says where and what was expected."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import ValidationError

from assignment_engine.domain.errors import FieldError, InvalidInputError, field_errors, shown
from assignment_engine.domain.records import Employee, Record, Task
from assignment_engine.domain.types import InputNotes, is_missing, was_naive

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R", bound=Record)

DEFAULTED_FIELDS: dict[type[Record], tuple[str, ...]] = {
    Employee: ("availability_status", "max_workload", "current_workload"),
    Task: ("priority",),
}
_TIME_FIELDS: dict[type[Record], tuple[str, ...]] = {Employee: ("shift_end",), Task: ("deadline", "created_at")}
_NUMBER_FIELDS = frozenset(
    {"experience_years", "current_workload", "max_workload", "performance_rating", "estimated_hours"}
    | {"complexity_score", "hours"}
)
_INTEGER_FIELDS = frozenset({"max_units", "units"})
_TEXT_FIELDS = frozenset({"name", "title", "description", "department", "category", "ticket_number", "queue"})
_ID_FIELDS = frozenset({"preferred_employee", "dependencies"})
_NOT_FROM_FILES = frozenset({"history"})
MAX_CELL = 1_000_000
_MOST_NAMES, _LONGEST_LIST = 50, 1000


def read_employees(source: object, notes: InputNotes | None = None) -> tuple[Employee, ...]:
    """People from records, dicts or a frame; errors point to `/employees/<row>/<field>`."""
    return read_records(Employee, source, "/employees", notes or InputNotes())


def read_tasks(source: object, notes: InputNotes | None = None) -> tuple[Task, ...]:
    """Tasks from records, dicts or a frame; errors point to `/tasks/<row>/<field>`."""
    return read_records(Task, source, "/tasks", notes or InputNotes())


def read_records(kind: type[R], source: object, pointer: str, notes: InputNotes) -> tuple[R, ...]:
    """All of `source` as records of `kind`, or `InvalidInputError` with every bad field of every row."""
    records: list[R] = []
    errors: list[FieldError] = []
    for row, item in enumerate(_rows(kind, source, pointer, notes)):
        try:
            records.append(kind.model_validate(item, context=notes))
        except ValidationError as exc:
            errors.extend(field_errors(exc, f"{pointer}/{row}"))
    if errors:
        raise InvalidInputError(errors)
    refuse_duplicates(records, pointer)
    count_assumptions(kind, records, notes)
    return tuple(records)


def id_field(kind: type[Record]) -> str:
    """The name of the field that identifies a record: its first one."""
    return next(iter(kind.model_fields))


def refuse_duplicates(records: Sequence[Record], pointer: str) -> None:
    if not records:
        return
    name = id_field(type(records[0]))
    seen: set[str] = set()
    for row, record in enumerate(records):
        record_id = getattr(record, name)
        if record_id in seen:
            raise InvalidInputError.at(f"{pointer}/{row}/{name}", f"{record_id!r} is given more than once")
        seen.add(record_id)


def _rows(kind: type[Record], source: object, pointer: str, notes: InputNotes) -> Iterable[object]:
    if _is_frame(source):
        return _frame_rows(kind, source, pointer, notes)
    if isinstance(source, (str, bytes, Mapping)) or not isinstance(source, Iterable):
        raise InvalidInputError.at(pointer, "expected a list of records or dicts, or a pandas DataFrame")
    return source


def _is_frame(source: object) -> bool:
    return type(source).__name__ == "DataFrame" and hasattr(source, "to_dict")


def _frame_rows(kind: type[Record], frame: Any, pointer: str, notes: InputNotes) -> list[dict[str, object]]:
    table: pd.DataFrame = frame.rename(columns=_column_name)
    known = known_columns(kind, [str(c) for c in table.columns], pointer, notes)
    rows: list[dict[str, object]] = table[known].to_dict(orient="records")  # type: ignore[assignment]
    return [{name: _whole(name, value) for name, value in row.items()} for row in rows]


def _whole(name: str, value: object) -> object:
    """pandas turns integer columns with gaps into floats; give them back, as text where text is meant."""
    if name in _INTEGER_FIELDS | _ID_FIELDS | _TEXT_FIELDS and isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if name in _TEXT_FIELDS and isinstance(value, int) else value


def _column_name(name: object) -> str:
    return "_".join(str(name).strip().lower().replace("\ufeff", "").split())


def known_columns(kind: type[Record], columns: Sequence[str], pointer: str, notes: InputNotes) -> list[str]:
    """The columns that are fields of `kind`; the rest is noted, a missing id column or a double name is an error."""
    fields = set(kind.model_fields) - _NOT_FROM_FILES
    required = [name for name, info in kind.model_fields.items() if info.is_required()]
    for name in required:
        if name not in columns:
            raise InvalidInputError.at(
                f"{pointer}/{name}", f"the column {name!r} is required; found: {_listed(columns)}"
            )
    doubled = [name for name, times in Counter(columns).items() if times > 1]
    if doubled:
        raise InvalidInputError.at(f"{pointer}/{doubled[0]}", "this column is there more than once")
    ignored = [name for name in columns if name not in fields]
    notes.count(f"columns ignored ({', '.join(ignored)})", len(ignored))
    return [name for name in columns if name in fields]


def _listed(columns: Sequence[str]) -> str:
    names = ", ".join(columns[:_MOST_NAMES])[:_LONGEST_LIST]
    return f"{names} …" if len(columns) > _MOST_NAMES or len(names) == _LONGEST_LIST else names or "no columns"


def count_assumptions(kind: type[Record], records: Sequence[Record], notes: InputNotes) -> None:
    """Note the defaults that were used and the times that came without a zone."""
    for name in DEFAULTED_FIELDS.get(kind, ()):
        default = kind.model_fields[name].default
        missing = sum(name not in record.model_fields_set for record in records)
        notes.count(f"{name} not given, taken as {default}", missing)
    for name in _TIME_FIELDS.get(kind, ()):
        moments = [moment for record in records if (moment := getattr(record, name)) is not None]
        notes.count(f"{name} without a time zone, read as {notes.zone}", sum(map(was_naive, moments)))


@dataclass(frozen=True)
class RejectedRow:
    """A bad cell of a file. `line` counts from 1 with the header."""

    line: int
    field: str
    detail: str


@dataclass(frozen=True)
class CsvContent(Generic[R]):
    """The good records of a CSV file with their lines, and the bad rows."""

    records: tuple[R, ...]
    lines: tuple[int, ...]
    rejected: tuple[RejectedRow, ...]


def read_csv(kind: type[R], stream: IO[str], notes: InputNotes | None = None, *, unique: bool = True) -> CsvContent[R]:
    """Read comma, semicolon or tab separated text with a header line; with `unique` an id may come once only.

    Raises
    ------
    InvalidInputError
        If the header lacks a required column. Bad rows are returned, not raised.
    """
    notes = notes or InputNotes()
    csv.field_size_limit(MAX_CELL)
    header_line = stream.readline().removeprefix("\ufeff")
    delimiter = _delimiter(header_line)
    columns = _columns(header_line, delimiter)
    reader = csv.reader(stream, delimiter=delimiter, strict=True)  # an open quote must not swallow the rows below
    known = set(known_columns(kind, columns, "", notes))
    good: list[R] = []
    lines: list[int] = []
    rejected: list[RejectedRow] = []
    for line, cells, problem in _numbered(reader):
        record = problem or _read_row(kind, columns, known, cells, line, notes)
        if isinstance(record, list):
            rejected.extend(record)
        else:
            good.append(record)
            lines.append(line)
    keep = _first_occurrences(kind, good, lines, rejected) if unique else list(range(len(good)))
    count_assumptions(kind, [good[i] for i in keep], notes)
    rejected.sort(key=lambda bad: bad.line)
    return CsvContent(tuple(good[i] for i in keep), tuple(lines[i] for i in keep), tuple(rejected))


def _columns(header: str, delimiter: str) -> list[str]:
    try:
        return [_column_name(name) for name in next(csv.reader([header], delimiter=delimiter), [])]
    except csv.Error as exc:
        raise InvalidInputError.at("", f"the header is not readable as CSV: {exc}") from exc


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _numbered(reader: Any) -> Iterator[tuple[int, list[str], list[RejectedRow] | None]]:
    """Each row with the line it starts on; a row that cannot be parsed comes with its problem."""
    while True:
        line = reader.line_num + 2
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            yield line, [], [RejectedRow(line, "", f"not readable as CSV: {exc}")]
            continue
        if cells:
            yield line, cells, None


def _read_row(
    kind: type[R], columns: Sequence[str], known: set[str], cells: list[str], line: int, notes: InputNotes
) -> R | list[RejectedRow]:
    if len(cells) != len(columns):
        return [RejectedRow(line, "", f"expected {len(columns)} cells, found {len(cells)}")]
    item: dict[str, object] = {}
    rejected = []
    for name, text in zip(columns, cells, strict=True):
        if name not in known or is_missing(text.strip()):
            continue
        try:
            item[name] = _cell_reader(name)(text.strip())
        except ValueError as exc:
            rejected.append(RejectedRow(line, name, str(exc)))
    try:
        record = kind.model_validate(item, context=notes)
    except ValidationError as exc:
        already = {bad.field for bad in rejected}
        found = [RejectedRow(line, e.pointer.strip("/"), e.detail) for e in field_errors(exc)]
        return rejected + [bad for bad in found if bad.field.split("/")[0] not in already]
    return rejected or record


def _cell_reader(name: str) -> Callable[[str], object]:
    if name in _NUMBER_FIELDS:
        return _number_cell
    if name in _INTEGER_FIELDS:
        return _integer_cell
    return _mapping_cell if name == "context" else str


def _number_cell(text: str) -> float:
    try:
        return float(text)
    except ValueError as exc:
        raise ValueError(f"expected a number (got {shown(text)})") from exc


def _integer_cell(text: str) -> int:
    try:
        return int(text)
    except ValueError as exc:
        raise ValueError(f"expected a whole number (got {shown(text)})") from exc


def _mapping_cell(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"expected a JSON object (got {shown(text)})") from exc


def _first_occurrences(
    kind: type[R], records: Sequence[R], lines: Sequence[int], rejected: list[RejectedRow]
) -> list[int]:
    """Indices of records whose id has not come before; the others join `rejected`."""
    name = id_field(kind)
    first: dict[str, int] = {}
    for i, record in enumerate(records):
        record_id = getattr(record, name)
        if first.setdefault(record_id, i) != i:
            detail = f"{record_id!r} is given more than once, first in line {lines[first[record_id]]}"
            rejected.append(RejectedRow(lines[i], name, detail))
    return list(first.values())

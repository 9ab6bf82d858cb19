"""The columns of a CSV file as an adapter reads them: text, numbers, times, and conditions on them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Bools, Floats, floats
from assignment_engine.learning.logs.adapter import Adapter, Condition, Operand, Reading

if TYPE_CHECKING:
    import pandas as pd

Get = Callable[[str, str], "pd.Series[Any]"]
_ZONED = r"\d\d:\d\d.*(?:Z|[+-]\d\d:?\d\d)$"
_COLUMN_ENTRIES = {"column", "person", "department", "category", "subcategory", "priority", "estimated_hours",
                   "created_at", "deadline", "dependencies", "complexity", "title", "id", "at", "hours",
                   "first_with_final", "on", "context", "latest", "earliest",
                   "arrives", "begins", "ends"}  # fmt: skip


class _Wanted:
    """Says which columns are to be read, and knows all that were there."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names, self.header = frozenset(names), dict[str, None]()

    def __call__(self, name: str) -> bool:
        self.header[name] = None
        return name in self._names


def read_rows(path: Path, adapter: Adapter) -> pd.DataFrame:
    """The rows of the log with the columns that the adapter names, as text; missing is NaN.

    Raises
    ------
    InvalidInputError
        If a file cannot be read or lacks a column.
    """
    wanted = _Wanted(column for column, _ in _named(adapter.model_dump(exclude_defaults=True), ""))
    rows = _read(path, adapter.reading, wanted)
    for join in adapter.reading.join:
        if join.on not in rows:
            raise InvalidInputError.at("/reading/join", f"the log has no column {join.on!r} to join on")
        other = _read(path.parent / join.file, adapter.reading, wanted).drop_duplicates(join.on)
        rows = rows.merge(other[[join.on, *other.columns.difference(rows.columns)]], on=join.on, how="left")
    return check_columns(rows, adapter, wanted.header)


def check_columns(rows: pd.DataFrame, adapter: Adapter, header: Iterable[str] | None = None) -> pd.DataFrame:
    """`rows`, if every column that the adapter names is among them; `header` are those of the file, read or not."""
    for column, pointer in _named(adapter.model_dump(exclude_defaults=True), ""):
        if column not in rows:
            there = ", ".join(rows.columns if header is None else header)
            raise InvalidInputError.at(pointer, f"the log has no column {column!r}; it has {there}")
    return rows


def _read(path: Path, reading: Reading, wanted: _Wanted) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415  (takes a second to import)

    try:
        return pd.read_csv(
            path,
            dtype=str,
            sep=reading.separator,
            encoding=reading.encoding,
            keep_default_na=False,
            na_values=["", *reading.missing],
            usecols=wanted,
            skipinitialspace=True,
        )
    except OSError as exc:
        raise InvalidInputError.at("", f"cannot read {path.name}: {exc.strerror or exc}") from exc
    except (UnicodeError, LookupError, ValueError) as exc:
        raise InvalidInputError.at("", f"{path.name} is not CSV in {reading.encoding}: {exc}") from exc


def _named(entry: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Every column that an adapter's entry names, with its pointer."""
    for key, value in entry.items():
        here = f"{pointer}/{key}"
        if key in {"reading", "priorities", "candidates", "name", "kind", "half_life_days", "start"}:
            if key == "reading":
                yield from ((join["on"], f"{here}/join/{i}/on") for i, join in enumerate(value.get("join", ())))
        elif isinstance(value, dict):
            yield from _named(value, here)
        elif isinstance(value, tuple | list):
            for i, item in enumerate(value):
                if isinstance(item, dict):
                    yield from _named(item, f"{here}/{i}")
                elif key in _COLUMN_ENTRIES:
                    yield item, f"{here}/{i}"
        elif isinstance(value, str) and (key in _COLUMN_ENTRIES or pointer == "/context"):
            yield value, here


def joined(columns: list[pd.Series[Any]]) -> pd.Series[Any]:
    """Several columns as one key; missing where the first one is."""
    key = columns[0]
    for column in columns[1:]:
        key = key + "\x1f" + column.fillna("")
    return key


def numbers(values: pd.Series[Any]) -> Floats:
    """float64; what is not a number is NaN."""
    import pandas as pd  # noqa: PLC0415

    return floats(pd.to_numeric(values, errors="coerce"))


def seconds(values: pd.Series[Any], reading: Reading, pointer: str) -> Floats:
    """Seconds since 1970 UTC; missing is NaN.

    Raises
    ------
    InvalidInputError
        If a value is there and not a time as the adapter says.
    """
    import pandas as pd  # noqa: PLC0415

    try:
        if reading.dates and "%z" not in reading.dates:
            return _epoch(_placed(pd.to_datetime(values, format=reading.dates), reading.time_zone))
        if reading.dates:
            return _epoch(pd.to_datetime(values, format=reading.dates, utc=True))
        return _iso(values, reading.time_zone)
    except ValueError as exc:
        expected = reading.dates or "ISO 8601"
        raise InvalidInputError.at(pointer, f"{values.name}: expected times as {expected}: {_first_line(exc)}") from exc


def _iso(values: pd.Series[Any], zone: str) -> Floats:
    import pandas as pd  # noqa: PLC0415

    zoned = values.str.contains(_ZONED, regex=True).fillna(value=False).to_numpy(dtype=bool)
    result = np.full(len(values), np.nan)
    result[zoned] = _epoch(pd.to_datetime(values[zoned], format="ISO8601", utc=True))
    naive = pd.to_datetime(values[~zoned], format="ISO8601")
    if len(naive):
        result[~zoned] = _epoch(_placed(naive, zone))
    return result


def _placed(moments: pd.Series[Any], zone: str) -> pd.Series[Any]:
    """Times in their zone; an hour that comes twice is taken as the first one, one that is left out as the next."""
    first = np.ones(len(moments), dtype=np.bool_)
    placed: pd.Series[Any] = moments.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return placed


def _epoch(moments: pd.Series[Any]) -> Floats:
    naive = moments.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[ms]")
    return np.where(np.isnat(naive), np.nan, naive.astype(np.int64) / 1000.0)


def _first_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error).splitlines()[0])[:160]


def holds(conditions: tuple[Condition, ...], get: Get, count: int) -> Bools:
    """Where all conditions hold, shape (count,); `get(column, row)` gives the text of a column."""
    result = np.ones(count, dtype=np.bool_)
    for condition in conditions:
        result &= _holds(condition, get)
    return result


def _holds(condition: Condition, get: Get) -> Bools:
    values = get(condition.column, condition.row)
    there = values.notna().to_numpy(dtype=bool)
    if condition.present is not None:
        return there if condition.present else ~there
    result = there.copy()
    for name in condition.model_fields_set - {"column", "row", "present"}:
        result &= _TESTS[name](values, getattr(condition, name), get)
    return result


def _same(values: pd.Series[Any], other: Any, get: Get) -> Bools:
    if isinstance(other, Operand):
        return np.asarray(values == get(other.column, other.row), dtype=np.bool_)
    if isinstance(other, bool):
        return np.asarray(values.str.lower() == str(other).lower(), dtype=np.bool_)
    if isinstance(other, str):
        return np.asarray(values == other, dtype=np.bool_)
    return np.asarray(numbers(values) == float(other), dtype=np.bool_)


def _one_of(values: pd.Series[Any], others: Any, get: Get) -> Bools:
    return np.asarray(np.any([_same(values, other, get) for other in others], axis=0), dtype=np.bool_)


def _matches(values: pd.Series[Any], pattern: str, _get: Get) -> Bools:
    return values.str.contains(pattern, regex=True).fillna(value=False).to_numpy(dtype=bool)


def _amount(other: Any, get: Get) -> Floats:
    return numbers(get(other.column, other.row)) if isinstance(other, Operand) else floats(other)


_TESTS: dict[str, Callable[[Any, Any, Get], Bools]] = {
    "equals": _same,
    "is_not": lambda values, other, get: ~_same(values, other, get),
    "one_of": _one_of,
    "none_of": lambda values, others, get: ~_one_of(values, others, get),
    "at_most": lambda values, other, get: numbers(values) <= _amount(other, get),
    "at_least": lambda values, other, get: numbers(values) >= _amount(other, get),
    "below": lambda values, other, get: numbers(values) < _amount(other, get),
    "above": lambda values, other, get: numbers(values) > _amount(other, get),
    "matches": _matches,
}


class Notes(Record):
    """What was left out of a log, by reason."""

    rows: int
    rows_not_kept: int = 0
    cases: int = 0
    without_decision: int = 0
    history_only: int = 0

"""The candidates of a logged decision as JSON: columns instead of rows, a quarter of the length.

A column is a list with a value for each candidate, or one value that they all have, such as the task of a plan.
Decisions that were logged as rows are read as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

FEATURES = "features"
Pair = dict[str, Any]


def as_columns(columns: Mapping[str, list[Any]], features: Mapping[str, list[Any]]) -> dict[str, Any]:
    """What is logged of candidates, of whom each list has a value; NaN in `features` is a missing value."""
    count = len(next(iter(columns.values())))
    known = {name: [None if value != value else value for value in found] for name, found in features.items()}  # noqa: PLR0124
    shortened = {name: _shortened(values) for name, values in columns.items()}
    return {"count": count, **shortened, FEATURES: {name: _shortened(values) for name, values in known.items()}}


def as_rows(logged: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None) -> list[Pair]:
    """The rows again."""
    if logged is None:
        return []
    if not isinstance(logged, Mapping):
        return [dict(row) for row in logged]
    count = logged["count"]
    columns = {name: _values(logged[name], count) for name in logged if name not in (FEATURES, "count")}
    rows = _rows(columns, count)
    features = _rows({name: _values(column, count) for name, column in logged[FEATURES].items()}, count)
    return [{**row, FEATURES: values} for row, values in zip(rows, features, strict=True)]


def _shortened(values: list[Any]) -> Any:
    return values[0] if values and all(value == values[0] for value in values) else values


def _values(column: Any, count: int) -> list[Any]:
    return column if isinstance(column, list) else [column] * count


def _rows(columns: Mapping[str, list[Any]], count: int) -> Iterator[Pair]:
    return ({name: values[row] for name, values in columns.items()} for row in range(count))

"""Where values are missing: by row, and by group of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Bools, Floats
from assignment_engine.quality.kinds import Kind, TypedColumn

MOST_LEVELS = 100
LEAST_ROWS = 20
LEAST_DIFFERENCE = 0.1
LEAST_DEVIATIONS = 5.0
SHOWN_PER_COLUMN = 3


class RowGaps(Record):
    """How complete the rows are. `shares` counts rows by tenths of present cells, from 0–10 % to 90–100 %."""

    complete: int
    sparse: int
    shares: tuple[int, ...]


class GroupGap(Record):
    """A column that lacks values above all where `by` is `group`."""

    column: str
    by: str
    group: str
    rows: int
    missing: float
    missing_elsewhere: float


def row_completeness(columns: Sequence[TypedColumn]) -> Floats:
    """Share of present cells of each row, over the columns that are not wholly empty, shape (n,)."""
    used = [column.of.present for column in columns if column.kind is not Kind.EMPTY]
    if not used:
        return np.ones(len(columns[0].of) if columns else 0)
    total = np.zeros(len(used[0]), dtype=np.int32)
    for present in used:
        total += present
    return total / len(used)


def row_gaps(shares: Floats, sparse_below: float) -> RowGaps:
    """The distribution of the completeness of rows."""
    tenths = np.bincount(np.minimum((shares * 10).astype(np.int64), 9), minlength=10)
    return RowGaps(
        complete=int((shares == 1).sum()),
        sparse=int((shares < sparse_below).sum()),
        shares=tuple(int(count) for count in tenths),
    )


def group_gaps(columns: Sequence[TypedColumn]) -> tuple[GroupGap, ...]:
    """Groups in which a column is missing more often than elsewhere.

    A group counts when it has at least 20 rows, when the share of missing cells in it is at least 0.1 above that of
    all other rows, and when this is at least five standard deviations from chance. The three most telling groups of a
    column are given.
    """
    groups = [column for column in columns if is_grouping(column)]
    result: list[GroupGap] = []
    for column in columns:
        missing = ~column.of.present
        if column.kind is not Kind.EMPTY and missing.any():
            found = [entry for by in groups if by.name != column.name for entry in _found(column.name, missing, by)]
            result += [gap for _, gap in sorted(found, key=lambda entry: -entry[0])[:SHOWN_PER_COLUMN]]
    return tuple(result)


def is_grouping(column: TypedColumn, most_levels: int = MOST_LEVELS) -> bool:
    """Whether rows can be grouped by this column."""
    whole = column.kind is Kind.NUMBER and column.is_whole
    return (column.kind in (Kind.CATEGORY, Kind.FLAG) or whole) and 2 <= column.of.distinct <= most_levels


def _found(name: str, missing: Bools, by: TypedColumn) -> Iterator[tuple[float, GroupGap]]:
    rows, gaps = level_counts(by, missing)
    all_rows, all_gaps = rows.sum(), gaps.sum()
    others = np.maximum(all_rows - rows, 1)
    inside, elsewhere = gaps / np.maximum(rows, 1), (all_gaps - gaps) / others
    pooled = all_gaps / all_rows if all_rows else 0.0
    deviation = np.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / np.maximum(rows, 1) + 1 / others))
    z = (inside - elsewhere) / deviation
    telling = (rows >= LEAST_ROWS) & (inside - elsewhere >= LEAST_DIFFERENCE) & (z >= LEAST_DEVIATIONS)
    for level in np.flatnonzero(telling):
        yield (
            float(z[level]),
            GroupGap(
                column=name,
                by=by.name,
                group=by.of.words[level],
                rows=int(rows[level]),
                missing=float(inside[level]),
                missing_elsewhere=float(elsewhere[level]),
            ),
        )


def level_counts(by: TypedColumn, marked: Bools) -> tuple[Floats, Floats]:
    """Rows, and marked rows, of each word of `by`."""
    used = by.of.present
    size = len(by.of.words)
    rows = np.bincount(by.of.codes[used], minlength=size)
    return rows.astype(np.float64), np.bincount(by.of.codes[used & marked], minlength=size).astype(np.float64)

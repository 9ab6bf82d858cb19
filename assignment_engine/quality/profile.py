"""What a column looks like, in a few numbers."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from assignment_engine.domain.records import Record
from assignment_engine.quality.kinds import Kind, TypedColumn
from assignment_engine.quality.options import Role

TOP = 5
LONGEST_WORD = 60


class Frequent(Record):
    """A word of a column and in how many rows it is."""

    word: str
    rows: int


class ColumnProfile(Record):
    """One column. Numbers give low, median and high; times give them in seconds since 1970."""

    name: str
    kind: Kind
    role: Role
    present: int
    completeness: float | None = Field(description="share of rows with a value; null without rows")
    distinct: int
    low: float | None = None
    median: float | None = None
    high: float | None = None
    frequent: tuple[Frequent, ...] = ()


def profile(column: TypedColumn) -> ColumnProfile:
    """The profile of one column."""
    of = column.of
    low, median, high = _range(column)
    return ColumnProfile(
        name=column.name,
        kind=column.kind,
        role=column.role,
        present=of.present_count,
        completeness=completeness(column) if len(of) else None,
        distinct=of.distinct,
        low=low,
        median=median,
        high=high,
        frequent=_frequent(column) if column.kind in (Kind.CATEGORY, Kind.FLAG) else (),
    )


def completeness(column: TypedColumn) -> float:
    """Share of rows with a value; 1 where there are no rows."""
    return column.of.present_count / len(column.of) if len(column.of) else 1.0


def _range(column: TypedColumn) -> tuple[float | None, float | None, float | None]:
    if column.kind not in (Kind.NUMBER, Kind.TIME):
        return None, None, None
    values = column.values[~np.isnan(column.values)]
    return float(values.min()), float(np.median(values)), float(values.max())


def _frequent(column: TypedColumn) -> tuple[Frequent, ...]:
    counts = column.of.counts
    order = np.argsort(-counts, kind="stable")[:TOP]
    return tuple(Frequent(word=column.of.words[i][:LONGEST_WORD], rows=int(counts[i])) for i in order if counts[i])

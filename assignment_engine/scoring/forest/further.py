"""Mask rows of the features of pairs that a model declares beyond the 17, task by task."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from assignment_engine.domain.types import CONTEXT_KINDS
from assignment_engine.features import formulas
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.pairs import Pairs
from assignment_engine.features.recent import Counts, RecentArrays
from assignment_engine.scoring.forest.tables import Forest, Rows

_TABLES = ("hours_since_category", "hours_since_department", "recent_category", "recent_department")
_SHARES = tuple(f"{kind}_share" for kind in CONTEXT_KINDS)


@dataclass(frozen=True)
class _Table:
    """A feature with a value for each person and each category, or department: its rows (c + 1, m)."""

    rows: Rows = field(repr=False)
    column: Ints

    def fill(self, task: int, out: Rows) -> None:
        out[:] = self.rows[self.column[task]]


@dataclass(frozen=True)
class _Share:
    """The share of an id's work. Only who had such work is looked at; the others have 0, or are not known."""

    forest: Forest = field(repr=False)
    feature: int
    handled: Counts = field(repr=False)
    column: Ints
    total: Floats

    def fill(self, task: int, out: Rows) -> None:
        column, total = int(self.column[task]), self.total[task]
        zero, missing = self.forest.tables.zero[self.feature], self.forest.tables.missing[self.feature]
        if column >= self.handled.ids:
            out[:] = missing
            return
        out[:] = np.where(self.handled.is_known, zero if total > 0.0 else missing, missing)
        people, times = self.handled.of_id(column)
        out[people] = self.forest.rows_of(self.feature, formulas.context_share(times, total))


@dataclass(frozen=True)
class Further:
    """The rows of all such features that some tree asks for; nothing of the size tasks × people is kept."""

    features: tuple[_Table | _Share, ...]
    people: int

    @classmethod
    def of(cls, forest: Forest, pairs: Pairs) -> Further:
        recent = pairs.recent
        if recent is None:
            return cls(_nothing(forest, pairs), pairs.shape[1])
        return cls((*_tables(forest, recent), *_shares(forest, recent)), pairs.shape[1])

    def rows(self, task: int) -> Rows:
        """The rows of one task, shape (k, m)."""
        rows = np.empty((len(self.features), self.people), dtype=np.int32)
        for row, feature in zip(rows, self.features, strict=True):
            feature.fill(task, row)
        return rows


def _asked(forest: Forest, name: str) -> int | None:
    """The position of a feature that some tree asks for."""
    position = forest.names.index(name) if name in forest.names else None
    return position if position is not None and forest.is_asked(position) else None


def _tables(forest: Forest, recent: RecentArrays) -> tuple[_Table, ...]:
    tables = (
        (recent.since_category, recent.category),
        (recent.since_department, recent.department),
        (recent.count_category, recent.category),
        (recent.count_department, recent.department),
    )
    return tuple(
        _Table(np.ascontiguousarray(forest.rows_of(position, table.T)), column)
        for name, (table, column) in zip(_TABLES, tables, strict=True)
        if (position := _asked(forest, name)) is not None
    )


def _shares(forest: Forest, recent: RecentArrays) -> tuple[_Share, ...]:
    return tuple(
        _Share(forest, position, recent.handled[kind], recent.context[kind], recent.context_total[kind])
        for kind, name in zip(CONTEXT_KINDS, _SHARES, strict=True)
        if (position := _asked(forest, name)) is not None
    )


def _nothing(forest: Forest, pairs: Pairs) -> tuple[_Table, ...]:
    """Where nobody's recent work is known everything is missing."""
    tasks, people = pairs.shape
    return tuple(
        _Table(np.full((1, people), forest.tables.missing[position]), np.zeros(tasks, dtype=np.int64))
        for name in (*_TABLES, *_SHARES)
        if (position := _asked(forest, name)) is not None
    )

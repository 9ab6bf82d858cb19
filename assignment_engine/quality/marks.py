"""Which cells of a table are estimates: a column of the table says it, so that files keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from assignment_engine.features.arrays import Bools
from assignment_engine.quality.table import MISSING, Column, Table

MARK = "filled_columns"
"""The column of a cleaned file that names the cells which were filled; it is never checked or filled itself."""


def marks_of(table: Table) -> dict[str, Bools]:
    """The filled cells of each column, as the table says; a column whose name has a semicolon cannot be named."""
    mark = table.by_name.get(MARK)
    if mark is None:
        return {}
    named = [frozenset(word.split(";")) for word in mark.words]
    return {
        name: mark.where(np.array([name in names for names in named], dtype=np.bool_))
        for name in table.names
        if any(name in names for names in named)
    }


def with_marks(table: Table, marks: Mapping[str, Bools]) -> Table:
    """The table with a column that names the filled cells of each row, in the place of any it had."""
    group = np.zeros(table.rows, dtype=np.int64)
    texts = [""]
    for name, mark in marks.items():
        combined, group = np.unique(group * 2 + mark, return_inverse=True)
        texts = [";".join(filter(None, (texts[code // 2], name if code % 2 else ""))) for code in combined]
    words = tuple(text for text in texts if text)
    codes = np.array([words.index(text) if text else MISSING for text in texts], dtype=np.int32)
    return table.with_column(Column(MARK, codes[group], words))


def without_estimates(table: Table, marks: Mapping[str, Bools]) -> Table:
    """The table with its filled cells missing again."""
    for name, mark in marks.items():
        column = table.by_name[name]
        table = table.with_column(replace(column, codes=np.where(mark, np.int32(MISSING), column.codes)))
    return table

"""One number for how far a file can be trusted, and the four shares it is made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Bools, Ints
from assignment_engine.quality.kinds import Kind, TypedColumn
from assignment_engine.quality.profile import completeness
from assignment_engine.quality.schema import Pairing

FORMULA = "100 · (0.4 · completeness + 0.3 · validity + 0.2 · uniqueness + 0.1 · readability)"


class Score(Record):
    """Quality from 0 to 100; `formula` says how it follows from the shares. All are None where no row could be read.

    completeness: mean over the expected columns of min(1, share of present cells / that share in the reference); a
    missing column counts 0, one that is empty in the reference is not expected; without a reference, the plain share.
    validity: share of the present cells that no check objects to.
    uniqueness: share of the rows that are no exact repetition of an earlier one.
    readability: share of the rows of the file that could be read at all.
    """

    total: float | None = None
    completeness: float | None = None
    validity: float | None = None
    uniqueness: float | None = None
    readability: float | None = None
    formula: str = FORMULA


def score(
    columns: Sequence[TypedColumn],
    *,
    pairs: Pairing | None,
    missing_columns: int,
    invalid_cells: int,
    repeated_rows: int,
    unreadable_rows: int,
) -> Score:
    """The score of a file; `pairs` are its columns beside those of the reference, None without one."""
    rows = len(columns[0].of) if columns else 0
    if not rows:
        return Score()
    present = sum(column.of.present_count for column in columns)
    shares = {
        "completeness": expected_completeness(columns, pairs, missing_columns),
        "validity": 1 - min(1.0, invalid_cells / present) if present else 1.0,
        "uniqueness": 1 - repeated_rows / rows,
        "readability": rows / (rows + unreadable_rows),
    }
    weights = {"completeness": 0.4, "validity": 0.3, "uniqueness": 0.2, "readability": 0.1}
    total = 100 * sum(weights[name] * share for name, share in shares.items())
    return Score(total=total, **shares)


def expected_completeness(columns: Sequence[TypedColumn], pairs: Pairing | None, missing_columns: int) -> float:
    """The mean of what is there of what was expected, 0 to 1."""
    if pairs is None:
        shares = [completeness(column) for column in columns]
    else:
        shares = [
            min(1.0, completeness(column) / completeness(reference))
            for column, reference in pairs
            if reference.kind is not Kind.EMPTY
        ] + [0.0] * missing_columns
    return float(np.mean(shares)) if shares else 1.0


def repeated_rows(columns: Sequence[TypedColumn]) -> Bools:
    """Rows that equal an earlier row in every column, shape (n,)."""
    group = row_groups(columns)
    _, first = np.unique(group, return_index=True)
    return np.not_equal(first[group], np.arange(len(group)))


def row_groups(columns: Sequence[TypedColumn]) -> Ints:
    """Numbers from 0, equal for rows that are equal in every column, shape (n,)."""
    group = np.zeros(len(columns[0].of) if columns else 0, dtype=np.int64)
    for column in columns:
        width = len(column.of.words) + 1
        _, group = np.unique(group * width + column.of.codes + 1, return_inverse=True)
    return group

"""Cells that cannot be what they should: unreadable, out of range, unknown words, ids that come twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from assignment_engine.features.arrays import Bools, Ints
from assignment_engine.quality.kinds import Kind, TypedColumn
from assignment_engine.quality.options import Role
from assignment_engine.quality.problems import SHOWN, Issue, Severity
from assignment_engine.quality.profile import completeness
from assignment_engine.quality.table import Codes

MARGIN = 0.1
UNIQUE_FROM = 20

Marked = tuple[Issue, Bools]


def marked(code: str, severity: Severity, column: str | None, detail: str, rows: Bools, lines: Ints) -> Marked:
    """An issue with the rows it concerns."""
    shown = tuple(int(line) for line in lines[np.flatnonzero(rows)[:SHOWN]])
    issue = Issue(code=code, severity=severity, column=column, detail=detail, count=int(rows.sum()), lines=shown)
    return issue, rows


def unreadable_cells(column: TypedColumn, expected: Kind, lines: Ints) -> Iterator[Marked]:
    """Cells that are not of the kind that the column (or its reference) mostly has."""
    if expected not in (Kind.NUMBER, Kind.TIME):
        return
    bad = column.of.present & ~column.readable_as(expected)
    if bad.any():
        yield marked("unreadable_value", "error", column.name, f"expected a {expected}", bad, lines)


def out_of_range(column: TypedColumn, reference: TypedColumn, lines: Ints) -> Iterator[Marked]:
    """Numbers outside the reference's range, widened by a tenth; below 0 where the reference never is."""
    if reference.kind is not Kind.NUMBER or column.base is not Kind.NUMBER:
        return
    known = reference.values[~np.isnan(reference.values)]
    low, high = float(known.min()), float(known.max())
    margin = MARGIN * (high - low)
    least = max(0.0, low - margin) if low >= 0 else low - margin
    bad = (column.values < least) | (column.values > high + margin)
    if bad.any():
        detail = f"expected {least:.6g} to {high + margin:.6g}, the range of the reference widened by a tenth"
        yield marked("out_of_range", "warning", column.name, detail, bad, lines)


def unknown_words(column: TypedColumn, reference: TypedColumn, lines: Ints) -> Iterator[Marked]:
    """Words that the reference does not have, when there are more of them than its own rare words foretell.

    The chance that a new cell holds an unseen word is about the share of words seen once (Good and Turing).
    """
    if reference.kind not in (Kind.CATEGORY, Kind.FLAG) or reference.role is Role.IDENTIFIER:
        return
    known = set(reference.of.words)
    unknown = column.of.where(np.array([word not in known for word in column.of.words], dtype=np.bool_))
    once, seen = int((reference.of.counts == 1).sum()), reference.of.present_count
    expected = column.of.present_count * (once + 1) / (seen + 1)
    count = int(unknown.sum())
    if count > 2 * expected + 3 * np.sqrt(expected) or (count and once == 0):
        examples = sorted({column.of.words[code] for code in column.of.codes[unknown][:200]})[:3]
        detail = f"words that the reference does not have, such as {', '.join(repr(word[:40]) for word in examples)}"
        yield marked("unknown_word", "warning", column.name, detail, unknown, lines)


def repeated_ids(column: TypedColumn, lines: Ints) -> Iterator[Marked]:
    """Rows whose id has come before."""
    again = repeats(column.of.codes)
    if again.any():
        yield marked("repeated_id", "error", column.name, "expected a different value in each row", again, lines)


def repeats(codes: Codes) -> Bools:
    """Rows whose value is present and has come before."""
    _, first = np.unique(codes, return_index=True)
    again = codes >= 0
    again[first] = False
    return again


def is_unique(column: TypedColumn) -> bool:
    """Whether no value comes twice, among at least twenty."""
    return column.of.distinct == column.of.present_count >= UNIQUE_FROM


def sparser(column: TypedColumn, reference: TypedColumn) -> Iterator[Issue]:
    """The column lacks clearly more values than in the reference (0.05, and four standard deviations)."""
    here, there = completeness(column), completeness(reference)
    n, m = len(column.of), max(1, len(reference.of))
    if n and there - here > max(0.05, 4 * np.sqrt(there * (1 - there) * (1 / n + 1 / m))):
        detail = f"{1 - here:.1%} of the cells are missing, {1 - there:.1%} in the reference"
        yield Issue(
            code="sparser", severity="warning", column=column.name, count=n - column.of.present_count, detail=detail
        )

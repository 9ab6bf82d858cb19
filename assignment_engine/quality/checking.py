"""Looking at a table, alone or beside a reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from assignment_engine.features.arrays import Bools
from assignment_engine.quality.cells import (
    Marked,
    is_unique,
    marked,
    out_of_range,
    repeated_ids,
    sparser,
    unknown_words,
    unreadable_cells,
)
from assignment_engine.quality.drift import Drift, drift
from assignment_engine.quality.gaps import group_gaps, row_completeness, row_gaps
from assignment_engine.quality.kinds import TypedColumn, typed
from assignment_engine.quality.marks import MARK
from assignment_engine.quality.options import QualityOptions
from assignment_engine.quality.problems import Issue
from assignment_engine.quality.profile import profile
from assignment_engine.quality.reading import TableFile
from assignment_engine.quality.report import Checked, Progress, QualityReport, silent
from assignment_engine.quality.rules import FileKind, broken_rules, file_kind, id_of
from assignment_engine.quality.schema import Pairing, SchemaComparison, compare_schemas
from assignment_engine.quality.score import Score, repeated_rows, score
from assignment_engine.quality.table import Table

INVALID = frozenset({"unreadable_value", "out_of_range", "unknown_word", "refused"})


@dataclass(frozen=True)
class _Comparison:
    schema: SchemaComparison
    pairs: Pairing
    drift: tuple[Drift, ...]


def check_table(
    table: Table,
    reference: Table | None = None,
    options: QualityOptions | None = None,
    *,
    file: TableFile | None = None,
    progress: Progress = silent,
) -> Checked:
    """Everything that can be said about a table; `file` is where it was read from."""
    options = options or QualityOptions()
    columns = typed(table.without({MARK}), options.roles)
    kind = file_kind(columns)
    progress("comparing", 0.1)
    comparison = _compared(columns, reference, options)
    progress("checking cells", 0.3)
    marks = [*_cell_marks(columns, kind, comparison, table), *_row_marks(columns, options, table)]
    issues = [*(file.issues if file else ()), *(issue for issue, _ in marks)]
    issues += _comparison_issues(comparison)
    progress("looking at gaps", 0.7)
    report = QualityReport(
        file_kind=kind,
        encoding=file.encoding if file else None,
        delimiter=file.delimiter if file else None,
        rows=table.rows,
        unreadable_rows=file.unreadable_rows if file else 0,
        score=_score(columns, comparison, marks, file.unreadable_rows if file else 0),
        columns=tuple(profile(column) for column in columns),
        row_gaps=row_gaps(row_completeness(columns), options.sparse_row),
        group_gaps=group_gaps(columns),
        schema_comparison=comparison.schema if comparison else None,
        drift=comparison.drift if comparison else (),
        issues=tuple(issues),
        suspect_rows=0,
    )
    suspect = _suspect(marks, table.rows)
    progress("checked", 1.0)
    return Checked(report.model_copy(update={"suspect_rows": int(suspect.sum())}), table, columns, suspect)


def _score(
    columns: Sequence[TypedColumn], comparison: _Comparison | None, marks: Sequence[Marked], unreadable_rows: int
) -> Score:
    return score(
        columns,
        pairs=comparison.pairs if comparison else None,
        missing_columns=_really_missing(comparison),
        invalid_cells=sum(issue.count for issue, _ in marks if issue.code in INVALID),
        repeated_rows=sum(issue.count for issue, _ in marks if issue.code == "repeated_row"),
        unreadable_rows=unreadable_rows,
    )


def _compared(columns: Sequence[TypedColumn], reference: Table | None, options: QualityOptions) -> _Comparison | None:
    if reference is None:
        return None
    schema, pairs = compare_schemas(columns, typed(reference.without({MARK}), options.roles))
    drifts = (drift(column, other) for column, other in pairs)
    return _Comparison(schema, pairs, tuple(found for found in drifts if found is not None))


def _really_missing(comparison: _Comparison | None) -> int:
    return len(comparison.schema.missing) - len(comparison.schema.renamed) if comparison else 0


def _cell_marks(
    columns: Sequence[TypedColumn], kind: FileKind, comparison: _Comparison | None, table: Table
) -> Iterator[Marked]:
    yield from broken_rules(kind, columns, table.lines)
    paired = {column.name: other for column, other in comparison.pairs} if comparison else {}
    for column in columns:
        other = paired.get(column.name)
        yield from unreadable_cells(column, other.base if other else column.base, table.lines)
        if other is None:
            continue
        yield from out_of_range(column, other, table.lines)
        yield from unknown_words(column, other, table.lines)
        key = id_of(kind, columns)
        if is_unique(other) and (key is None or key.name != column.name):
            yield from repeated_ids(column, table.lines)


def _row_marks(columns: Sequence[TypedColumn], options: QualityOptions, table: Table) -> Iterator[Marked]:
    again = repeated_rows(columns)
    if again.any():
        yield marked("repeated_row", "error", None, "the row equals an earlier one in every column", again, table.lines)
    sparse = row_completeness(columns) < options.sparse_row
    if sparse.any():
        detail = f"fewer than {options.sparse_row:.0%} of the columns in use have a value"
        yield marked("sparse_row", "warning", None, detail, sparse, table.lines)


def _comparison_issues(comparison: _Comparison | None) -> Iterator[Issue]:
    if comparison is None:
        return
    schema = comparison.schema
    renamed = {entry.reference: entry for entry in schema.renamed}
    for name in schema.missing:
        hint = f"; it may be the column {renamed[name].found!r}" if name in renamed else ""
        yield Issue(code="missing_column", severity="error", column=name, detail=f"the reference has it{hint}")
    for name in schema.extra:
        yield Issue(code="extra_column", severity="note", column=name, detail="the reference does not have it")
    for entry in schema.retyped:
        detail = f"the reference has {entry.was} values, here they are {entry.now}"
        yield Issue(code="retyped_column", severity="error", column=entry.column, detail=detail)
    for column, other in comparison.pairs:
        yield from sparser(column, other)
    for shift in comparison.drift:
        if shift.drifted:
            detail = (
                f"distributed otherwise than in the reference (PSI {shift.psi:.2f}, {shift.by_chance:.3f} by chance)"
            )
            yield Issue(code="drift", severity="warning", column=shift.column, detail=detail)


def _suspect(marks: Sequence[Marked], rows: int) -> Bools:
    """Rows that any error or warning about cells or rows concerns."""
    suspect = np.zeros(rows, dtype=np.bool_)
    for issue, concerned in marks:
        if issue.severity != "note":
            suspect |= concerned
    return suspect

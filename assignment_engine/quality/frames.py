"""The same for pandas frames: frames in, frames and reports out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.types import is_missing
from assignment_engine.features.arrays import Bools
from assignment_engine.quality.checking import check_table
from assignment_engine.quality.duplicates import Deduplicated, deduplicate_table
from assignment_engine.quality.filling import Filled, fill_table
from assignment_engine.quality.kinds import typed
from assignment_engine.quality.marks import MARK
from assignment_engine.quality.options import QualityOptions
from assignment_engine.quality.report import (
    DuplicateReport,
    FilledColumn,
    MappedId,
    Progress,
    QualityReport,
    ReviewPair,
    silent,
)
from assignment_engine.quality.rules import FileKind, field_name, file_kind
from assignment_engine.quality.survivors import REFERRING, redirected
from assignment_engine.quality.table import Column, Table, TableBuilder, tidy, without_missing

if TYPE_CHECKING:
    import pandas as pd

LARGEST_EXACT = 1e15


@dataclass(frozen=True)
class CleanFrame:
    """A frame without the gaps that could be filled. `filled` marks the estimates: True where a cell was filled."""

    frame: pd.DataFrame
    filled: pd.DataFrame
    report: QualityReport
    columns: tuple[FilledColumn, ...]


@dataclass(frozen=True)
class UniqueFrame:
    """A frame in which each cluster of duplicates is one row; the index is that of the survivors."""

    frame: pd.DataFrame
    report: DuplicateReport
    mapped: tuple[MappedId, ...]
    review: tuple[ReviewPair, ...]


def table_of(frame: pd.DataFrame, options: QualityOptions | None = None) -> Table:
    """The frame as a table. Lines count as if it had been written with a header: the first row is line 2.

    Raises
    ------
    InvalidInputError
        If a column name is there more than once.
    """
    names = [str(name) for name in frame.columns]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InvalidInputError.at(f"/{doubled[0]}", "this column is there more than once")
    missing = (options or QualityOptions()).missing
    columns = [without_missing(_column(name, frame.iloc[:, position]), missing) for position, name in enumerate(names)]
    return Table(tuple(columns), np.arange(2, len(frame) + 2, dtype=np.int64))


def _column(name: str, series: Any) -> Column:
    if series.dtype.kind in "OTSU" or not hasattr(series.dtype, "kind"):
        builder = TableBuilder([name])
        builder.add(range(len(series)), [(text_of(value),) for value in series.tolist()])
        return builder.build(frozenset({""})).columns[0]
    codes, distinct = series.factorize()
    return tidy(name, codes.astype(np.int32), [text_of(value) for value in distinct.tolist()])


def text_of(value: object) -> str:
    """A cell as it would stand in a file: lists with semicolons, mappings as `name:value`, no value as no text."""
    if isinstance(value, Mapping):
        return ";".join(f"{name}:{level}" for name, level in value.items())
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        return ";".join(text_of(item) for item in value)
    if is_missing(value):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_EXACT:
        return str(int(value))
    return value.isoformat() if isinstance(value, date) else str(value)


def check(
    frame: pd.DataFrame,
    reference: pd.DataFrame | None = None,
    options: QualityOptions | None = None,
    progress: Progress = silent,
) -> QualityReport:
    """What is missing, wrong, double or different from the reference, and a score from 0 to 100."""
    other = None if reference is None else table_of(reference, options)
    return check_table(table_of(frame, options), other, options, progress=progress).report


def clean(
    frame: pd.DataFrame,
    reference: pd.DataFrame | None = None,
    options: QualityOptions | None = None,
    progress: Progress = silent,
) -> CleanFrame:
    """Check a frame and fill its gaps; every other cell keeps its value and each column its type where it can."""
    import pandas as pd  # noqa: PLC0415  (whoever calls has it loaded; the command line need not)

    table = table_of(frame, options)
    other = None if reference is None else table_of(reference, options)
    report = check_table(table, other, options, progress=progress).report
    filled = fill_table(table, options, progress)
    marks = {name: filled.marks.get(str(name), _nothing(table)) for name in frame.columns if str(name) != MARK}
    return CleanFrame(_with_estimates(frame, filled), pd.DataFrame(marks, index=frame.index), report, filled.columns)


def _nothing(table: Table) -> Bools:
    return np.zeros(table.rows, dtype=np.bool_)


def _with_estimates(frame: pd.DataFrame, filled: Filled) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415

    result = frame.copy()
    for position, name in enumerate(frame.columns):
        mark = filled.marks.get(str(name))
        if mark is None:
            continue
        texts = [filled.table.by_name[str(name)].text(int(row)) for row in np.flatnonzero(mark)]
        series: Any = result.iloc[:, position].copy()
        values: Any = texts
        if pd.api.types.is_numeric_dtype(series.dtype):
            values = [float(text) for text in texts]
        elif pd.api.types.is_datetime64_any_dtype(series.dtype):
            values = pd.to_datetime(texts, utc=getattr(series.dtype, "tz", None) is not None, format="ISO8601")
            values = values if getattr(series.dtype, "tz", None) is not None else values.tz_localize(None)
        series[mark] = values
        result[name] = series
    return result


def deduplicate(frame: pd.DataFrame, options: QualityOptions | None = None, progress: Progress = silent) -> UniqueFrame:
    """Merge the rows of a frame that are one."""
    found = deduplicate_table(table_of(frame, options), options, progress)
    return UniqueFrame(_merged(frame, found), found.report, found.mapped, found.review)


def _merged(frame: pd.DataFrame, found: Deduplicated) -> pd.DataFrame:
    result = frame.copy()
    for merge in found.merges:
        position = [str(name) for name in frame.columns].index(merge.column)
        series: Any = result.iloc[:, position].copy()
        for row, source in zip(merge.rows.tolist(), merge.sources.tolist(), strict=True):
            series.iat[row] = frame.iat[source, position]
        result[frame.columns[position]] = series
    result = result[found.kept]
    new_ids = {entry.removed_id: entry.surviving_id for entry in found.mapped}
    if new_ids and file_kind(typed(found.table)) is FileKind.TASKS:
        for name in result.columns:
            if field_name(str(name)) in REFERRING:
                result[name] = result[name].map(lambda value: _redirected(value, new_ids))
    return result


def _redirected(value: object, new_ids: Mapping[str, str]) -> object:
    if isinstance(value, str):
        return redirected(value, new_ids)
    if isinstance(value, Sequence):
        return list(dict.fromkeys(new_ids.get(str(item), item) for item in value))
    return value

"""One row for each cluster of duplicates: who survives, and what it takes over from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.quality.blocking import Pairs
from assignment_engine.quality.kinds import Kind, TypedColumn, name_parts
from assignment_engine.quality.marks import MARK, with_marks
from assignment_engine.quality.options import MatchOptions
from assignment_engine.quality.report import MappedId
from assignment_engine.quality.rules import FileKind, field_name
from assignment_engine.quality.table import Table

REFERRING = frozenset({"dependencies"})
_NEWEST = ("updated", "modified", "changed", "created", "opened", "registered")


@dataclass(frozen=True)
class Merge:
    """Cells of a column that surviving `rows` took over from the rows `sources`."""

    column: str
    rows: Ints
    sources: Ints


def clusters_of(pairs: Pairs, rows: int) -> Ints:
    """The number of the cluster of each row."""
    from scipy.sparse import coo_array  # noqa: PLC0415  (heavy)
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    if not rows:
        return np.zeros(0, dtype=np.int64)
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs.first, pairs.second)), shape=(rows, rows))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def newest_by(columns: Sequence[TypedColumn], options: MatchOptions) -> TypedColumn | None:
    if options.newest_by is not None:
        return next(column for column in columns if column.name == options.newest_by)
    times = [column for column in columns if column.kind is Kind.TIME]
    for word in _NEWEST:
        for column in times:
            if word in name_parts(column.name):
                return column
    return None


def survivors(clusters: Ints, completeness: Floats, newest: TypedColumn | None) -> Ints:
    """The surviving row of each row."""
    rows = np.arange(len(clusters))
    age = np.zeros(len(clusters)) if newest is None else -np.nan_to_num(newest.values, nan=-np.inf)
    order = np.lexsort((rows, age, -completeness, clusters))
    _, starts = np.unique(clusters[order], return_index=True)
    return order[starts][clusters] if len(clusters) else rows


def merges_of(table: Table, survivor_of: Ints, key: str | None) -> tuple[tuple[Merge, ...], dict[str, int]]:
    """The gaps of survivors that their clusters can fill, and how often a value of a removed row differs, by column."""
    others = np.flatnonzero(survivor_of != np.arange(len(survivor_of)))
    targets = survivor_of[others]
    merges: list[Merge] = []
    conflicts: dict[str, int] = {}
    for column in table.columns:
        codes = column.codes
        given = codes[others] >= 0
        clash = int((given & (codes[targets] >= 0) & (codes[others] != codes[targets])).sum())
        if column.name == MARK:
            continue
        if clash and column.name != key:
            conflicts[column.name] = clash
        useful = given & (codes[targets] < 0)
        rows, first = np.unique(targets[useful], return_index=True)
        if len(rows):
            merges.append(Merge(column.name, rows, others[useful][first]))
    return tuple(merges), conflicts


def merged(table: Table, merges: Sequence[Merge]) -> Table:
    """The table with these cells taken over."""
    for merge in merges:
        column = table.by_name[merge.column]
        codes = column.codes.copy()
        codes[merge.rows] = codes[merge.sources]
        table = table.with_column(replace(column, codes=codes))
    return table


def remarked(table: Table, marks: Mapping[str, Bools], merges: Sequence[Merge]) -> Table:
    """The table with its filled cells named; those that took over a real value are none any more."""
    if not marks:
        return table
    now = {name: mark.copy() for name, mark in marks.items()}
    for merge in merges:
        if merge.column in now:
            now[merge.column][merge.rows] = False
    return with_marks(table, now)


def redirect(final: Table, kind: FileKind, mapped: Sequence[MappedId]) -> Table:
    """In a tasks file, dependencies on a removed task become dependencies on its survivor."""
    if kind is not FileKind.TASKS:
        return final
    new_ids = {entry.removed_id: entry.surviving_id for entry in mapped}
    for column in final.columns:
        if field_name(column.name) in REFERRING and new_ids:
            words = tuple(redirected(word, new_ids) for word in column.words)
            final = final.with_column(replace(column, words=words))
    return final


def redirected(names: str, new_ids: Mapping[str, str]) -> str:
    """Ids separated by semicolons, each replaced by the one it became."""
    parts = (part.strip() for part in names.split(";"))
    return ";".join(dict.fromkeys(new_ids.get(part, part) for part in parts))

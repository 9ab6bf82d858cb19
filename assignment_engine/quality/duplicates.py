"""Rows that are one: found, gathered into clusters, merged into a survivor each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assignment_engine.features.arrays import Bools, Ints
from assignment_engine.quality.blocking import Pairs
from assignment_engine.quality.comparing import Compared
from assignment_engine.quality.gaps import row_completeness
from assignment_engine.quality.kinds import TypedColumn, typed
from assignment_engine.quality.marks import MARK, marks_of, without_estimates
from assignment_engine.quality.matching import (
    REASONS,
    Matches,
    check_match_options,
    compared_columns,
    find_matches,
    id_column,
)
from assignment_engine.quality.options import QualityOptions
from assignment_engine.quality.report import DuplicateReport, MappedId, Progress, ReviewPair, silent
from assignment_engine.quality.rules import file_kind
from assignment_engine.quality.survivors import (
    Merge,
    clusters_of,
    merged,
    merges_of,
    newest_by,
    redirect,
    remarked,
    survivors,
)
from assignment_engine.quality.table import Table


@dataclass(frozen=True)
class Deduplicated:
    """A table in which each cluster of duplicates is one row.

    `survivor_of` gives for each row of the original the row it became part of; `merges` says which cells of survivors
    came from where.
    """

    table: Table
    report: DuplicateReport
    mapped: tuple[MappedId, ...]
    review: tuple[ReviewPair, ...]
    merges: tuple[Merge, ...]
    survivor_of: Ints

    @property
    def kept(self) -> Bools:
        """The rows of the original that survived."""
        return np.equal(self.survivor_of, np.arange(len(self.survivor_of)))


def deduplicate_table(table: Table, options: QualityOptions | None = None, progress: Progress = silent) -> Deduplicated:
    """Find and merge duplicates.

    Where an id names the rows, a pair is one when its similarity (the weighted mean over the columns that both rows
    have) reaches the threshold and its agreement is by `evidence_bits` less likely than the likeliest chance agreement
    among all pairs of rows. In other files (logs, in which several rows tell of one thing) only free text may differ at
    all. Rows that are equal in every column always are one. Clusters are the connected components. The most complete
    row of a cluster survives, among equals the newest, then the first; its gaps are filled from the others. Estimates
    of an earlier filling count as gaps in all this.

    Raises
    ------
    InvalidInputError
        If the options name a column that is not there.
    """
    options = options or QualityOptions()
    marks = marks_of(table)
    real = without_estimates(table, marks)
    columns = typed(real.without({MARK}), options.roles)
    check_match_options(columns, options.match)
    kind = file_kind(columns)
    key = id_column(columns, kind, options.match)
    used = compared_columns(columns, key, options.match)
    matches = find_matches(columns, key, used, options.match, progress)
    clusters = clusters_of(matches.pairs, table.rows)
    newest = newest_by(columns, options.match)
    survivor_of = survivors(clusters, row_completeness(columns), newest)
    merges, conflicts = merges_of(real, survivor_of, key.name if key else None)
    mapped = _mapped(table, key, matches, survivor_of)
    report = _report(survivor_of, matches, mapped).model_copy(
        update={
            "merged_cells": sum(len(merge.rows) for merge in merges),
            "conflicts": conflicts,
            "weights": {column.name: round(column.weight, 3) for column in used},
            "id_column": key.name if key else None,
            "newest_by": newest.name if newest else None,
        }
    )
    kept = np.equal(survivor_of, np.arange(table.rows))
    final = redirect(remarked(merged(table, merges), marks, merges).take(kept), kind, mapped)
    progress("deduplicated", 1.0)
    return Deduplicated(final, report, mapped, _review_pairs(table, key, used, matches.review), merges, survivor_of)


def _report(survivor_of: Ints, matches: Matches, mapped: Sequence[MappedId]) -> DuplicateReport:
    """The counts of rows, clusters and pairs."""
    removed = survivor_of != np.arange(len(survivor_of))
    return DuplicateReport(
        rows=len(survivor_of),
        clusters=len(np.unique(survivor_of[removed])),
        largest_cluster=int(np.bincount(survivor_of).max()) if len(survivor_of) else 0,
        duplicates_removed=int(removed.sum()),
        exact=sum(entry.reason == "exact" for entry in mapped),
        same_id=sum(entry.reason == "same_id" for entry in mapped),
        fuzzy=sum(entry.reason == "fuzzy" for entry in mapped),
        review=len(matches.review),
        compared_pairs=matches.pairs.looked_at,
    )


def _mapped(table: Table, key: TypedColumn | None, matches: Matches, survivor_of: Ints) -> tuple[MappedId, ...]:
    """Each removed row with the row it became part of; the strongest of its pairs says why."""
    pairs = matches.pairs
    ends = np.concatenate([pairs.first, pairs.second])
    similarity, reason = np.tile(pairs.similarity, 2), np.tile(matches.reason, 2)
    order = np.lexsort((-similarity, reason, ends))
    rows, starts = np.unique(ends[order], return_index=True)
    best = order[starts]
    return tuple(
        MappedId(
            removed_line=int(table.lines[row]),
            removed_id=_id_of(key, row),
            surviving_line=int(table.lines[survivor_of[row]]),
            surviving_id=_id_of(key, int(survivor_of[row])),
            similarity=round(float(similarity[why]), 4),
            reason=REASONS[reason[why]],
        )
        for row, why in zip(rows.tolist(), best.tolist(), strict=True)
        if survivor_of[row] != row
    )


def _id_of(key: TypedColumn | None, row: int) -> str:
    return key.of.text(row) if key else ""


def _review_pairs(
    table: Table, key: TypedColumn | None, used: Sequence[Compared], pairs: Pairs
) -> tuple[ReviewPair, ...]:
    """The doubtful pairs, the likeliest first."""
    order = np.argsort(-pairs.similarity, kind="stable")
    return tuple(
        ReviewPair(
            first_line=int(table.lines[first]),
            first_id=_id_of(key, first),
            second_line=int(table.lines[second]),
            second_id=_id_of(key, second),
            similarity=round(similarity, 4),
            differing=tuple(column.name for column in used if column.codes[first] != column.codes[second]),
        )
        for first, second, similarity in zip(
            pairs.first[order].tolist(), pairs.second[order].tolist(), pairs.similarity[order].tolist(), strict=True
        )
    )

"""Which rows are the same thing: certain, doubtful, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assignment_engine.domain.errors import FieldError, InvalidInputError
from assignment_engine.features.arrays import Ints
from assignment_engine.quality.blocking import Pairs, joined, no_pairs, scored, similar_pairs
from assignment_engine.quality.comparing import Compared, compared
from assignment_engine.quality.kinds import TypedColumn
from assignment_engine.quality.options import MatchOptions, Role
from assignment_engine.quality.report import Progress
from assignment_engine.quality.rules import FileKind, file_kind, id_of
from assignment_engine.quality.score import row_groups

NEARLY_UNIQUE = 0.9
PLAUSIBLE_BITS = 10.0
REASONS = ("exact", "same_id", "fuzzy")


@dataclass(frozen=True)
class Matches:
    """Accepted pairs with the reason of each (a position in `REASONS`), and the pairs to review."""

    pairs: Pairs
    reason: Ints
    review: Pairs


def check_match_options(columns: Sequence[TypedColumn], options: MatchOptions) -> None:
    names = {column.name for column in columns}
    given = {"id_column": options.id_column, "newest_by": options.newest_by}
    errors = [
        FieldError(f"/match/{field}", f"there is no column {name!r}")
        for field, name in given.items()
        if name is not None and name not in names
    ]
    errors += [
        FieldError(f"/match/weights/{name}", f"there is no column {name!r}")
        for name in options.weights or ()
        if name not in names
    ]
    if options.review > options.threshold:
        errors.append(FieldError("/match/review", f"expected at most the threshold {options.threshold}"))
    if errors:
        raise InvalidInputError(errors)


def id_column(columns: Sequence[TypedColumn], kind: FileKind, options: MatchOptions) -> TypedColumn | None:
    """The column that names a row: as stated, as the engine has it, or the first id that hardly ever repeats."""
    if options.id_column is not None:
        return next(column for column in columns if column.name == options.id_column)
    own = id_of(kind, columns)
    return own or next((column for column in columns if _names_rows(column)), None)


def _names_rows(column: TypedColumn) -> bool:
    of = column.of
    return column.role is Role.IDENTIFIER and of.present_count > 0 and of.distinct >= NEARLY_UNIQUE * of.present_count


def compared_columns(
    columns: Sequence[TypedColumn], key: TypedColumn | None, options: MatchOptions
) -> tuple[Compared, ...]:
    """All columns but those that name rows: two records of one thing have different ids."""
    weights = options.weights or {}
    found = [
        compared(column, weights.get(column.name), strict=key is None)
        for column in columns
        if (key is None or column.name != key.name) and (column.name in weights or not _names_rows(column))
    ]
    return tuple(column for column in found if column is not None)


def find_matches(
    columns: Sequence[TypedColumn],
    key: TypedColumn | None,
    used: Sequence[Compared],
    options: MatchOptions,
    progress: Progress,
) -> Matches:
    rows = len(columns[0].of)
    similar = similar_pairs(used, rows, options.review, options.window, progress)
    needed = 2 * np.log2(max(2, rows)) - 1 + options.evidence_bits
    accepted = (similar.similarity >= options.threshold) & (similar.bits >= needed) & ~similar.doubtful
    doubtful = ~accepted & (similar.bits >= needed - PLAUSIBLE_BITS)
    same, differing = _same_id(key, file_kind(columns), used, options)
    equal = _equal_rows(columns)
    parts = [equal, same, similar.take(accepted)]
    reasons = [np.full(len(part), number) for number, part in enumerate(parts)]
    reasons[2] = np.where(parts[2].similarity >= 1 - 1e-6, 0, 2)
    review = joined([similar.take(doubtful), differing])
    return Matches(joined(parts, similar.looked_at), np.concatenate(reasons), review)


def _equal_rows(columns: Sequence[TypedColumn]) -> Pairs:
    """Each exact repetition with the first row of its kind."""
    group = row_groups(columns)
    _, first = np.unique(group, return_index=True)
    original = first[group]
    again = np.flatnonzero(original != np.arange(len(group)))
    certain = np.zeros(len(again), dtype=np.bool_)
    return Pairs(original[again], again, np.ones(len(again)), np.full(len(again), np.inf), certain)


def _same_id(
    key: TypedColumn | None, kind: FileKind, used: Sequence[Compared], options: MatchOptions
) -> tuple[Pairs, Pairs]:
    """Rows with the id of an earlier row: alike enough to be one, or to be reviewed.

    Only where the id must name one row: it was stated, or the engine's own file has it.
    """
    if key is None or (options.id_column is None and id_of(kind, [key]) is None):
        return no_pairs(), no_pairs()
    codes = key.of.codes
    rows = np.flatnonzero(codes >= 0)
    _, starts, group = np.unique(codes[rows], return_index=True, return_inverse=True)
    first = rows[starts[group]]
    again = first != rows
    first, second = first[again], rows[again]
    alike = scored(used, first, second, options.review)
    others = np.setdiff1d(second, alike.second)
    originals = first[np.searchsorted(second, others)]
    unlike = np.zeros(len(others))
    return alike, Pairs(originals, others, unlike, unlike, np.ones(len(others), dtype=np.bool_))

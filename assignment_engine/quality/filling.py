"""Filling gaps by a stated method for each column, each filled cell marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assignment_engine.domain.errors import FieldError, InvalidInputError
from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.quality.estimates import Estimate, Target, by_group, by_mode, by_typical, estimates
from assignment_engine.quality.gaps import is_grouping
from assignment_engine.quality.kinds import Kind, TypedColumn, typed
from assignment_engine.quality.marks import MARK, marks_of, with_marks
from assignment_engine.quality.options import FillMethod, FillOptions, QualityOptions, Role
from assignment_engine.quality.report import FilledColumn, FillError, Progress, silent
from assignment_engine.quality.table import Table

MOST_HIDDEN = 1200
MEASURED_WITH = 50_000
HIDDEN = 0.2
LEAST_KNOWN = 10
CLEARLY = 0.98

Candidate = tuple[FillMethod, str | None, Estimate]


@dataclass(frozen=True)
class Filled:
    """A table without the gaps that could be filled. `marks` says for each column which cells are estimates."""

    table: Table
    marks: Mapping[str, Bools]
    columns: tuple[FilledColumn, ...]


def fill_table(table: Table, options: QualityOptions | None = None, progress: Progress = silent) -> Filled:
    """Fill the gaps of every column that may be filled; the column `filled_columns` names the filled cells of a row.

    Identifiers, outcomes, dates and free text are left alone unless `options.fill` names the column.

    Raises
    ------
    InvalidInputError
        If the options name a column that is not there, or a method that does not suit it.
    """
    options = options or QualityOptions()
    columns = typed(table.without({MARK}), options.roles)
    _check(columns, options.fill)
    done: list[FilledColumn] = []
    marks: dict[str, Bools] = {}
    result = table
    for number, column in enumerate(columns):
        progress(f"filling {column.name}", number / len(columns))
        method = method_for(column, options.fill)
        gaps = ~column.of.present
        if not gaps.any():
            continue
        choice, texts = _filled(column, columns, method, options.fill)
        done.append(choice)
        if texts is not None:
            marks[column.name] = gaps
            result = result.with_column(column.of.with_cells(np.flatnonzero(gaps), texts))
    progress("filled", 1.0)
    return Filled(_marked(result, marks_of(table), marks), marks, tuple(done))


def method_for(column: TypedColumn, options: FillOptions) -> FillMethod:
    """The method that was asked for, or the default where the column may be touched at all."""
    if column.name in options.methods:
        return options.methods[column.name]
    if column.name in options.constants:
        return FillMethod.CONSTANT
    fillable = column.role is Role.VALUE and column.kind in (Kind.NUMBER, Kind.CATEGORY, Kind.FLAG)
    return options.default if fillable else FillMethod.LEAVE


def _check(columns: Sequence[TypedColumn], options: FillOptions) -> None:
    by_name = {column.name: column for column in columns}
    errors = [
        FieldError(f"/fill/{where}/{name}", f"there is no column {name!r}")
        for where, names in (("methods", options.methods), ("constants", options.constants))
        for name in names
        if name not in by_name
    ]
    errors += [
        FieldError(f"/fill/groups/{row}", f"there is no column {name!r}")
        for row, name in enumerate(options.groups or ())
        if name not in by_name
    ]
    for name, method in options.methods.items():
        if name in by_name and not _suits(by_name[name], method):
            errors.append(FieldError(f"/fill/methods/{name}", f"{method} needs numbers, the column has none"))
        if method is FillMethod.CONSTANT and name not in options.constants:
            errors.append(FieldError(f"/fill/constants/{name}", "constant needs the value to fill in"))
    if errors:
        raise InvalidInputError(errors)


def _suits(column: TypedColumn, method: FillMethod) -> bool:
    return method not in (FillMethod.MEDIAN, FillMethod.ITERATIVE) or column.base in (Kind.NUMBER, Kind.TIME)


def _filled(
    column: TypedColumn, columns: Sequence[TypedColumn], method: FillMethod, options: FillOptions
) -> tuple[FilledColumn, list[str] | None]:
    """What is done about the gaps of one column, and the texts for them (None: they stay)."""
    gaps = int((~column.of.present).sum())
    if method is FillMethod.LEAVE:
        return FilledColumn(column=column.name, method=method, gaps=gaps, filled=0, note=_why_left(column)), None
    if method is FillMethod.CONSTANT:
        text = str(options.constants[column.name])
        return FilledColumn(column=column.name, method=method, gaps=gaps, filled=gaps), [text] * gaps
    known = np.flatnonzero(~np.isnan(_target(column, columns, options).values))
    least = max(LEAST_KNOWN, options.least_present * len(column.of)) if method is FillMethod.AUTO else 1
    if len(known) < least:
        note = f"only {len(known)} of {len(column.of)} values are known"
        return FilledColumn(column=column.name, method=FillMethod.LEAVE, gaps=gaps, filled=0, note=note), None
    return _estimated(_target(column, columns, options), known, method, options)


def _why_left(column: TypedColumn) -> str:
    if column.role is not Role.VALUE:
        return f"left alone: {column.role}"
    return (
        "left alone: left as asked"
        if column.kind in (Kind.NUMBER, Kind.CATEGORY, Kind.FLAG)
        else (f"left alone: {column.kind}")
    )


def _target(column: TypedColumn, columns: Sequence[TypedColumn], options: FillOptions) -> Target:
    return Target(column, columns, options.seed)


def _estimated(
    target: Target, known: Ints, method: FillMethod, options: FillOptions
) -> tuple[FilledColumn, list[str] | None]:
    gaps = np.flatnonzero(~target.column.of.present)
    measured: tuple[FillError, ...] = ()
    candidates = _candidates(target, method, options)
    if not candidates:
        candidates = [(FillMethod.MEDIAN if target.is_number else FillMethod.MODE, None, by_typical(target))]
    chosen = candidates[0]
    if len(candidates) > 1 or method is FillMethod.AUTO:
        measured = tuple(measure(target, known, candidates, options.seed))
        chosen = candidates[_best(measured)]
        error = min(entry.error for entry in measured)
        if not target.is_number and method is FillMethod.AUTO and 1 - error < options.least_accuracy:
            note = f"no method restored {options.least_accuracy:.0%} of the hidden words; a gap is more honest"
            entry = FilledColumn(
                column=target.column.name,
                method=FillMethod.LEAVE,
                gaps=len(gaps),
                filled=0,
                measured=_shown(measured),
                note=note,
            )
            return entry, None
    texts = _texts(target, chosen[2](known, gaps), known)
    entry = FilledColumn(
        column=target.column.name,
        method=chosen[0],
        by=chosen[1],
        gaps=len(gaps),
        filled=len(gaps),
        measured=_shown(measured),
    )
    return entry, texts


def _candidates(target: Target, method: FillMethod, options: FillOptions) -> list[Candidate]:
    if method is FillMethod.MODE:
        return [(method, None, by_mode(target))]
    groups = list(_groups(target, options))
    if method is FillMethod.GROUP:
        return [(method, by.name, by_group(target, by)) for by in groups]
    everything = estimates(target, groups)
    if method is FillMethod.AUTO:
        return everything
    return [candidate for candidate in everything if candidate[0] is method]


def _groups(target: Target, options: FillOptions) -> Iterable[TypedColumn]:
    most_levels = max(2, len(target.column.of) // 3)
    for column in target.others:
        if options.groups is None:
            usable = column.role is not Role.OUTCOME and is_grouping(column, most_levels)
        else:
            usable = column.name in options.groups
        if usable and column.name != target.column.name:
            yield column


def measure(target: Target, known: Ints, candidates: Sequence[Candidate], seed: int) -> Iterable[FillError]:
    """The error of each method on a fifth of the known cells (at most 1,200), learned from at most 50,000 others."""
    order = np.random.default_rng(seed).permutation(known)
    cut = max(1, min(MOST_HIDDEN, int(len(order) * HIDDEN)))
    hidden, rest = np.sort(order[:cut]), np.sort(order[cut : cut + MEASURED_WITH])
    for method, by, estimate in candidates:
        yield FillError(method=method, by=by, error=error_of(target, estimate(rest, hidden), hidden, rest))


def error_of(target: Target, estimated: Floats, hidden: Ints, known: Ints) -> float:
    """See `FillError`."""
    truth = target.values[hidden]
    if not target.is_number:
        return float(np.mean(estimated != truth))
    spread = float(np.mean(np.abs(truth - np.median(target.values[known]))))
    error = float(np.mean(np.abs(estimated - truth)))
    return error / spread if spread else float(error > 0)


def _best(measured: Sequence[FillError]) -> int:
    """The first method that no later one beats by two per cent."""
    best = 0
    for number, entry in enumerate(measured):
        if entry.error < CLEARLY * measured[best].error:
            best = number
    return best


def _shown(measured: Sequence[FillError]) -> tuple[FillError, ...]:
    """The best of each method."""
    best: dict[FillMethod, FillError] = {}
    for entry in measured:
        if entry.method not in best or entry.error < best[entry.method].error:
            best[entry.method] = entry
    return tuple(entry.model_copy(update={"error": round(entry.error, 4)}) for entry in best.values())


def _texts(target: Target, estimated: Floats, known: Ints) -> list[str]:
    """Estimates as they are written: within the known range, with as many decimals as the column has."""
    column = target.column
    if not target.is_number:
        return [column.of.words[int(code)] for code in estimated]
    values = np.clip(estimated, target.values[known].min(), target.values[known].max())
    if column.kind is Kind.TIME:
        return [str(moment) + "Z" for moment in values.astype("datetime64[s]")]
    decimals = max(
        (len(word.partition(".")[2]) for word in column.of.words[:1000] if "e" not in word.lower()), default=0
    )
    return [f"{value:.{min(decimals, 6)}f}" for value in values]


def _marked(table: Table, before: Mapping[str, Bools], marks: Mapping[str, Bools]) -> Table:
    """The table with its filled cells named, those filled earlier included."""
    nothing = np.zeros(table.rows, dtype=np.bool_)
    names = [name for name in table.names if name in before or name in marks]
    return with_marks(table, {name: before.get(name, nothing) | marks.get(name, nothing) for name in names})

"""The columns of a file beside those of its reference: missing, extra, renamed-looking, retyped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from assignment_engine.domain.records import Record
from assignment_engine.quality.kinds import Kind, TypedColumn, name_parts

ALIKE = 0.62
SAMPLE = 2000


class Renamed(Record):
    """A missing column and an extra one that may be the same; `likeness` is 0 to 1."""

    reference: str
    found: str
    likeness: float


class Retyped(Record):
    """A column whose cells can no longer be read as what they were."""

    column: str
    was: Kind
    now: Kind


class SchemaComparison(Record):
    """How the columns differ from the reference."""

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    renamed: tuple[Renamed, ...]
    retyped: tuple[Retyped, ...]


Pairing = tuple[tuple[TypedColumn, TypedColumn], ...]


def compare_schemas(
    columns: Sequence[TypedColumn], reference: Sequence[TypedColumn]
) -> tuple[SchemaComparison, Pairing]:
    """The comparison, and the pairs (column, its reference), those of a renamed-looking column included.

    Names are compared without case, blanks and underscores.
    """
    here, there = _by_plain_name(columns), _by_plain_name(reference)
    missing = [column for name, column in there.items() if name not in here]
    extra = [column for name, column in here.items() if name not in there]
    renamed = _renamed(extra, missing)
    by_found = {column.name: column for column in extra}
    by_reference = {column.name: column for column in missing}
    pairs = [(here[name], there[name]) for name in there if name in here]
    pairs += [(by_found[entry.found], by_reference[entry.reference]) for entry in renamed]
    comparison = SchemaComparison(
        missing=tuple(column.name for column in missing),
        extra=tuple(column.name for column in extra),
        renamed=renamed,
        retyped=tuple(
            Retyped(column=is_.name, was=was.base, now=is_.base) for is_, was in pairs if _is_retyped(is_, was)
        ),
    )
    return comparison, tuple(pairs)


def _by_plain_name(columns: Sequence[TypedColumn]) -> Mapping[str, TypedColumn]:
    return {"".join(column.name.lower().replace("_", " ").split()): column for column in columns}


def _is_retyped(column: TypedColumn, reference: TypedColumn) -> bool:
    return Kind.EMPTY not in (column.base, reference.base) and column.base is not reference.base


def _renamed(extra: Sequence[TypedColumn], missing: Sequence[TypedColumn]) -> tuple[Renamed, ...]:
    """The likeliest pairs, each column once."""
    alike = [(likeness(column, old), column.name, old.name) for column in extra for old in missing]
    taken: set[str] = set()
    result = []
    for how_much, name, old_name in sorted(alike, key=lambda entry: (-entry[0], entry[1:])):
        if how_much >= ALIKE and f"+{name}" not in taken and f"-{old_name}" not in taken:
            taken |= {f"+{name}", f"-{old_name}"}
            result.append(Renamed(reference=old_name, found=name, likeness=round(how_much, 3)))
    return tuple(result)


def likeness(column: TypedColumn, other: TypedColumn) -> float:
    """How likely two columns are the same, 0 to 1: 0.4 · likeness of names + 0.6 · likeness of contents."""
    if column.base is not other.base:
        return 0.0
    return 0.4 * _name_likeness(column.name, other.name) + 0.6 * _content_likeness(column, other)


def _name_likeness(name: str, other: str) -> float:
    from rapidfuzz.fuzz import ratio, token_sort_ratio  # noqa: PLC0415  (only files whose columns differ need it)

    plain, plain_other = (" ".join(sorted(name_parts(text))) for text in (name, other))
    return float(max(ratio(plain, plain_other), token_sort_ratio(name.lower(), other.lower()))) / 100


def _content_likeness(column: TypedColumn, other: TypedColumn) -> float:
    """Numbers and times: 1 − the largest difference of their distributions; words: share of cells with a known word."""
    if column.kind in (Kind.NUMBER, Kind.TIME) and other.kind is column.kind:
        from scipy.stats import ks_2samp  # noqa: PLC0415

        here, there = (side.values[~np.isnan(side.values)][:SAMPLE] for side in (column, other))
        return 1 - float(ks_2samp(here, there).statistic)
    known = set(other.of.words)
    counts = column.of.counts
    shared = sum(int(count) for word, count in zip(column.of.words, counts, strict=True) if word in known)
    return shared / max(1, int(counts.sum()))

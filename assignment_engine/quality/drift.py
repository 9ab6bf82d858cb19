"""Whether a column is still distributed as in the reference."""

from __future__ import annotations

import numpy as np

from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Floats
from assignment_engine.quality.kinds import Kind, TypedColumn

BINS = 10
CATEGORIES = 30
LIMIT = 0.1
FLOOR = 1e-4


class Drift(Record):
    """The population stability index of a column, and what it would be by chance alone.

    PSI = Σ (p − q) · ln(p / q) over the bins, p and q being the shares of this file and of the reference. It is called
    drift above 0.1 + 3 · chance, with chance = (bins − 1) · (1 / n + 1 / m) for n and m present cells.
    """

    column: str
    psi: float
    by_chance: float
    drifted: bool


def drift(column: TypedColumn, reference: TypedColumn) -> Drift | None:
    """Drift of numbers over the deciles of the reference, of words over its thirty most frequent ones and the rest.

    None for times, which are expected to move on, for free text, for identifiers and for columns without values.
    """
    shares = _shares(column, reference)
    if shares is None:
        return None
    here, there = shares
    n, m = here.sum(), there.sum()
    p, q = np.maximum(here / n, FLOOR), np.maximum(there / m, FLOOR)
    psi = float(((p - q) * np.log(p / q)).sum())
    chance = float((len(here) - 1) * (1 / n + 1 / m))
    return Drift(column=reference.name, psi=psi, by_chance=chance, drifted=psi > LIMIT + 3 * chance)


def _shares(column: TypedColumn, reference: TypedColumn) -> tuple[Floats, Floats] | None:
    """Counts of the bins here and in the reference."""
    if reference.kind is Kind.NUMBER and column.base is Kind.NUMBER:
        return _decile_counts(column.values, reference.values)
    if reference.kind in (Kind.CATEGORY, Kind.FLAG) and _is_repeating(reference) and column.base is reference.base:
        return _word_counts(column, reference)
    return None


def _is_repeating(reference: TypedColumn) -> bool:
    return 0 < reference.of.distinct <= reference.of.present_count // BINS


def _decile_counts(values: Floats, reference: Floats) -> tuple[Floats, Floats] | None:
    here, there = values[~np.isnan(values)], reference[~np.isnan(reference)]
    if not len(here) or not len(there):
        return None
    edges = np.unique(np.quantile(there, np.linspace(0, 1, BINS + 1)[1:-1]))
    return _binned(here, edges), _binned(there, edges)


def _binned(values: Floats, edges: Floats) -> Floats:
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1).astype(np.float64)


def _word_counts(column: TypedColumn, reference: TypedColumn) -> tuple[Floats, Floats] | None:
    there = reference.of.counts.astype(np.float64)
    top = np.argsort(-there, kind="stable")[:CATEGORIES]
    bins = {reference.of.words[word]: position for position, word in enumerate(top)}
    here = np.zeros(len(bins) + 1)
    for word, count in zip(column.of.words, column.of.counts, strict=True):
        here[bins.get(word, len(bins))] += count
    if not here.sum():
        return None
    return here, np.append(there[top], there.sum() - there[top].sum())

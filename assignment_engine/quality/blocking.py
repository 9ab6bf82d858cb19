"""Which pairs of rows are worth comparing: a few for each row, found by sorting, never all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.quality.comparing import Compared, Comparer, Floats32, ranks_of
from assignment_engine.quality.report import Progress
from assignment_engine.quality.table import Codes

KEYS = 6
COMBINED = 4
TEXTS = 2
BOTH_PRESENT = 0.5
PART = 500_000

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows (`first` < `second`); all arrays of shape (pairs,).

    `similarity` is 0 to 1, `bits` the evidence, `doubtful` whether free texts speak against it. Rows that differ in a
    strict column, or whose free texts have little in common, are no pair.
    """

    first: Ints
    second: Ints
    similarity: Floats
    bits: Floats
    doubtful: Bools
    looked_at: int = 0

    def __len__(self) -> int:
        return len(self.first)

    def take(self, chosen: Bools | Ints) -> Pairs:
        parts = (self.first[chosen], self.second[chosen], self.similarity[chosen], self.bits[chosen])
        return Pairs(*parts, self.doubtful[chosen], self.looked_at)


def joined(parts: Sequence[Pairs], looked_at: int = 0) -> Pairs:
    """All pairs of the parts, in their order."""
    return Pairs(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.similarity for part in parts]),
        np.concatenate([part.bits for part in parts]),
        np.concatenate([part.doubtful for part in parts]),
        looked_at,
    )


def no_pairs() -> Pairs:
    nothing = np.zeros(0, dtype=np.int64)
    return Pairs(nothing, nothing, np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.bool_))


def similar_pairs(columns: Sequence[Compared], rows: int, least: float, window: int, progress: Progress) -> Pairs:
    """Pairs with a similarity of at least `least` among the candidates.

    Rows are sorted by many keys in turn, and each is compared with the next `window` rows that have the same key:
    each of the six most telling columns; each two of the first four; all columns but one, for each one left out; all
    columns. Texts are sorted alphabetically, by their words in order, and backwards, and neighbours are compared. A
    pair is dropped as soon as the columns seen so far rule `least` out; texts are compared last.
    """
    ordered = sorted(columns, key=lambda column: -column.weight)
    found: list[Ints] = [np.zeros(0, dtype=np.int64)]
    looked_at = 0
    expected = 1 + len(ordered) + KEYS + COMBINED * (COMBINED - 1) // 2 + 3 * TEXTS
    for number, way in enumerate(_passes(ordered)):
        progress("comparing rows", number / expected)
        for first, second in _neighbours(way, window):
            looked_at += len(first)
            kept = _possible(ordered, first, second, least)
            pairs = _scored(ordered, first[kept], second[kept], least)
            found.append(np.minimum(pairs.first, pairs.second) * rows + np.maximum(pairs.first, pairs.second))
        found = [np.unique(np.concatenate(found))]
    return scored(ordered, found[0] // max(1, rows), found[0] % max(1, rows), least, looked_at)


def scored(columns: Sequence[Compared], first: Ints, second: Ints, least: float, looked_at: int = 0) -> Pairs:
    """Similarity and evidence of the pairs; those below `least` are left out."""
    starts = range(0, len(first), PART)
    parts = [_scored(columns, first[i : i + PART], second[i : i + PART], least) for i in starts]
    return joined(parts or [no_pairs()], looked_at)


@dataclass
class _Tally:
    """What the columns seen so far say about some pairs; `rest` is the weight of the others."""

    positions: Ints
    agreed: Floats
    compared: Floats
    bits: Floats
    doubtful: Bools
    rest: float

    @classmethod
    def of(cls, pairs: int, columns: Sequence[Compared]) -> _Tally:
        total = sum(column.weight for column in columns)
        return cls(
            np.arange(pairs), np.zeros(pairs), np.zeros(pairs), np.zeros(pairs), np.zeros(pairs, dtype=np.bool_), total
        )

    def add(self, column: Compared, alike: Floats32) -> None:
        known = ~np.isnan(alike)
        self.agreed += column.weight * np.where(known, alike, 0)
        self.compared += column.weight * known
        self.agreed[column.ruled_out(alike)] = -np.inf
        self.rest = max(self.rest - column.weight, 0.0)

    def drop(self, least: float) -> None:
        """Leave out pairs that stay below `least` even if all other columns agree."""
        kept = self.agreed + self.rest >= (least - 1e-6) * (self.compared + self.rest)
        if not kept.all():
            self.positions, self.agreed = self.positions[kept], self.agreed[kept]
            self.compared, self.bits, self.doubtful = self.compared[kept], self.bits[kept], self.doubtful[kept]


def _scored(columns: Sequence[Compared], first: Ints, second: Ints, least: float) -> Pairs:
    tally = _Tally.of(len(first), columns)
    total = tally.rest
    for column in sorted(columns, key=lambda c: (c.how is Comparer.TEXT, -c.weight)):
        a, b = first[tally.positions], second[tally.positions]
        alike = column.exact(a, b)
        tally.bits += column.evidence(a, b, alike)
        tally.doubtful |= column.doubtful(alike)
        tally.add(column, alike)
        tally.drop(least)
    similarity = tally.agreed / np.maximum(tally.compared, 1e-300)
    pairs = Pairs(first[tally.positions], second[tally.positions], similarity, tally.bits, tally.doubtful)
    return pairs.take((tally.compared >= BOTH_PRESENT * total) & (similarity >= least - 1e-6))


def _possible(columns: Sequence[Compared], first: Ints, second: Ints, least: float) -> Ints:
    """Positions of the pairs that may reach `least`, texts counting as equal."""
    tally = _Tally.of(len(first), columns)
    for column in columns:
        tally.add(column, column.quick(first[tally.positions], second[tally.positions]))
        tally.drop(least)
    return tally.positions


@dataclass(frozen=True)
class _Hashed:
    """A column as random numbers, so that the sum over columns is a key. `of_values` has one for each value."""

    column: Compared
    of_values: Hashes

    @property
    def of_rows(self) -> Hashes:
        return self.of_values[self.column.codes]


@dataclass(frozen=True)
class _Pass:
    """One way to sort the rows, made when its turn comes: by key, then by the rank of a text."""

    columns: Sequence[_Hashed]
    tie: Codes | None
    whole: Hashes | None = None

    def key(self) -> Hashes:
        """The sum over the columns; with `whole`, the sum over all columns but these."""
        total = np.zeros(len(self.columns[0].column.codes), dtype=np.uint64)
        for hashed in self.columns:
            total += hashed.of_rows
        return total if self.whole is None else self.whole - total

    def known(self) -> Bools | None:
        """Rows that take part: those that have all columns of the key."""
        if self.whole is not None:
            return None
        known = self.columns[0].column.codes >= 0
        for hashed in self.columns[1:]:
            known = known & (hashed.column.codes >= 0)
        return known


def _passes(ordered: Sequence[Compared]) -> Iterator[_Pass]:
    if not ordered:
        return
    rng = np.random.default_rng(0)
    hashed = [_Hashed(column, _random(column, rng)) for column in ordered]
    texts = [column for column in ordered if column.how is Comparer.TEXT]
    tie = _ranked(texts[0], texts[0].ranks) if texts else None
    whole = _Pass(hashed, None).key()
    constant = _Hashed(ordered[0], np.zeros(len(ordered[0].bits) + 1, dtype=np.uint64))
    yield _Pass([constant], tie, whole)
    for column in hashed:
        yield _Pass([column], tie, whole)
    for chosen in (*combinations(hashed[:KEYS], 1), *combinations(hashed[:COMBINED], 2)):
        yield _Pass(chosen, tie)
    for text in texts[:TEXTS]:
        everybody = [_Hashed(text, np.zeros(len(text.bits) + 1, dtype=np.uint64))]
        yield _Pass(everybody, _ranked(text, text.ranks))
        yield _Pass(everybody, _ranked(text, ranks_of(text.sorted_words)))
        yield _Pass(everybody, _ranked(text, ranks_of([word[::-1] for word in text.words])))


def _random(column: Compared, rng: np.random.Generator) -> Hashes:
    return rng.integers(0, 2**64, len(column.bits) + 1, dtype=np.uint64)


def _ranked(column: Compared, ranks: Codes) -> Codes:
    return np.append(ranks, np.int32(-1))[column.codes]


def _neighbours(way: _Pass, window: int) -> Iterator[tuple[Ints, Ints]]:
    """Pairs of rows with the same key that are at most `window` apart in the order of key and tie."""
    known = way.known()
    keys = way.key()
    rows = np.arange(len(keys)) if known is None else np.flatnonzero(known)
    keys = keys[rows]
    order = np.argsort(keys, kind="stable") if way.tie is None else np.lexsort((way.tie[rows], keys))
    rows, keys = rows[order], keys[order]
    for offset in range(1, min(window, len(rows) - 1) + 1):
        same = np.flatnonzero(keys[:-offset] == keys[offset:])
        for start in range(0, len(same), PART):
            part = same[start : start + PART]
            yield rows[part], rows[part + offset]

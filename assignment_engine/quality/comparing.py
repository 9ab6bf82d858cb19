"""How alike two rows are, and how unlikely that is by chance."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assignment_engine.features.arrays import Bools, Floats, Ints, floats
from assignment_engine.quality.kinds import Kind, TypedColumn
from assignment_engine.quality.options import Role
from assignment_engine.quality.slips import only_slips, other_numbers
from assignment_engine.quality.table import Codes

SAME_DAY = 86_400.0
NUMBER_TOLERANCE = 0.1
LEAST_RATIO = 0.5
BITS_PER_LETTER = 1.2
MOST_BITS = 40.0
RARE = 5
LEAST_WEIGHT = 0.05
SLIPS = 0.85
BEYOND_SLIPS = 0.8
OTHER_THING = 0.45
_NO_WORD = re.compile(r"[\W_]+")

Floats32 = NDArray[np.float32]


class Comparer(StrEnum):
    """How two present values of a column are compared, both different: 0 to 1.

    `equal`: 0. `number`: 1 − difference / a tenth of the larger one. `time`: half of 1 − difference / a day, because
    most things that differ in time are two. `text`: the share of letters in common (Indel ratio), in any order of the
    words, 0 below one half; half of that where both have numbers and not the same ones; at most 0.8 where free texts
    differ by more than slips.
    """

    EQUAL = "equal"
    NUMBER = "number"
    TIME = "time"
    TEXT = "text"


@dataclass(frozen=True)
class Compared:
    """One column of the comparison.

    Parameters
    ----------
    codes : int32, shape (n,): equal codes mean equal values in normal form; −1 is missing.
    values : numbers or seconds, shape (n,), for `number` and `time`.
    words : normal forms, for `text`; `sorted_words` have their parts in alphabetical order.
    bits : −log2 of the share of rows with the value, shape (codes,); for rare texts at least 1.2 a letter.
    strict : whether two different values rule out that the rows are one.
    free : whether it is free text, which names a thing better than all else.
    """

    name: str
    how: Comparer
    weight: float
    codes: Codes
    bits: Floats
    values: Floats | None = None
    words: tuple[str, ...] = ()
    strict: bool = False
    free: bool = False

    @cached_property
    def sorted_words(self) -> tuple[str, ...]:
        return tuple(" ".join(sorted(word.split())) for word in self.words)

    @cached_property
    def ranks(self) -> Codes:
        """Position of each word in alphabetical order."""
        return ranks_of(self.words)

    def quick(self, first: Ints, second: Ints) -> Floats32:
        """An upper bound of the similarity of pairs of rows: texts count as equal. NaN where one is missing."""
        a, b = self.codes[first], self.codes[second]
        alike: Floats32 = (a == b).astype(np.float32)
        if self.how is Comparer.TEXT and not self.strict:
            alike[:] = 1
        elif self.values is not None:
            np.maximum(alike, self._close(self.values[first], self.values[second]), out=alike)
        alike[(a < 0) | (b < 0)] = np.nan
        return alike

    def exact(self, first: Ints, second: Ints) -> Floats32:
        """Similarity of pairs of rows; NaN where one is missing."""
        alike = self.quick(first, second)
        if self.how is Comparer.TEXT and not self.strict:
            a, b = self.codes[first], self.codes[second]
            differ = np.flatnonzero((a != b) & ~np.isnan(alike))
            alike[differ] = self._texts_alike(a[differ], b[differ])
        return alike

    def _close(self, a: Floats, b: Floats) -> Floats32:
        if self.how is Comparer.TIME:
            near = 0.5 * (1 - np.abs(a - b) / SAME_DAY)
        else:
            scale = np.maximum(np.maximum(np.abs(a), np.abs(b)) * NUMBER_TOLERANCE, 1e-300)
            near = 1 - np.abs(a - b) / scale
        return np.nan_to_num(np.maximum(near, 0), nan=0.0).astype(np.float32)

    def _texts_alike(self, a: Codes, b: Codes) -> Floats32:
        plain = _ratios(self.words, a, b)
        unordered = np.flatnonzero(plain < 1)
        plain[unordered] = np.maximum(plain[unordered], _ratios(self.sorted_words, a[unordered], b[unordered]))
        texts = [(self.words[i], self.words[j]) for i, j in zip(a.tolist(), b.tolist(), strict=True)]
        plain[np.fromiter((other_numbers(*pair) for pair in texts), np.bool_, len(a))] *= 0.5
        if self.free:
            close = np.flatnonzero(plain >= SLIPS)
            slips = only_slips([texts[i] for i in close.tolist()], self.words)
            plain[close[~slips]] = BEYOND_SLIPS
        return plain

    def doubtful(self, alike: Floats32) -> Bools:
        """Pairs whose free texts differ by more than slips of the pen: a person should look."""
        return np.less(alike, SLIPS) if self.free else np.zeros(len(alike), dtype=np.bool_)

    def ruled_out(self, alike: Floats32) -> Bools:
        """Pairs that are two things whatever else agrees: strict values that differ, free texts of another content."""
        if self.strict:
            return np.less(alike, 1)
        return np.less(alike, OTHER_THING) if self.free else np.zeros(len(alike), dtype=np.bool_)

    def evidence(self, first: Ints, second: Ints, alike: Floats32) -> Floats:
        """Bits by which the agreement of each pair is unlikely; none below a similarity of one half."""
        bits = np.append(self.bits, 0.0)
        least = np.minimum(bits[self.codes[first]], bits[self.codes[second]])
        strength: Floats = np.maximum(0, 2 * alike.astype(np.float64) - 1)
        return floats(np.nan_to_num(least * strength, nan=0.0))


def _ratios(words: Sequence[str], a: Codes, b: Codes) -> Floats32:
    from rapidfuzz.fuzz import ratio  # noqa: PLC0415  (only files with texts that differ need it)
    from rapidfuzz.process import cpdist  # noqa: PLC0415

    if not len(a):
        return np.zeros(0, dtype=np.float32)
    queries, choices = [words[code] for code in a.tolist()], [words[code] for code in b.tolist()]
    found = cpdist(queries, choices, scorer=ratio, score_cutoff=100 * LEAST_RATIO, dtype=np.float32, workers=1)
    return np.asarray(found, dtype=np.float32) / np.float32(100)


def ranks_of(words: Sequence[str]) -> Codes:
    """Position of each word in alphabetical order, shape (words,)."""
    ranks = np.empty(len(words), dtype=np.int32)
    ranks[sorted(range(len(words)), key=words.__getitem__)] = np.arange(len(words), dtype=np.int32)
    return ranks


def normal_form(word: str) -> str:
    """Letters and digits in lower case without accents, single blanks between; the word itself if nothing remains."""
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return _NO_WORD.sub(" ", word.casefold()).strip() or word


def compared(column: TypedColumn, weight: float | None = None, *, strict: bool = False) -> Compared | None:
    """How a column takes part; None if it is empty, tells nothing, or has weight 0. Free text is never strict.

    The default weight is the share of rows with a value times −log2 of the chance that two of these values agree.
    """
    if column.kind is Kind.EMPTY:
        return None
    how = _how(column)
    codes, words, values = _coded(column, how)
    counts = np.bincount(codes[codes >= 0], minlength=1).astype(np.float64)
    shares = counts / counts.sum()
    default = float(-np.log2((shares**2).sum()) * (codes >= 0).mean())
    chosen = default if weight is None else weight
    if chosen < LEAST_WEIGHT and (weight is None or weight == 0):
        return None
    bits = -np.log2(np.maximum(counts, 1) / len(codes))
    if column.kind is Kind.TEXT:
        letters = np.fromiter((len(word) for word in words), np.float64, len(words))
        bits = np.where(counts <= RARE, np.maximum(bits, np.minimum(BITS_PER_LETTER * letters, MOST_BITS)), bits)
    words = words if how is Comparer.TEXT else ()
    free = column.kind is Kind.TEXT and column.role is not Role.IDENTIFIER
    return Compared(column.name, how, chosen, codes, bits, values, words, strict and not free, free)


def _how(column: TypedColumn) -> Comparer:
    if column.kind is Kind.NUMBER:
        return Comparer.NUMBER
    if column.kind is Kind.TIME:
        return Comparer.TIME
    names_only = column.kind is Kind.FLAG or column.base is Kind.NUMBER or column.role is Role.IDENTIFIER
    return Comparer.EQUAL if names_only else Comparer.TEXT


def _coded(column: TypedColumn, how: Comparer) -> tuple[Codes, tuple[str, ...], Floats | None]:
    """Codes of the values in normal form, the normal forms, and the values of numbers and times."""
    of = column.of
    if how in (Comparer.NUMBER, Comparer.TIME):
        of_words = column.times if how is Comparer.TIME else column.numbers
        _, merged = np.unique(of_words, return_inverse=True)  # words that are no numbers are all NaN, hence one
        readable = np.where(np.isnan(of_words), -1, merged)
        return np.append(readable, -1)[of.codes].astype(np.int32), (), column.values
    forms: dict[str, int] = {}
    merged = np.fromiter((forms.setdefault(normal_form(w), len(forms)) for w in of.words), np.int64, len(of.words))
    return np.append(merged, -1)[of.codes].astype(np.int32), tuple(forms), None

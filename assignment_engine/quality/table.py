"""Columns as words and codes: each distinct text is looked at once, however many rows there are."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assignment_engine.features.arrays import Bools, Floats, Ints

Codes = NDArray[np.int32]
MISSING = -1


@dataclass(frozen=True)
class Column:
    """A column of text.

    Parameters
    ----------
    codes : int32, shape (n,): index into `words`; −1 where the cell is missing.
    words : the distinct texts, trimmed.
    """

    name: str
    codes: Codes
    words: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def counts(self) -> Ints:
        """How often each word occurs, shape (words,)."""
        return np.bincount(self.codes[self.present], minlength=len(self.words)).astype(np.int64)

    @cached_property
    def present(self) -> Bools:
        return self.codes >= 0

    @property
    def present_count(self) -> int:
        return int(self.present.sum())

    @cached_property
    def distinct(self) -> int:
        """How many different words occur."""
        return int((self.counts > 0).sum())

    def spread(self, of_words: NDArray[np.float64]) -> Floats:
        """Values of words as values of rows, NaN where the cell is missing."""
        return np.append(of_words, np.nan)[self.codes]

    def where(self, of_words: Bools) -> Bools:
        """Rows whose word is marked."""
        return np.append(of_words, False)[self.codes]

    def take(self, rows: Ints | Bools) -> Column:
        return replace(self, codes=self.codes[rows])

    def text(self, row: int) -> str:
        code = int(self.codes[row])
        return "" if code < 0 else self.words[code]

    def with_cells(self, rows: Ints, texts: Sequence[str]) -> Column:
        """The same column with these cells replaced."""
        known = {word: code for code, word in enumerate(self.words)}
        fresh = [known.setdefault(text, len(known)) for text in texts]
        codes = self.codes.copy()
        codes[rows] = fresh
        return Column(self.name, codes, tuple(known))


@dataclass(frozen=True)
class Table:
    """Columns of equal length. `lines` says where each row starts in its file, the header being line 1."""

    columns: tuple[Column, ...]
    lines: Ints

    @property
    def rows(self) -> int:
        return len(self.lines)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    def take(self, rows: Ints | Bools) -> Table:
        return Table(tuple(column.take(rows) for column in self.columns), self.lines[rows])

    def with_column(self, changed: Column) -> Table:
        """The table with the column of this name replaced, or added at the end."""
        if changed.name not in self.by_name:
            return replace(self, columns=(*self.columns, changed))
        return replace(self, columns=tuple(changed if c.name == changed.name else c for c in self.columns))

    def without(self, names: Collection[str]) -> Table:
        return replace(self, columns=tuple(column for column in self.columns if column.name not in names))

    def renamed(self, name: Callable[[str], str]) -> Table:
        return replace(self, columns=tuple(replace(column, name=name(column.name)) for column in self.columns))

    def texts(self, first: int, last: int) -> Iterator[tuple[str, ...]]:
        """The rows from `first` up to `last` as text; missing cells are empty."""
        columns = [self._texts_of(column, first, last) for column in self.columns]
        return zip(*columns, strict=True)

    @staticmethod
    def _texts_of(column: Column, first: int, last: int) -> list[str]:
        words = column.words
        return [words[code] if code >= 0 else "" for code in column.codes[first:last].tolist()]


class _Words(dict[str, int]):
    """Gives each new word the next code."""

    def __missing__(self, word: str) -> int:
        code = self[word] = len(self)
        return code


class TableBuilder:
    """Collects rows batch by batch."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._words = [_Words() for _ in names]
        self._codes = [array("i") for _ in names]
        self._lines = array("q")

    @property
    def rows(self) -> int:
        return len(self._lines)

    def add(self, lines: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
        """Rows, all as wide as there are names, with the lines they start on."""
        self._lines.extend(lines)
        for words, codes, cells in zip(self._words, self._codes, zip(*rows, strict=True), strict=False):
            codes.extend(map(words.__getitem__, cells))

    def build(self, missing: Collection[str]) -> Table:
        """The table; the builder is empty afterwards."""
        columns = []
        for name in self._names:
            words, codes = self._words.pop(0), self._codes.pop(0)
            columns.append(tidy(name, np.frombuffer(codes, dtype=np.int32) if codes else np.empty(0, np.int32), words))
            columns[-1] = without_missing(columns[-1], missing)
        return Table(tuple(columns), np.array(self._lines, dtype=np.int64))


def tidy(name: str, codes: Codes, words: Collection[str]) -> Column:
    """The column with its words trimmed; words that only differ in outer blanks become one."""
    trimmed = _Words()
    new = np.fromiter((trimmed[word.strip()] for word in words), dtype=np.int32, count=len(words))
    return Column(name, _recoded(codes, new), tuple(trimmed))


def without_missing(column: Column, missing: Collection[str]) -> Column:
    """The column with the words that stand for no value taken out."""
    kept = _Words()
    new = np.fromiter(
        (MISSING if word.lower() in missing else kept[word] for word in column.words),
        dtype=np.int32,
        count=len(column.words),
    )
    return column if len(kept) == len(column.words) else Column(column.name, _recoded(column.codes, new), tuple(kept))


def _recoded(codes: Codes, new: Codes) -> Codes:
    return np.append(new, np.int32(MISSING))[codes].astype(np.int32)

"""What the words of a column are (numbers, times, words) and what the column is for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from assignment_engine.features.arrays import Bools, Floats
from assignment_engine.quality.options import Role
from assignment_engine.quality.table import Column, Table

MOSTLY = 0.85
MOST_CATEGORIES = 1000
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_FLAGS = frozenset({"true", "false", "yes", "no", "t", "f", "y", "n", "0", "1"})
_TIME_FORMATS = (
    "ISO8601",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%b-%y",
    "%d-%b-%Y",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
)
_TIME_LIKE = re.compile(r"\d{1,4}[-/. ](?:\d{1,2}|[A-Za-z]{3})[-/. ]\d{1,4}", re.ASCII)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ID_PARTS = frozenset({"id", "ids", "uuid", "guid", "key", "nr", "no", "number", "ticket"})
_NOT_IDS = frozenset({"of", "count", "hours", "amount"})
_PERSON_ENDS = ("_by", "_to", "assignee")
_OUTCOME_PARTS = frozenset(
    {"outcome", "result", "label", "target", "good", "success", "correct", "sla", "status", "state", "actual"}
    | {"closed", "resolved", "performance", "gold", "completed"}
)
_NOMINAL_PARTS = frozenset(
    {"category", "subcategory", "code", "group", "location", "department", "queue", "type", "symptom"}
    | {"name", "item", "resource", "owner", "team", "site", "zone", "region"}
)

_TOLD_PARTS = frozenset({"skills", "levels", "dependencies", "email", "phone", "title", "description", "summary"})
_PERSON_NAMES = frozenset({"name", "fullname", "firstname", "lastname", "surname"})


class Kind(StrEnum):
    """What the present cells of a column mostly are."""

    NUMBER = "number"
    TIME = "time"
    FLAG = "flag"
    CATEGORY = "category"
    TEXT = "text"
    EMPTY = "empty"


@dataclass(frozen=True)
class TypedColumn:
    """A column with what it is. `of` is the text column; numbers and times are read from its distinct words."""

    of: Column
    role: Role
    stated: bool = False

    @property
    def name(self) -> str:
        return self.of.name

    @cached_property
    def numbers(self) -> Floats:
        """The words as numbers, shape (words,); NaN where a word is none."""
        return read_numbers(self.of.words)

    @cached_property
    def times(self) -> Floats:
        """The words as seconds since 1970, shape (words,); NaN where a word is no date or time."""
        return read_times(self.of.words)

    @cached_property
    def kind(self) -> Kind:
        column = self.of
        if not column.present_count:
            return Kind.EMPTY
        if self._share(np.isin([word.lower() for word in column.words], list(_FLAGS))) == 1 and column.distinct <= 2:
            return Kind.FLAG
        if self.base is Kind.NUMBER:
            return Kind.CATEGORY if self.is_nominal else Kind.NUMBER
        if self.base is Kind.TIME:
            return Kind.TIME
        return Kind.CATEGORY if _repeats(column) and not self.is_told else Kind.TEXT

    @cached_property
    def base(self) -> Kind:
        """`number`, `time`, `text` or `empty`: what the cells can be read as, whatever they are for."""
        if not self.of.present_count:
            return Kind.EMPTY
        if self._share(~np.isnan(self.numbers)) >= MOSTLY:
            return Kind.NUMBER
        return Kind.TIME if self._share(~np.isnan(self.times)) >= MOSTLY else Kind.TEXT

    @property
    def is_nominal(self) -> bool:
        """Whether numbers in it only name something: their mean means nothing."""
        return bool(self.role is Role.IDENTIFIER or name_parts(self.name) & _NOMINAL_PARTS)

    @property
    def is_told(self) -> bool:
        """Whether its words were told by somebody (names, skills, descriptions), even if they repeat."""
        return bool(name_parts(self.name) & _TOLD_PARTS or "".join(_PARTS.findall(self.name)).lower() in _PERSON_NAMES)

    @cached_property
    def values(self) -> Floats:
        """Numbers or seconds of the rows, shape (n,); NaN where missing, not readable, or not of that kind."""
        return self.of.spread(self.times if self.kind is Kind.TIME else self.numbers)

    @cached_property
    def is_whole(self) -> bool:
        """Whether all numbers are whole."""
        numbers = self.numbers[~np.isnan(self.numbers)]
        return bool(np.all(numbers == np.round(numbers)))

    def readable_as(self, kind: Kind) -> Bools:
        """Rows whose cell is present and can be read as `kind`."""
        if kind is Kind.NUMBER:
            return self.of.where(~np.isnan(self.numbers))
        if kind is Kind.TIME:
            return self.of.where(~np.isnan(self.times))
        return self.of.present

    def _share(self, of_words: Bools) -> float:
        return float(self.of.counts[of_words].sum() / self.of.counts.sum())


def _repeats(column: Column) -> bool:
    return column.distinct <= min(MOST_CATEGORIES, column.present_count // 2)


def typed(table: Table, roles: Mapping[str, Role] | None = None) -> tuple[TypedColumn, ...]:
    """The columns with their roles: as stated, or as their names say."""
    stated = roles or {}
    return tuple(
        TypedColumn(column, stated.get(column.name, role_of(column.name)), column.name in stated)
        for column in table.columns
    )


def role_of(name: str) -> Role:
    """Identifier or outcome if the name says so (`task_id`, `assigned_to`, `made_sla`), otherwise a value."""
    parts = name_parts(name)
    if parts & _OUTCOME_PARTS:
        return Role.OUTCOME
    is_id = (parts & _ID_PARTS and not parts & _NOT_IDS) or name.lower().endswith(_PERSON_ENDS)
    return Role.IDENTIFIER if is_id else Role.VALUE


def name_parts(name: str) -> frozenset[str]:
    """The words of a name in snake, camel or plain case, in lower case."""
    return frozenset(part.lower() for part in _PARTS.findall(name))


def read_numbers(words: Sequence[str]) -> Floats:
    """Decimal numbers of the words, NaN for all else; `1e400`, `inf` and `1_000` are none."""
    matches = _NUMBER.fullmatch
    values = np.fromiter((float(word) if matches(word) else np.nan for word in words), np.float64, len(words))
    values[np.isinf(values)] = np.nan
    return values


def read_times(words: Sequence[str]) -> Floats:
    """Seconds since 1970 of the words in the date format that reads most of them, NaN for all else."""
    seconds = np.full(len(words), np.nan)
    looks = np.fromiter((bool(_TIME_LIKE.match(word)) for word in words), np.bool_, len(words))
    if not looks.any():
        return seconds
    chosen = [word for word, fits in zip(words, looks, strict=True) if fits]
    sample = chosen[:: max(1, len(chosen) // 200)]
    best = max(_TIME_FORMATS, key=lambda layout: np.isfinite(_parsed(sample, layout)).sum())
    seconds[looks] = _parsed(chosen, best)
    return seconds


def _parsed(words: Sequence[str], layout: str) -> Floats:
    import pandas as pd  # noqa: PLC0415  (heavy; only files with dates need it)

    moments = pd.to_datetime(list(words), format=layout, errors="coerce", utc=True)
    stamps = np.asarray(moments.as_unit("ms").asi8, dtype=np.float64) / 1000
    return np.where(np.asarray(moments.isna()), np.nan, stamps)

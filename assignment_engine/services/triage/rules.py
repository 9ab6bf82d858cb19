"""Rules for category, complexity and hours. A rule that finds no word for it says nothing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from assignment_engine.domain.conversations import TicketFinding, TriagedField
from assignment_engine.services.triage.phrases import PhraseFinder
from assignment_engine.services.triage.tickets import Ticket, Vocabulary

SOURCE = "rules"
_NAMED = 0.7
_STATED = 0.9
_SAID = 0.7
_HOURS_OF_DAY = 8.0
_LONGEST_HOURS = 2000.0


class CategoryReader:
    """Reads `category`: a name of the organisation that stands in the ticket, or what most of its words point to.

    With n different words, m of them for the category that has most, the confidence is (m / n) · m / (m + 1); two
    categories with the same number of words are no answer.
    """

    def __init__(self, vocabulary: Vocabulary, words: Mapping[str, Sequence[str]] | None = None) -> None:
        rules = shipped_rules()["category"] if words is None else words
        self._spelling = {name.lower(): name for name in sorted(vocabulary.categories)}
        self._names = PhraseFinder(self._spelling)
        self._words = {label: _pattern(patterns) for label, patterns in rules.items()}

    def read(self, tickets: Sequence[Ticket]) -> Sequence[tuple[TicketFinding, ...]]:
        return [self._named(ticket) or self._pointed_to(ticket) for ticket in tickets]

    def _named(self, ticket: Ticket) -> tuple[TicketFinding, ...]:
        mentions = [mention for text in ticket.texts for mention in self._names.mentions(text)]
        if len({mention.phrase for mention in mentions}) != 1:
            return ()
        first = mentions[0]
        return (_finding(TriagedField.CATEGORY, self._spelling[first.phrase], _NAMED, [first.words]),)

    def _pointed_to(self, ticket: Ticket) -> tuple[TicketFinding, ...]:
        text = "\n".join(ticket.texts)
        found = {label: _distinct(pattern.findall(text)) for label, pattern in self._words.items()}
        ranked = sorted(((label, words) for label, words in found.items() if words), key=lambda item: -len(item[1]))
        if not ranked or (len(ranked) > 1 and len(ranked[0][1]) == len(ranked[1][1])):
            return ()
        label, words = ranked[0]
        most, total = len(words), sum(len(others) for _, others in ranked)
        confidence = most / total * most / (most + 1)
        return (_finding(TriagedField.CATEGORY, self._spelling.get(label, label), confidence, words),)


class ComplexityReader:
    """Reads `complexity_score`: the mean of what its words stand for; n of them give the confidence n / (n + 1)."""

    def __init__(self, values: Mapping[str, float] | None = None) -> None:
        rules: Mapping[str, float] = shipped_rules()["complexity"] if values is None else values
        self._values = [(_pattern([pattern]), value) for pattern, value in rules.items()]
        self._any = _pattern(rules)

    def read(self, tickets: Sequence[Ticket]) -> Sequence[tuple[TicketFinding, ...]]:
        return [self._read("\n".join(ticket.texts)) for ticket in tickets]

    def _read(self, text: str) -> tuple[TicketFinding, ...]:
        words = _distinct(self._any.findall(text))
        values = [next(v for pattern, v in self._values if pattern.fullmatch(word)) for word in words]
        if not values:
            return ()
        mean = round(sum(values) / len(values), 3)
        return (_finding(TriagedField.COMPLEXITY, mean, len(values) / (len(values) + 1), words),)


_NUMBER = r"(?P<low>\d{1,4}(?:[.,]\d{1,2})?|half an?|one|two|three|four)"
_RANGE = r"(?:\s*(?:-|–|to)\s*(?P<high>\d{1,4}(?:[.,]\d{1,2})?))?"
_UNIT = r"\s*(?P<unit>h|hrs?|hours?|mins?|minutes?|days?|person[- ]days?|man[- ]days?)\b"
_AMOUNT = rf"(?:about|approx\.?|around|roughly|ca\.?|~|c\.)?\s*{_NUMBER}{_RANGE}{_UNIT}"
_ESTIMATE = re.compile(
    rf"(?:estimat\w*|effort|budget(?:ed)?)(?:\s+(?:time|hours|is|of|at|to|be|needed))*\s*[:=]?\s*{_AMOUNT}",
    re.IGNORECASE,
)
_TAKES = re.compile(
    rf"(?:should|will|would|might)?\s*\b(?:takes?|needs?|requires?)(?:\s+(?:me|us|you|somebody))?\s+{_AMOUNT}"
    rf"(?!\s+(?:notice|ago|before|after))",
    re.IGNORECASE,
)
_OF_WORK = re.compile(rf"{_AMOUNT}\s*(?:of\s+)?(?:work|effort)\b", re.IGNORECASE)
_WORD_NUMBERS = {"half a": 0.5, "half an": 0.5, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0}


class HoursReader:
    """Reads `estimated_hours` where somebody states an effort; how long something lasts or waits is none."""

    def read(self, tickets: Sequence[Ticket]) -> Sequence[tuple[TicketFinding, ...]]:
        return [self._read(ticket) for ticket in tickets]

    def _read(self, ticket: Ticket) -> tuple[TicketFinding, ...]:
        for pattern, confidence in ((_ESTIMATE, _STATED), (_OF_WORK, _STATED), (_TAKES, _SAID)):
            for text in reversed(ticket.texts):  # what was said last counts
                match = pattern.search(text)
                hours = None if match is None else _hours(match)
                if match is not None and hours is not None:
                    return (_finding(TriagedField.HOURS, hours, confidence, [match.group().strip()]),)
        return ()


def _hours(match: re.Match[str]) -> float | None:
    low = _number(match["low"])
    amount = low if match["high"] is None else (low + _number(match["high"])) / 2
    unit = match["unit"].lower()
    scale = 1 / 60 if unit.startswith("min") else _HOURS_OF_DAY if "day" in unit else 1.0
    hours = round(amount * scale, 2)
    return hours if 0 < hours <= _LONGEST_HOURS else None


def _number(text: str) -> float:
    word = _WORD_NUMBERS.get(" ".join(text.lower().split()))
    return float(text.replace(",", ".")) if word is None else word


def _finding(field: TriagedField, value: object, confidence: float, words: Sequence[str]) -> TicketFinding:
    return TicketFinding(field=field, value=value, confidence=round(confidence, 3), words=tuple(words), source=SOURCE)


def _pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """Any of the phrases as whole words, the longest first; a star stands for any ending."""
    parts = [re.escape(phrase).replace(r"\*", r"\w*").replace(r"\ ", r"\s+") for phrase in phrases]
    return re.compile(rf"\b(?:{'|'.join(sorted(parts, key=len, reverse=True))})(?!\w)", re.IGNORECASE)


def _distinct(words: Iterable[str]) -> list[str]:
    """Each word once, whatever its case, as it stands first."""
    first: dict[str, str] = {}
    for word in words:
        first.setdefault(" ".join(word.lower().split()), word)
    return list(first.values())


@lru_cache(maxsize=1)
def shipped_rules() -> dict[str, Any]:
    """The rules that come with the engine."""
    return tomllib.loads(files("assignment_engine.services.triage").joinpath("rules.toml").read_text("utf-8"))

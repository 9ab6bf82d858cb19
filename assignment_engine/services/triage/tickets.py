"""Tickets as people write them, and the one way in which something is read out of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from assignment_engine.domain.conversations import TicketFinding, TriagedField


@dataclass(frozen=True)
class Ticket:
    """The texts of one task; `said` are its conversations, the first one first."""

    task_id: str
    title: str = ""
    description: str = ""
    said: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text once; a title that was taken from the description is not counted twice."""
        title = () if self.description.startswith(self.title) else (self.title,)
        return tuple(text for text in (*title, self.description, *self.said) if text)

    @property
    def text(self) -> str:
        """All of them as one."""
        return "\n".join(self.texts)


class TicketReader(Protocol):
    """Reads values out of tickets: a rule, or a learned model. What it does not know it leaves out."""

    def read(self, tickets: Sequence[Ticket]) -> Sequence[tuple[TicketFinding, ...]]:
        """The findings of each ticket, in the order of `tickets`."""
        ...


@dataclass(frozen=True)
class BestOf:
    """Asks several readers; for each field the surest finding counts, the first of equally sure ones."""

    readers: tuple[TicketReader, ...]

    def read(self, tickets: Sequence[Ticket]) -> Sequence[tuple[TicketFinding, ...]]:
        answers = [reader.read(tickets) for reader in self.readers]
        return [surest(finding for answer in answers for finding in answer[row]) for row in range(len(tickets))]


def surest(findings: Iterable[TicketFinding]) -> tuple[TicketFinding, ...]:
    """At most one finding for each field."""
    best: dict[TriagedField, TicketFinding] = {}
    for finding in findings:
        if finding.field not in best or finding.confidence > best[finding.field].confidence:
            best[finding.field] = finding
    return tuple(best[field] for field in TriagedField if field in best)


@dataclass(frozen=True)
class Vocabulary:
    """What the organisation has names for. `phrases` point to a skill without being its name: phrase → (skill, share
    of the tickets with the phrase that needed it)."""

    skills: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    phrases: Mapping[str, tuple[str, float]] | None = None

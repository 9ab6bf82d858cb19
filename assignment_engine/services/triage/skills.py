"""Skills that a ticket names: those the organisation knows, by their names and aliases, as whole words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assignment_engine.domain.conversations import TicketFinding, TriagedField
from assignment_engine.domain.types import canonical_skill
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.services.triage.phrases import Mention, PhraseFinder
from assignment_engine.services.triage.tickets import Ticket, Vocabulary

SOURCE = "skills known here"
PHRASE = 0.95
WORD = 0.9
ORDINARY_WORD = 0.6
_SHORT = 2

# Skills whose names people also use for other things: written small they are a hint, no more.
_ORDINARY = frozenset(
    {
        *("access", "ant", "chef", "dart", "excel", "express", "node", "office", "outlook", "puppet", "react", "ruby"),
        *("rust", "safe", "salt", "scratch", "sketch", "slack", "solid", "spark", "spring", "swift", "teams", "unity"),
        *("vault", "windows", "word"),
    }
)
# Words of two letters that begin half the sentences of English; as skills they are only read in capitals.
_LITTLE = frozenset(
    {
        *("ai", "am", "an", "as", "at", "be", "by", "do", "go", "he", "hi", "if", "in", "is", "it", "me", "my", "no"),
        *("of", "ok", "on", "or", "pm", "so", "to", "up", "us", "we"),
    }
)


@dataclass(frozen=True)
class _Known:
    """What a phrase stands for; a learned one has the share of tickets that needed the skill."""

    skill: str
    share: float | None = None


class SkillReader:
    """Reads `required_skills`, each at level 1. Nothing found is nothing known: the field stays null.

    Skills that are named count, all of them; only where none is named, the one that a learned phrase points to.
    """

    def __init__(self, vocabulary: Vocabulary, matcher: SkillMatcher) -> None:
        self._known = _known_phrases(vocabulary, matcher)
        self._finder = PhraseFinder(self._known)

    def read(self, tickets: Sequence[Ticket]) -> Sequence[tuple[TicketFinding, ...]]:
        return [self._read(ticket) for ticket in tickets]

    def _read(self, ticket: Ticket) -> tuple[TicketFinding, ...]:
        named: dict[str, tuple[float, str]] = {}
        pointed_to: dict[str, tuple[float, str]] = {}
        for text in ticket.texts:
            for mention in self._finder.mentions(text):
                known = self._known[mention.phrase]
                if known.share is None:
                    _keep_surest(named, known.skill, _confidence(mention, text), mention.words)
                else:
                    _keep_surest(pointed_to, known.skill, known.share, mention.words)
        return _finding(named or _surest(pointed_to))


def _keep_surest(found: dict[str, tuple[float, str]], skill: str, confidence: float, words: str) -> None:
    if confidence > found.get(skill, (0.0, ""))[0]:
        found[skill] = (confidence, words)


def _surest(found: Mapping[str, tuple[float, str]]) -> dict[str, tuple[float, str]]:
    """The one skill that phrases point to most surely."""
    return dict(sorted(found.items(), key=lambda item: (-item[1][0], item[0]))[:1])


def _finding(found: Mapping[str, tuple[float, str]]) -> tuple[TicketFinding, ...]:
    if not found:
        return ()
    return (
        TicketFinding(
            field=TriagedField.REQUIRED_SKILLS,
            value=dict.fromkeys(sorted(found), 1.0),
            confidence=min(confidence for confidence, _ in found.values()),
            words=tuple(words for _, (_, words) in sorted(found.items())),
            source=SOURCE,
        ),
    )


def _known_phrases(vocabulary: Vocabulary, matcher: SkillMatcher) -> dict[str, _Known]:
    """Every phrase to look for; a skill's own name is stronger than an alias, an alias than a phrase."""
    skills = {matcher.canonical(name) for name in vocabulary.skills}
    known = {
        canonical_skill(phrase): _Known(matcher.canonical(skill), share)
        for phrase, (skill, share) in (vocabulary.phrases or {}).items()
        if matcher.canonical(skill) in skills
    }
    known |= {alias: _Known(skill) for alias, skill in matcher.aliases.items() if skill in skills}
    return known | {canonical_skill(name): _Known(matcher.canonical(name)) for name in (*skills, *vocabulary.skills)}


def _confidence(mention: Mention, text: str) -> float:
    """How sure it is that these words mean the skill; 0 where they most likely do not."""
    words = mention.words
    if len(words) <= _SHORT and words.isalpha():
        return _confidence_of_short(words, text)
    if " " in mention.phrase:
        return PHRASE
    if mention.phrase in _ORDINARY and words.islower():
        return ORDINARY_WORD
    return WORD


def _confidence_of_short(words: str, text: str) -> float:
    """One letter and little words of the language count in capitals, and not where everything is."""
    is_common = len(words) == 1 or words.lower() in _LITTLE
    if is_common and (not words.isupper() or text.isupper()):
        return 0.0
    return ORDINARY_WORD if is_common else WORD

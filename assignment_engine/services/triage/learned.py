"""Phrases that point to a skill, learned from tickets of which the skill is known, and kept in a file."""

from __future__ import annotations

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.domain.types import canonical_skill

Phrases = dict[str, tuple[str, float]]

MOST_WORDS = 3
_WORD = re.compile(r"[^\W\d_][^\W_]*")


def learn_phrases(
    texts: Sequence[str],
    skills: Sequence[str],
    *,
    share: float = 0.8,
    tickets: int = 5,
    most_words: int = MOST_WORDS,
) -> Phrases:
    """Phrases of up to `most_words` words that stand in at least `tickets` of the texts and of which, with one
    ticket of doubt, at least `share` needed one and the same skill: phrase → (skill, share).

    A longer phrase that says no more than a shorter one in it is left out.
    """
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text, skill in zip(texts, skills, strict=True):
        for phrase in phrases_in(text, most_words):
            counts[phrase][canonical_skill(skill)] += 1
    learned: Phrases = {}
    for phrase in sorted(counts, key=lambda p: (p.count(" "), p)):
        skill, most = min(counts[phrase].items(), key=lambda item: (-item[1], item[0]))
        found = round(most / (counts[phrase].total() + 1), 3)
        if counts[phrase].total() >= tickets and found >= share and not _is_known(phrase, skill, found, learned):
            learned[phrase] = (skill, found)
    return learned


def phrases_in(text: str, most_words: int = MOST_WORDS) -> set[str]:
    """Every run of up to `most_words` words of the text, in lower case; numbers end a run."""
    found: set[str] = set()
    for run in re.split(r"[\d.,;:!?()\[\]\n]+", text.lower()):
        words = _WORD.findall(run)
        for start in range(len(words)):
            found |= {" ".join(words[start:end]) for end in range(start + 1, min(start + most_words, len(words)) + 1)}
    return found


def _is_known(phrase: str, skill: str, share: float, learned: Mapping[str, tuple[str, float]]) -> bool:
    words = phrase.split()
    parts = (
        " ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1) if j - i < len(words)
    )
    return any(part in learned and learned[part][0] == skill and learned[part][1] >= share for part in parts)


def phrases_text(phrases: Mapping[str, tuple[str, float]]) -> str:
    """The phrases as the file that `read_phrases` reads."""
    by_skill: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    for phrase, (skill, share) in sorted(phrases.items()):
        by_skill[skill].append((phrase, share))
    return "\n".join(
        "\n".join([f'["{skill}"]', *(f'"{phrase}" = {share}' for phrase, share in entries), ""])
        for skill, entries in sorted(by_skill.items())
    )


def read_phrases(path: Path) -> Phrases:
    """The phrases of a TOML file: a table for each skill, phrase = share of the tickets with it that needed the skill.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, or is none of this kind.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise ConfigurationError(f"cannot read the phrases {path}: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise ConfigurationError(f"phrases {path}: {exc}") from exc
    return dict(_entries(table, path))


def _entries(table: Mapping[str, object], path: Path) -> Iterable[tuple[str, tuple[str, float]]]:
    for skill, phrases in table.items():
        if not isinstance(phrases, dict):
            raise ConfigurationError(f'phrases {path}: expected ["skill"] and below it "phrase" = share')
        for phrase, share in phrases.items():
            if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
                raise ConfigurationError(f"phrases {path}: {phrase!r} of {skill!r} needs a share from 0 to 1")
            yield phrase, (canonical_skill(skill), float(share))

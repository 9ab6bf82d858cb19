"""Finding known phrases in text: whole words, in any case, the longest phrase first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_ATOM = re.compile(r"[^\W_]+|[+#./&]")
_NOT_PROSE = re.compile(r"\S+@\S+|\w+://\S+|\bwww\.\S+")
_NEGATIONS = frozenset({"no", "not", "without", "never", "isn", "nicht", "kein", "keine"})
_NEGATION_REACH = 2
_PART_OF_NAME = frozenset("+#_@")


@dataclass
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    phrase: str | None = None


@dataclass(frozen=True)
class Mention:
    """A phrase where it stands in a text, and the words as they are written there."""

    phrase: str
    words: str
    start: int


class PhraseFinder:
    """Finds any number of phrases in one pass over a text."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self._root = _Node()
        for phrase in phrases:
            self._add(phrase)

    def _add(self, phrase: str) -> None:
        atoms = _ATOM.findall(phrase.lower())
        node = self._root
        for atom in atoms:
            node = node.children.setdefault(atom, _Node())
        if atoms:
            node.phrase = phrase

    def mentions(self, text: str) -> Iterator[Mention]:
        """Each phrase that the text mentions and does not deny, in its order; addresses and links are no prose."""
        prose = _NOT_PROSE.sub(lambda match: " " * len(match.group()), text)
        atoms = [(match.group().lower(), match.start(), match.end()) for match in _ATOM.finditer(prose)]
        position = 0
        while position < len(atoms):
            phrase, count = self._longest(atoms, position)
            if phrase is None:
                position += 1
                continue
            start, end = atoms[position][1], atoms[position + count - 1][2]
            if _stands_alone(prose, start, end) and not _is_denied(atoms, position):
                yield Mention(phrase, text[start:end], start)
            position += count

    def _longest(self, atoms: list[tuple[str, int, int]], position: int) -> tuple[str | None, int]:
        """The longest phrase that begins here, and how many atoms it has."""
        node, phrase, count = self._root, None, 0
        for reach, (atom, _, _) in enumerate(atoms[position:], start=1):
            following = node.children.get(atom)
            if following is None:
                break
            node = following
            if node.phrase is not None:
                phrase, count = node.phrase, reach
        return phrase, count


def _stands_alone(text: str, start: int, end: int) -> bool:
    """`c` is not mentioned in `c++`, nor in `my_c`."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return before not in _PART_OF_NAME and after not in _PART_OF_NAME


def _is_denied(atoms: list[tuple[str, int, int]], position: int) -> bool:
    before = [atom for atom, _, _ in atoms[max(0, position - _NEGATION_REACH) : position]]
    return "." not in before and bool(_NEGATIONS & set(before))

"""Skills: aliases for hard checks, similarity for the skill_match feature only."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.domain.types import canonical_skill
from assignment_engine.features.arrays import Floats, floats

MOST_REQUIREMENTS = 10_000
MOST_NAMES = 10_000
MOST_PAIRS = 100_000
SMALL_TABLE = 500
SIMILAR = 0.8
SHORTEST_SIMILAR_TOKEN = 4
_NGRAMS = (2, 3)


class SkillMatcher:
    """Knows which skill names mean the same (aliases) and which are nearly the same (character n-grams)."""

    def __init__(self, aliases: Mapping[str, Iterable[str]] | None = None) -> None:
        self._canonical: dict[str, str] = {}
        self._requirements: dict[tuple[tuple[str, float], ...], tuple[tuple[str, float], ...]] = {}
        for name, others in (shipped_aliases() if aliases is None else aliases).items():
            for other in others:
                self._unite(self.canonical(name), self.canonical(other))

    def _unite(self, name: str, other: str) -> None:
        """Everything that means `other` means `name` from now on, so that groups that share a word become one."""
        for known, target in self._canonical.items():
            if target == other:
                self._canonical[known] = name
        self._canonical[other] = name

    def canonical(self, name: str) -> str:
        """The one name of a skill: its alias resolved, in lower case."""
        plain = canonical_skill(name)
        return self._canonical.get(plain, plain)

    @property
    def aliases(self) -> Mapping[str, str]:
        """Other names of skills, each with its canonical name."""
        return MappingProxyType(self._canonical)

    def levels(self, skills: Mapping[str, float]) -> dict[str, float]:
        """`skills` under their canonical names; of two names for the same skill the higher level counts."""
        levels: dict[str, float] = {}
        for name, level in skills.items():
            key = self.canonical(name)
            levels[key] = max(level, levels.get(key, 0.0))
        return levels

    def requirement(self, skills: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
        """The same as something that can be compared: for equal requirements it is equal."""
        given = tuple(skills.items())
        if given not in self._requirements:
            if len(self._requirements) >= MOST_REQUIREMENTS:
                self._requirements.clear()
            self._requirements[given] = tuple(sorted(self.levels(skills).items()))
        return self._requirements[given]

    def similarity(self, required: Sequence[str], held: Sequence[str]) -> Floats:
        """Similarity of canonical names, shape (required, held): 1 for the same, n-gram cosine from 0.8 up, else 0."""
        if len(required) * len(held) <= SMALL_TABLE:
            pairs = [_alike(name, other) for name in required for other in held]
            return floats(pairs).reshape(len(required), len(held))
        return _all_alike(required, held)


class _Ngrams(NamedTuple):
    """How often a name has each n-gram, and the length of that vector."""

    counts: Mapping[str, int]
    length: float


@lru_cache(maxsize=MOST_NAMES)
def _ngrams(name: str) -> _Ngrams:
    counts = Counter(name[i : i + n] for n in _NGRAMS for i in range(len(name) - n + 1))
    return _Ngrams(counts, math.sqrt(sum(count * count for count in counts.values())))


@lru_cache(maxsize=MOST_PAIRS)
def _alike(name: str, other: str) -> float:
    """The same names meet again with every task and person."""
    if name == other:
        return 1.0
    if not (_comparable(name) and _comparable(other)):
        return 0.0
    left, right = _ngrams(name), _ngrams(other)
    shared = sum(count * right.counts.get(ngram, 0) for ngram, count in left.counts.items())
    cosine = shared / (left.length * right.length)
    return min(cosine, 1.0) if cosine >= SIMILAR else 0.0


def _all_alike(required: Sequence[str], held: Sequence[str]) -> Floats:
    """The same numbers, to the last digit, for many names at once."""
    column = {name: j for j, name in enumerate(held)}
    same = np.zeros((len(required), len(held)))
    for i, name in enumerate(required):
        if name in column:
            same[i, column[name]] = 1.0
    rows = [i for i, name in enumerate(required) if _comparable(name)]
    columns = [j for j, name in enumerate(held) if _comparable(name)]
    if rows and columns:
        cosine = _cosine([_ngrams(required[i]) for i in rows], [_ngrams(held[j]) for j in columns])
        near = np.where(cosine >= SIMILAR, np.minimum(cosine, 1.0), 0.0)
        same[np.ix_(rows, columns)] = np.maximum(same[np.ix_(rows, columns)], near)
    return same


def _cosine(left: Sequence[_Ngrams], right: Sequence[_Ngrams]) -> Floats:
    """Cosine similarity of the n-gram counts, shape (left, right); only the lengths are rounded."""
    from scipy.sparse import csr_array  # noqa: PLC0415  (takes a tenth of a second, and most commands compare no skills)

    columns: dict[str, int] = {}
    a, b = (
        csr_array(_entries(names, columns), shape=(len(names), len(columns)), dtype=np.int64) for names in (left, right)
    )
    lengths = np.outer([name.length for name in left], [name.length for name in right])
    return floats((a @ b.T).toarray() / lengths)


def _entries(names: Sequence[_Ngrams], columns: dict[str, int]) -> tuple[list[int], tuple[list[int], list[int]]]:
    """The counts with their rows and columns; n-grams that are new join `columns`."""
    rows = [row for row, name in enumerate(names) for _ in name.counts]
    positions = [columns.setdefault(ngram, len(columns)) for name in names for ngram in name.counts]
    return [count for name in names for count in name.counts.values()], (rows, positions)


def _comparable(name: str) -> bool:
    """Short words (java, ui, c#) are too alike to others to be compared by their letters."""
    return bool(name) and all(len(token) >= SHORTEST_SIMILAR_TOKEN for token in name.split())


@lru_cache(maxsize=1)
def shipped_aliases() -> dict[str, list[str]]:
    return _parse(files("assignment_engine.features").joinpath("skill_aliases.toml").read_text("utf-8"), "shipped")


def read_aliases(path: Path) -> dict[str, list[str]]:
    """The shipped aliases and those of the TOML file at `path` (`skill = ["other name", …]`)."""
    try:
        text = path.read_text("utf-8")
    except OSError as exc:
        raise ConfigurationError(f"cannot read the skill aliases {path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"skill aliases {path}: {exc}") from exc
    merged = {name: list(others) for name, others in shipped_aliases().items()}
    for name, others in _parse(text, str(path)).items():
        merged[name] = merged.get(name, []) + others
    return merged


def _parse(text: str, source: str) -> dict[str, list[str]]:
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise ConfigurationError(f"skill aliases {source}: {exc}") from exc
    for name, others in table.items():
        if not isinstance(others, list) or not all(isinstance(other, str) for other in others):
            raise ConfigurationError(f'skill aliases {source}: expected {name} = ["other name", …]')
    return table

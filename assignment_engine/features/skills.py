"""Skills: aliases for hard checks, similarity for the skill_match feature only."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.domain.types import canonical_skill
from assignment_engine.features.arrays import Floats, floats

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import HashingVectorizer

SIMILAR = 0.8
SHORTEST_SIMILAR_TOKEN = 4
_NGRAMS = (2, 3)
_HASH_BUCKETS = 2**18


class SkillMatcher:
    """Knows which skill names mean the same (aliases) and which are nearly the same (character n-grams)."""

    def __init__(self, aliases: Mapping[str, Iterable[str]] | None = None) -> None:
        self._canonical: dict[str, str] = {}
        for name, others in (shipped_aliases() if aliases is None else aliases).items():
            for other in (name, *others):
                self._canonical[canonical_skill(other)] = canonical_skill(name)

    def canonical(self, name: str) -> str:
        """The one name of a skill: its alias resolved, in lower case."""
        plain = canonical_skill(name)
        return self._canonical.get(plain, plain)

    def levels(self, skills: Mapping[str, float]) -> dict[str, float]:
        """`skills` under their canonical names; of two names for the same skill the higher level counts."""
        levels: dict[str, float] = {}
        for name, level in skills.items():
            key = self.canonical(name)
            levels[key] = max(level, levels.get(key, 0.0))
        return levels

    def similarity(self, required: Sequence[str], held: Sequence[str]) -> Floats:
        """Similarity of canonical names, shape (required, held): 1 for the same, n-gram cosine from 0.8 up, else 0."""
        column = {name: j for j, name in enumerate(held)}
        same = np.zeros((len(required), len(held)))
        for i, name in enumerate(required):
            if name in column:
                same[i, column[name]] = 1.0
        rows = [i for i, name in enumerate(required) if _comparable(name)]
        columns = [j for j, name in enumerate(held) if _comparable(name)]
        if rows and columns and set(required) - set(held):
            cosine = self._cosine([required[i] for i in rows], [held[j] for j in columns])
            near = np.where(cosine >= SIMILAR, np.minimum(cosine, 1.0), 0.0)
            same[np.ix_(rows, columns)] = np.maximum(same[np.ix_(rows, columns)], near)
        return same

    def _cosine(self, left: Sequence[str], right: Sequence[str]) -> Floats:
        return floats((self._vectorizer.transform(left) @ self._vectorizer.transform(right).T).toarray())

    @cached_property
    def _vectorizer(self) -> HashingVectorizer:
        from sklearn.feature_extraction.text import HashingVectorizer  # noqa: PLC0415  (takes seconds to import)

        return HashingVectorizer(
            analyzer="char", ngram_range=_NGRAMS, n_features=_HASH_BUCKETS, alternate_sign=False, lowercase=False
        )


def _comparable(name: str) -> bool:
    """Short words (java, ui, c#) are too alike to others to be compared by their letters."""
    return all(len(token) >= SHORTEST_SIMILAR_TOKEN for token in name.split())


@lru_cache(maxsize=1)
def shipped_aliases() -> dict[str, list[str]]:
    return _parse(files("assignment_engine.features").joinpath("skill_aliases.toml").read_text("utf-8"), "shipped")


def read_aliases(path: Path) -> dict[str, list[str]]:
    """The shipped aliases and those of the TOML file at `path` (`skill = ["other name", …]`)."""
    try:
        text = path.read_text("utf-8")
    except OSError as exc:
        raise ConfigurationError(f"cannot read the skill aliases {path}: {exc.strerror}") from exc
    merged = {name: list(others) for name, others in shipped_aliases().items()}
    for name, others in _parse(text, str(path)).items():
        merged[name] = merged.get(name, []) + others
    return merged


def _parse(text: str, source: str) -> dict[str, list[str]]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigurationError(f"skill aliases {source}: {exc}") from exc
    for name, others in table.items():
        if not isinstance(others, list) or not all(isinstance(other, str) for other in others):
            raise ConfigurationError(f'skill aliases {source}: expected {name} = ["other name", …]')
    return table

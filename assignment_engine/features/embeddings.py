"""Skills compared by vectors that somebody computed before; only the skill_match feature asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from assignment_engine.domain.types import canonical_skill
from assignment_engine.features.arrays import Floats, floats
from assignment_engine.features.skills import SIMILAR, SkillMatcher

Vectors = Mapping[str, Sequence[float]]


class EmbeddingMatcher(SkillMatcher):
    """As `SkillMatcher`, and names are also similar when their vectors are: cosine from 0.8 up.

    Parameters
    ----------
    vectors : canonical name → vector, all of one length; names without one are compared by their letters alone.
    """

    def __init__(self, vectors: Vectors, aliases: Mapping[str, Iterable[str]] | None = None) -> None:
        super().__init__(aliases)
        self._vectors = {canonical_skill(name): _unit(vector) for name, vector in vectors.items()}

    def similarity(self, required: Sequence[str], held: Sequence[str]) -> Floats:
        """The higher of the similarity of letters and of vectors, shape (required, held)."""
        letters = super().similarity(required, held)
        rows = [i for i, name in enumerate(required) if name in self._vectors]
        columns = [j for j, name in enumerate(held) if name in self._vectors]
        if not rows or not columns:
            return letters
        left = np.stack([self._vectors[required[i]] for i in rows])
        right = np.stack([self._vectors[held[j]] for j in columns])
        cosine = np.minimum(left @ right.T, 1.0)
        where = np.ix_(rows, columns)
        letters[where] = np.maximum(letters[where], np.where(cosine >= SIMILAR, cosine, 0.0))
        return letters


def _unit(vector: Sequence[float]) -> Floats:
    values = floats(vector)
    length = float(np.linalg.norm(values))
    return values / length if length > 0 else values

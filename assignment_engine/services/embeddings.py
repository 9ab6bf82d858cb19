"""Vectors of skill names, asked for in the background and kept; scoring only ever reads what is kept."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

from assignment_engine.domain.errors import RemoteModelError
from assignment_engine.features.embeddings import EmbeddingMatcher
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

_log = logging.getLogger(__name__)

BATCH = 100
IDLE_SECONDS = 60.0
FAILED_SECONDS = 300.0


class Embedder(Protocol):
    """A model that makes vectors of phrases."""

    @property
    def embedding_model(self) -> str: ...

    def embed(self, phrases: Sequence[str]) -> Sequence[Sequence[float]]:
        """A vector for each phrase, in their order.

        Raises
        ------
        RemoteModelError
        """
        ...


class EmbeddingFiller:
    """Asks for the vectors that are missing, in batches, outside any transaction."""

    def __init__(self, database: Database, embedder: Embedder, matcher: SkillMatcher) -> None:
        self._database, self._embedder, self._matcher = database, embedder, matcher

    def step(self, _now: datetime) -> float:
        """Ask for one batch; in how many seconds to look again."""
        model = self._embedder.embedding_model
        with self._database.read() as unit:
            names = unit.triage.known_skills() | unit.embeddings.required()
            missing = unit.embeddings.missing(model, {self._matcher.canonical(name) for name in names})
        if not missing:
            return IDLE_SECONDS
        batch = missing[:BATCH]
        try:
            vectors = self._embedder.embed(batch)
        except RemoteModelError as exc:
            _log.warning("no vectors of skills: %s", exc)
            return FAILED_SECONDS
        self._database.run(partial(_keep, model, dict(zip(batch, vectors, strict=True))))
        return 0.0


def _keep(model: str, vectors: dict[str, Sequence[float]], unit: UnitOfWork) -> None:
    unit.embeddings.add(model, vectors, unit.now())


def embedding_matcher(database: Database, model: str, aliases: dict[str, list[str]] | None = None) -> EmbeddingMatcher:
    """The matcher with all vectors of `model` that are kept; none are asked for."""
    database.upgrade()
    with database.read() as unit:
        return EmbeddingMatcher(unit.embeddings.all_of(model), aliases)

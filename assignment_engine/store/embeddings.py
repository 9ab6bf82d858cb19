"""Vectors of phrases, kept so that each is asked for once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.engine import Connection

from assignment_engine.domain.types import TaskStatus
from assignment_engine.store.rows import insert_rows, rows_in
from assignment_engine.store.tables import skill_embeddings, tasks

LONGEST_PHRASE = 255
_PENDING_LOOKED_AT = 10_000


class Embeddings:
    """Vectors by model and phrase."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def missing(self, model: str, phrases: Collection[str]) -> tuple[str, ...]:
        """Those of `phrases` that have no vector of this model yet."""
        wanted = {phrase for phrase in phrases if len(phrase) <= LONGEST_PHRASE}
        query = select(skill_embeddings.c.phrase).where(skill_embeddings.c.model == model)
        known = {row.phrase for row in rows_in(self._connection, query, skill_embeddings.c.phrase, wanted)}
        return tuple(sorted(wanted - known))

    def add(self, model: str, vectors: Mapping[str, Sequence[float]], now: datetime) -> None:
        """Keep the vectors of phrases that have none."""
        import numpy as np  # noqa: PLC0415  (nothing else of the store needs it)

        rows = [
            {
                "model": model,
                "phrase": phrase,
                "vector": np.asarray(vectors[phrase], "<f4").tobytes(),
                "created_at": now,
            }
            for phrase in self.missing(model, vectors)
        ]
        insert_rows(self._connection, skill_embeddings, rows)

    def all_of(self, model: str) -> dict[str, tuple[float, ...]]:
        """Every vector of this model."""
        import numpy as np  # noqa: PLC0415

        query = select(skill_embeddings.c.phrase, skill_embeddings.c.vector).where(skill_embeddings.c.model == model)
        rows = self._connection.execute(query.order_by(skill_embeddings.c.phrase))
        return {row.phrase: tuple(np.frombuffer(row.vector, "<f4").tolist()) for row in rows}

    def required(self) -> frozenset[str]:
        """The skills that waiting tasks require, as they are written."""
        query = select(tasks.c.required_skills).where(
            tasks.c.status == TaskStatus.PENDING, tasks.c.required_skills.is_not(None), tasks.c.deleted_at.is_(None)
        )
        found = self._connection.execute(query.distinct().limit(_PENDING_LOOKED_AT)).scalars()
        return frozenset(name for skills in found for name in skills)

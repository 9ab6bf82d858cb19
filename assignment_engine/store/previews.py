"""Stored plans that are not real yet."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.plans import FinalizeResult
from assignment_engine.domain.stored import JsonText, PlannedDecision, StoredPreview
from assignment_engine.store.tables import preview_decisions, previews

KEPT_AFTER_EXPIRY = timedelta(days=1)


class Previews:
    """Previews, whole and compressed: they are read at once or not at all.

    What their choices were compared with is apart and in parts: only finalizing reads it, and never all of it at once.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, stored: StoredPreview, decisions: Iterable[bytes] = ()) -> None:
        """Store a preview, and the decisions of its choices in their order, as `pack_decisions` gives them."""
        row = {
            "preview_id": stored.preview.preview_id,
            "created_at": stored.created_at,
            "expires_at": stored.preview.expires_at,
            "created_by": stored.created_by,
            "content": _pack(stored.model_dump_json(by_alias=True, exclude={"result"}, exclude_unset=True)),
        }
        self._connection.execute(insert(previews), row)
        for part, content in enumerate(decisions):
            ids = {"preview_id": stored.preview.preview_id, "part": part}
            self._connection.execute(insert(preview_decisions), {**ids, "content": content})

    def decisions(self, preview_id: str) -> Iterator[list[PlannedDecision]]:
        """The decisions of the choices in their order, a part at a time; none of a preview that was stored without."""
        query = select(preview_decisions.c.content).where(preview_decisions.c.preview_id == preview_id)
        parts = self._connection.execute(query.order_by(preview_decisions.c.part)).scalars()
        return map(_unpack_decisions, parts)

    def get(self, preview_id: str) -> StoredPreview:
        """The preview with its result, or NotFoundError."""
        return self._read(preview_id, lock=False)

    def lock(self, preview_id: str) -> StoredPreview:
        """The same, locked until the transaction ends."""
        return self._read(preview_id, lock=True)

    def finish(self, preview_id: str, result: FinalizeResult, at: datetime) -> None:
        """Keep what finalizing made of it; what its choices were compared with is in the training log now."""
        self._connection.execute(delete(preview_decisions).where(preview_decisions.c.preview_id == preview_id))
        statement = update(previews).where(previews.c.preview_id == preview_id)
        self._connection.execute(statement.values(result=_pack(result.model_dump_json()), finalized_at=at))

    def purge(self, now: datetime) -> int:
        """Delete those that expired more than a day ago; how many."""
        return self._connection.execute(
            delete(previews).where(previews.c.expires_at < now - KEPT_AFTER_EXPIRY)
        ).rowcount

    def _read(self, preview_id: str, *, lock: bool) -> StoredPreview:
        query = select(previews.c.content, previews.c.result).where(previews.c.preview_id == preview_id)
        row = self._connection.execute(query.with_for_update(key_share=True) if lock else query).one_or_none()
        if row is None:
            raise NotFoundError("preview", preview_id)
        stored = StoredPreview.model_validate_json(zlib.decompress(row.content))
        if row.result is None:
            return stored
        result = FinalizeResult.model_validate_json(zlib.decompress(row.result))
        return stored.model_copy(update={"result": result})


def pack_decisions(decisions: Iterable[PlannedDecision]) -> bytes:
    """Decisions as they are stored: a line for each, which JSON cannot break."""
    lines = (f"{decision.decision_id} {decision.rank} {decision.candidates}" for decision in decisions)
    return zlib.compress("\n".join(lines).encode(), level=1)


def _unpack_decisions(content: bytes) -> list[PlannedDecision]:
    return [_decision(*line.split(" ", 2)) for line in zlib.decompress(content).decode().split("\n")]


def _decision(decision_id: str, rank: str, candidates: str) -> PlannedDecision:
    return PlannedDecision(decision_id, int(rank), JsonText(candidates))


def _pack(text: str) -> bytes:
    return zlib.compress(text.encode())

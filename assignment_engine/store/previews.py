"""Stored plans that are not real yet."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.plans import FinalizeResult
from assignment_engine.domain.stored import StoredPreview
from assignment_engine.store.tables import previews

KEPT_AFTER_EXPIRY = timedelta(days=1)


class Previews:
    """Previews, whole and compressed: they are read at once or not at all."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, stored: StoredPreview) -> None:
        row = {
            "preview_id": stored.preview.preview_id,
            "created_at": stored.created_at,
            "expires_at": stored.preview.expires_at,
            "created_by": stored.created_by,
            "content": _pack(stored.model_dump_json(by_alias=True, exclude={"result"}, exclude_unset=True)),
        }
        self._connection.execute(insert(previews), row)

    def get(self, preview_id: str) -> StoredPreview:
        """The preview with its result, or NotFoundError."""
        return self._read(preview_id, lock=False)

    def lock(self, preview_id: str) -> StoredPreview:
        """The same, locked until the transaction ends."""
        return self._read(preview_id, lock=True)

    def finish(self, preview_id: str, result: FinalizeResult, at: datetime) -> None:
        """Keep what finalizing made of it."""
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


def _pack(text: str) -> bytes:
    return zlib.compress(text.encode())

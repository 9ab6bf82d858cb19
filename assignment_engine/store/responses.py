"""First answers to requests with an idempotency key."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.errors import AlreadyExistsError
from assignment_engine.domain.stored import StoredResponse
from assignment_engine.store.errors import ConstraintError
from assignment_engine.store.tables import responses

KEEP_HOURS = 24


class Responses:
    """Answers by subject and key."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, subject: str, key: str) -> StoredResponse | None:
        query = select(responses.c.request_hash, responses.c.status, responses.c.body).where(
            responses.c.subject == subject, responses.c.key == key
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else StoredResponse(row.request_hash, row.status, bytes(row.body))

    def add(self, subject: str, key: str, response: StoredResponse, now: datetime) -> None:
        """Keep the first answer, or raise AlreadyExistsError when another request with this key was faster."""
        row = {
            "subject": subject,
            "key": key,
            "request_hash": response.request_hash,
            "status": response.status,
            "body": response.body,
            "created_at": now,
        }
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(responses), row)
        except ConstraintError as exc:
            raise AlreadyExistsError("response", key) from exc

    def purge(self, now: datetime, keep_hours: float = KEEP_HOURS) -> int:
        """Delete answers older than `keep_hours`; how many."""
        oldest = now - timedelta(hours=keep_hours)
        return self._connection.execute(delete(responses).where(responses.c.created_at < oldest)).rowcount

"""Alerts: raised once for each subject, until they are cleared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.live import Alert
from assignment_engine.domain.stored import Page
from assignment_engine.domain.types import new_id
from assignment_engine.store.paging import fetch_page
from assignment_engine.store.rows import chunks, insert_missing
from assignment_engine.store.tables import alerts

KEPT = timedelta(days=30)


class Alerts:
    """What a person should look at."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def raise_(self, kind: str, subject: str, reason: str, now: datetime, severity: str = "warning") -> None:
        """Raise an alert, unless the same one stands already."""
        row = {"alert_id": new_id(), "kind": kind, "severity": severity, "subject": subject, "reason": reason}
        standing = _standing(kind, subject)
        insert_missing(self._connection, alerts, [{**row, "raised_at": now, "standing": standing}])

    def clear(self, kind: str, subjects: Collection[str], now: datetime) -> None:
        """What was wrong with these subjects is over."""
        for part in chunks(sorted(_standing(kind, subject) for subject in subjects)):
            cleared = update(alerts).where(alerts.c.standing.in_(part))
            self._connection.execute(cleared.values(cleared_at=now, standing=None))

    def standing(self, kind: str) -> frozenset[str]:
        """The subjects of the alerts of a kind that are not cleared."""
        query = select(alerts.c.subject).where(alerts.c.kind == kind, alerts.c.standing.is_not(None))
        return frozenset(self._connection.execute(query).scalars())

    def purge(self, now: datetime) -> None:
        """Forget what was cleared long ago."""
        self._connection.execute(delete(alerts).where(alerts.c.cleared_at < now - KEPT))

    def list(
        self, *, page: int = 1, limit: int = 50, sort: str = "-raised_at", after: str | None = None
    ) -> Page[Alert]:
        """One page of alerts, the latest first."""
        sorts = {"raised_at": alerts.c.raised_at, "id": alerts.c.alert_id}
        return fetch_page(
            self._connection,
            select(alerts),
            alerts.c.alert_id,
            sorts,
            _records,
            sort=sort,
            page=page,
            limit=limit,
            after=after,
        )


def _standing(kind: str, subject: str) -> str:
    return f"{kind}:{subject}"


def _records(rows: Sequence[Row[Any]]) -> tuple[Alert, ...]:
    return tuple(
        Alert(
            id=row.alert_id,
            kind=row.kind,
            severity=row.severity,
            subject=row.subject,
            reason=row.reason,
            raised_at=row.raised_at,
            cleared_at=row.cleared_at,
        )
        for row in rows
    )

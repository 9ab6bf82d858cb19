"""Alerts: raised once for each subject, until they are cleared; each change is audited and told as an event."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.actors import ENGINE
from assignment_engine.domain.live import ALERT_CLEARED, ALERT_RAISED, Alert, AlertSubject
from assignment_engine.domain.stored import Page
from assignment_engine.domain.types import new_id, utc_text
from assignment_engine.store.paging import fetch_page
from assignment_engine.store.rows import Values, chunks, insert_missing, insert_rows
from assignment_engine.store.tables import alerts, audit_log, outbox

KEPT = timedelta(days=30)
OVER = "it is over"
_AUDITED = {ALERT_RAISED: "alert_raised", ALERT_CLEARED: "alert_cleared"}


class Alerts:
    """What a person should look at."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def raise_(
        self,
        kind: str,
        subject: str,
        reason: str,
        now: datetime,
        severity: str = "warning",
        about: AlertSubject = AlertSubject.OTHER,
    ) -> bool:
        """Raise an alert, unless the same one stands already; whether it was raised.

        Parameters
        ----------
        about : what `subject` is the id of, if it is one.
        """
        row: Values = {"kind": kind, "severity": severity, "subject": subject, "reason": reason}
        alert = {**row, "alert_id": new_id(), "raised_at": now, "standing": _standing(kind, subject)}
        if self._is_there(alerts.c.standing == alert["standing"]):
            return False
        insert_missing(self._connection, alerts, [alert])
        if not self._is_there(alerts.c.alert_id == alert["alert_id"]):  # somebody else was faster
            return False
        self._tell(ALERT_RAISED, [{**row, "alert_id": alert["alert_id"]}], now, about)
        return True

    def clear(
        self,
        kind: str,
        subjects: Collection[str],
        now: datetime,
        reason: str = OVER,
        about: AlertSubject = AlertSubject.OTHER,
    ) -> None:
        """What was wrong with these subjects is over."""
        for part in chunks(sorted(_standing(kind, subject) for subject in subjects)):
            query = select(*(alerts.c[name] for name in ("alert_id", "kind", "severity", "subject")))
            found = query.where(alerts.c.standing.in_(part)).order_by(alerts.c.alert_id).with_for_update()
            rows: list[Values] = [
                {"alert_id": r.alert_id, "kind": r.kind, "severity": r.severity, "subject": r.subject, "reason": reason}
                for r in self._connection.execute(found)
            ]
            if rows:
                mine = alerts.c.alert_id.in_([row["alert_id"] for row in rows])
                self._connection.execute(update(alerts).where(mine).values(cleared_at=now, standing=None))
                self._tell(ALERT_CLEARED, rows, now, about)

    def standing(self, kind: str) -> frozenset[str]:
        """The subjects of the alerts of a kind that are not cleared."""
        query = select(alerts.c.subject).where(alerts.c.kind == kind, alerts.c.standing.is_not(None))
        return frozenset(self._connection.execute(query).scalars())

    def purge(self, now: datetime) -> None:
        """Forget what was cleared long ago."""
        self._connection.execute(delete(alerts).where(alerts.c.cleared_at < now - KEPT))

    def list(
        self,
        *,
        page: int = 1,
        limit: int = 50,
        sort: str = "-raised_at",
        after: str | None = None,
        kind: str | None = None,
        standing: bool | None = None,
    ) -> Page[Alert]:
        """One page of alerts, the latest first; of a kind, or only those that are (or are not) cleared."""
        sorts = {"raised_at": alerts.c.raised_at, "id": alerts.c.alert_id}
        query = select(alerts)
        if kind is not None:
            query = query.where(alerts.c.kind == kind)
        if standing is not None:
            query = query.where(alerts.c.standing.is_not(None) if standing else alerts.c.standing.is_(None))
        return fetch_page(
            self._connection,
            query,
            alerts.c.alert_id,
            sorts,
            _records,
            sort=sort,
            page=page,
            limit=limit,
            after=after,
        )

    def _is_there(self, condition: ColumnElement[bool]) -> bool:
        return self._connection.execute(select(alerts.c.alert_id).where(condition)).first() is not None

    def _tell(self, event_type: str, changes: Sequence[Values], now: datetime, about: AlertSubject) -> None:
        """Audit each change and publish it, in the transaction that makes it."""
        names = {AlertSubject.TASK: ("task_id", "ticket_id"), AlertSubject.EMPLOYEE: ("employee_id", "technician_id")}
        column, field = names.get(about, (None, None))
        audit, events = [], []
        for change in changes:
            mine = {"at": now, "actor": ENGINE.subject, "event": _AUDITED[event_type], "reason": change["reason"]}
            audit.append({**mine, **({column: change["subject"]} if column else {}), "detail": change})
            told = {**change, **({field: change["subject"]} if field else {}), "timestamp": utc_text(now)}
            data = {"event_type": event_type, **told}
            events.append({"event_id": new_id(), "event_type": event_type, "data": data, "created_at": now})
        insert_rows(self._connection, audit_log, audit)
        insert_rows(self._connection, outbox, events)


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

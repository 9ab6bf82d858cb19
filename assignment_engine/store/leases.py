"""Leases: something that one process at a time does, whoever it is.

A process that pauses for too long does not know that another has taken over. So every lease has a fence, which counts
up with each change of holder, and whatever is written in its name first asks `hold`, in the same transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.errors import LeaseLostError
from assignment_engine.domain.stored import Lease
from assignment_engine.store.rows import insert_missing
from assignment_engine.store.tables import leases


class Leases:
    """Named leases. `now` is the database's clock, read before or in the same transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def is_free(self, name: str, holder: str, now: datetime) -> bool:
        """Whether `take` would succeed at this moment; locks nothing."""
        row = self._find(name, lock=False)
        return row is None or _is_free(row, holder, now)

    def holder(self, name: str) -> str | None:
        """Who had the lease last, unless it was given up."""
        row = self._find(name, lock=False)
        return None if row is None else row.holder

    def take(self, name: str, holder: str, now: datetime, seconds: float) -> Lease | None:
        """The lease until `now` + `seconds`, also when `holder` has it already; None while somebody else has it."""
        row = self._find(name, lock=True)
        if row is None:
            insert_missing(self._connection, leases, [{"name": name}])
            row = self._find(name, lock=True)
        if row is None or not _is_free(row, holder, now):
            return None
        lease = Lease(name, holder, row.fence + (row.holder != holder), now + timedelta(seconds=seconds))
        self._set(name, holder=holder, fence=lease.fence, expires_at=lease.expires_at)
        return lease

    def renew(self, lease: Lease, now: datetime, seconds: float) -> Lease:
        """The same lease until `now` + `seconds`.

        Raises
        ------
        LeaseLostError
            If somebody else has taken it meanwhile.
        """
        self.hold(lease)
        renewed = Lease(lease.name, lease.holder, lease.fence, now + timedelta(seconds=seconds))
        self._set(lease.name, expires_at=renewed.expires_at)
        return renewed

    def hold(self, lease: Lease) -> None:
        """Keep everybody else from taking the lease until the transaction ends.

        Raises
        ------
        LeaseLostError
            If somebody else has taken it meanwhile; what the transaction wrote must not stay.
        """
        row = self._find(lease.name, lock=True)
        if row is None or (row.holder, row.fence) != (lease.holder, lease.fence):
            raise LeaseLostError

    def give_up(self, lease: Lease) -> None:
        """Let somebody else take it at once; nothing happens when they have already."""
        mine = (leases.c.name == lease.name, leases.c.holder == lease.holder, leases.c.fence == lease.fence)
        self._connection.execute(update(leases).where(*mine).values(holder=None, expires_at=None))

    def _find(self, name: str, *, lock: bool) -> Row[Any] | None:
        query = select(leases).where(leases.c.name == name)
        return self._connection.execute(query.with_for_update(key_share=True) if lock else query).one_or_none()

    def _set(self, name: str, **values: object) -> None:
        self._connection.execute(update(leases).where(leases.c.name == name).values(**values))


def _is_free(row: Row[Any], holder: str, now: datetime) -> bool:
    return row.holder in (None, holder) or row.expires_at <= now

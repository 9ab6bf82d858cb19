"""Being the one process that does something, for as long as the others may rely on it."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from assignment_engine.domain.stored import Lease
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

LEASE_SECONDS = 10.0
_RENEWALS = 5


class Leadership:
    """One process's claim on one lease.

    Between renewals the lease is taken on trust: writes must ask `unit.leases.hold`, and who loses it calls `lose`.
    """

    def __init__(self, database: Database, name: str, holder: str, seconds: float = LEASE_SECONDS) -> None:
        self._database, self._name, self._holder, self._seconds = database, name, holder, seconds
        self._lease: Lease | None = None
        self._renew_at: datetime | None = None

    @property
    def seconds(self) -> float:
        return self._seconds

    def lead(self, now: datetime) -> Lease | None:
        """The lease, if this process is or becomes the leader; `now` only spaces the renewals."""
        if self._lease is not None and self._renew_at is not None and now < self._renew_at:
            return self._lease
        if self._lease is None and not self._is_free():
            return None
        self._lease = self._database.run(self._take)
        self._renew_at = now + timedelta(seconds=self._seconds / _RENEWALS)
        return self._lease

    def lose(self) -> None:
        """Somebody else was faster; the next call of `lead` looks again."""
        self._lease = None

    def give_up(self) -> None:
        """Let another process take over at once."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._database.run(partial(_give_up, lease))

    def _is_free(self) -> bool:
        """A look without locks, so that those who wait disturb nobody."""
        with self._database.read() as unit:
            return unit.leases.is_free(self._name, self._holder, unit.now())

    def _take(self, unit: UnitOfWork) -> Lease | None:
        return unit.leases.take(self._name, self._holder, unit.now(), self._seconds)


def _give_up(lease: Lease, unit: UnitOfWork) -> None:
    unit.leases.give_up(lease)

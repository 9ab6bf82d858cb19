"""Claims: rows that one of many workers takes, works on and gives back, whatever happens to the worker.

A row has one moment, `due_at`: while it is pending, when it may be taken; while it is being worked on, when the lease
ends and it may be taken again; NULL when there is nothing to do. So the work of a worker that died comes back by
itself, through the same query and the same index. Each claim counts the row's `fence` up, and a result is only
accepted with the present number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Table, and_, bindparam, func, or_, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.types import ProcessingStatus
from assignment_engine.store.rows import Values, chunks, key_of, rows_in
from assignment_engine.store.tables import tasks

LONGEST_ERROR = 500
ABANDONED = "every worker that took it ended before it was done"


@dataclass(frozen=True)
class RetryPolicy:
    """How often work is tried, and the pauses between: `first`, then twice as long each time, at most `longest`."""

    attempts: int = 5
    first: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=10)

    def pause(self, attempt: int) -> timedelta:
        """The pause after this attempt, counted from 1."""
        return min(self.longest, self.first * (1 << min(attempt - 1, 20)))


@dataclass(frozen=True)
class Claimable:
    """A table whose rows are claimed; its columns of claims begin with `prefix`, and `processed_at` is the end."""

    table: Table
    prefix: str = ""

    def __getitem__(self, name: str) -> Column[Any]:
        return self.table.c[self.prefix + name]

    def values(self, **values: object) -> Values:
        return {self.prefix + name: value for name, value in values.items()}


@dataclass(frozen=True)
class Claim:
    """One row in the hands of one worker."""

    key: str
    fence: int
    attempt: int


TRIAGE = Claimable(tasks, "processing_")


class Claims:
    """The claims of one table, in one transaction."""

    def __init__(self, connection: Connection, what: Claimable = TRIAGE, policy: RetryPolicy | None = None) -> None:
        self._connection, self._what, self._policy = connection, what, policy or RetryPolicy()
        self._key = key_of(what.table)

    def take(self, instance_id: str, limit: int, now: datetime, lease: timedelta) -> tuple[Claim, ...]:
        """Claim up to `limit` due rows, the longest due first; rows that others are looking at are passed over.

        A row whose last attempt ended with its worker is marked failed instead.
        """
        due = self._what["due_at"]
        query = select(self._key.label("key"), self._what["fence"], self._what["attempts"]).where(due <= now)
        query = query.order_by(due, self._key).limit(limit).with_for_update(skip_locked=True, key_share=True)
        found = [Claim(key, fence + 1, attempts + 1) for key, fence, attempts in self._connection.execute(query)]
        claims = [claim for claim in found if claim.attempt <= self._policy.attempts]
        self._set([claim.key for claim in claims], self._taken(instance_id, now + lease))
        lost = [claim.key for claim in found if claim.attempt > self._policy.attempts]
        self._set(lost, self._ended(ProcessingStatus.FAILED, ABANDONED))
        return tuple(claims)

    def renew(self, claims: Collection[Claim], now: datetime, lease: timedelta) -> None:
        """Keep the claims that still count for another `lease`."""
        self._set(self.held(claims), self._what.values(due_at=now + lease))

    def held(self, claims: Collection[Claim]) -> set[str]:
        """Lock the rows of `claims`; those of them that nobody else has taken or put up again meanwhile."""
        fences = {claim.key: claim.fence for claim in claims}
        query = select(self._key.label("key"), self._what["fence"].label("fence")).where(
            self._what["status"] == ProcessingStatus.PROCESSING
        )
        rows = rows_in(self._connection, query, self._key, fences, lock=True)
        return {row.key for row in rows if row.fence == fences[row.key]}

    def finish(self, keys: Collection[str], now: datetime) -> None:
        """The work on these rows, which are `held`, is done."""
        self._set(keys, {**self._ended(ProcessingStatus.PROCESSED, None), "processed_at": now})

    def give_back(self, failures: Mapping[Claim, str], now: datetime) -> None:
        """These `held` claims failed: try again after a pause, or give up with the error."""
        rows = [{"row_key": c.key, **self._failed(c, error[:LONGEST_ERROR], now)} for c, error in failures.items()]
        if rows:
            names = [name for name in rows[0] if name != "row_key"]
            values = {self._what[name]: bindparam(f"new_{name}", type_=self._what[name].type) for name in names}
            statement = update(self._what.table).where(self._key == bindparam("row_key")).values(values)
            named = [{"row_key": row["row_key"], **{f"new_{name}": row[name] for name in names}} for row in rows]
            self._connection.execute(statement, named)

    def put_up(self, keys: Collection[str], now: datetime) -> None:
        """There is work on these rows, from now on; whoever has one of them works in vain."""
        values = self._what.values(
            status=ProcessingStatus.PENDING, instance_id=None, attempts=0, due_at=now, error=None
        )
        self._set(keys, {**values, **self._what.values(fence=self._what["fence"] + 1)})

    def withdraw(self, keys: Collection[str]) -> None:
        """There is no work on these rows any more, and a result that comes is refused."""
        self._set(keys, self._what.values(due_at=None, instance_id=None, fence=self._what["fence"] + 1))

    def counts(self) -> dict[str, int]:
        """How many rows there are in each status, those apart in which nothing is to be done."""
        status = self._what["status"]
        open_or_ended = or_(
            self._what["due_at"].is_not(None), status.in_([ProcessingStatus.PROCESSED, ProcessingStatus.FAILED])
        )
        query = select(status, func.count()).where(open_or_ended).group_by(status)
        return {str(name): count for name, count in self._connection.execute(query)}

    def next_due(self) -> datetime | None:
        """When the next row is due; None: there is no work."""
        due: datetime | None = self._connection.execute(select(func.min(self._what["due_at"]))).scalar_one()
        return due

    def held_by(self, instance_id: str) -> int:
        """How many rows this instance works on."""
        mine = and_(
            self._what["instance_id"] == instance_id,
            self._what["status"] == ProcessingStatus.PROCESSING,
            self._what["due_at"].is_not(None),
        )
        return self._connection.execute(select(func.count()).select_from(self._what.table).where(mine)).scalar_one()

    def _taken(self, instance_id: str, until: datetime) -> Values:
        values = self._what.values(status=ProcessingStatus.PROCESSING, instance_id=instance_id, due_at=until)
        counted = self._what.values(fence=self._what["fence"] + 1, attempts=self._what["attempts"] + 1)
        return {**values, **counted}

    def _ended(self, status: ProcessingStatus, error: str | None) -> Values:
        return self._what.values(status=status, due_at=None, error=error)

    def _failed(self, claim: Claim, error: str, now: datetime) -> Values:
        if claim.attempt >= self._policy.attempts:
            return {"status": ProcessingStatus.FAILED, "due_at": None, "error": error, "instance_id": None}
        due = now + self._policy.pause(claim.attempt)
        return {"status": ProcessingStatus.PENDING, "due_at": due, "error": error, "instance_id": None}

    def _set(self, keys: Collection[str], values: Values) -> None:
        for part in chunks(sorted(keys)):
            self._connection.execute(update(self._what.table).where(self._key.in_(part)).values(values))

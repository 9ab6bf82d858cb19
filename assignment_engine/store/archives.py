"""Rows whose time is over: read for an archive, and deleted in the order in which they were written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Table, delete, exists, func, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.events import ReceivedStatus
from assignment_engine.store.outbox import NUMBERING
from assignment_engine.store.rows import chunks, insert_missing
from assignment_engine.store.tables import (
    archives,
    audit_log,
    cursors,
    inbox,
    ml_training_data,
    outbox,
    task_assignments,
)

Row = dict[str, Any]


class Kind(StrEnum):
    """What is kept for the same time. The audit log and the events tell of the same changes, so they go together."""

    HISTORY = "history"
    TRAINING = "training"


@dataclass(frozen=True)
class Shelf:
    """A table that grows, with the column that says how old a row is."""

    kind: Kind
    table: Table
    key: Column[Any]
    at: Column[Any]
    oldest: Select[Any]
    is_in_order: bool = False

    @property
    def name(self) -> str:
        return self.table.name


_ENDED = [status for status in ReceivedStatus if status.ended]
_IS_ACTIVE = exists().where(
    task_assignments.c.assignment_id == ml_training_data.c.assignment_id, task_assignments.c.active_task_id.is_not(None)
)
SHELVES = (
    # Ids grow with time but for moments, so the oldest rows are found without an index on their time.
    Shelf(
        Kind.HISTORY,
        audit_log,
        audit_log.c.audit_id,
        audit_log.c.at,
        select(audit_log).order_by(audit_log.c.audit_id),
        is_in_order=True,
    ),
    Shelf(
        Kind.HISTORY,
        outbox,
        outbox.c.id,
        outbox.c.created_at,
        select(outbox).order_by(outbox.c.id),
        is_in_order=True,
    ),
    Shelf(
        Kind.HISTORY,
        inbox,
        inbox.c.event_id,
        inbox.c.received_at,
        select(inbox).where(inbox.c.status.in_(_ENDED)).order_by(inbox.c.received_at),
    ),
    Shelf(
        Kind.TRAINING,
        ml_training_data,
        ml_training_data.c.log_id,
        ml_training_data.c.logged_at,
        select(ml_training_data).where(~_IS_ACTIVE).order_by(ml_training_data.c.logged_at),
    ),
)


class Archives:
    """What may leave the database, and from when on everything is still in it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def kept_from(self, kind: Kind) -> datetime | None:
        """Everything since then is still here; None when nothing ever left."""
        query = select(archives.c.kept_from).where(archives.c.name == kind)
        return self._connection.execute(query).scalar_one_or_none()

    def leave(self, kind: Kind, before: datetime) -> None:
        """From now on rows older than `before` may be missing. Commit this before the first of them is deleted."""
        insert_missing(self._connection, archives, [{"name": kind, "kept_from": before}])
        later = update(archives).where(archives.c.name == kind, archives.c.kept_from < before)
        self._connection.execute(later.values(kept_from=before))

    def needed_from(self) -> datetime | None:
        """When the oldest event was written that has no position yet or that some reader has not read."""
        found = [self._oldest(outbox.c.position.is_(None))]
        # Asked for by itself: knowing the value, the database sees that few rows lie behind it.
        readers = select(func.min(cursors.c.position)).where(cursors.c.name != NUMBERING)
        slowest = self._connection.execute(readers).scalar()
        if slowest is not None:
            found.append(self._oldest(outbox.c.position > slowest))
        return min((at for at in found if at is not None), default=None)

    def _oldest(self, condition: ColumnElement[bool]) -> datetime | None:
        """When the oldest of these events was written."""
        return self._connection.execute(select(func.min(outbox.c.created_at)).where(condition)).scalar()

    def oldest(self, shelf: Shelf, before: datetime, limit: int) -> Sequence[Row]:
        """The first rows that are older than `before`, as they stand in the table."""
        query = shelf.oldest if shelf.is_in_order else shelf.oldest.where(shelf.at < before)
        rows: list[Row] = []
        for row in self._connection.execute(query.limit(limit)).mappings():
            if row[shelf.at.name] >= before:
                break
            rows.append(dict(row))
        return rows

    def delete(self, shelf: Shelf, keys: Collection[object]) -> int:
        """Delete these rows; how many there were."""
        parts = chunks(list(keys))
        return sum(self._connection.execute(delete(shelf.table).where(shelf.key.in_(part))).rowcount for part in parts)

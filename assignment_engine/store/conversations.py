"""Conversations: what is said about tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.conversations import Conversation, ConversationStatus, NewConversation
from assignment_engine.domain.errors import NotFoundError, StaleVersionError
from assignment_engine.domain.stored import Page
from assignment_engine.domain.types import new_id
from assignment_engine.store.paging import fetch_page
from assignment_engine.store.rows import chunks, insert_rows, refuse_unchangeable, rows_in
from assignment_engine.store.tables import conversations, tasks

_KEY = conversations.c.conversation_id
_COLUMNS = {name: conversations.c["conversation_id" if name == "id" else name] for name in Conversation.model_fields}
_QUERY = select(*(column.label(name) for name, column in _COLUMNS.items()))
_SORTS = {name: _COLUMNS[name] for name in ("created_at", "updated_at", "status")}
_CHANGEABLE = ("content", "status")


class Conversations:
    """Conversations, in the order in which they were begun."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, task_id: str, new: Sequence[NewConversation], now: datetime) -> tuple[Conversation, ...]:
        """Add to a task that is there and locked."""
        made = tuple(
            Conversation(id=new_id(), task_id=task_id, created_at=now, updated_at=now, **dict(item)) for item in new
        )
        rows = [{("conversation_id" if k == "id" else k): v for k, v in dict(item).items()} for item in made]
        insert_rows(self._connection, conversations, rows)
        return made

    def get(self, conversation_id: str) -> Conversation:
        """The conversation, or NotFoundError."""
        row = self._connection.execute(_QUERY.where(conversations.c.conversation_id == conversation_id)).one_or_none()
        if row is None:
            raise NotFoundError("conversation", conversation_id)
        return _record(row)

    def change(
        self,
        conversation_id: str,
        changes: Mapping[str, object],
        now: datetime,
        expected_version: int | None = None,
    ) -> Conversation:
        """Change content or status.

        Raises
        ------
        NotFoundError, StaleVersionError
        """
        refuse_unchangeable(changes, _CHANGEABLE, Conversation.model_fields)
        current = self.get(conversation_id)
        if expected_version not in (None, current.version):
            raise StaleVersionError
        if not changes:
            return current
        changed = NewConversation(**{"content": current.content, "status": current.status, **changes})
        statement = update(conversations).where(
            conversations.c.conversation_id == conversation_id, conversations.c.version == current.version
        )
        values = {**dict(changed), "updated_at": now, "version": conversations.c.version + 1}
        if self._connection.execute(statement.values(values)).rowcount != 1:
            raise StaleVersionError
        return self.get(conversation_id)

    def remove_of(self, task_id: str) -> None:
        """Delete all of a task."""
        self._connection.execute(delete(conversations).where(conversations.c.task_id == task_id))

    def of_task(self, task_id: str) -> tuple[Conversation, ...]:
        """All of a task, the first one first."""
        return self.of_tasks([task_id]).get(task_id, ())

    def of_tasks(self, task_ids: Collection[str]) -> dict[str, tuple[Conversation, ...]]:
        """All of these tasks."""
        found: dict[str, list[Conversation]] = {}
        for row in rows_in(self._connection, _QUERY, conversations.c.task_id, task_ids):
            found.setdefault(row.task_id, []).append(_record(row))
        return {key: tuple(sorted(items, key=lambda c: (c.created_at, c.id))) for key, items in found.items()}

    def counts(self, task_ids: Collection[str]) -> dict[str, int]:
        """How many each of these tasks has; those without are left out."""
        column = conversations.c.task_id
        found: dict[str, int] = {}
        for part in chunks(sorted(set(task_ids))):
            query = select(column, func.count()).where(column.in_(part)).group_by(column)
            found |= {row[0]: row[1] for row in self._connection.execute(query)}
        return found

    def mark_processed(self, task_ids: Collection[str], now: datetime) -> None:
        """Triage has read all of these tasks."""
        for part in chunks(sorted(set(task_ids))):
            statement = update(conversations).where(
                conversations.c.task_id.in_(part), conversations.c.status == ConversationStatus.ACTIVE
            )
            values = {"status": ConversationStatus.PROCESSED, "updated_at": now}
            self._connection.execute(statement.values({**values, "version": conversations.c.version + 1}))

    def list(
        self, task_id: str, *, page: int = 1, limit: int = 50, sort: str = "created_at", after: str | None = None
    ) -> Page[Conversation]:
        """One page of a task's conversations, the first one first."""
        query = _QUERY.join(tasks, tasks.c.task_id == conversations.c.task_id).where(
            conversations.c.task_id == task_id, tasks.c.deleted_at.is_(None)
        )
        return fetch_page(
            self._connection, query, _KEY, _SORTS, _records, sort=sort, page=page, limit=limit, after=after
        )


def _records(rows: Sequence[Row[Any]]) -> tuple[Conversation, ...]:
    return tuple(_record(row) for row in rows)


def _record(row: Row[Any]) -> Conversation:
    return Conversation(**{name: getattr(row, name) for name in _COLUMNS})

"""Records as the contract shows them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import Response

from assignment_engine.domain.conversations import Conversation
from assignment_engine.domain.records import Record, StoredEmployee, StoredTask
from assignment_engine.domain.stored import Page
from assignment_engine.domain.waits import ExpectedWait
from webapp.schemas import HIDDEN_OF_EMPLOYEE, HIDDEN_OF_TASK

T = TypeVar("T")
Shown = dict[str, Any]


def employee(record: StoredEmployee) -> Shown:
    return record.model_dump(mode="json", exclude=set(HIDDEN_OF_EMPLOYEE))


def task(record: StoredTask, conversations: Sequence[Conversation] = ()) -> Shown:
    """A task with everything that was said about it."""
    said = {"conversations": [conversation(item) for item in conversations]}
    return {**listed_task(record, len(conversations)), **said}


def listed_task(record: StoredTask, conversation_count: int) -> Shown:
    """A task as lists show it."""
    return {
        **record.model_dump(mode="json", exclude=set(HIDDEN_OF_TASK)),
        "conversation_count": conversation_count,
    }


def expected_wait(found: ExpectedWait | None) -> Shown:
    return {"expected_wait_seconds": None if found is None else found.model_dump()}


def conversation(record: Conversation) -> Shown:
    return record.model_dump(mode="json", exclude={"version"})


def record(shown: Record) -> Shown:
    """A record as lists show it, with the field names of the contract."""
    return shown.model_dump(mode="json", by_alias=True)


def page(found: Page[T], show: Callable[[T], Shown]) -> Shown:
    return {
        "items": [show(item) for item in found.items],
        "total": found.total,
        "page": found.page,
        "limit": found.limit,
        "total_is_capped": found.total_is_capped,
        "next_after": found.next_after,
    }


def json_bytes(shown: Shown) -> bytes:
    return json.dumps(shown, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def record_bytes(record: Record) -> bytes:
    """A record that is shown whole; numbers that JSON does not have are null."""
    return record.model_dump_json(by_alias=True).encode()


def list_bytes(records: Sequence[Record]) -> bytes:
    """Records that are shown whole, as a list."""
    return b"[" + b",".join(record_bytes(record) for record in records) + b"]"


def answer(body: bytes, version: int | None = None) -> Response:
    """A 200 answer; with a version it has an ETag."""
    response = Response(body, content_type="application/json")
    if version is not None:
        response.set_etag(str(version))
    return response

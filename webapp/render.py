"""Records as the contract shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Response

from assignment_engine.domain.records import Record, StoredEmployee, StoredTask
from assignment_engine.domain.stored import Page
from webapp.schemas import HIDDEN_OF_EMPLOYEE, HIDDEN_OF_TASK

T = TypeVar("T")
Shown = dict[str, Any]


def employee(record: StoredEmployee) -> Shown:
    return record.model_dump(mode="json", exclude=set(HIDDEN_OF_EMPLOYEE))


def task(record: StoredTask) -> Shown:
    return {**record.model_dump(mode="json", exclude=set(HIDDEN_OF_TASK)), "conversations": []}


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


def answer(body: bytes, version: int | None = None) -> Response:
    """A 200 answer; with a version it has an ETag."""
    response = Response(body, content_type="application/json")
    if version is not None:
        response.set_etag(str(version))
    return response

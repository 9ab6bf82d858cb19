"""Bringing in many records at once, from a CSV file or a JSON list."""

from __future__ import annotations

import hashlib
import io
from http import HTTPStatus
from typing import IO, Any

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag

from assignment_engine.domain.intake import CsvContent
from assignment_engine.services.dispatch.intake import import_content
from assignment_engine.services.idempotency import Answer, Keep, keeping
from assignment_engine.services.imports import (
    ImportKind,
    ImportMode,
    ImportResult,
    csv_content,
    list_content,
    read_json_rows,
)
from webapp import render
from webapp.auth import Role, allow
from webapp.bodies import CSV_TYPE, csv_upload, is_csv_upload, refuse_unreadable
from webapp.documents import operation_name
from webapp.once import once, sent
from webapp.problems import for_json
from webapp.schemas import CreatingHeaders, ImportQuery
from webapp.state import engine, ready_dispatcher

blueprint = APIBlueprint(
    "imports",
    __name__,
    url_prefix="/api/import",
    abp_tags=[Tag(name="imports")],
    abp_security=[{"bearer": []}],
    abp_responses={HTTPStatus.OK: ImportResult, **for_json()},
    operation_id_callback=operation_name,
)
_FILE = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
_BODY: dict[str, Any] = {
    "content": {
        "multipart/form-data": {"schema": _FILE},
        CSV_TYPE: {"schema": {"type": "string"}},
        "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
    }
}


@blueprint.post("/employees", request_body=_BODY)
@allow(Role.ADMIN)
def import_employees(query: ImportQuery, header: CreatingHeaders) -> Response:
    """Import people: those with a known id are changed, the others are new."""
    return _imported(ImportKind.EMPLOYEES, query.mode, header)


@blueprint.post("/tasks", request_body=_BODY)
@allow(Role.ADMIN)
def import_tasks(query: ImportQuery, header: CreatingHeaders) -> Response:
    """Import tasks: those with a known id are changed, the others are new."""
    return _imported(ImportKind.TASKS, query.mode, header)


@blueprint.post("/history", request_body=_BODY)
@allow(Role.ADMIN)
def import_history(query: ImportQuery, header: CreatingHeaders) -> Response:
    """Import past assignments, which histories are counted from."""
    return _imported(ImportKind.HISTORY, query.mode, header)


def _imported(kind: ImportKind, mode: ImportMode, headers: CreatingHeaders) -> Response:
    if not is_csv_upload():
        rows = read_json_rows(request.get_json())
        return sent(once(headers).answer(lambda keep: _stored(kind, mode, list_content(kind, rows), keep)))
    with csv_upload() as stream:
        content_hash = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # a binary file is one
        return sent(once(headers, content_hash).answer(lambda keep: _stored(kind, mode, _read(kind, stream), keep)))


def _read(kind: ImportKind, stream: IO[bytes]) -> CsvContent[Any]:
    stream.seek(0)
    refuse_unreadable(stream)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    content = csv_content(kind, text)
    text.detach()
    return content


def _stored(kind: ImportKind, mode: ImportMode, content: CsvContent[Any], keep: Keep) -> Answer:
    parts, dispatcher = engine(), ready_dispatcher()
    return parts.database.run(
        keeping(
            lambda unit: Answer(
                HTTPStatus.OK, render.record_bytes(import_content(unit, dispatcher, kind, mode, content))
            ),
            keep,
        )
    )

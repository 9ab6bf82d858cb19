"""Idempotency keys and versions: what a client may send again, and what may have changed meanwhile."""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus

from flask import Response, request
from werkzeug.http import parse_etags

from assignment_engine.domain.errors import StaleVersionError
from assignment_engine.services.idempotency import Answer, Once
from webapp.schemas import ChangingHeaders, CreatingHeaders
from webapp.state import engine, identity


def once(headers: CreatingHeaders, content_hash: str | None = None) -> Once:
    """This request, to be answered once for its key; by default told from others by its JSON."""
    content = content_hash or json.dumps(request.get_json(), sort_keys=True)
    query = sorted(request.args.items(multi=True))
    what = json.dumps([request.method, request.path.rstrip("/"), query, content])
    return Once(engine().database, identity().subject, headers.key, hashlib.sha256(what.encode()).hexdigest())


def sent(answer: Answer, id_name: str | None = None) -> Response:
    """The answer as a response; a created record's address is where it was posted to, and its id."""
    response = Response(answer.body, answer.status, content_type="application/json")
    if answer.replayed:
        response.headers["Idempotent-Replay"] = "true"
    if id_name and answer.status == HTTPStatus.CREATED:
        response.location = f"{request.script_root}{request.path.rstrip('/')}/{json.loads(answer.body)[id_name]}"
    return response


def expected_version(headers: ChangingHeaders, current: int) -> int | None:
    """The version that a change relies on; None when it does not say.

    Raises
    ------
    StaleVersionError
        If `If-Match` names other versions.
    """
    if headers.if_match is None:
        return None
    if not parse_etags(headers.if_match).contains(str(current)):
        raise StaleVersionError
    return current

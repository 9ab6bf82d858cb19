"""Who is signed in to the board: by a token that is pasted, or by a link that works once."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from flask import Response, g, request
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from pydantic import BaseModel, Field, StringConstraints
from werkzeug.exceptions import Unauthorized

from webapp import render
from webapp.auth import Identity, Role, allow, open_to_all
from webapp.board.cookie import csrf_token, drop_token, held_token, keep_token, refuse_foreign_pages
from webapp.documents import operation_name
from webapp.problems import documented, for_role
from webapp.schemas import Body, Query
from webapp.state import state

SESSION_HOURS = 12
SUBJECT = "board"
_SECURED: list[dict[str, list[str]]] = [{"bearer": []}]

blueprint = APIBlueprint(
    "session", __name__, url_prefix="/api/session", abp_tags=[Tag(name="board")], operation_id_callback=operation_name
)


class WhoAmI(BaseModel):
    """Who calls; nobody where `subject` is null."""

    subject: str | None = None
    role: Role | None = None
    expires_at: datetime | None = None
    csrf_token: str | None = Field(None, description="with the cookie: to be sent as X-CSRF-Token with every change")


class SignInBody(Body):
    """A token as `assignment-engine token` prints it, or one of the identity provider."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]


class NoQuery(Query):
    """No parameters."""


_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY)
_UNREADABLE = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


@blueprint.get("", responses={HTTPStatus.OK: WhoAmI, **documented(*_REFUSALS)})
@open_to_all
def who_am_i(query: NoQuery) -> Response:  # noqa: ARG001  (refuses parameters)
    """Say who calls, by token or by the board's cookie; nobody is an answer too."""
    if "Authorization" in request.headers:
        return _shown(None, state().tokens.identify(request.authorization))
    refuse_foreign_pages()
    token = held_token()
    if token is None:
        return _shown(None)
    try:
        return _shown(token, state().tokens.read(token))
    except Unauthorized:
        answer = _shown(None)
        drop_token(answer)
        return answer


@blueprint.post("", responses={HTTPStatus.OK: WhoAmI, **documented(*_REFUSALS, *_UNREADABLE)})
@open_to_all
def sign_in(body: SignInBody, query: NoQuery) -> Response:  # noqa: ARG001  (refuses parameters)
    """Sign a browser in: the token becomes the board's cookie for as long as it is good."""
    refuse_foreign_pages()
    return signed_in(body.token, state().tokens.read(body.token))


@blueprint.delete("", responses={HTTPStatus.NO_CONTENT: None, **for_role()}, security=_SECURED)
@allow(Role.TECHNICIAN, Role.PLANNER, Role.ADMIN)
def sign_out() -> Response:
    """Sign the browser out: its cookie is dropped. The token itself stays good until it expires."""
    answer = Response(status=HTTPStatus.NO_CONTENT)
    drop_token(answer)
    return answer


def signed_in(token: str, who: Identity) -> Response:
    """The answer that signs a browser in."""
    g.identity = who  # so that the log names who has come in
    answer = _shown(token, who)
    keep_token(answer, token, who)
    return answer


def _shown(token: str | None, who: Identity | None = None) -> Response:
    shown = WhoAmI()
    if who is not None:
        proof = csrf_token(token) if token else None
        shown = WhoAmI(subject=who.subject, role=who.role, expires_at=who.expires_at, csrf_token=proof)
    answer = render.answer(shown.model_dump_json().encode())
    answer.headers["Cache-Control"] = "no-store"
    return answer

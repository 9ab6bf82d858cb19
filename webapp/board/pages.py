"""The page of the board, its files, and the link that signs in."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from flask import Flask, Response, g, request, send_from_directory
from flask_openapi.blueprint import APIBlueprint

from webapp.auth import Role, open_to_all
from webapp.board.cookie import keep_token
from webapp.board.files import STATIC, TYPES, packed, version
from webapp.board.session import SESSION_HOURS, SUBJECT
from webapp.schemas import Parameters
from webapp.state import State, state

_BOARD_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_ANSWER_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
_FOREVER = "public, max-age=31536000, immutable"

blueprint = APIBlueprint("board", __name__)


class FilePath(Parameters):
    version: str
    name: str


@blueprint.get("/", doc_ui=False)
@open_to_all
def root() -> Response:
    """Show browsers the way to the board."""
    return _to("/board")


@blueprint.get("/board", doc_ui=False)
@open_to_all
def board() -> Response:
    """Send the page; what it shows it reads from the API."""
    text = (STATIC / "index.html").read_text("utf-8").replace("{{static}}", f"/board/static/{version()}")
    answer = Response(text, content_type="text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = _BOARD_POLICY
    answer.headers["Cache-Control"] = "no-cache"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


@blueprint.get("/board/sign-in", doc_ui=False)
@open_to_all
def sign_in_by_link() -> Response:
    """Sign in by a code that works once, and leave its address at once."""
    is_good = state().codes.redeem(request.args.get("code", ""))
    token = state().tokens.make(Role.ADMIN, SUBJECT, SESSION_HOURS) if is_good else None
    if token is None:
        return _to("/board#/sign-in/expired")
    answer = _to("/board")
    g.identity = state().tokens.read(token)  # so that the log names who has come in
    keep_token(answer, token, g.identity)
    return answer


@blueprint.get("/board/static/<version>/<path:name>", doc_ui=False)
@open_to_all
def board_file(path: FilePath) -> Response:
    """Send a file of the page. Its address changes with what the files hold, so browsers may keep it."""
    answer = _file(path.name)
    answer.headers["Cache-Control"] = _FOREVER if path.version == version() else "no-cache"
    answer.vary.add("Accept-Encoding")
    return answer


def _file(name: str) -> Response:
    kind = TYPES.get(Path(name).suffix)
    content = packed(name) if request.accept_encodings.quality("gzip") > 0 else None
    if content is None:
        return send_from_directory(STATIC, name, mimetype=kind)
    answer = Response(content, mimetype=kind, headers={"Content-Encoding": "gzip"})
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def sign_in_link(app: Flask, address: str) -> str | None:
    """An address that signs its first visitor in as an admin; None where others hold the keys that sign tokens."""
    held: State = app.extensions["assignment_engine"]
    if not held.tokens.makes_tokens:
        return None
    base = (held.engine.settings.public_url or address).rstrip("/")
    return f"{base}/board/sign-in?code={held.codes.issue()}"


def guard_answers(app: Flask) -> None:
    """From now on no answer is guessed to be a page, and none but our own pages may run anything."""
    app.after_request(_guarded)


def _guarded(response: Response) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Content-Security-Policy", _ANSWER_POLICY)
    return response


def _to(address: str) -> Response:
    return Response(status=HTTPStatus.SEE_OTHER, headers={"Location": address, "Cache-Control": "no-store"})

"""The session of a browser: a cookie that holds a token, and proof that a call comes from our own page."""

from __future__ import annotations

import hashlib
import hmac
import time

from flask import Response, request
from werkzeug.exceptions import Forbidden

from webapp.auth import Identity
from webapp.state import state

CSRF_HEADER = "X-CSRF-Token"
_SAFE_METHODS = frozenset({"GET", "HEAD"})


def caller() -> Identity:
    """Who calls: a bearer token speaks first, otherwise the cookie of the board.

    Raises
    ------
    werkzeug.exceptions.Unauthorized
    werkzeug.exceptions.Forbidden
        If a browser sent the cookie with a call that another site may have caused.
    """
    tokens, held = state().tokens, held_token()
    if "Authorization" in request.headers or held is None:
        return tokens.identify(request.authorization)
    identity = tokens.read(held)
    refuse_foreign_pages()
    if request.method not in _SAFE_METHODS:
        _require_csrf_token(held)
    return identity


def held_token() -> str | None:
    """The token in the cookie, good or not."""
    return request.cookies.get(_name())


def csrf_token(token: str) -> str:
    """What unsafe calls of the session must carry: follows from the token, which scripts of a page cannot read."""
    return hmac.new(token.encode(errors="surrogatepass"), b"csrf", hashlib.sha256).hexdigest()


def refuse_foreign_pages() -> None:
    """Refuse what a page of another origin has caused, as far as the browser says."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        is_ours = site == "same-origin" or (site == "none" and request.method in _SAFE_METHODS)
    else:
        is_ours = _host(request.headers.get("Origin", _origin())) in {request.host, _host(_origin())}
    if not is_ours:
        raise Forbidden("another site has caused this call; the board's session is for the board alone")


def keep_token(response: Response, token: str, identity: Identity) -> None:
    """Sign the browser in, for as long as the token is good."""
    seconds = max(0, int(identity.expires_at.timestamp() - time.time()))
    response.set_cookie(_name(), token, max_age=seconds, **_attributes())  # type: ignore[arg-type]


def drop_token(response: Response) -> None:
    """Sign the browser out."""
    response.delete_cookie(_name(), **_attributes())  # type: ignore[arg-type]


def _attributes() -> dict[str, object]:
    return {"path": "/", "httponly": True, "samesite": "Strict", "secure": _origin().startswith("https:")}


def _name() -> str:
    """Cookies know no ports, so that the name tells the installations of one machine apart."""
    return f"assignment-engine-{request.host.rpartition(':')[2]}" if ":" in request.host else "assignment-engine"


def _origin() -> str:
    """Where browsers find us: the address that was set, or the one that was asked for."""
    return state().engine.settings.public_url or request.host_url


def _host(origin: str) -> str:
    """Host and port of an origin, which may be any text."""
    return origin.partition("://")[2].rstrip("/")


def _require_csrf_token(token: str) -> None:
    given = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(errors="surrogatepass"), csrf_token(token).encode()):
        raise Forbidden(f"a call with the board's cookie needs the header {CSRF_HEADER} (see GET /api/session)")

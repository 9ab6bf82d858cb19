"""Signing in to the board: links that work once, cookies, and calls that other pages cause."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from assignment_engine.cli.web import ways_in
from tests.databases import Servers
from tests.web.conftest import SECRET, Api, served
from tests.web.test_keys import document, public
from tests.web.test_keys import token as signed_elsewhere
from webapp.auth import make_token
from webapp.board.codes import SignInCodes
from webapp.board.files import STATIC, version
from webapp.board.pages import sign_in_link

HERE = "http://localhost"
TASK = {"title": "A task"}


def signed_in(api: Api, role: str = "admin", subject: str = "boss") -> tuple[FlaskClient, dict[str, str]]:
    """A browser that has signed in, and the header that proves that a call comes from our page."""
    browser = api.app.test_client()
    answer = browser.post("/api/session", json={"token": make_token(SECRET, role, subject, 1)})
    assert answer.status_code == 200
    shown: Any = answer.json
    assert (shown["subject"], shown["role"]) == (subject, role)
    return browser, {"X-CSRF-Token": shown["csrf_token"]}


def code_of(link: str | None) -> str:
    assert link is not None
    return link.removeprefix(HERE)


def test_a_link_signs_in_once_and_leaves_no_trace(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    browser, link = api.app.test_client(), code_of(sign_in_link(api.app, HERE))
    answer = browser.get(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/board")
    assert answer.headers["Cache-Control"] == "no-store"
    cookie = answer.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="))
    assert "Secure" not in cookie
    who: Any = browser.get("/api/session").json
    assert (who["subject"], who["role"]) == ("board", "admin")
    again = api.app.test_client()
    assert again.get(link).headers["Location"] == "/board#/sign-in/expired"
    assert again.get("/api/session").json == dict.fromkeys(("subject", "role", "expires_at", "csrf_token"))
    assert link.partition("code=")[2] not in caplog.text


def test_serve_tells_the_ways_in(api: Api) -> None:
    link, token = ways_in(api.app, HERE, True)
    assert link.startswith(f"open the board (once, within 15 minutes): {HERE}/board/sign-in?code=")
    assert api.app.test_client().get(link.partition(HERE)[2]).headers["Location"] == "/board"
    assert list(ways_in(api.app, HERE, False)) == [token]


def test_codes_work_once_and_for_a_while() -> None:
    now = [0.0]
    codes = SignInCodes(lifetime=60, clock=lambda: now[0])
    first, second, third = codes.issue(), codes.issue(), codes.issue()
    assert [codes.redeem(code) for code in (first, first, "", "x", "\ud800")] == [True, False, False, False, False]
    now[0] = 59
    assert codes.redeem(second)
    now[0] = 60
    assert not codes.redeem(third)


def test_the_cookie_calls_like_the_token(api: Api) -> None:
    """Roles and limits hold; changes need proof that they come from the board."""
    browser, proof = signed_in(api)
    assert browser.get("/tasks").status_code == 200
    refused = browser.post("/tasks", json=TASK)
    assert (refused.status_code, refused.content_type) == (403, "application/problem+json")
    assert browser.post("/tasks", json=TASK, headers={"X-CSRF-Token": "0" * 64}).status_code == 403
    other_browser, others_proof = signed_in(api, subject="other")
    assert browser.post("/tasks", json=TASK, headers=others_proof).status_code == 403
    assert browser.post("/tasks", json=TASK, headers=proof).status_code == 201
    planner, planners_proof = signed_in(api, "planner", "pia")
    assert planner.post("/tasks", json=TASK, headers=planners_proof).status_code == 403
    assert planner.get("/api/v1/events/stream", buffered=True).status_code == 200
    assert other_browser.get("/tasks").status_code == 200


@pytest.mark.parametrize(
    ("headers", "read", "change"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200, 201),
        ({"Sec-Fetch-Site": "none"}, 200, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": HERE}, 403, 403),
        ({"Origin": HERE}, 200, 201),
        ({"Origin": "http://localhost:81"}, 403, 403),
        ({"Origin": "null"}, 403, 403),
        ({"Origin": "http://["}, 403, 403),
        ({"Origin": "https://evil.example"}, 403, 403),
    ],
)
def test_other_pages_cannot_use_the_cookie(api: Api, headers: dict[str, str], read: int, change: int) -> None:
    browser, proof = signed_in(api)
    assert browser.get("/tasks", headers=headers).status_code == read
    assert browser.post("/tasks", json=TASK, headers={**headers, **proof}).status_code == change
    if read == 403:
        token = make_token(SECRET, "admin", "eve", 1)
        assert browser.post("/api/session", json={"token": token}, headers=headers).status_code == 403


def test_a_bearer_token_wins_and_needs_no_proof(api: Api) -> None:
    browser, _ = signed_in(api, "technician", "ana")
    headers = {"Authorization": f"Bearer {api.token}", "Sec-Fetch-Site": "cross-site"}
    assert browser.post("/tasks", json=TASK, headers=headers).status_code == 201
    assert browser.get("/tasks", headers={"Authorization": "Bearer no"}).status_code == 401
    who: Any = browser.get("/api/session", headers=headers).json
    assert (who["subject"], who["csrf_token"]) == ("boss", None)


def test_signing_out_drops_the_cookie(api: Api) -> None:
    browser, proof = signed_in(api)
    assert browser.delete("/api/session").status_code == 403
    assert browser.delete("/api/session", headers=proof).status_code == 204
    assert browser.get("/tasks").status_code == 401


def test_bad_tokens_do_not_sign_in(api: Api) -> None:
    browser = api.app.test_client()
    refused = browser.post("/api/session", json={"token": "not a token"})
    assert (refused.status_code, "Set-Cookie" in refused.headers) == (401, False)
    assert browser.post("/api/session", data="token=x", content_type="text/plain").status_code == 415
    browser.set_cookie("assignment-engine", "not a token")
    gone = browser.get("/api/session")
    assert gone.json is not None
    assert (gone.json["subject"], "Max-Age=0" in gone.headers["Set-Cookie"]) == (None, True)


def test_the_session_ends_with_its_token(api: Api) -> None:
    """Also where a token's end is beyond the calendar."""
    answer = api.app.test_client().post("/api/session", json={"token": make_token(SECRET, "admin", "boss", 1e12)})
    assert answer.json is not None
    assert answer.json["expires_at"].startswith("9999-12-31")


def test_behind_a_proxy(servers: Servers) -> None:
    """Links begin with the public address, the cookie is for HTTPS alone, and the page's origin is the public one."""
    with servers["sqlite"].migrated() as url, served(url, public_url="https://work.example.org") as api:
        assert (sign_in_link(api.app, "http://10.0.0.1:8000") or "").startswith(
            "https://work.example.org/board/sign-in?"
        )
        browser = api.app.test_client()
        answer = browser.post("/api/session", json={"token": api.token}, base_url="https://inside")
        assert "Secure" in answer.headers["Set-Cookie"]
        assert answer.json is not None
        headers = {"X-CSRF-Token": answer.json["csrf_token"], "Origin": "https://work.example.org"}
        assert browser.post("/tasks", json=TASK, headers=headers, base_url="https://inside").status_code == 201


def test_with_the_keys_of_others_there_is_no_link(servers: Servers, tmp_path: Path) -> None:
    """Pasting one of their tokens works."""
    keys = tmp_path / "keys.json"
    keys.write_bytes(document(public("one")))
    with servers["sqlite"].migrated() as url, served(url, jwt_jwks=str(keys), jwt_secret=None) as api:
        assert sign_in_link(api.app, HERE) is None
        assert list(ways_in(api.app, HERE, True)) == [
            "JWT_JWKS holds public keys, so there is no link: paste a token of your identity provider in the board"
        ]
        browser = api.app.test_client()
        assert browser.post("/api/session", json={"token": signed_elsewhere("one")}).status_code == 200
        assert browser.get("/tasks").status_code == 200


def policy(answer: TestResponse) -> dict[str, str]:
    parts = (part.split(maxsplit=1) for part in answer.headers["Content-Security-Policy"].split("; "))
    return {name: (rest or [""])[0] for name, *rest in parts}


def test_the_page_may_run_its_own_files_only(api: Api) -> None:
    page = api.nobody.get("/board")
    assert policy(page) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    assert (page.headers["X-Content-Type-Options"], page.headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert not [text for text in ("<style", "style=", "onclick", "javascript:") if text in page.text]
    assert page.text.count("<script") == page.text.count("<script src=") + page.text.count('<script type="module" src=')
    assert policy(api.get("/tasks"))["default-src"] == "'none'"
    assert api.nobody.get("/").headers["Location"] == "/board"


def test_files_are_kept_for_as_long_as_they_are_the_same(api: Api) -> None:
    """The page names them by what they hold; under any other name they are asked for again."""
    present = api.nobody.get(f"/board/static/{version()}/app.js")
    assert (present.status_code, present.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    assert present.content_type.startswith("text/javascript")
    old = api.nobody.get("/board/static/0123/app.js")
    assert (old.status_code, old.headers["Cache-Control"]) == (200, "no-cache")
    again = api.nobody.get("/board/static/0123/app.js", headers={"If-None-Match": old.headers["ETag"]})
    assert again.status_code == 304
    packed = api.nobody.get("/board/static/0123/app.js", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == present.data
    assert f"/board/static/{version()}/app.js" in api.nobody.get("/board").text
    for path in ("../pages.py", "%2e%2e/pages.py", "none.js", "lib"):
        for encoding in ("identity", "gzip"):
            headers = {"Accept-Encoding": encoding}
            assert api.nobody.get(f"/board/static/0123/{path}", headers=headers).status_code == 404


def test_everything_that_is_preloaded_is_there(api: Api) -> None:
    text = api.nobody.get("/board").text
    names = [part.partition('"')[0] for part in text.split(f"/board/static/{version()}/")[1:]]
    assert len(names) > 8
    assert all((STATIC / name).is_file() for name in names)

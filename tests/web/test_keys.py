"""Tokens that are signed with one of several keys, and keys that change while the application runs."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from assignment_engine.adapters.key_documents import LARGEST_BYTES, KeyAddress, KeyFile
from assignment_engine.cli import main
from assignment_engine.config import read_settings
from assignment_engine.domain.errors import ConfigurationError, KeySetError
from assignment_engine.wiring import key_document, with_secret
from tests.databases import Servers
from tests.web.conftest import SECRET, Api, served
from webapp.auth import make_token
from webapp.key_sets import PublicKeys, read_keys


@cache
def key(kid: str | None, bits: int = 2048) -> RSAKey:
    made = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return RSAKey(made, made, None if kid is None else {"kid": kid})


def public(kid: str | None, **extra: object) -> dict[str, object]:
    shown = dict(key(kid).as_dict(private=False))
    shown.pop("kid", None)
    return {**shown, **({} if kid is None else {"kid": kid}), **extra}


def document(*entries: dict[str, object]) -> bytes:
    return json.dumps({"keys": entries}).encode()


def token(kid: str | None, header_kid: str | None = "same", **claims: object) -> str:
    named = kid if header_kid == "same" else header_kid
    header = {"alg": "RS256", **({} if named is None else {"kid": named})}
    given = {"sub": "boss", "role": "admin", "exp": int(time.time()) + 600, **claims}
    return jwt.encode(header, given, key(kid), algorithms=["RS256"])


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@contextmanager
def keyed(servers: Servers, where: str) -> Iterator[Callable[[str], int]]:
    """What the application answers to a token, with the keys from `where`."""
    with servers["sqlite"].migrated() as url, served(url, jwt_jwks=where, jwt_secret=None) as api:

        def status(with_token: str) -> int:
            headers = {"Authorization": f"Bearer {with_token}"}
            return api.nobody.get("/tasks", headers=headers).status_code

        yield status


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_bytes(document(public("one"), public("two")))
    return path


@pytest.fixture
def status(servers: Servers, key_file: Path) -> Iterator[Callable[[str], int]]:
    with keyed(servers, str(key_file)) as status:
        yield status


def test_each_key_of_the_set(status: Callable[[str], int]) -> None:
    assert [status(token("one")), status(token("two"))] == [200, 200]
    assert status(token("one", role="technician", sub="ana")) == 403


def test_tokens_of_other_keys(status: Callable[[str], int]) -> None:
    """A key that is not known, a known id on another key, no id where it is needed, an id that is no text."""
    assert status(token("three")) == 401
    assert status(token("three", header_kid="one")) == 401
    assert status(token("one", header_kid="two")) == 401
    assert status(token("one", header_kid=None)) == 401
    assert status(".".join([part({"alg": "RS256", "kid": 5}), *token("one").split(".")[1:]])) == 401


def test_expired(status: Callable[[str], int]) -> None:
    assert status(token("one", exp=int(time.time()) - 1)) == 401


def test_the_public_key_is_no_secret(status: Callable[[str], int]) -> None:
    """HS256 with any form of the public key as the secret is refused, as is no signature at all."""
    claims = {"sub": "boss", "role": "admin", "exp": int(time.time()) + 600}
    for secret in (key("one").as_pem(private=False), key("one").as_der(private=False), json.dumps(public("one"))):
        forged = signed_by_hand({"alg": "HS256", "kid": "one"}, claims, secret)
        assert status(forged) == 401
    assert status(f"{part({'alg': 'none', 'kid': 'one'})}.{part(claims)}.") == 401
    assert status(make_token(SECRET, "admin", "boss", 1)) == 401


def signed_by_hand(header: object, claims: object, secret: bytes | str) -> str:
    """HS256, with secrets that no library would take."""
    content = f"{part(header)}.{part(claims)}"
    data = secret if isinstance(secret, bytes) else secret.encode()
    signature = hmac.digest(data, content.encode(), "sha256")
    return f"{content}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def test_a_secret_takes_no_other_algorithm(api: Api) -> None:
    headers = {"Authorization": f"Bearer {token('one')}"}
    assert api.nobody.get("/tasks", headers=headers).status_code == 401
    by_hand = signed_by_hand({"alg": "HS256"}, {"role": "admin", "exp": int(time.time()) + 600}, SECRET)
    assert api.nobody.get("/tasks", headers={"Authorization": f"Bearer {by_hand}"}).status_code == 200


def test_keys_that_a_token_brings_along_are_not_looked_at(status: Callable[[str], int]) -> None:
    claims = {"sub": "boss", "role": "admin", "exp": int(time.time()) + 600}
    header = {"alg": "RS256", "kid": "three", "jwk": public("three")}
    assert status(jwt.encode(header, claims, key("three"), algorithms=["RS256"])) == 401


def replace(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)


def test_rotation_of_a_file(status: Callable[[str], int], key_file: Path) -> None:
    """A new key counts at once, a removed one no longer; a broken file or none keeps the last good set."""
    assert status(token("one")) == 200
    replace(key_file, document(public("two"), public("three")))
    assert [status(token(kid)) for kid in ("one", "two", "three")] == [401, 200, 200]
    replace(key_file, b'{"keys": [')
    assert [status(token(kid)) for kid in ("one", "two", "three")] == [401, 200, 200]
    key_file.unlink()
    assert status(token("three")) == 200
    replace(key_file, document(public("one")))
    assert [status(token(kid)) for kid in ("one", "two")] == [200, 401]


class KeyServer:
    """A server of keys: what it answers, and how often it was asked."""

    def __init__(self) -> None:
        self.content, self.status, self.asked, self.location = document(public("one")), 200, 0, ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(outer.status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.end_headers()
                self.wfile.write(outer.content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.stop()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_address_is_asked_seldom(key_server: KeyServer) -> None:
    """Once for many tokens; again for a key that is not known, or when it is old, but never within ten seconds."""
    clock = Clock()
    keys = PublicKeys(KeyAddress(key_server.url), clock)
    assert all(keys.find("one") for _ in range(20))
    assert key_server.asked == 1
    assert not any(keys.find(f"unknown {n}") for n in range(20))
    assert key_server.asked == 1
    key_server.content = document(public("one"), public("two"))
    clock.now += 10
    assert keys.find("two")
    assert not any(keys.find(f"unknown {n}") for n in range(20))
    assert key_server.asked == 2
    clock.now += 599
    assert keys.find("one")
    assert key_server.asked == 2
    clock.now += 1
    assert keys.find("one")
    assert key_server.asked == 3


@pytest.mark.parametrize(
    "break_it",
    [
        lambda server: setattr(server, "status", 500),
        lambda server: setattr(server, "content", b"<html>"),
        lambda server: setattr(server, "content", b"{}"),
        lambda server: setattr(server, "content", document(public("one")) + b" " * LARGEST_BYTES),
        lambda server: server.stop(),
        lambda server: (setattr(server, "status", 302), setattr(server, "location", "http://127.0.0.1:1/")),
    ],
    ids=["500", "html", "no keys", "too large", "away", "redirect"],
)
def test_a_failing_address_keeps_the_last_good_set(break_it: Callable[[KeyServer], object]) -> None:
    server, clock = KeyServer(), Clock()
    try:
        keys = PublicKeys(KeyAddress(server.url, timeout_seconds=1), clock)
        assert keys.find("one")
        break_it(server)
        clock.now += 10_000
        assert keys.find("one")
        assert keys.find("two") is None
    finally:
        server.stop()


def test_no_keys_yet(servers: Servers) -> None:
    """Until the first set is there nobody can be told from anybody: 503, not 401."""
    with servers["sqlite"].migrated() as url, served(url, jwt_jwks="http://127.0.0.1:9/keys") as api:
        response = api.nobody.get("/tasks", headers={"Authorization": f"Bearer {token('one')}"})
        assert (response.status_code, response.content_type) == (503, "application/problem+json")
        assert response.headers["Retry-After"]
        assert api.nobody.get("/health").status_code == 200


@pytest.mark.parametrize("where", ["ftp://host/keys", "file:///keys.json", "http:///keys", "https://me:pw@host/keys"])
def test_addresses_that_are_refused(where: str) -> None:
    with pytest.raises(ConfigurationError, match="JWT_JWKS"):
        key_document(where)


def test_a_missing_file_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="JWT_JWKS"):
        key_document(str(tmp_path / "none.json"))


def test_which_keys_count() -> None:
    """RSA keys for signatures with RS256 of at least 2048 bits; others beside them do no harm."""
    others = [
        public("two", use="enc"),
        public("three", alg="RS512"),
        {**public("one"), "kid": "signer", "key_ops": ["sign"]},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
        {"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "kid": "curve"},
        {"kty": "future", "kid": "later"},
        {**public("one"), "kid": "broken", "n": "!"},
        {**public("one"), "kid": "short", "n": "AQAB"},
        {**public("two"), "kid": "no exponent", "e": None},
    ]
    assert read_keys(document(*others, public("one"))).keys() == {"one", None}
    assert read_keys(document(public("one"), public("two", use="sig", alg="RS256"))).keys() == {"one", "two"}
    with pytest.raises(KeySetError):
        read_keys(document(*others))


def test_a_single_key_needs_no_id(servers: Servers, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(document(public(None)))
    with keyed(servers, str(path)) as status:
        assert status(token(None)) == 200


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    path.write_bytes(b" " * (LARGEST_BYTES + 1))
    with pytest.raises(KeySetError, match="larger"):
        KeyFile(path).read()


def test_no_secret_is_made_where_there_is_a_key_set(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'x.db'}"
    settings = with_secret(read_settings(jwt_jwks="https://id.example/keys", jwt_secret=None, database_url=address))
    assert settings.jwt_secret is None
    assert list(tmp_path.iterdir()) == []


def test_no_token_is_made_where_there_is_a_key_set(key_file: Path) -> None:
    """The private key is somebody else's."""
    done = CliRunner().invoke(main, ["token", "--role", "admin"], env={"JWT_JWKS": str(key_file), "JWT_SECRET": SECRET})
    assert done.exit_code != 0
    assert "JWT_JWKS" in done.output

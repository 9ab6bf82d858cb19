"""Bodies, tokens, keys, events and settings of bad will: an answer or the engine's own error, and no secret in it."""

from __future__ import annotations

import base64
import json
import os
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import OctKey
from werkzeug.exceptions import BadRequest, Unauthorized

from assignment_engine.config import Settings, read_settings
from assignment_engine.domain.errors import ConfigurationError, InvalidInputError, KeySetError
from assignment_engine.domain.events import read_ticket_event
from assignment_engine.services.ticket_stream import event_fields
from tests.property.hostile import EXAMPLES, JSON, mutated, records
from webapp.auth import Identity, Role, Tokens, make_token
from webapp.bodies import parse_json
from webapp.key_sets import SecretKey, read_keys

SECRET = "a secret of this test, 32 bytes or more"
OTHER = OctKey.import_key("another secret of this test, 32 bytes or more")
TOKENS = Tokens(SecretKey(SECRET))
GOOD = make_token(SECRET, "admin", "boss", 1)
CLAIMS = {"sub": "boss", "role": "admin", "exp": int(time.time()) + 86_400, "nbf": 1, "iat": 1}


@given(
    mutated('{"title": "x", "units": 1.5, "a": [null, true]}').map(lambda t: t.encode("utf-8", "replace")) | st.binary()
)
@settings(max_examples=EXAMPLES)
def test_a_body_is_json_or_a_bad_request(data: bytes) -> None:
    try:
        body = parse_json(data)
    except (BadRequest, InvalidInputError) as exc:
        assert len(str(exc)) < 500  # noqa: PT017  (some examples raise nothing)
    else:
        assert isinstance(body, (dict, list, int, float, bool)) or body is None


def identity(token: str) -> Identity | None:
    try:
        return TOKENS.read(token)
    except Unauthorized as exc:
        assert SECRET not in str(exc)  # noqa: PT017  (one token is good)
        return None


@given(mutated(GOOD) | st.text())
@settings(max_examples=EXAMPLES)
def test_a_token_that_was_changed_is_nobodys(token: str) -> None:
    """What only base64 can tell apart is the same token: the last characters of a part may have spare bits."""
    found = identity(token)
    assert found is None or [_bytes(part) for part in token.split(".")] == [_bytes(part) for part in GOOD.split(".")]


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@given(
    records(
        alg="none",
        typ="JWT",
        kid="x",
        jwk={"kty": "oct", "k": "eA"},
        jku="http://x",
        crit=["exp"],
        b64=False,
        zip="DEF",
    )
)
@settings(max_examples=EXAMPLES)
def test_a_header_decides_nothing(header: dict[str, Any]) -> None:
    """Whatever it says, and whoever signed: the algorithm and the key are those of the settings."""
    head, body = (_part(json.dumps(told).encode()) for told in (header, CLAIMS))
    forged = f"{head}.{body}."
    assert identity(forged) is None
    assert identity(forged + GOOD.rpartition(".")[2]) is None
    signed = jws.serialize_compact({"alg": "HS256"}, json.dumps(CLAIMS), OTHER)
    assert identity(signed) is None


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@given(records(**CLAIMS, aud="x", iss="y", extra=1))
@settings(max_examples=EXAMPLES)
def test_signed_claims_of_anything_make_an_identity_or_nobody(claims: dict[str, Any]) -> None:
    try:
        token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))
    except (ValueError, TypeError, OverflowError):
        return  # they cannot be written
    found = identity(token)
    if found is not None:
        assert found.role in set(Role)
        assert 0 < len(found.subject) <= 255
        assert found.expires_at.timestamp() >= time.time() - 1


@pytest.mark.parametrize("claims", ["[]", "5", '"x"', "null", "[" * 2000, "{" * 2000, '{"exp": 1e400}', "\ufeff{}", ""])
def test_signed_content_that_is_no_claims_is_nobodys(claims: str) -> None:
    assert identity(jws.serialize_compact({"alg": "HS256"}, claims, OctKey.import_key(SECRET))) is None


@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_a_huge_token_is_nobodys(size: int) -> None:
    assert identity("a" * size) is None
    assert identity("." * size) is None
    assert identity(GOOD + "a" * size) is None


KEY = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "x", "key_ops": ["verify"], "n": "AQAB" * 90, "e": "AQAB"}


@given(st.one_of(st.binary(), st.lists(records(**KEY), max_size=3), JSON))
@settings(max_examples=EXAMPLES)
def test_a_key_set_of_anything_is_read_or_refused(content: Any) -> None:
    data = content if isinstance(content, bytes) else json.dumps({"keys": content}).encode()
    try:
        keys = read_keys(data)
    except KeySetError:
        return
    assert keys
    assert not any(key.is_private for key in keys.values())


EVENT = {
    "event_id": "e",
    "event_type": "TicketCreated",
    "ticket_id": "t",
    "title": "x",
    "timestamp": "2026-01-01T00:00:00Z",
    "required_skills": ["python"],
    "status": "done",
}


@given(records(**EVENT) | st.fixed_dictionaries({"data": mutated(json.dumps(EVENT)) | JSON.map(json.dumps)}))
@settings(max_examples=EXAMPLES)
def test_an_event_of_anything_is_read_or_refused(fields: dict[str, Any]) -> None:
    try:
        read_ticket_event(event_fields(fields))
    except InvalidInputError as exc:
        assert exc.errors  # noqa: PT017  (some examples raise nothing)


@pytest.mark.parametrize("depth", [10, 500, 900, *range(930, 1000, 3), 100_000])
def test_an_event_however_nested_is_refused(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    for name in ("event_type", "title", "unknown"):
        with pytest.raises(InvalidInputError):
            read_ticket_event(event_fields({"data": json.dumps(EVENT)[:-1] + f', "{name}": {nested}}}'}))


ENVIRONMENT = st.text(
    st.characters(min_codepoint=1, exclude_categories=("Cs",)), min_size=1, max_size=40
) | st.sampled_from(["-1", "0", "1e999", "nan", "99999999999999999999", "true", "http://x", "sqlite://", "[]", "{}"])


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
@given(value=ENVIRONMENT)
@settings(max_examples=EXAMPLES // 6)
def test_a_setting_of_anything_is_taken_or_named_without_its_value(name: str, value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for variable in Settings.model_fields:
            patch.delenv(variable.upper(), raising=False)
        patch.setitem(os.environ, name.upper(), f"se{value}cret")
        try:
            found = read_settings()
        except ConfigurationError as exc:
            told = str(exc)
            assert (name.upper() in told, f"se{value}cret" in told) == (True, False)
        else:
            assert isinstance(found, Settings)
            if name in ("jwt_secret", "gemini_api_key", "database_url", "redis_url", "jwt_jwks"):
                assert f"se{value}cret" not in repr(found)

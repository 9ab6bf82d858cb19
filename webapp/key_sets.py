"""The keys that tokens are signed with: one secret, or a set of public keys that may change while we run."""

from __future__ import annotations

import base64
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from joserfc.errors import JoseError
from joserfc.jwk import OctKey, RSAKey

from assignment_engine.config import SHORTEST_SECRET
from assignment_engine.domain.errors import ConfigurationError, KeySetError

_log = logging.getLogger(__name__)

SMALLEST_MODULUS_BITS = 2048


class Keys(Protocol):
    """What tokens are checked with."""

    @property
    def algorithm(self) -> str:
        """The only algorithm that a token may be signed with."""

    def find(self, kid: str | None) -> OctKey | RSAKey | None:
        """The key of this id; without an id the only key there is."""


class KeyDocument(Protocol):
    """Where a key set lies, and when to look there again."""

    def is_due(self, age: float, since_attempt: float, *, unknown_key: bool) -> bool:
        """Whether to read now: `age` and `since_attempt` are seconds since the last success and the last try."""

    def read(self) -> bytes:
        """The document, or KeySetError."""


class SecretKey:
    """One secret that signs and checks.

    Raises
    ------
    ConfigurationError
        If it is too short.
    """

    algorithm = "HS256"

    def __init__(self, secret: str) -> None:
        if len(secret.encode()) < SHORTEST_SECRET:
            raise ConfigurationError(f"JWT_SECRET: at least {SHORTEST_SECRET} bytes are required")
        self.key = OctKey.import_key(secret)

    def find(self, kid: str | None) -> OctKey:
        return self.key


class PublicKeys:
    """The RSA keys of a document. When it cannot be read any more, the last good ones stay in use."""

    algorithm = "RS256"

    def __init__(self, document: KeyDocument, clock: Callable[[], float] = time.monotonic) -> None:
        self._document, self._clock = document, clock
        self._lock = threading.Lock()
        self._keys: Mapping[str | None, RSAKey] = {}
        self._read_at = self._tried_at = -math.inf

    def find(self, kid: str | None) -> RSAKey | None:
        """The key of this id, looked up again in the document if it is not known; None: there is no such key.

        Raises
        ------
        KeySetError
            If the document could never be read.
        """
        self._refresh(unknown_key=False)
        if kid not in self._keys:
            self._refresh(unknown_key=True)
        if not self._keys:
            raise KeySetError
        return self._keys.get(kid)

    def _refresh(self, *, unknown_key: bool) -> None:
        """Read again when that is due; others go on with the present keys, and wait only for one they lack."""
        if not self._is_due(unknown_key) or not self._lock.acquire(blocking=unknown_key or not self._keys):
            return
        try:
            if self._is_due(unknown_key):
                self._read()
        finally:
            self._lock.release()

    def _is_due(self, unknown_key: bool) -> bool:
        now = self._clock()
        return self._document.is_due(now - self._read_at, now - self._tried_at, unknown_key=unknown_key)

    def _read(self) -> None:
        try:
            self._keys = read_keys(self._document.read())
            self._read_at = self._clock()
        except KeySetError as exc:
            _log.warning("%s; the keys known so far stay in use", exc)
        finally:
            self._tried_at = self._clock()


def read_keys(document: bytes) -> dict[str | None, RSAKey]:
    """The RSA keys for signatures of a JSON Web Key Set, by id; under None the only one, if it is.

    Only the public part is looked at; keys of other kinds and uses, and weak ones, are left out.

    Raises
    ------
    KeySetError
        If there is none that can be used.
    """
    keys: dict[str | None, RSAKey | None] = {}
    for entry in _entries(document):
        if _is_for_signatures(entry):
            keys.setdefault(str(entry["kid"]) if "kid" in entry else None, _public(entry))
    usable = {kid: key for kid, key in keys.items() if key is not None}
    if not usable:
        raise KeySetError("the key set holds no RSA key for signatures")
    if len(usable) == 1:
        return {**usable, None: next(iter(usable.values()))}
    usable.pop(None, None)
    return usable


def _entries(document: bytes) -> list[Mapping[str, Any]]:
    try:
        keys = json.loads(document)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise KeySetError("the key set is not a JSON Web Key Set") from exc
    return [entry for entry in keys if isinstance(entry, dict)] if isinstance(keys, list) else []


def _is_for_signatures(entry: Mapping[str, Any]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    return (
        entry.get("kty") == "RSA"
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", PublicKeys.algorithm) == PublicKeys.algorithm
        and isinstance(operations, list)
        and "verify" in operations
    )


def _public(entry: Mapping[str, Any]) -> RSAKey | None:
    try:
        modulus = int.from_bytes(base64.urlsafe_b64decode(entry["n"] + "=="))
        if modulus.bit_length() < SMALLEST_MODULUS_BITS:
            return None
        return RSAKey.import_key({"kty": "RSA", "n": entry["n"], "e": entry["e"]})
    except (JoseError, KeyError, ValueError, TypeError):
        return None

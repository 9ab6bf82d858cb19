"""Codes of links that sign in once."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable

LIFETIME_SECONDS = 900.0


class SignInCodes:
    """The codes that this process has given out; it knows their hashes only, and each of them works once."""

    def __init__(self, lifetime: float = LIFETIME_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._lifetime, self._clock = lifetime, clock
        self._lock = threading.Lock()
        self._expiries: dict[bytes, float] = {}

    def issue(self) -> str:
        """A new code."""
        code = secrets.token_urlsafe(32)
        with self._lock:
            self._expiries[_digest(code)] = self._clock() + self._lifetime
        return code

    def redeem(self, code: str) -> bool:
        """Whether the code is good; it is not any more afterwards."""
        given, now = _digest(code), self._clock()
        with self._lock:
            matching = [known for known in self._expiries if hmac.compare_digest(known, given)]
            is_good = any(self._expiries[known] > now for known in matching)
            self._expiries = {k: e for k, e in self._expiries.items() if e > now and k not in matching}
        return is_good


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode(errors="surrogatepass")).digest()

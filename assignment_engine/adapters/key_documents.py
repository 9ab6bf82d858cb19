"""Where the key set lies that tokens are checked with: a file or an address."""

from __future__ import annotations

import time
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
)

from assignment_engine.domain.errors import ConfigurationError, KeySetError

LARGEST_BYTES = 256 * 1024
TIMEOUT_SECONDS = 5.0
RETRY_SECONDS = 10.0
LONGEST_AGE_SECONDS = 600.0
_PART_BYTES = 16 * 1024


class KeyFile:
    """A key set in a file; it is read again when the file is another one, or was changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_mark: object = None

    def is_due(self, age: float, since_attempt: float, *, unknown_key: bool) -> bool:
        """Whether to read now: `age` and `since_attempt` are seconds since the last success and the last try."""
        return self._mark() != self._read_mark

    def read(self) -> bytes:
        """The file.

        Raises
        ------
        KeySetError
        """
        self._read_mark = self._mark()
        try:
            with self._path.open("rb") as stream:
                return _bounded(stream.read(LARGEST_BYTES + 1))
        except OSError as exc:
            raise KeySetError(f"the key set's file cannot be read ({type(exc).__name__})") from exc

    def _mark(self) -> object:
        try:
            status = self._path.stat()
        except OSError:
            return "away"
        return status.st_mtime_ns, status.st_size, status.st_ino


class KeyAddress:
    """A key set at an address. It is fetched when it is old or lacks a key, but never in quick succession.

    Raises
    ------
    ConfigurationError
        If the address is not one of HTTP.
    """

    def __init__(
        self,
        url: str,
        *,
        retry_seconds: float = RETRY_SECONDS,
        longest_age_seconds: float = LONGEST_AGE_SECONDS,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ConfigurationError("JWT_JWKS: expected a file, or an http(s) address without a password in it")
        self._url = url
        self._retry, self._longest_age, self._timeout = retry_seconds, longest_age_seconds, timeout_seconds
        self._opener = _opener()

    def is_due(self, age: float, since_attempt: float, *, unknown_key: bool) -> bool:
        """Whether to fetch now: `age` and `since_attempt` are seconds since the last success and the last try."""
        return since_attempt >= self._retry and (unknown_key or age >= self._longest_age)

    def read(self) -> bytes:
        """The document.

        Raises
        ------
        KeySetError
            If it does not come in time, is too large, or lies elsewhere.
        """
        request = Request(self._url, headers={"Accept": "application/json"})  # noqa: S310  (HTTP, checked above)
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return _bounded(_within(answer, time.monotonic() + self._timeout))
        except (URLError, OSError, HTTPException, ValueError) as exc:
            raise KeySetError(f"the key set cannot be fetched ({type(exc).__name__})") from exc


def _opener() -> OpenerDirector:
    """HTTP without redirects, other kinds of address, or proxies."""
    opener = OpenerDirector()
    for handler in (HTTPHandler(), HTTPSHandler(), HTTPErrorProcessor(), HTTPDefaultErrorHandler()):
        opener.add_handler(handler)
    return opener


def _within(answer: Any, deadline: float) -> bytes:
    """The body, unless it is too large or drips past the deadline."""
    body = b""
    while len(body) <= LARGEST_BYTES and (part := answer.read1(_PART_BYTES)):
        body += part
        if time.monotonic() > deadline:
            raise TimeoutError
    return body


def _bounded(document: bytes) -> bytes:
    if len(document) > LARGEST_BYTES:
        raise KeySetError(f"the key set is larger than {LARGEST_BYTES:,} bytes")
    return document

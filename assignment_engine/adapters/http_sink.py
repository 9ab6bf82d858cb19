"""A service that takes events by HTTP: the envelope is POSTed to its address."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, unquote, urlsplit

from assignment_engine.domain.errors import ConfigurationError, RemoteServiceError
from assignment_engine.domain.events import Published

TIMEOUT_SECONDS = 5.0
_LARGEST_ANSWER = 64 * 1024
_GOOD = range(200, 300)


class HttpSink:
    """One receiver. An answer 2xx means that it has the event; redirects are not followed.

    Raises
    ------
    ConfigurationError
        If the address is not one of HTTP.
    """

    def __init__(self, name: str, url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._name, self._timeout = name, timeout_seconds
        self._address = _read_address(name, url)
        self._headers = _headers(self._address)
        self._connection: HTTPConnection | None = None

    @property
    def name(self) -> str:
        return self._name

    def resume(self, position: int) -> int:
        """Where it was: what a service answered for is its own."""
        return position

    def send(self, events: Sequence[Published]) -> Iterator[int]:
        """POST one after the other; the position of each once it was answered for.

        Raises
        ------
        RemoteServiceError
            If there is no answer in time, or another one than 2xx.
        """
        for event in events:
            status = self._post(event)
            if status not in _GOOD:
                raise RemoteServiceError(f"the receiver answered {status}")
            yield event.position

    def close(self) -> None:
        """End the connection; the next event opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _post(self, event: Published) -> int:
        body = event.model_dump_json().encode()
        headers = {**self._headers, "Idempotency-Key": event.event_id}
        kept = self._connection is not None
        try:
            return self._exchange(body, headers)
        except (ConnectionError, HTTPException) as exc:
            self.close()
            if not kept:
                raise _refused(exc) from exc
        except OSError as exc:
            self.close()
            raise _refused(exc) from exc
        return self._post(event)  # the receiver had closed a connection that was kept; now on a new one

    def _exchange(self, body: bytes, headers: dict[str, str]) -> int:
        connection = self._connection = self._connection or self._connect()
        path = (self._address.path or "/") + (f"?{self._address.query}" if self._address.query else "")
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        try:
            is_whole = len(answer.read(_LARGEST_ANSWER)) < _LARGEST_ANSWER
        except (OSError, HTTPException):  # it has answered; what else it wanted to say does not matter
            is_whole = False
        if not is_whole:
            self.close()
        return answer.status

    def _connect(self) -> HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._address.scheme == "https":
            return HTTPSConnection(host, port, timeout=self._timeout, context=ssl.create_default_context())
        return HTTPConnection(host, port, timeout=self._timeout)


def _refused(error: Exception) -> RemoteServiceError:
    return RemoteServiceError(f"the receiver does not answer ({type(error).__name__})")


def _read_address(name: str, url: str) -> SplitResult:
    address = urlsplit(url)
    try:
        usable = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or any(character.isspace() for character in url):
        raise ConfigurationError(f"{name.upper()}_SERVICE_URL: expected an http or https address")
    return address


def _headers(address: SplitResult) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": "assignment-engine"}
    if address.username is not None:
        credentials = f"{unquote(address.username)}:{unquote(address.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
    return headers

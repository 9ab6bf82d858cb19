"""Requests of one client to either instance, sent again until there is a definite answer."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from chaos.ledger import Ledger, Meter
from webapp.auth import make_token

SECRET = "a-secret-of-the-harness-0123456789-0123456789"
ADMIN, PLANNER, TECHNICIAN = "admin", "planner", "technician"
BUSY, AWAY = 429, 503
SERVER_ERROR = 500
_PAUSE_SECONDS = 0.1
_HOURS = 12.0


class GaveUpError(Exception):
    """There was no definite answer in all the time there was."""


@dataclass(frozen=True)
class Reply:
    """A definite answer. `again`: an earlier sending may have had the effect; `sent_at`: when this one was sent."""

    status: int
    body: Any
    sent_at: float
    again: bool = False

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class Gate:
    """Where clients wait while everything is stopped."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def pass_through(self) -> None:
        self._open.wait()


@dataclass(frozen=True)
class Who:
    """Whom a token speaks for."""

    role: str
    subject: str


@dataclass
class Office:
    """What all clients of one installation share."""

    ports: Sequence[int]
    ledger: Ledger
    meter: Meter
    gate: Gate = field(default_factory=Gate)
    timeout_seconds: float = 10.0
    patience_seconds: float = 60.0
    _tokens: dict[Who, str] = field(default_factory=dict)

    def token(self, who: Who) -> str:
        if who not in self._tokens:
            self._tokens[who] = make_token(SECRET, who.role, who.subject, _HOURS)
        return self._tokens[who]


class Line:
    """The connections of one client, for one thread."""

    def __init__(self, office: Office, random: Random) -> None:
        self.office, self.random = office, random
        self._connections: dict[int, http.client.HTTPConnection] = {}

    def call(
        self,
        what: str,
        who: Who,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> Reply:
        """The definite answer: neither 503, 429 nor a broken connection. `port` names the instance for the first try.

        Raises
        ------
        GaveUpError
        """
        until, again = time.monotonic() + self.office.patience_seconds, False
        while time.monotonic() < until:
            self.office.gate.pass_through()
            reply = self._once(who, method, path, body, headers or {}, port or self.random.choice(self.office.ports))
            if reply is not None and reply.status not in (BUSY, AWAY):
                return self._definite(what, reply, again=again)
            self.office.ledger.retry(f"{what} {'broken' if reply is None else reply.status}")
            again, port = True, None
            time.sleep(self.random.uniform(0.5, 1.5) * _PAUSE_SECONDS)
        self.office.ledger.wrong(f"{what}: no definite answer within {self.office.patience_seconds:g} s")
        raise GaveUpError(what)

    def _definite(self, what: str, reply: Reply, *, again: bool) -> Reply:
        if reply.status >= SERVER_ERROR:
            self.office.ledger.wrong(f"{what}: answered with {reply.status}")
        elif not reply.is_success:
            self.office.ledger.refuse(what, reply.status)
        self.office.meter.tick()
        return replace(reply, again=again)

    def _once(
        self, who: Who, method: str, path: str, body: object, headers: Mapping[str, str], port: int
    ) -> Reply | None:
        """The answer of one instance; None when the connection broke."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body)
        sent = {
            "Authorization": f"Bearer {self.office.token(who)}",
            "Content-Type": "application/json",
            "Connection": "keep-alive",
            **headers,
        }
        connection, sent_at = self._connection(port), time.time()
        try:
            connection.request(method, path, content, sent)
            with connection.getresponse() as answer:
                text = answer.read()
                return Reply(answer.status, json.loads(text) if text else None, sent_at)
        except (OSError, http.client.HTTPException, ValueError):
            connection.close()
            return None

    def close(self) -> None:
        """End the connections that are open."""
        for connection in self._connections.values():
            connection.close()

    def _connection(self, port: int) -> http.client.HTTPConnection:
        if port not in self._connections:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=self.office.timeout_seconds)
            self._connections[port] = connection
        return self._connections[port]

"""A service that takes events by HTTP, and what it makes of them: who has which task, as far as it was told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

ENDS = frozenset({"JobRejected", "JobOfferExpired", "JobCompleted", "JobFailed", "JobReleased", "JobCancelled"})
BEGINS = frozenset({"JobAssigned", "JobOffered"})
UNAVAILABLE = 503


class Consumer:
    """Keeps every envelope in the order of arrival; refuses some of them, and all while it is `away`."""

    def __init__(self, random: Random, refuses: float = 0.02) -> None:
        self.away = threading.Event()
        self.envelopes: list[Mapping[str, Any]] = []
        consumer, chance = self, random.random

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                refused = consumer.away.is_set() or chance() < refuses
                if not refused:
                    consumer.envelopes.append(body)
                self.send_response(UNAVAILABLE if refused else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A sender that was killed is nothing to report."""

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def newest(self) -> int:
        """The highest position that arrived."""
        return max((envelope["position"] for envelope in list(self.envelopes)), default=0)

    def stop(self) -> None:
        with suppress(OSError):
            self._server.shutdown()
            self._server.server_close()


def once_each(envelopes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each event where it came first: what a receiver makes of "at least once"."""
    first: dict[str, Mapping[str, Any]] = {}
    for envelope in envelopes:
        first.setdefault(envelope["event_id"], envelope)
    return list(first.values())


def out_of_order(envelopes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Where the positions of events, each counted once, do not follow each other from 1 on."""
    positions = [envelope["position"] for envelope in once_each(envelopes)]
    return [
        f"position {position} came where {expected} was due"
        for expected, position in enumerate(positions, 1)
        if position != expected
    ][:5]


class Projection:
    """Who has which task, by events alone."""

    def __init__(self) -> None:
        self.holders: dict[str, tuple[str, str]] = {}
        self.wrong: list[str] = []

    def take(self, envelope: Mapping[str, Any]) -> None:
        data = envelope["data"]
        kind, task = data["event_type"], data.get("ticket_id")  # alerts may be about no task
        if kind in BEGINS:
            if task in self.holders:
                self.wrong.append(f"event {envelope['position']}: {task} is given out, {self.holders[task]} has it")
            self.holders[task] = data["assignment_id"], data["technician_id"]
        elif kind in ENDS and self.holders.pop(task, ("", ""))[0] != data["assignment_id"]:
            self.wrong.append(f"event {envelope['position']}: {kind} of {task}, which that assignment did not have")


def projected(envelopes: Iterable[Mapping[str, Any]]) -> Projection:
    """What a receiver knows after all events, each taken once."""
    known = Projection()
    for envelope in once_each(envelopes):
        known.take(envelope)
    return known

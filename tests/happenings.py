"""Assignments that come and go, so that there are events, and receivers for them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from assignment_engine.domain.assignments import Event, NewAssignment, advance
from assignment_engine.domain.events import Published
from assignment_engine.domain.records import Employee, Task
from assignment_engine.store.database import Database

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PEOPLE = ("ana", "bo")


def stock(database: Database) -> None:
    """People who can do everything."""
    people = [Employee(employee_id=person, max_workload=1e6, max_units=100_000) for person in PEOPLE]
    database.run(lambda unit: unit.employees.add(people, NOW))


def happen(database: Database, name: str, person: str = "ana", events: Sequence[str] = ("assign",)) -> None:
    """A task, and what happens to its assignment, each event in a transaction of its own."""
    database.run(lambda unit: unit.tasks.add([Task(task_id=name, title="x")], NOW))
    new = NewAssignment(name, name, person, "planner", "greedy", 1)
    for event in events:
        before = new if event in ("assign", "offer", "push") else None
        database.run(lambda unit, event=event, before=before: _record(unit, name, Event(event), before))


def _record(unit: Any, name: str, event: Event, new: NewAssignment | None) -> None:
    before = new or unit.assignments.get(name)
    unit.assignments.record([advance(before, event, NOW)], "planner")


def published(database: Database) -> tuple[Published, ...]:
    with database.read() as unit:
        return unit.outbox.after(0, 1_000_000)


def number(database: Database) -> None:
    """Give every event its position."""
    while database.run(lambda unit: unit.outbox.number(500)):
        pass


class _Server(ThreadingHTTPServer):
    """Ends like a process: connections that are kept open end with it."""

    def __init__(self, *args: Any) -> None:
        self._open: list[socket.socket] = []
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.append(request)
        super().process_request(request, client_address)

    def handle_error(self, *_: object) -> None:
        """A client that was killed is nothing to report."""

    def server_close(self) -> None:
        super().server_close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Receiver:
    """A service that takes events by HTTP; `answer` is the status it gives."""

    def __init__(self, port: int = 0) -> None:
        self.answer = 204
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.requests.append((self.path, dict(self.headers), body))
                self.send_response(receiver.answer)
                if receiver.answer in (302, 307):
                    self.send_header("Location", receiver.url + "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = _Server(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def positions(self) -> list[int]:
        return [body["position"] for _, _, body in self.requests]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    receiver = Receiver(port)
    try:
        yield receiver
    finally:
        receiver.stop()

"""Events of the program as it is run: to a browser, a service and Redis, and in from Redis."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from assignment_engine.store.database import Database
from tests.databases import Servers, opened
from tests.happenings import Receiver, happen, published, receiving, stock
from tests.redis_server import RedisServer, free_port
from webapp.auth import make_token

PROGRAM = str(Path(sys.executable).with_name("assignment-engine"))
SECRET = "a-secret-of-this-test-0123456789-0123456789"
PATIENCE_SECONDS = 30.0


def wait_until(condition: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@contextmanager
def program(directory: Path, *words: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program with these settings; it is told to end, and ends well."""
    environment = {"PATH": "/usr/bin:/bin", "JWT_SECRET": SECRET, **settings}
    with (
        (directory / "program.log").open("w") as log,
        subprocess.Popen([PROGRAM, *words], env=environment, cwd=directory, stdout=log, stderr=log) as process,
    ):
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_SECONDS) == 0, (directory / "program.log").read_text()
        finally:
            process.kill()


class Client:
    """An admin's calls."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {make_token(SECRET, 'admin', 'tester', 1.0)}"}

    @contextmanager
    def open(self, method: str, path: str, body: object = None) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
        content = None if body is None else json.dumps(body)
        with closing(connection):
            connection.request(method, path, content, {**self._headers, "Content-Type": "application/json"})
            with connection.getresponse() as answer:
                yield answer

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        with self.open(method, path, body) as answer:
            return answer.status, json.loads(answer.read())

    def is_up(self) -> bool:
        try:
            return self.call("GET", "/health")[0] == 200
        except ConnectionError:
            return False

    def assign(self, name: str) -> None:
        assert self.call("POST", "/tasks", {"task_id": name, "title": name})[0] == 201
        body = {"task_ids": [name], "finalize": True}
        assert self.call("POST", "/api/trigger_pipeline", body)[0] == 200


def next_event(stream: http.client.HTTPResponse) -> dict[str, Any]:
    while True:
        line = stream.readline().decode()
        assert line, "the stream ended"
        if line.startswith("data: "):
            event: dict[str, Any] = json.loads(line.removeprefix("data: "))
            return event


@pytest.mark.slow
def test_one_process_serves_and_works(tmp_path: Path, redis_server: RedisServer) -> None:
    """With SQLite there is nothing else to start."""
    port, database = free_port(), f"sqlite:///{tmp_path / 'work.db'}"
    with receiving() as receiver:
        settings = {"REDIS_URL": redis_server.url, "NOTIFICATION_SERVICE_URL": receiver.url}
        with program(tmp_path, "serve", "--port", str(port), DATABASE_URL=database, **settings):
            client = Client(port)
            wait_until(client.is_up)
            assert client.call("POST", "/api/employees", {"employee_id": "ana", "max_units": 9})[0] == 201
            with client.open("GET", "/api/v1/events/stream") as stream:
                assert stream.readline() == b"retry: 1000\n"
                client.assign("t1")
                event = next_event(stream)
                client.assign("t2")
                assert next_event(stream)["position"] == 2
            assert event["data"]["event_type"] == "JobAssigned"
            assert event["data"]["ticket_id"] == "t1"
            assert client.call("GET", "/api/v1/events?limit=1")[1] == {"items": [event], "next_after": 1}
            wait_until(lambda: receiver.positions == [1, 2])
            assert receiver.requests[0][2] == event
            wait_until(lambda: redis_server.client.xlen("assignment-engine:events") == 2)

            created = {"event_id": "e1", "event_type": "TicketCreated", "ticket_id": "k1", "title": "AC"}
            told = json.dumps({**created, "timestamp": "2024-02-01T11:00:00Z"})
            redis_server.client.xadd("ticket-events", {"data": told})
            wait_until(lambda: client.call("GET", "/tasks/k1")[0] == 200)
    with opened(database) as left:
        assert_left_well(left)


@pytest.mark.slow
def test_a_worker_of_its_own(tmp_path: Path, servers: Servers) -> None:
    with servers["postgresql"].migrated() as url, opened(url) as database, receiving() as receiver:
        stock(database)
        with program(tmp_path, "worker", DATABASE_URL=url, TICKET_SERVICE_URL=receiver.url):
            happen(database, "t1", events=("assign", "accept", "complete"))
            arrived(database, receiver, 3)
        assert_left_well(database)


@pytest.mark.slow
def test_a_served_app_without_worker_gives_no_positions(tmp_path: Path) -> None:
    port, url = free_port(), f"sqlite:///{tmp_path / 'work.db'}"
    with program(tmp_path, "serve", "--no-worker", "--port", str(port), DATABASE_URL=url):
        client = Client(port)
        wait_until(client.is_up)
        assert client.call("POST", "/api/employees", {"employee_id": "ana"})[0] == 201
        client.assign("t1")
        with opened(url) as database, database.read() as unit:
            assert unit.outbox.waiting() == 1
            assert unit.workers.all() == ()


def arrived(database: Database, receiver: Receiver, count: int) -> None:
    wait_until(lambda: receiver.positions == list(range(1, count + 1)))
    assert [event.position for event in published(database)] == receiver.positions


def assert_left_well(database: Database) -> None:
    """Nobody waits for a process that has ended."""
    with database.read() as unit:
        assert unit.workers.all() == ()
        assert unit.leases.holder("relay") is None

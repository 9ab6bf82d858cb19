"""Two instances of the served app on one PostgreSQL, as in the deployment picture."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from tests.databases import Servers
from webapp.auth import make_token

PROGRAM = str(Path(sys.executable).with_name("assignment-engine"))
SECRET = "a-secret-that-both-instances-share-0123456789"


class Instance:
    """One served app, spoken to by HTTP."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._token = make_token(SECRET, "admin", "tester", 1.0)

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        request = Request(
            self._base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except HTTPError as exc:
            with exc:
                return exc.code, json.load(exc)

    def wait(self) -> None:
        for _ in range(200):
            try:
                if self.call("GET", "/health")[0] == 200:
                    return
            except URLError:
                time.sleep(0.1)
        pytest.fail("the instance did not start within 20 s")


def free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def served(url: str, directory: Path, **settings: str) -> Iterator[Instance]:
    port = free_port()
    environment = {"PATH": "/usr/bin:/bin", "DATABASE_URL": url, "JWT_SECRET": SECRET, **settings}
    with (
        (directory / f"{port}.log").open("w") as log,
        subprocess.Popen(
            [PROGRAM, "serve", "--port", str(port)], env=environment, cwd=directory, stdout=log, stderr=log
        ) as process,
    ):
        try:
            instance = Instance(port)
            instance.wait()
            yield instance
        finally:
            process.kill()


@pytest.fixture
def instances(servers: Servers, tmp_path: Path) -> Iterator[tuple[Instance, Instance]]:
    """Both start at once on a database without tables."""
    with (
        servers["postgresql"].empty() as url,
        served(url, tmp_path) as first,
        served(url, tmp_path) as second,
    ):
        yield first, second


def test_what_one_instance_previews_the_other_finalizes(instances: tuple[Instance, Instance]) -> None:
    first, second = instances
    assert first.call("POST", "/api/employees", {"employee_id": "ana", "skills": ["python"]})[0] == 201
    assert second.call("POST", "/tasks/", {"task_id": "t1", "title": "Fix it", "required_skills": ["python"]})[0] == 201

    status, preview = first.call("POST", "/api/assignments/preview", {"method": "balanced"})
    assert status == 201
    assert [(a["task_id"], a["employee_id"]) for a in preview["assignments"]] == [("t1", "ana")]

    status, result = second.call("POST", f"/api/assignments/finalize/{preview['preview_id']}", {})
    assert status == 200
    assert [(a["ticket_id"], a["technician_id"], a["status"]) for a in result["assignments"]] == [
        ("t1", "ana", "assigned")
    ]
    assert first.call("GET", "/tasks/t1")[1]["status"] == "assigned"
    again = first.call("POST", f"/api/assignments/finalize/{preview['preview_id']}", {})
    assert again == (200, result)

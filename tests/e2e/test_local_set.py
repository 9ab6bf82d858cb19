"""The whole set on one machine: started, used, ended."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.databases import missing
from tests.e2e.test_two_instances import Instance, free_port

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-that-both-instances-share-0123456789"


class LocalSet:
    """What `make up` and `make down` do, in a directory and on ports of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.ports = (free_port(), free_port())
        self.redis_port = free_port()

    def up(self) -> str:
        ports = [word for port in self.ports for word in ("--port", str(port))]
        return self._run("up", *ports, "--redis-port", str(self.redis_port))

    def down(self) -> str:
        return self._run("down")

    def kill(self, name: str) -> None:
        process_id = (self._directory / f"{name}.pid").read_text().split()[0]
        os.kill(int(process_id), 9)

    def _run(self, command: str, *options: str) -> str:
        given = {"PATH": os.environ["PATH"], "JWT_SECRET": SECRET}
        done = subprocess.run(
            [sys.executable, "deploy/local.py", command, "--directory", str(self._directory), *options],
            cwd=ROOT,
            env=given,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def local_set() -> Iterator[LocalSet]:
    if shutil.which("redis-server") is None:
        missing("redis", "redis-server is not installed")
    # The path of PostgreSQL's socket may only have about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="assignment-engine-") as directory:
        local = LocalSet(Path(directory))
        try:
            yield local
        finally:
            local.down()


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_up_and_down(local_set: LocalSet) -> None:
    """Two ready instances on one database with a worker; what died is started again; the data survives a night."""
    local_set.up()
    first, second = (Instance(port) for port in local_set.ports)
    assert first.call("POST", "/tasks", {"task_id": "t1", "title": "Fix it"})[0] == 201
    assert second.call("GET", "/tasks/t1")[0] == 200
    assert {"relay", "dispatch"} <= {worker["kind"] for worker in first.call("GET", "/status")[1]["workers"]}

    local_set.kill(f"instance-{local_set.ports[0]}")
    local_set.up()
    assert first.call("GET", "/health/ready")[0] == 200

    local_set.down()
    assert not any(listens(port) for port in (*local_set.ports, local_set.redis_port))
    local_set.up()
    assert second.call("GET", "/tasks/t1")[0] == 200

"""A Redis server of our own, which tests may end and start again."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from tests.databases import missing

PROGRAM = "redis-server"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class RedisServer:
    """One server on a port of its own; with `keep` it writes everything to its directory at once."""

    def __init__(self, directory: Path, *, keep: bool = False) -> None:
        if shutil.which(PROGRAM) is None:
            missing("redis", f"there is no {PROGRAM} on this machine")
        self._directory, self._keep, self.port = directory, keep, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @cached_property
    def client(self) -> Any:
        return redis.Redis.from_url(
            self.url, decode_responses=True, protocol=2, retry=Retry(ConstantBackoff(0.05), 200), socket_timeout=10
        )

    def start(self) -> None:
        kept = ["--appendonly", "yes", "--appendfsync", "always"] if self._keep else ["--save", ""]
        self._process = subprocess.Popen(
            [PROGRAM, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._directory), *kept],
            stdout=subprocess.DEVNULL,
        )
        self.client.ping()

    def stop(self) -> None:
        """End it at once, as a failing machine does; it may be started again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def close(self) -> None:
        self.client.close()
        self.stop()


@contextmanager
def running_redis(*, keep: bool = False) -> Iterator[RedisServer]:
    """A server for one test."""
    with tempfile.TemporaryDirectory(prefix="assignment-engine-redis-") as directory:
        server = RedisServer(Path(directory), keep=keep)
        server.start()
        try:
            yield server
        finally:
            server.close()


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """A server that runs, with nothing in it."""
    shared_redis.client.flushall()
    return shared_redis

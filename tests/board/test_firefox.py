"""The board in Firefox, driven by its own protocol, Marionette; where BOARD_FIREFOX asks for it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.board.conftest import served
from tests.web.conftest import SECRET
from webapp.auth import make_token

PATIENCE_SECONDS = 60
LISTEN = """
window.wrong = [];
window.addEventListener("error", (event) => window.wrong.push(event.message));
window.addEventListener("unhandledrejection", (event) => window.wrong.push(String(event.reason)));
"""
SHOWN = {
    "now": "Live",
    "plan": "All 30 pending tasks",
    "mine": "This is where a technician works",
    "jobs": "No job yet",
    "model": "Not yet judged on your own decisions",
}

pytestmark = pytest.mark.skipif(not os.environ.get("BOARD_FIREFOX"), reason="BOARD_FIREFOX does not ask for it")


class Firefox:
    """One window; messages are `length:[type, id, command, parameters]`."""

    def __init__(self, port: int) -> None:
        self._connection = _connected(port)
        self._answers = self._connection.makefile("rb")
        self._read()
        self.call("WebDriver:NewSession")

    def call(self, command: str, **parameters: object) -> Any:
        message = json.dumps([0, 1, command, parameters]).encode()
        self._connection.sendall(f"{len(message)}:".encode() + message)
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def run(self, script: str) -> Any:
        return self.call("WebDriver:ExecuteScript", script=script, args=[])["value"]

    def waits_for(self, text: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while text not in self.run("return document.body.innerText"):
            assert time.monotonic() < end, f"{text!r} is not shown"
            time.sleep(0.1)

    def __enter__(self) -> Firefox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._answers.close()
        self._connection.close()

    def _read(self) -> Any:
        length = b""
        while (part := self._answers.read(1)) != b":":
            length += part
        return json.loads(self._answers.read(int(length)))


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            assert time.monotonic() < end, "Firefox does not listen"
            time.sleep(0.2)


@contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    assert program is not None, "there is no Firefox on this machine"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    profile.mkdir()
    (profile / "user.js").write_text(f'user_pref("marionette.port", {port});\n')
    command = [program, "--headless", "--no-remote", "--marionette", "--profile", str(profile)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with Firefox(port) as driven:
                yield driven
        finally:
            process.terminate()


def test_every_view_opens_in_firefox(browser: Browser, organisation: Path, tmp_path: Path) -> None:
    """Signed in by a pasted token, a plan is made, and nothing goes wrong in the page."""
    shutil.copy(organisation, tmp_path / "board.db")
    token = make_token(SECRET, "admin", "the-admin", 1)
    with (
        served(f"sqlite:///{tmp_path / 'board.db'}", browser, tmp_path / "data") as board,
        firefox(tmp_path / "profile") as driven,
    ):
        driven.call("WebDriver:Navigate", url=f"{board.base}/board")
        driven.waits_for("Sign in")
        driven.run(LISTEN)
        (field,) = driven.call("WebDriver:FindElement", using="css selector", value=".sign-in input")["value"].values()
        driven.call("WebDriver:ElementSendKeys", id=field, text=token)
        driven.run("document.querySelector('.sign-in button').click()")
        for view, text in SHOWN.items():
            driven.run(f"location.hash = '#/{view}'")
            driven.waits_for(text)
        driven.run("location.hash = '#/plan'")
        driven.waits_for(SHOWN["plan"])
        driven.run("document.querySelector('.plan-foot .button-primary').click()")
        driven.waits_for("Make it real")
        assert driven.run("return window.wrong") == []

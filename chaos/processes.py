"""The processes of the installation: started, killed, stopped and continued by their ids."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from chaos.entry import FORKS

ROOT = Path(__file__).parents[1]
_END_SECONDS = 15.0


class Launcher(Protocol):
    """How a process comes to life."""

    def start(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
        """Start the program with these words; the id of its process."""

    def close(self) -> None:
        """Nothing more will be started."""


class Programs:
    """Each process is the program, started anew, as an operator or supervisor does."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "chaos.entry", *words],
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._started.append(process)
        return process.pid

    def close(self) -> None:
        for process in self._started:
            process.wait(_END_SECONDS)


class Forks:
    """Each process is a copy of one that has imported everything, so that none takes seconds to start."""

    def __init__(self, log: Path) -> None:
        self._lock = threading.Lock()
        with log.open("ab") as out:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", "chaos.entry", FORKS],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                text=True,
                start_new_session=True,
            )

    def start(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
        order = {"words": list(words), "environment": dict(environment), "log": str(log), "directory": str(log.parent)}
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        with self._lock:
            self._parent.stdin.write(json.dumps(order) + "\n")
            self._parent.stdin.flush()
            return int(self._parent.stdout.readline())

    def close(self) -> None:
        self._parent.kill()
        self._parent.communicate()


@dataclass
class Member:
    """One process of the installation, which comes back whenever it is started again."""

    name: str
    words: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    launcher: Launcher
    process: psutil.Process | None = None
    hands_off: threading.Lock = field(default_factory=threading.Lock)  # held by whoever does something to it

    def start(self) -> None:
        self.process = psutil.Process(self.launcher.start(self.words, self.environment, self.log))

    @property
    def is_alive(self) -> bool:
        with suppress(psutil.NoSuchProcess):
            return self.process is not None and self.process.status() != psutil.STATUS_ZOMBIE
        return False

    def send(self, number: signal.Signals) -> None:
        """Kill it, stop it or let it go on."""
        if self.process is not None:
            with suppress(psutil.NoSuchProcess):
                self.process.send_signal(number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = _END_SECONDS) -> bool:
        """Whether it ended in time."""
        until = time.monotonic() + seconds
        while self.is_alive:
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

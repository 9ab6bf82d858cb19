"""A process of the installation as the harness starts it: ``python -m chaos.entry serve --port 8000``.

It is the program `assignment-engine`, after a guard was broken (`CHAOS_BROKEN`) or its clock set wrong
(`CHAOS_SKEW_SECONDS`). With `forks` it imports the program once and starts copies of itself, as told line by line on
its standard input: that saves seconds each time a killed process is replaced.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import datetime, timedelta, tzinfo
from importlib import import_module
from pathlib import Path
from typing import Any

from assignment_engine import cli
from assignment_engine.jobs import worker
from chaos.breakage import BREAKAGES
from webapp import app, auth, state

BROKEN, SKEW = "CHAOS_BROKEN", "CHAOS_SKEW_SECONDS"
FORKS = "forks"
HEAVY = ("lightgbm", "dbos", "waitress", "assignment_engine.scoring.lightgbm_scorer")


def main(words: list[str]) -> None:
    if words == [FORKS]:
        serve_forks()
    else:
        run(words)


def run(words: list[str]) -> None:
    """The program, with what the environment says is wrong with it."""
    assert app  # `serve` needs it, and the copies are to have it
    if os.environ.get(BROKEN):
        BREAKAGES[os.environ[BROKEN]].in_process()
    if float(os.environ.get(SKEW, "0")):
        skew(float(os.environ[SKEW]))
    cli.main(words)


def skew(seconds: float) -> None:
    """From now on the clock of this process is wrong, wherever the program reads it beside the database's."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=seconds)

    class WrongTime:
        @staticmethod
        def time() -> float:
            return time.time() + seconds

    for module in (worker, state):
        module.datetime = Wrong  # type: ignore[attr-defined]
    auth.time = WrongTime  # type: ignore[assignment, attr-defined]


def serve_forks() -> None:
    """Start what each line says; answer with the id of the process."""
    for name in HEAVY:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is gone at once
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork()
        if process == 0:
            _become(order)
        sys.stdout.write(f"{process}\n")
        sys.stdout.flush()


def _become(order: dict[str, Any]) -> None:
    """This copy does what was ordered, and nothing after it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(order["directory"])
    os.environ.update(order["environment"])
    with Path(order["log"]).open("ab") as log, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        run(order["words"])
    finally:
        os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])

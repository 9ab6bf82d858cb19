"""The whole installation: PostgreSQL, Redis, two instances, two workers with the relay, and a consumer of events."""

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from assignment_engine.store.database import Database
from chaos.breakage import BREAKAGES
from chaos.calls import SECRET
from chaos.consumer import Consumer
from chaos.entry import BROKEN, SKEW
from chaos.processes import Forks, Launcher, Member, Programs
from chaos.servers import Postgres, Redis, free_port

_START_SECONDS = 90.0
_AWAY = "DatabaseUnavailableError"
_EXPECTED = (_AWAY, "StorageError")  # the second: a call that could not be counted, because Redis was away


@dataclass(frozen=True)
class Scale:
    """How long things take: as in production, or all of it shorter.

    Parameters
    ----------
    timeout_seconds : silence after which a person is logged out.
    interval_seconds : between rounds of the loop of dispatch.
    stop_seconds : for how long everything is stopped; longer than the time-out.
    copies : whether processes are copies of one that has imported everything.
    skew_seconds : how wrong the clocks of the second instance and the second worker are.
    """

    timeout_seconds: float
    interval_seconds: float
    stop_seconds: float
    copies: bool
    skew_seconds: float = 600.0


LONG = Scale(timeout_seconds=90.0, interval_seconds=5.0, stop_seconds=120.0, copies=False)
SHORT = Scale(timeout_seconds=3.0, interval_seconds=0.5, stop_seconds=3.6, copies=True)


@dataclass
class Installation:
    """Its parts, by name and by kind."""

    postgres: Postgres
    redis: Redis
    consumer: Consumer
    webs: Sequence[Member]
    workers: Sequence[Member]
    ports: Sequence[int]
    scale: Scale

    @property
    def members(self) -> list[Member]:
        return [*self.webs, *self.workers]

    def start(self) -> None:
        """Start what does not run, and wait until both instances answer."""
        for member in self.members:
            if not member.is_alive:
                member.start()
        for port in self.ports:
            self.wait_for(port)

    def wait_for(self, port: int) -> None:
        """Wait until the instance answers."""
        until = time.monotonic() + _START_SECONDS
        while not _answers(port):
            if time.monotonic() > until:
                raise TimeoutError(f"the instance on port {port} does not answer")
            time.sleep(0.05)

    def everything(self) -> list[psutil.Process]:
        """Every process there is, servers included."""
        found = [member.process for member in self.members if member.process is not None and member.is_alive]
        return [*found, *self.postgres.processes(), self.redis.process]

    def unexpected(self) -> Counter[str]:
        """Errors in the logs that are none of the engine's own: which, where, and how often."""
        found: Counter[str] = Counter()
        for member in self.members:
            for line in member.log.read_text(errors="replace").splitlines():
                found.update(_request_error(line))
                found.update(_loop_error(line))
        return found


def _request_error(line: str) -> Iterator[str]:
    """What a log line of an instance says of an error that has no answer of its own."""
    with suppress(ValueError):
        told = json.loads(line)
        if isinstance(told, dict) and told.get("level") == "error" and told.get("exception", _AWAY) not in _EXPECTED:
            yield f"{told.get('action')}: {told['event']} at {' < '.join(told['at'][-4:])}"


def _loop_error(line: str) -> Iterator[str]:
    """The same of a worker: an error of the engine's own has a text behind its name."""
    matched = re.search(r"loop (\S+) failed, again in \S+ s: (\w+)$", line)
    if matched:
        yield f"loop {matched[1]}: {matched[2]}"


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@contextmanager
def installed(directory: Path, scale: Scale, broken: str | None, random: Random) -> Iterator[Installation]:
    """An installation with its tables, running; with `broken`, one guard is not what it should be."""
    with ExitStack() as stack:
        launcher: Launcher = Forks(directory / "forks.log") if scale.copies else Programs()
        stack.callback(launcher.close)
        postgres = Postgres(directory / "postgresql")
        stack.callback(postgres.close)
        redis = Redis(directory / "redis")
        stack.callback(redis.kill)
        consumer = Consumer(random)
        stack.callback(consumer.stop)
        _make_tables(postgres, broken)
        found = _assembled(directory, scale, launcher, (postgres, redis, consumer), broken or "")
        stack.callback(_end, found)
        found.start()
        yield found


def _make_tables(postgres: Postgres, broken: str | None) -> None:
    database = Database(postgres.url)
    database.upgrade()
    database.dispose()
    if broken is not None:
        postgres.execute(*BREAKAGES[broken].in_database)


def _assembled(
    directory: Path, scale: Scale, launcher: Launcher, servers: tuple[Postgres, Redis, Consumer], broken: str
) -> Installation:
    postgres, redis, consumer = servers
    ports = free_port(), free_port()
    environment = {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": redis.url,
        "NOTIFICATION_SERVICE_URL": consumer.url,
        "DATA_ROOT": str(directory / "files"),
        "JWT_SECRET": SECRET,
        "RATE_LIMIT": "1000000/minute",
        "LOG_LEVEL": "WARNING",
        "SESSION_TIMEOUT_SECONDS": f"{scale.timeout_seconds:g}",
        "DISPATCH_INTERVAL_SECONDS": f"{scale.interval_seconds:g}",
        BROKEN: broken,
    }

    def member(name: str, *words: str, skew: float = 0.0) -> Member:
        return Member(name, words, {**environment, SKEW: f"{skew:g}"}, directory / f"{name}.log", launcher)

    skews = 0.0, scale.skew_seconds
    webs = [
        member(f"web-{n}", "serve", "--port", str(port), skew=skew)
        for n, (port, skew) in enumerate(zip(ports, skews, strict=True), 1)
    ]
    workers = [member(f"worker-{n}", "worker", skew=skew) for n, skew in enumerate(skews, 1)]
    return Installation(postgres, redis, consumer, webs, workers, ports, scale)


def _end(found: Installation) -> None:
    for number in (signal.SIGCONT, signal.SIGKILL):
        for member in found.members:
            member.send(number)
    for member in found.members:
        member.wait()

"""All clients of one run, each in a thread, as fast as the plan says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any, TypeAlias

import redis

from chaos.calls import GaveUpError, Line, Office
from chaos.desk import BOSS, PLAN, Bureau, Known
from chaos.people import PEOPLE, Device, people_and_queues, person_id
from chaos.servers import Redis
from chaos.stampedes import AT_ONCE, Stampedes

DEVICES, BUREAUS = 3, 3
FEED_EVERY_SECONDS = 0.25
_STREAM = "ticket-events"
Client: TypeAlias = Device | Bureau | Stampedes


class Crowd:
    """The clients and what they share.

    Parameters
    ----------
    timeout_seconds : silence after which a person is logged out.
    aims : which stampedes there are; none: all.
    """

    def __init__(self, office: Office, server: Redis, seed: str, timeout_seconds: float, aims: Sequence[str]) -> None:
        self._office, self._redis = office, server
        self._random, self._lines = Random(seed), list[Line]()
        known, people = Known(), [person_id(number) for number in range(PEOPLE)]
        self.bureaus = [Bureau(self.line(), f"b{n}", known, self._tell) for n in range(BUREAUS)]
        self._devices = [Device(self.line(), people[n::DEVICES], timeout_seconds) for n in range(DEVICES)]
        hands = [self.line() for _ in range(AT_ONCE)]
        self._stampedes = Stampedes(hands, [f"s{n}" for n in range(AT_ONCE)], aims)
        self.feed: list[Mapping[str, Any]] = []
        self._is_calm, self._is_over = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        self._planners: list[threading.Thread] = []

    def line(self) -> Line:
        """The connections of one more client."""
        self._lines.append(Line(self._office, Random(self._random.random())))
        return self._lines[-1]

    def begin(self, rate: float, stampedes: int) -> None:
        """The people come, and all clients begin: so many acts a second, of which stampedes have that share."""
        people_and_queues(self.line())
        self._stampedes.hire()
        shares: dict[Client, int] = {**dict.fromkeys(self._devices, 1), **dict.fromkeys(self.bureaus, 2)}
        shares[self._stampedes] = stampedes
        for client, share in shares.items():
            thread = self._start(self._pace, client, sum(shares.values()) / share / rate)
            self._planners += [] if isinstance(client, Device) else [thread]
        self._start(self._read_feed)

    def calm_down(self) -> None:
        """No new work comes; whoever has or gets some finishes it."""
        for device in self._devices:
            device.only_works = True
        self._is_calm.set()
        for thread in self._planners:
            thread.join(self._office.patience_seconds)

    def end(self) -> None:
        """Everybody leaves."""
        self._is_calm.set()
        self._is_over.set()
        self._office.gate.open()
        for thread in self._threads:
            thread.join(self._office.timeout_seconds)
        self._stampedes.close()
        for line in self._lines:
            line.close()

    def guarded(self, work: Callable[..., object], *arguments: Any) -> None:
        """Do the work of a thread; that it breaks off is a finding of its own."""
        try:
            work(*arguments)
        except Exception as exc:
            self._office.ledger.wrong(f"broke off: {type(exc).__name__}: {exc}")
            raise

    def _start(self, work: Callable[..., object], *arguments: Any) -> threading.Thread:
        thread = threading.Thread(target=self.guarded, args=(work, *arguments), daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _pace(self, client: Client, every: float) -> None:
        """Act again and again, as often as it should be; devices to the very end, and without a pause when calm."""
        due = time.monotonic()
        while not (self._is_over if isinstance(client, Device) else self._is_calm).is_set():
            with suppress(GaveUpError):
                client.act()
            due = max(due + every, time.monotonic() - every)
            self._is_calm.wait(due - time.monotonic())

    def _read_feed(self) -> None:
        """Page by page, from whichever instance."""
        line, after = self.line(), 0
        while not self._is_over.wait(FEED_EVERY_SECONDS):
            with suppress(GaveUpError):
                reply = line.call("feed", PLAN, "GET", f"/api/v1/events?after={after}&limit=200")
                if reply.is_success:
                    self.feed += reply.body["items"]
                    after = reply.body["next_after"]

    def _tell(self, event: Mapping[str, str]) -> None:
        """An event by way of Redis, until Redis has it."""
        until = time.monotonic() + self._office.patience_seconds
        while time.monotonic() < until:
            self._office.gate.pass_through()
            with suppress(redis.RedisError):
                with self._redis.client() as client:
                    client.xadd(_STREAM, {"data": json.dumps(event)})
                self._office.ledger.accept("stream event", BOSS.subject, event["event_id"])
                self._office.meter.tick()
                return
            time.sleep(0.1)

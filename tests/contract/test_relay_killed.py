"""kill -9 of the leader at random moments: no event is lost, and none changes places."""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from assignment_engine.adapters.http_sink import HttpSink
from assignment_engine.adapters.redis_streams import RedisSink, RedisStreams
from assignment_engine.jobs.worker import Loop, Worker
from assignment_engine.services.relay import Delivery, Relay
from assignment_engine.store.database import Database
from tests.happenings import happen, published, receiving, stock
from tests.processes import FORKED

LEASE_SECONDS = 0.5
LIFE = ("assign", "accept", "complete")
LONG_SECONDS = float(os.environ.get("RELAY_KILL_SECONDS", "0"))


def work(url: str, holder: str, receiver_url: str, redis_url: str) -> None:
    """What a worker does with events, with leases short enough for a test."""
    database = Database(url)
    relay = Relay(database, holder, lease_seconds=LEASE_SECONDS)
    sinks = HttpSink("ticket", receiver_url), RedisSink(RedisStreams(redis_url), "events", 1_000_000)
    deliveries = [Delivery(database, sink, holder, lease_seconds=LEASE_SECONDS) for sink in sinks]
    Worker(
        database, holder, [Loop("relay", relay.step), *(Loop(f"sink:{n}", d.step) for n, d in enumerate(deliveries))]
    ).run()


class Workers:
    """So many processes; one that is killed is replaced."""

    def __init__(self, database, processes, *addresses):
        self._database, self._addresses, self._count = database, addresses, 0
        self._url = database.engine.url.render_as_string(hide_password=False)
        self.running = {}
        for _ in range(processes):
            self.start()

    def start(self):
        self._count += 1
        holder = f"worker-{self._count}"
        process = FORKED.Process(target=work, args=(self._url, holder, *self._addresses), daemon=True)
        process.start()
        self.running[holder] = process

    def kill_leader(self):
        """Kill whoever gives the positions now, and start another one; whether somebody did."""
        with self._database.read() as unit:
            holder = unit.leases.holder("relay")
        process = self.running.pop(holder, None)
        if process is None:
            return False
        process.kill()
        process.join(10)
        self.start()
        return True

    def end(self):
        for process in self.running.values():
            process.kill()
            process.join(10)


def write_until(stop, database, writer):
    n = 0
    while not stop.is_set():
        happen(database, f"{writer}-{n}", ("ana", "bo")[writer], LIFE)
        n += 1
        stop.wait(0.01)


def firsts(positions):
    """Each position where it came first."""
    return list(dict.fromkeys(positions))


def wait_until(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def survive(database, redis_server, *, processes, seconds, kills_at_least, seed):
    """Write, kill and replace for some time; then everything has arrived, in order."""
    moments = random.Random(seed)
    stock(database)
    stop, kills = threading.Event(), 0
    writers = [threading.Thread(target=write_until, args=(stop, database, w)) for w in range(2)]
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        workers = Workers(database, processes, receiver.url, redis_server.url)
        stack.callback(workers.end)
        for writer in writers:
            writer.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until or kills < kills_at_least:
            time.sleep(moments.uniform(0.05, 0.8))
            kills += workers.kill_leader()
        stop.set()
        for writer in writers:
            writer.join(60)
        with database.read() as unit:
            total = unit.counts()["outbox"]
        wait_until(lambda: len(published(database)) == total)
        wait_until(lambda: len(set(receiver.positions)) == total)
        wait_until(lambda: redis_server.client.xlen("events") == total)
    events = published(database)
    assert [event.position for event in events] == list(range(1, total + 1))
    assert len({event.event_id for event in events}) == total
    for task_id in {event.data["ticket_id"] for event in events}:
        life = [event.data["event_type"] for event in events if event.data["ticket_id"] == task_id]
        assert life == ["JobAssigned", "JobAccepted", "JobCompleted"]
    assert firsts(receiver.positions) == list(range(1, total + 1))
    assert {body["event_id"] for _, _, body in receiver.requests} == {event.event_id for event in events}
    entries = redis_server.client.xrange("events")
    assert [fields["event_id"] for _, fields in entries] == [event.event_id for event in events]
    return kills, total


@pytest.mark.slow
def test_killed_leaders_lose_nothing(database, redis_server):
    """RELAY_KILL_SECONDS says for how long; without it, until two were killed."""
    seed = datetime.now(UTC).microsecond
    processes = 4 if LONG_SECONDS else 2
    survive(database, redis_server, processes=processes, seconds=LONG_SECONDS, kills_at_least=2, seed=seed)

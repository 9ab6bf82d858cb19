"""The relay and the deliveries: every event, in order, whatever dies."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from assignment_engine.adapters.http_sink import HttpSink
from assignment_engine.adapters.redis_streams import RedisSink, RedisStreams
from assignment_engine.domain.errors import RemoteServiceError
from assignment_engine.services.relay import IDLE_SECONDS, STANDBY_SECONDS, Delivery, Relay, pause_seconds
from tests.happenings import happen, number, published, receiving, stock
from tests.redis_server import running_redis

LIFE = ("assign", "accept", "complete")


class Memory:
    """A receiver that keeps what it gets; it refuses one event, or always, when told to."""

    name = "memory"

    def __init__(self):
        self.got, self.refused = [], set()

    def resume(self, position):
        return position

    def close(self):
        """There is nothing to close."""

    def send(self, events):
        for event in events:
            if event.position in self.refused:
                raise RemoteServiceError("the receiver answered 500")
            self.got.append(event.position)
            yield event.position


@pytest.fixture
def stocked(database):
    stock(database)
    return database


@pytest.fixture
def small(sqlite_database):
    """Six numbered events, for what does not depend on the kind of database."""
    stock(sqlite_database)
    for name in ("a", "b"):
        happen(sqlite_database, name, events=LIFE)
    number(sqlite_database)
    return sqlite_database


@pytest.fixture
def delivery():
    """Makes deliveries, and ends their connections after the test."""
    made = []

    def make(database, sink, holder="one", **more):
        made.append((sink, Delivery(database, sink, holder, **more)))
        return made[-1][1]

    yield make
    for sink, _ in made:
        sink.close()


def step(part):
    return part.step(datetime.now(UTC))


def cursor(database, name="memory"):
    with database.read() as unit:
        return unit.cursors.get(name)


def pass_time(database, name):
    """The pause after a failure is over."""
    found = cursor(database, name)
    database.run(lambda unit: unit.cursors.fail(found, found.error or "", unit.now(), 0.0))


def test_the_leader_numbers_and_says_so(stocked):
    told = []
    relay = Relay(stocked, "one", on_numbered=lambda: told.append(True))
    assert step(relay) == IDLE_SECONDS
    assert told == []
    happen(stocked, "a", events=LIFE)
    step(relay)
    assert [event.position for event in published(stocked)] == [1, 2, 3]
    assert told == [True]


def test_the_others_stand_by_until_the_leader_ends(stocked):
    one, two = Relay(stocked, "one"), Relay(stocked, "two")
    step(one)
    happen(stocked, "a")
    assert step(two) == STANDBY_SECONDS
    assert published(stocked) == ()
    one.close()
    assert step(two) < STANDBY_SECONDS
    assert len(published(stocked)) == 1


def test_a_leader_that_slept_too_long_numbers_nothing(stocked):
    sleeper, heir = Relay(stocked, "one", lease_seconds=0.0), Relay(stocked, "two")
    now = datetime.now(UTC)
    sleeper.step(now)
    step(heir)
    happen(stocked, "a")
    sleeper.step(now - timedelta(seconds=1))
    assert published(stocked) == ()
    step(heir)
    assert len(published(stocked)) == 1


def test_two_relays_and_many_writers(stocked):
    """Every event has one position, no position is left out, and the life of each assignment is in order."""
    written = threading.Event()

    def relay(holder):
        part = Relay(stocked, holder, lease_seconds=0.05)
        while not written.is_set() or any_left():
            step(part)

    def any_left():
        with stocked.read() as unit:
            return unit.outbox.has_unnumbered()

    def write(writer):
        for n in range(6):
            happen(stocked, f"{writer}-{n}", ("ana", "bo")[writer % 2], LIFE)

    writers = [threading.Thread(target=write, args=(w,)) for w in range(3)]
    relays = [threading.Thread(target=relay, args=(holder,)) for holder in ("one", "two")]
    for thread in (*writers, *relays):
        thread.start()
    for thread in writers:
        thread.join(60)
    written.set()
    for thread in relays:
        thread.join(60)
    events = published(stocked)
    assert [event.position for event in events] == list(range(1, 55))
    assert len({event.event_id for event in events}) == 54
    for n in range(3):
        life = [event.data["event_type"] for event in events if event.data["ticket_id"] == f"{n}-5"]
        assert life == ["JobAssigned", "JobAccepted", "JobCompleted"]


def test_every_event_goes_to_every_receiver_in_order(stocked, delivery):
    for name in ("a", "b"):
        happen(stocked, name, events=LIFE)
    number(stocked)
    first, second = Memory(), Memory()
    second.name = "other"
    for sink in (first, second):
        part = delivery(stocked, sink)
        assert step(part) == IDLE_SECONDS
        assert step(part) == IDLE_SECONDS
    assert first.got == second.got == [1, 2, 3, 4, 5, 6]
    assert cursor(stocked, "other").position == 6


def test_after_a_failure_it_goes_on_where_it_was(small, delivery):
    sink = Memory()
    sink.refused = {4}
    part = delivery(small, sink)
    step(part)
    assert sink.got == [1, 2, 3]
    failed = cursor(small)
    assert (failed.position, failed.failures, failed.error) == (3, 1, "the receiver answered 500")
    sink.refused = set()
    assert 0 < step(part) <= STANDBY_SECONDS
    assert sink.got == [1, 2, 3]
    pass_time(small, "memory")
    step(part)
    assert sink.got == [1, 2, 3, 4, 5, 6]
    assert (cursor(small).failures, cursor(small).error) == (0, None)


def test_failures_are_counted_until_something_gets_through(small, delivery):
    sink = Memory()
    sink.refused = {1, 3}
    part = delivery(small, sink)
    for expected in (1, 2, 3):
        step(part)
        assert cursor(small).failures == expected
        pass_time(small, "memory")
    sink.refused = {3}
    step(part)
    assert (cursor(small).position, cursor(small).failures) == (2, 1)


def test_the_pause_grows_to_a_minute():
    assert 0.25 <= pause_seconds(1) <= 0.5
    assert 4 <= pause_seconds(5) <= 8
    assert 30 <= pause_seconds(500) <= 60


def test_another_process_goes_on_from_the_cursor(small, delivery):
    """What the dead one had sent and not noted is sent again, and nothing is left out."""
    dead, heir = Memory(), Memory()
    lost = delivery(small, dead, lease_seconds=0.0)
    step(lost)
    found = cursor(small)
    small.run(lambda unit: unit.cursors.move("memory", found.position - 2, unit.now()))
    step(delivery(small, heir, "two"))
    assert (dead.got, heir.got) == ([1, 2, 3, 4, 5, 6], [5, 6])


def test_a_delivery_that_slept_does_not_move_the_cursor(small, delivery):
    now = datetime.now(UTC)
    heir, slow = delivery(small, Memory(), "two"), Memory()
    sleeper = delivery(small, slow, lease_seconds=0.0)
    send = slow.send

    def send_late(events):
        for position in send(events[:2]):
            step(heir)
            yield position

    slow.send = send_late
    sleeper.step(now)
    assert cursor(small).position == 6


def test_http_receivers_get_the_envelope(small, delivery):
    with receiving() as receiver:
        step(delivery(small, HttpSink("ticket", f"{receiver.url}/events?key=k")))
    assert receiver.positions == [1, 2, 3, 4, 5, 6]
    path, headers, body = receiver.requests[0]
    assert path == "/events?key=k"
    assert headers["Content-Type"] == "application/json"
    assert body == published(small)[0].model_dump(mode="json")
    assert headers["Idempotency-Key"] == body["event_id"]


@pytest.mark.parametrize("answer", [500, 404, 429, 302, 307])
def test_other_answers_than_success_are_failures(small, answer, delivery):
    """A redirect is not followed: the address is what was set, and nothing else."""
    with receiving() as receiver:
        receiver.answer = answer
        step(delivery(small, HttpSink("ticket", receiver.url)))
        assert receiver.positions == [1]
        assert cursor(small, "ticket").error == f"the receiver answered {answer}"


def test_a_dead_receiver_does_not_hold_up_the_others(small, delivery):
    with receiving() as receiver:
        port = receiver.port
    dead = delivery(small, HttpSink("ticket", f"http://127.0.0.1:{port}"))
    step(dead)
    assert cursor(small, "ticket").failures == 1
    with receiving() as other:
        step(delivery(small, HttpSink("notification", other.url)))
    assert other.positions == [1, 2, 3, 4, 5, 6]
    with receiving(port) as receiver:
        pass_time(small, "ticket")
        step(dead)
        assert receiver.positions == [1, 2, 3, 4, 5, 6]


def test_a_receiver_that_was_started_again_is_found_again(small, delivery):
    """A connection that was kept open and is closed now costs nothing."""
    with receiving() as receiver:
        port, sink = receiver.port, HttpSink("ticket", receiver.url)
        part = delivery(small, sink)
        step(part)
    happen(small, "c")
    number(small)
    with receiving(port) as receiver:
        step(part)
        assert receiver.positions[-1] == 7


@pytest.mark.parametrize("secret", ["http://user:geheim@127.0.0.1:1/", "http://127.0.0.1:1/?token=geheim"])
def test_secrets_of_an_address_are_not_told(small, caplog, secret, delivery):
    step(delivery(small, HttpSink("ticket", secret)))
    assert cursor(small, "ticket").failures == 1
    assert "geheim" not in caplog.text + (cursor(small, "ticket").error or "")


def test_a_password_in_the_address_is_sent_as_such(small, delivery):
    with receiving() as receiver:
        step(delivery(small, HttpSink("ticket", receiver.url.replace("//", "//me:p%40ss@"))))
    assert receiver.requests[0][1]["Authorization"] == "Basic bWU6cEBzcw=="


def test_the_redis_stream_has_each_event_once_under_its_position(small, redis_server, delivery):
    sink = RedisSink(RedisStreams(redis_server.url), "events", 1000)
    step(delivery(small, sink))
    entries = redis_server.client.xrange("events")
    assert [entry for entry, _ in entries] == [f"{n}-0" for n in range(1, 7)]
    event = published(small)[0]
    assert entries[0][1]["event_id"] == event.event_id
    assert entries[0][1]["position"] == "1"
    small.run(lambda unit: unit.cursors.move("redis", 2, unit.now()))
    step(delivery(small, sink))
    assert redis_server.client.xrange("events") == entries


def test_a_stream_of_another_database_is_left_alone(small, redis_server, delivery):
    redis_server.client.xadd("events", {"event_id": "foreign"}, id="3-0")
    step(delivery(small, RedisSink(RedisStreams(redis_server.url), "events", 1000)))
    assert redis_server.client.xlen("events") == 1
    assert cursor(small, "redis").error == "the stream has events of another database"


def test_what_an_older_snapshot_of_redis_lacks_is_sent_again(small, delivery, redis_server):
    sink = RedisSink(RedisStreams(redis_server.url), "events", 1000)
    part = delivery(small, sink)
    step(part)
    redis_server.client.delete("events")
    assert list(sink.send(published(small)[:2])) == [2]
    step(part)
    assert [entry for entry, _ in redis_server.client.xrange("events")] == [f"{n}-0" for n in range(1, 7)]


@pytest.mark.parametrize("keep", [True, False])
def test_redis_may_end_and_come_back_with_or_without_what_it_had(small, keep, delivery):
    with running_redis(keep=keep) as server:
        part = delivery(small, RedisSink(RedisStreams(server.url), "events", 1000))
        step(part)
        server.stop()
        happen(small, "c", events=LIFE)
        number(small)
        step(part)
        assert (cursor(small, "redis").position, cursor(small, "redis").failures) == (6, 1)
        server.start()
        pass_time(small, "redis")
        step(part)
        assert [entry for entry, _ in server.client.xrange("events")] == [f"{n}-0" for n in range(1, 10)]
        assert cursor(small, "redis").position == 9

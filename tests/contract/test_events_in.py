"""Events about tickets: each has its effect once; those that cannot are put aside and hold up no other."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from assignment_engine.adapters.redis_streams import RedisStreams, RedisTickets
from assignment_engine.config import read_settings
from assignment_engine.domain.errors import DatabaseUnavailableError, InvalidInputError
from assignment_engine.domain.events import ReceivedStatus, read_ticket_event
from assignment_engine.domain.records import Task
from assignment_engine.domain.types import TaskStatus, new_id
from assignment_engine.services.events_in import MOST_ATTEMPTS, EventsIn
from assignment_engine.services.ticket_stream import TicketStream
from assignment_engine.wiring import build_engine
from tests.happenings import happen, stock

AT = "2024-02-01T11:00:00Z"


def created(event_id="e1", ticket_id="k1", **fields):
    given = {"title": "AC not cooling", **fields}
    return {"event_id": event_id, "event_type": "TicketCreated", "ticket_id": ticket_id, "timestamp": AT, **given}


def changed(status, event_id="e1", ticket_id="k1"):
    about = {"event_id": event_id, "event_type": "TicketStatusChanged", "ticket_id": ticket_id, "timestamp": AT}
    return {**about, "status": status}


@pytest.fixture
def stocked(sqlite_database):
    """For what does not depend on the kind of database."""
    stock(sqlite_database)
    return sqlite_database


@pytest.fixture
def every(database):
    """The same on each kind."""
    stock(database)
    return database


@contextmanager
def taking_in(database):
    url = database.engine.url.render_as_string(hide_password=False)
    engine = build_engine(read_settings(database_url=url))
    yield engine.events_in
    engine.database.dispose()


@pytest.fixture
def events(stocked):
    with taking_in(stocked) as events:
        yield events


@pytest.fixture
def every_events(every):
    with taking_in(every) as events:
        yield events


def receive(events, fields, source="http"):
    return events.receive(read_ticket_event(fields), source)


def task_status(database, task_id):
    with database.read() as unit:
        return unit.tasks.get(task_id).status


def assignment_status(database, assignment_id):
    with database.read() as unit:
        return unit.assignments.get(assignment_id).status


def test_a_new_ticket_becomes_a_task_with_its_fields(every, every_events):
    received = receive(
        every_events, created(priority="high", required_skills=["hvac"], ticket_number="TKT-2024-000001")
    )
    assert (received.event_id, received.status, received.attempts, received.error) == ("e1", "done", 1, None)
    with every.read() as unit:
        task = unit.tasks.get("k1")
    assert (task.title, task.priority, task.required_skills) == ("AC not cooling", "high", {"hvac": 1.0})
    assert task.ticket_number == "TKT-2024-000001"


def test_an_event_id_has_its_effect_once(stocked, events):
    receive(events, created())
    again = receive(events, created(ticket_id="k2"))
    assert (again.status, again.attempts) == ("done", 1)
    with stocked.read() as unit:
        assert unit.tasks.existing(["k1", "k2"]) == {"k1"}


def test_an_event_id_has_its_effect_once_under_concurrency(every):
    """Also when the effect itself would not notice that it was there before."""

    class Unmindful:
        def create(self, unit, task):
            unit.tasks.add([Task(task_id=new_id(), title=task.title)], unit.now())

    barrier, results = threading.Barrier(6), []

    def send():
        barrier.wait(10)
        results.append(receive(EventsIn(every, Unmindful()), created()).status)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == ["done"] * 6
    with every.read() as unit:
        counts = unit.counts()
    assert (counts["tasks"], counts["inbox"]) == (1, 1)


@pytest.mark.parametrize("word", ["completed", "Completed"])
@pytest.mark.parametrize("before", [("assign",), ("assign", "accept")])
def test_a_completed_ticket_completes_its_assignment(stocked, events, before, word):
    happen(stocked, "k1", events=before)
    assert receive(events, changed(word)).status == "done"
    assert assignment_status(stocked, "k1") == "completed"
    assert task_status(stocked, "k1") is TaskStatus.COMPLETED


@pytest.mark.parametrize("word", ["cancelled", "canceled"])
@pytest.mark.parametrize("before", [("assign",), ("assign", "accept"), ("offer",)])
def test_a_cancelled_ticket_cancels_its_assignment(stocked, events, before, word):
    happen(stocked, "k1", events=before)
    assert receive(events, changed(word)).status == "done"
    assert assignment_status(stocked, "k1") == "cancelled"
    assert task_status(stocked, "k1") is TaskStatus.CANCELLED


def test_an_offer_for_a_completed_ticket_is_withdrawn(stocked, events):
    happen(stocked, "k1", events=("offer",))
    receive(events, changed("completed"))
    assert assignment_status(stocked, "k1") == "released"
    assert task_status(stocked, "k1") is TaskStatus.COMPLETED


@pytest.mark.parametrize(("word", "status"), [("completed", "completed"), ("cancelled", "cancelled")])
def test_a_ticket_that_nobody_has_ends_too(stocked, events, word, status):
    receive(events, created())
    assert receive(events, changed(word, "e2")).status == "done"
    assert task_status(stocked, "k1") == status
    assert receive(events, changed(word, "e3")).status == "done"


@pytest.mark.parametrize("status", ["on hold", "", "in_progress"])
def test_an_unknown_status_is_acknowledged_and_noted(stocked, events, status):
    happen(stocked, "k1")
    if status:
        assert receive(events, changed(status)).status == "ignored"
    assert assignment_status(stocked, "k1") == "assigned"


def test_what_cannot_be_is_put_aside_with_its_error_and_may_be_sent_again(every, every_events):
    failed = receive(every_events, changed("completed"))
    assert (failed.status, failed.attempts) == ("failed", 1)
    assert failed.error == "NotFoundError: there is no task 'k1'"
    receive(every_events, created("e2"))
    again = receive(every_events, changed("completed"))
    assert (again.status, again.attempts, again.error) == ("done", 2, None)
    assert task_status(every, "k1") is TaskStatus.COMPLETED


def test_a_contradiction_is_put_aside(every, every_events):
    happen(every, "k1", events=("assign", "complete"))
    failed = receive(every_events, changed("cancelled"))
    assert failed.status == "failed"
    assert task_status(every, "k1") is TaskStatus.COMPLETED


def test_an_effect_that_fails_leaves_nothing_behind(every):
    class HalfWay:
        def create(self, unit, task):
            unit.tasks.add([task], unit.now())
            raise InvalidInputError.at("/title", "not this one")

    failed = receive(EventsIn(every, HalfWay()), created())
    assert failed.status == "failed"
    with every.read() as unit:
        assert unit.tasks.existing(["k1"]) == set()


def test_when_the_database_goes_away_the_event_stays_to_be_tried(sqlite_database):
    class Away:
        def create(self, unit, task):
            raise DatabaseUnavailableError

    with pytest.raises(DatabaseUnavailableError):
        receive(EventsIn(sqlite_database, Away()), created())
    with sqlite_database.read() as unit:
        assert unit.inbox.list().items[0].status == "started"


def test_an_event_that_takes_its_process_along_is_put_aside_at_last(sqlite_database):
    class Deadly:
        def create(self, unit, task):
            raise SystemExit

    part = EventsIn(sqlite_database, Deadly())
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(SystemExit):
            receive(part, created(), "stream")
    assert receive(part, created(), "stream").status == "failed"


def test_received_events_are_listed_by_what_became_of_them(sqlite_database):
    def put(unit):
        now = unit.now()
        for name in ("a", "b", "c"):
            unit.inbox.begin(name, "TicketCreated", "http", {}, now)
        unit.inbox.end("b", ReceivedStatus.FAILED, now, "x" * 600)

    sqlite_database.run(put)
    with sqlite_database.read() as unit:
        (found,) = unit.inbox.list(status=ReceivedStatus.FAILED).items
        assert unit.inbox.list().total == 3
    assert (found.event_id, found.error) == ("b", "x" * 500)


class TestStream:
    """The same from a stream of Redis."""

    @pytest.fixture
    def small(self, sqlite_database):
        stock(sqlite_database)
        return sqlite_database

    @pytest.fixture
    def part(self, small, redis_server):
        url = small.engine.url.render_as_string()
        self.engine = build_engine(read_settings(database_url=url))
        yield self.consumer(redis_server, "one")
        self.engine.database.dispose()

    def consumer(self, redis_server, holder, **more):
        source = RedisTickets(RedisStreams(redis_server.url), "tickets", "engine", wait_seconds=0.01)
        return TicketStream(self.engine.database, source, self.engine.events_in, holder, **more)

    def add(self, redis_server, fields):
        redis_server.client.xadd("tickets", {"data": json.dumps(fields)})

    def statuses(self, database):
        with database.read() as unit:
            return {received.event_id: str(received.status) for received in unit.inbox.list(sort="event_id").items}

    def pending(self, redis_server):
        return redis_server.client.xpending("tickets", "engine")["pending"]

    def test_events_are_taken_in_and_acknowledged(self, small, part, redis_server):
        self.add(redis_server, created())
        redis_server.client.xadd("tickets", changed("cancelled", "e2"))
        part.step(datetime.now(UTC))
        assert self.statuses(small) == {"e1": "done", "e2": "done"}
        assert task_status(small, "k1") is TaskStatus.CANCELLED
        assert self.pending(redis_server) == 0

    @pytest.mark.parametrize(
        "fields",
        [
            {"data": "{"},
            {"data": "[1]"},
            {"data": "[" * 100_000},
            {"nothing": "known\0"},
            {"data": '{"event_type": "TicketMoved"}'},
            {"data": '{"event_type": "TicketCreated", "event_id": "e9"}'},
            {b"data": b"\xff\xfe"},
        ],
    )
    def test_what_cannot_be_read_is_put_aside_and_blocks_nothing(self, small, part, redis_server, fields):
        entry = redis_server.client.xadd("tickets", fields)
        self.add(redis_server, created())
        part.step(datetime.now(UTC))
        assert self.statuses(small) == {"e1": "done", f"stream:{entry}": "failed"}
        assert self.pending(redis_server) == 0

    def test_what_failed_holds_up_nothing(self, small, part, redis_server):
        self.add(redis_server, changed("completed", "e1", "nobody-knows"))
        self.add(redis_server, created("e2"))
        part.step(datetime.now(UTC))
        assert self.statuses(small) == {"e1": "failed", "e2": "done"}
        assert self.pending(redis_server) == 0

    def test_the_next_process_takes_what_a_dead_one_left(self, small, part, redis_server):
        self.add(redis_server, created())
        dead = RedisTickets(RedisStreams(redis_server.url), "tickets", "engine", wait_seconds=0.01)
        assert len(dead.read(10)) == 1
        self.add(redis_server, changed("completed", "e2"))
        part.step(datetime.now(UTC))
        part.step(datetime.now(UTC))
        assert self.statuses(small) == {"e1": "done", "e2": "done"}

    def test_one_process_reads_at_a_time(self, small, part, redis_server):
        part.step(datetime.now(UTC))
        other = self.consumer(redis_server, "two")
        self.add(redis_server, created())
        other.step(datetime.now(UTC))
        assert self.statuses(small) == {}
        part.close()
        other.step(datetime.now(UTC))
        assert self.statuses(small) == {"e1": "done"}

    def test_a_stream_that_was_lost_is_made_again(self, small, part, redis_server):
        part.step(datetime.now(UTC))
        redis_server.client.flushall()
        self.add(redis_server, created())
        part.step(datetime.now(UTC))
        assert self.statuses(small) == {"e1": "done"}

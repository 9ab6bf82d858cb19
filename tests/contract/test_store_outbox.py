"""Positions of events: without gaps, in an order that never contradicts what followed from what."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from assignment_engine.domain.assignments import Event, advance
from tests.happenings import NOW, happen, number, published, stock


@pytest.fixture
def stocked(database):
    stock(database)
    return database


def test_positions_count_from_one_without_gaps(stocked):
    for name in ("a", "b", "c"):
        happen(stocked, name, events=("assign", "accept", "complete"))
    assert published(stocked) == ()
    number(stocked)
    events = published(stocked)
    assert [event.position for event in events] == list(range(1, 10))
    assert [event.data["event_type"] for event in events] == ["JobAssigned", "JobAccepted", "JobCompleted"] * 3
    happen(stocked, "d")
    number(stocked)
    assert published(stocked)[:9] == events
    assert published(stocked)[9].position == 10


def test_job_assigned_has_exactly_the_documented_fields(stocked):
    happen(stocked, "a")
    number(stocked)
    (event,) = published(stocked)
    assert event.data == {
        "event_type": "JobAssigned",
        "assignment_id": "a",
        "ticket_id": "a",
        "technician_id": "ana",
        "timestamp": "2026-03-02T09:00:00Z",
    }


def test_at_most_so_many_at_once(stocked):
    for name in ("a", "b", "c"):
        happen(stocked, name)
    assert stocked.run(lambda unit: unit.outbox.number(2)) == 2
    with stocked.read() as unit:
        assert (unit.outbox.newest(), unit.outbox.waiting(), unit.outbox.has_unnumbered()) == (2, 1, True)
    number(stocked)
    with stocked.read() as unit:
        assert (unit.outbox.newest(), unit.outbox.waiting(), unit.outbox.has_unnumbered()) == (3, 0, False)


def test_what_is_not_committed_gets_no_position_and_leaves_no_gap(stocked):
    """The row with the smaller id is committed last: it is numbered last, and what was numbered stays."""
    if stocked.engine.dialect.name == "sqlite":
        pytest.skip("there one transaction writes at a time")
    happen(stocked, "late", events=("assign",))
    happen(stocked, "quick", "bo", events=("assign",))
    number(stocked)
    with stocked.unit() as slow:
        slow.assignments.record([advance(slow.assignments.get("late"), Event.ACCEPT, NOW)], "ana")
        stocked.run(
            lambda unit: unit.assignments.record([advance(unit.assignments.get("quick"), Event.ACCEPT, NOW)], "bo")
        )
        number(stocked)
        slow.commit()
    number(stocked)
    assert [(e.position, e.data["ticket_id"]) for e in published(stocked)][2:] == [(3, "quick"), (4, "late")]


def test_numbering_by_many_at_once(stocked):
    for n in range(12):
        happen(stocked, f"t{n}", events=("assign", "accept"))

    def number_slowly():
        while stocked.run(lambda unit: unit.outbox.number(3)):
            pass

    threads = [threading.Thread(target=number_slowly) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [event.position for event in published(stocked)] == list(range(1, 25))


def test_the_feed_is_read_page_by_page_and_by_person(stocked):
    for n in range(6):
        happen(stocked, f"t{n}", ("ana", "bo")[n % 2])
    number(stocked)
    with stocked.read() as unit:
        assert [e.position for e in unit.outbox.after(0, 4)] == [1, 2, 3, 4]
        assert [e.position for e in unit.outbox.after(4, 4)] == [5, 6]
        assert unit.outbox.after(6, 4) == ()
        assert [e.position for e in unit.outbox.after(0, 2, "bo")] == [2, 4]
        assert [e.position for e in unit.outbox.after(4, 2, "bo")] == [6]
        assert unit.outbox.after(0, 2, "nobody") == ()


def test_cursors_remember_how_far_and_why_not_further(database):
    with database.read() as unit:
        fresh = unit.cursors.get("redis")
    assert (fresh.position, fresh.failures, fresh.due_at) == (0, 0, None)
    database.run(lambda unit: unit.cursors.move("redis", 5, NOW))
    failed = replace(fresh, position=6, failures=2)
    database.run(lambda unit: unit.cursors.fail(failed, "away" * 100, NOW, 30.0))
    with database.read() as unit:
        (found,) = unit.cursors.all()
    assert (found.position, found.failures, found.due_at) == (6, 2, NOW + timedelta(seconds=30))
    assert found.error == ("away" * 100)[:255]
    database.run(lambda unit: unit.cursors.move("redis", 7, NOW))
    with database.read() as unit:
        found = unit.cursors.get("redis")
    assert (found.position, found.failures, found.due_at, found.error) == (7, 0, None, None)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT 1 FROM outbox WHERE position IS NULL", "outbox_"),
        ("SELECT id FROM outbox WHERE position IS NULL ORDER BY id LIMIT 500", "outbox_"),
        ("SELECT data FROM outbox WHERE position > 7 ORDER BY position LIMIT 50", "uq_outbox_position"),
        (
            "SELECT data FROM outbox WHERE position > 7 AND employee_id = 'bo' ORDER BY position LIMIT 50",
            "ix_outbox_employee_id_position",
        ),
    ],
)
def test_hot_queries_use_an_index(sqlite_database, query, index):
    with sqlite_database.read() as unit:
        plan = " ".join(str(row) for row in unit.connection.execute(text(f"EXPLAIN QUERY PLAN {query}")))
    assert "SCAN outbox USING" in plan or "SEARCH outbox USING" in plan
    assert index in plan or "autoindex" in plan
    assert "TEMP B-TREE" not in plan

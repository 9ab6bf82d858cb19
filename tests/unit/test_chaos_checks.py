"""What the harness of faults holds against the books: each check finds what it is for, and nothing in good books."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chaos.books import Books, Change, Person, Session
from chaos.checks import CHECKS, Evidence, heard_silence
from chaos.consumer import once_each, out_of_order, projected
from chaos.ledger import Ledger, Meter

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = 3600


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def change(second: int, event: str, assignment: str, task: str = "t1", person: str = "ana") -> Change:
    return Change(at(second), event, assignment, task, person, seconds=HOUR, units=1, overload=False)


def envelope(position: int, kind: str, assignment: str, task: str = "t1") -> dict[str, object]:
    data = {"event_type": kind, "assignment_id": assignment, "ticket_id": task, "technician_id": "ana"}
    return {"event_id": f"e{position}", "position": position, "data": data}


LIFE = [envelope(1, "JobAssigned", "a1"), envelope(2, "JobCompleted", "a1"), envelope(3, "JobAssigned", "a2", "t2")]


@pytest.fixture
def evidence() -> Evidence:
    """Ana is there and finishes a task; of a second one she is told, and has it."""
    books = Books(
        audit=[change(1, "push", "a1"), change(2, "complete", "a1"), change(2, "push", "a2", "t2")],
        sessions={"s1": Session("s1", "ana", 1, at(0), at(9), None, None)},
        people={"ana": Person(HOUR, 0, 1), "bo": Person(HOUR, 0, 1)},
        tasks={"t1", "t2"},
        unfinished={},
        titles=Counter(["t1", "t2"]),
        assignments={"a1": (None, "completed"), "a2": (None, "accepted")},
        previews=set(),
        jobs={},
        inbox={"k1": "done"},
        outbox=LIFE,
    )
    ledger = Ledger()
    ledger.accept("new task", "boss", {"task_id": "t1"})
    ledger.accept("complete", "ana", {"completed": {"id": "a1"}, "next": {"id": "a2"}})
    ledger.accept("login", "ana", {"session": "s1", "fence": 1})
    ledger.accept("stream event", "boss", "k1")
    ledger.sign("s1", at(8).timestamp())
    return Evidence(books, ledger, {"http": LIFE, "feed": LIFE}, [], timeout_seconds=90)


def found(evidence: Evidence) -> dict[str, int]:
    """How much each check finds."""
    counts = {name: len(list(check(evidence))) for name, check in CHECKS.items()}
    return {name: count for name, count in counts.items() if count}


def with_audit(evidence: Evidence, *more: Change) -> Evidence:
    return replace(evidence, books=replace(evidence.books, audit=[*evidence.books.audit, *more]))


def test_good_books(evidence: Evidence) -> None:
    assert found(evidence) == {}


def test_a_task_that_is_not_there_and_one_that_nobody_finished(evidence: Evidence) -> None:
    books = replace(evidence.books, tasks={"t2"}, unfinished={"t2": "pending"})
    assert found(replace(evidence, books=books)) == {"lost": 2}


def test_a_task_that_two_people_have(evidence: Evidence) -> None:
    assert found(with_audit(evidence, change(3, "assign", "a3", "t2", "bo"))) == {"double": 1}


def test_more_hours_than_somebody_has_and_more_units(evidence: Evidence) -> None:
    assert found(with_audit(evidence, change(3, "push", "a3", "t3"))) == {"over capacity": 2}


def test_work_for_somebody_who_is_not_there(evidence: Evidence) -> None:
    assert found(with_audit(evidence, change(3, "push", "a3", "t3", "bo"))) == {"absent": 1}


def test_an_answer_that_is_not_written_down(evidence: Evidence) -> None:
    """Neither a completion, nor the work that came with it."""
    evidence.ledger.accept("complete", "ana", {"completed": {"id": "a9"}, "next": {"id": "a8"}})
    assert found(evidence) == {"not durable": 2}


def test_a_log_in_and_a_sign_of_life_that_are_not_written_down(evidence: Evidence) -> None:
    evidence.ledger.accept("login", "bo", {"session": "s2", "fence": 1})
    evidence.ledger.sign("s1", at(10).timestamp())
    assert found(evidence) == {"sessions": 2}


def test_an_event_that_never_arrived_and_one_that_tells_another_story(evidence: Evidence) -> None:
    assert found(replace(evidence, heard={"http": LIFE, "feed": LIFE[:2]})) == {"events": 1}
    assert found(replace(evidence, heard={"http": LIFE[::2]})) == {"events": 2, "state": 1}


def test_an_event_from_outside_without_effect(evidence: Evidence) -> None:
    evidence.ledger.accept("stream event", "boss", "k2")
    assert found(evidence) == {"told events": 1}


def test_somebody_logged_out_too_soon(evidence: Evidence) -> None:
    """After 91 s it is right, after 89 s and after an outage it is not."""
    silent = Session("s1", "ana", 1, at(0), at(9), at(100), "silent")
    books = replace(evidence.books, sessions={"s1": silent})
    assert found(replace(evidence, books=books)) == {}
    assert found(replace(evidence, books=books, timeout_seconds=92)) == {"logged out": 1}
    outage = [(at(30).timestamp(), at(60).timestamp())]
    assert found(replace(evidence, books=books, stopped=outage)) == {"logged out": 1}


@pytest.mark.parametrize(
    ("stopped", "heard"),
    [([], 100), ([(20, 30)], 70), ([(90, 99)], 90), ([(20, 30), (60, 90)], 30), ([(100, 120)], 100), ([(-9, -1)], 100)],
)
def test_silence_in_which_somebody_could_be_heard(stopped: list[tuple[float, float]], heard: float) -> None:
    """Its longest piece without an outage."""
    assert heard_silence(0, 100, stopped) == heard


def test_what_comes_again_is_taken_once() -> None:
    assert once_each([*LIFE, LIFE[0]]) == LIFE
    assert out_of_order([*LIFE, LIFE[0]]) == []
    assert out_of_order([LIFE[1], LIFE[0], LIFE[2]]) == [
        "position 2 came where 1 was due",
        "position 1 came where 2 was due",
    ]
    assert projected([*LIFE, LIFE[0]]).holders == {"t2": ("a2", "ana")}


def test_throughput_is_back_where_the_first_full_window_begins() -> None:
    meter = Meter([second / 10 for second in (*range(10), *range(50, 100))])
    assert meter.rate(0, 10) == 6
    assert meter.recovered_at(1.0, aim=9.5, window=2.0, now=10.0) == 5.0
    assert meter.recovered_at(1.0, aim=10.5, window=2.0, now=10.0) is None

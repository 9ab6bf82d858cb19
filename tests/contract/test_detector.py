"""The realtime detector: expected ends as work goes on, and alerts that are raised once and cleared once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from assignment_engine.adapters.http_sink import HttpSink
from assignment_engine.domain.actors import Actor
from assignment_engine.domain.assignments import Assignment
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.stored import PastAssignment, TrainingRow
from assignment_engine.services.alert_sink import AlertSink
from assignment_engine.services.detector.alerting import MOST_RAISED
from assignment_engine.services.detector.detector import Detector
from assignment_engine.services.dispatch import work
from assignment_engine.services.relay import Delivery
from assignment_engine.store.database import Database
from assignment_engine.store.tables import audit_log, outbox, task_assignments
from tests.builders import NOW
from tests.databases import Servers
from tests.dispatching import Office
from tests.happenings import receiving
from tests.moved_clock import MovedClock, clocked

BOSS = Actor("boss")
EVERY = timedelta(seconds=15)
HOUR = timedelta(hours=1)


class Watched(Office):
    """An office with a detector; hours pass when somebody says so."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.detector = Detector(self.database, self.dispatcher.eta, "here", EVERY)

    def look(self) -> None:
        assert self.detector.step(self.now()) >= EVERY.total_seconds()

    def pass_(self, passed: timedelta) -> None:
        assert isinstance(self.database, MovedClock)
        self.database.later(passed)

    def active(self, task_id: str) -> Assignment:
        with self.database.read() as unit:
            [found] = unit.assignments.active([task_id])
        return found

    def told(self) -> list[dict[str, Any]]:
        """The events about alerts."""
        query = select(outbox.c.data).where(outbox.c.event_type.like("Alert%")).order_by(outbox.c.id)
        with self.database.read() as unit:
            return list(unit.connection.execute(query).scalars())

    def of_kind(self, kind: str) -> set[str]:
        return {subject for found, subject in self.alerts() if found == kind}


@pytest.fixture
def every_office(database: Database) -> Watched:
    """On each kind of database, at the time of its own clock: Ana, and Bo who can take an hour of work."""
    found = Watched(database)
    found.has(Employee(employee_id="ana"), Employee(employee_id="bo", max_workload=1.0))
    return found


@pytest.fixture
def office(servers: Servers) -> Iterator[Watched]:
    """The same with a clock that is moved."""
    with servers["sqlite"].migrated() as url, clocked(url, NOW) as database:
        found = Watched(database)
        found.has(Employee(employee_id="ana"), Employee(employee_id="bo", max_workload=1.0))
        yield found


def test_troubles_are_told_once_and_are_over_once(every_office: Watched) -> None:
    """Each alert, its event and its audit row; a second look changes nothing, and what is mended is cleared."""
    office = every_office
    office.login("ana")
    soon = office.now() + HOUR
    office.submit(Task(task_id="late", estimated_hours=5.0, deadline=soon))
    office.submit(Task(task_id="much", estimated_hours=3.0))
    office.run(lambda unit: work.assign(unit, "much", "bo", BOSS, allow_overload=True))
    office.submit(Task(task_id="nobody", deadline=office.now() + HOUR / 2))
    office.submit(Task(task_id="old"))
    office.age("old", timedelta(hours=9))
    for _ in range(2):
        office.look()
        assert office.alerts() == {
            ("late", "late"), ("overload", "bo"), ("starving", "nobody"), ("starving", "old"),
        }  # fmt: skip
    assert Counter(event["event_type"] for event in office.told()) == {"AlertRaised": 4}
    by_subject = {event["subject"]: event for event in office.told()}
    assert (by_subject["late"]["ticket_id"], by_subject["bo"]["technician_id"]) == ("late", "bo")
    assert "carries 3 h with a capacity of 1 h" in by_subject["bo"]["reason"]
    office.run(lambda unit: unit.tasks.change("late", {"deadline": office.now() + 100 * HOUR}, office.now()))
    office.run(lambda unit: work.release(unit, office.dispatcher, _id(unit, "much"), BOSS))
    for task_id in ("nobody", "old"):
        office.run(lambda unit, task_id=task_id: unit.tasks.change(task_id, {"status": "cancelled"}, unit.now()))
    office.look()
    assert office.alerts() == set()
    assert Counter(event["event_type"] for event in office.told()) == {"AlertRaised": 4, "AlertCleared": 4}
    with office.database.read() as unit:
        rows = unit.connection.execute(select(audit_log).where(audit_log.c.event.like("alert_%"))).all()
    assert Counter((row.event, row.task_id or row.employee_id) for row in rows) == {
        (event, subject): 1
        for event in ("alert_raised", "alert_cleared")
        for subject in ("late", "bo", "nobody", "old")
    }
    assert office.findings() == []


def _id(unit: Any, task_id: str) -> str:
    return unit.assignments.active([task_id])[0].id


def test_an_eta_comes_with_the_assignment_and_moves_as_work_goes_on(every_office: Watched) -> None:
    """Live and by hand; an estimate holds at even odds, and its double with 90 % safety."""
    office = every_office
    office.login("ana")
    office.submit(Task(task_id="live", estimated_hours=2.0))
    office.submit(Task(task_id="hand", estimated_hours=0.5))
    office.run(lambda unit: work.assign(unit, "hand", "bo", BOSS, dispatcher=office.dispatcher))
    live, hand = office.active("live"), office.active("hand")
    assert (live.eta_p50, live.eta_p90) == (live.assigned_at + 2 * HOUR, live.assigned_at + 4 * HOUR)
    assert hand.eta_p50 == hand.assigned_at + HOUR / 2
    office.fall_silent("ana", 3 * HOUR)
    office.look()
    moved, now = office.active("live"), office.now()
    assert moved.eta_p50 is not None
    assert moved.eta_p90 is not None
    assert now + HOUR / 4 < moved.eta_p50 < moved.eta_p90
    assert moved.eta_p90 > moved.assigned_at + 4 * HOUR
    assert moved.updated_at == live.updated_at


def test_only_one_process_looks(every_office: Watched) -> None:
    """Another one takes over when the lease ends, or at once when the first one gives it up."""
    office = every_office
    office.look()
    other = Detector(office.database, office.dispatcher.eta, "elsewhere", EVERY)
    office.submit(Task(task_id="nobody", deadline=office.now() + HOUR / 2))
    assert other.step(office.now()) < EVERY.total_seconds()
    assert office.alerts() == set()
    office.detector.close()
    assert other.step(office.now()) >= EVERY.total_seconds()
    assert office.alerts() == {("starving", "nobody")}


def test_who_has_lost_the_lease_writes_nothing(office: Watched) -> None:
    office.look()
    office.submit(Task(task_id="nobody", deadline=office.now() + HOUR / 2))
    office.run(lambda unit: unit.connection.execute(text("UPDATE leases SET fence = fence + 1, holder = 'other'")))
    assert office.detector.step(office.now()) == 0.0
    assert office.alerts() == set()


def test_pauses_do_not_count_as_work(office: Watched) -> None:
    """While Ana is at lunch her work goes no further: its end moves with the clock."""
    office.login("ana")
    office.submit(Task(task_id="t", estimated_hours=2.0))
    office.look()
    before = office.active("t").eta_p50
    office.run(lambda unit: unit.sessions.pause("ana", unit.now(), paused=True))
    for _ in range(30):
        office.pass_(timedelta(minutes=1))
        office.look()
    after = office.active("t").eta_p50
    assert before is not None
    assert after is not None
    assert after - before == pytest.approx(HOUR / 2, abs=timedelta(minutes=3))
    office.run(lambda unit: unit.sessions.pause("ana", unit.now(), paused=False))
    office.pass_(HOUR)
    office.look()
    later = office.active("t").eta_p50
    assert later is not None
    assert later - after < HOUR / 2


def test_nothing_is_said_where_nothing_is_known(office: Watched) -> None:
    """No estimate and no finished work: no ETA, and no alert about it; finished work gives one later."""
    office.login("ana")
    office.submit(Task(task_id="t", category="visit", deadline=office.now() + HOUR))
    office.look()
    assert office.active("t").eta_p50 is None
    assert office.alerts() == set()
    past = [
        PastAssignment(
            task_id=f"p{n}", employee_id="ana", category="visit", assigned_at=NOW - 9 * HOUR,
            completed_at=NOW - 6 * HOUR, outcome="good",
        )
        for n in range(25)
    ]  # fmt: skip
    office.run(lambda unit: unit.history.add(past))
    fresh = Watched(office.database)
    office.detector.close()
    fresh.look()
    eta = fresh.active("t").eta_p50
    assert eta is not None
    assert timedelta(hours=2.5) < eta - NOW <= timedelta(hours=3.1)
    assert fresh.alerts() == {("late", "t")}


def test_late_work_is_told_before_its_deadline_and_not_cleared_by_a_little(office: Watched) -> None:
    """Raised when a third of such work would be in time, cleared only when half of it would."""
    office.login("ana")
    office.submit(Task(task_id="t", estimated_hours=4.0, deadline=NOW + 5 * HOUR))
    office.look()
    assert office.alerts() == set()
    office.pass_(4.1 * HOUR)
    office.look()
    assert office.of_kind("late") == {"t"}
    [event] = office.told()
    assert "due 2026-03-02T14:00:00Z" in event["reason"]
    assert event["severity"] == "warning"
    for hours, standing in ((5.5, {"t"}), (9.0, set()), (5.5, set())):
        office.run(lambda unit, h=hours: unit.tasks.change("t", {"deadline": NOW + h * HOUR}, unit.now()))
        office.look()
        assert office.of_kind("late") == standing, hours


@pytest.mark.parametrize("estimate", [0.1, None])
def test_overdue_work_is_critical(office: Watched, estimate: float | None) -> None:
    """Whether or not somebody can say when it will be complete."""
    office.login("ana")
    office.submit(Task(task_id="t", estimated_hours=estimate, deadline=NOW - HOUR))
    office.look()
    [event] = office.told()
    assert (event["subject"], event["severity"]) == ("t", "critical")


def test_stuck_work_is_told_until_there_is_a_sign_of_progress(office: Watched) -> None:
    office.login("ana")
    office.submit(Task(task_id="t", estimated_hours=1.0))
    office.pass_(2.4 * HOUR)
    office.look()
    assert office.of_kind("stuck") == set()
    office.pass_(0.2 * HOUR)
    office.look()
    assert office.of_kind("stuck") == {"t"}
    office.run(lambda unit: unit.tasks.change("t", {"description": "waiting for a part"}, unit.now()))
    office.look()
    assert office.of_kind("stuck") == set()
    office.pass_(1.1 * HOUR)
    office.look()
    assert office.of_kind("stuck") == {"t"}
    office.complete("t", "ana")
    office.look()
    assert office.alerts() == set()


def test_work_that_ended_between_look_and_alert_is_not_told(office: Watched) -> None:
    office.login("ana")
    office.submit(Task(task_id="t", estimated_hours=4.0, deadline=NOW + HOUR))
    looked = office.detector._elsewhere

    def meanwhile(unit: Any, now: datetime) -> Any:
        office.complete("t", "ana")
        return looked(unit, now)

    office.detector._elsewhere = meanwhile  # type: ignore[method-assign]
    office.look()
    assert office.told() == []


def test_load_must_fall_below_95_percent(office: Watched) -> None:
    def load(hours: float) -> set[str]:
        office.run(lambda unit: unit.employees.change("ana", {"current_workload": hours}, unit.now()))
        office.look()
        return office.of_kind("overload")

    assert [load(hours) for hours in (40.0, 40.1, 39.0, 38.0, 39.0)] == [set(), {"ana"}, {"ana"}, set(), set()]


def test_a_flood_is_told_by_its_worst_and_one_more(office: Watched) -> None:
    """A hundred alerts of a kind at most, and one that stands for the others."""
    count = MOST_RAISED + 30
    tasks = [Task(task_id=f"t{n:03}", title="Work", deadline=NOW - HOUR * n) for n in range(count)]
    office.run(lambda unit: unit.tasks.add(tasks, unit.now()))
    office.look()
    worst = {f"t{n:03}" for n in range(30, count)}
    assert office.of_kind("starving") == {*worst, "others"}
    office.look()
    assert len(office.told()) == MOST_RAISED + 1
    for task in tasks[25:]:
        office.run(lambda unit, key=task.task_id: unit.tasks.change(key, {"status": "cancelled"}, unit.now()))
    office.look()
    assert office.of_kind("starving") == {f"t{n:03}" for n in range(25)}


def test_work_that_may_not_begin_does_not_starve(office: Watched) -> None:
    """In a queue that is off nobody may take it; but a deadline comes near for everybody."""
    office.queue("later", mode="off")
    office.submit(Task(task_id="off", queue="later"))
    office.submit(Task(task_id="waits"))
    office.pass_(8.5 * HOUR)
    office.look()
    assert office.of_kind("starving") == {"waits"}


def answer(office: Watched, task_id: str, accepted: list[bool]) -> None:
    """Offers of a task that were taken or not, one a minute."""
    assignment = office.active(task_id)
    rows = [
        TrainingRow(
            log_id=f"{task_id}-{number}", decision_id=f"d{number}", assignment_id=assignment.id, task_id=task_id,
            employee_id=assignment.employee_id, features={}, assignment_score=0.5, confidence=0.5, method="live",
            scorer="x", logged_at=NOW - timedelta(minutes=len(accepted) - number),
        )
        for number in range(len(accepted))
    ]  # fmt: skip
    office.run(lambda unit: unit.training.add(rows))
    statement = text("UPDATE ml_training_data SET acceptance = :taken WHERE log_id = :log_id")
    values = [{"taken": int(taken), "log_id": f"{task_id}-{number}"} for number, taken in enumerate(accepted)]
    office.run(lambda unit: unit.connection.execute(statement, values))


def test_offers_that_are_taken_less_often_are_told_by_queue(office: Watched) -> None:
    office.login("ana")
    office.submit(Task(task_id="t", estimated_hours=30.0))
    often = [number % 10 < 9 for number in range(300)]
    answer(office, "t", often + [number % 10 < 5 for number in range(100)])
    office.look()
    assert office.of_kind("acceptance") == {"default"}
    [event] = office.told()
    assert "70% are accepted, 90% before" in event["reason"]


def test_only_alerts_reach_the_address_for_alerts(office: Watched) -> None:
    office.login("ana")
    office.submit(Task(task_id="t", estimated_hours=4.0, deadline=NOW + HOUR))
    office.look()
    office.complete("t", "ana")
    office.look()
    office.run(lambda unit: unit.outbox.number(100))
    with receiving() as receiver:
        delivery = Delivery(office.database, AlertSink(HttpSink("alert", receiver.url)), "me")
        delivery.step(office.now())
        delivery.close()
        told = [body["data"]["event_type"] for _, _, body in receiver.requests]
    assert told == ["AlertRaised", "AlertCleared"]
    with office.database.read() as unit:
        assert unit.cursors.get("alert").position == unit.outbox.newest()


def test_many_active_assignments_are_looked_at_in_pages(office: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assignment_engine.store.going.AT_ONCE", 3)
    tasks = [Task(task_id=f"t{n}", title="Work", estimated_hours=1.0) for n in range(8)]
    office.run(lambda unit: unit.tasks.add(tasks, unit.now()))
    for task in tasks:
        office.run(lambda unit, key=task.task_id: work.assign(unit, key, "ana", BOSS))
    office.run(lambda unit: unit.connection.execute(update(task_assignments).values(expected_p50=None)))
    office.look()
    assert all(office.active(task.task_id).eta_p50 for task in tasks)

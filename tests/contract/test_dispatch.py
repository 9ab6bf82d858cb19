"""Live dispatch: people log in, get work, finish it and have the next task in the same breath."""

from __future__ import annotations

from datetime import timedelta

import pytest

from assignment_engine.domain.actors import Actor
from assignment_engine.domain.errors import (
    CapacityExceededError,
    InvalidInputError,
    NotFoundError,
    SessionClosedError,
    TransitionError,
)
from assignment_engine.domain.sampled import as_rows
from assignment_engine.services.dispatch import presence, work
from assignment_engine.services.dispatch.alerts import raise_unassignable
from assignment_engine.services.dispatch.intake import amend_employee, amend_task, submit_task
from assignment_engine.services.dispatch.queues import set_queue
from assignment_engine.services.tasks import remove_task
from tests.builders import employee, task
from tests.dispatching import Office

ADMIN = Actor("boss")


@pytest.fixture
def office(database):
    return Office(database)


def test_logging_in_brings_the_best_waiting_task(office):
    """Of the tasks that wait the one with the best score comes first."""
    office.has(employee("ana", skills={"python": 1.0, "sql": 0.1}))
    office.gets(task("low", required_skills={"sql": 1.0}), task("fit", required_skills={"python": 1.0}))
    found = office.login("ana")
    assert [a.task_id for a in found.assignments] == ["fit"]
    assert found.assignments[0].status == "accepted"
    assert found.assignments[0].accepted_at == found.assignments[0].assigned_at
    assert (found.heartbeat_seconds, found.timeout_seconds) == (30, 90)
    assert office.findings() == []


def test_completing_brings_the_next_task_in_the_same_answer(office):
    """The next task is in the answer to the completion."""
    office.has(employee("ana"))
    office.gets(task("t1", priority="critical"), task("t2"))
    office.login("ana")
    done = office.complete("t1", "ana")
    assert (done.completed.task_id, done.completed.status) == ("t1", "completed")
    assert done.next.task_id == "t2"
    assert office.complete("t2", "ana").next is None
    assert office.findings() == []


def test_completing_again_changes_nothing(office):
    """The same person may say it twice."""
    office.has(employee("ana"))
    office.gets(task("t1"))
    office.login("ana")
    first = office.complete("t1", "ana").completed
    again = office.complete("t1", "ana")
    assert again.completed == first
    assert again.next is None


def test_completing_again_tells_the_next_task_again(office):
    """An answer that was lost is given again, as long as the next task is still theirs."""
    office.has(employee("ana"))
    office.gets(task("t1", priority="critical"), task("t2"), task("t3"))
    office.login("ana")
    following = office.complete("t1", "ana").next
    assert office.complete("t1", "ana").next == following
    office.complete(following.task_id, "ana")
    assert office.complete("t1", "ana").next.task_id not in ("t1", following.task_id)


def test_another_persons_task_is_not_there(office):
    """Whoever does not have the task learns nothing about it."""
    office.has(employee("ana"), employee("bo"))
    office.gets(task("t1"))
    office.login("ana")
    with pytest.raises(NotFoundError):
        office.complete("t1", "bo")
    with pytest.raises(NotFoundError):
        office.complete("nothing", "bo")


def test_a_task_that_nobody_has_cannot_be_completed(office):
    """An admin is told the present status."""
    office.gets(task("t1"))
    with pytest.raises(TransitionError, match="pending"):
        office.run(lambda unit: work.complete_task(unit, office.dispatcher, "t1", ADMIN))


def test_a_new_task_goes_to_the_best_free_person(office):
    """Of those who are free the best score gets it."""
    office.has(employee("ana", skills={"sql": 0.2}), employee("bo", skills={"sql": 1.0}), employee("cy"))
    office.login("ana"), office.login("bo")
    office.submit(task("t1", required_skills={"sql": 1.0}))
    assert office.holder("t1") == "bo"
    assert office.findings() == []


def test_nobody_gets_work_who_is_not_there(office):
    """A person who is available for planning but not logged in gets nothing."""
    office.has(employee("ana"))
    office.submit(task("t1"))
    office.cycle()
    assert office.holder("t1") is None


def test_silence_logs_out_and_gives_live_work_back(office):
    """After the timeout the session ends; its task goes to somebody else with its age."""
    office.has(employee("ana"), employee("bo"))
    office.gets(task("t1"))
    office.login("ana")
    waiting_since = office.task("t1").enqueued_at
    office.login("bo")
    office.has_been_open()
    office.fall_silent("ana", timedelta(seconds=91))
    office.cycle()
    assert office.present() == {"bo"}
    assert office.holder("t1") == "bo"
    assert office.task("t1").enqueued_at == waiting_since
    assert office.findings() == []


def test_an_outage_logs_nobody_out(office):
    """Silence while nobody could listen does not count."""
    office.has(employee("ana"))
    office.login("ana")
    office.has_been_open()
    office.fall_silent("ana", timedelta(seconds=200))
    office.stop_the_loop_for(timedelta(seconds=120))
    office.cycle()
    assert office.present() == {"ana"}


def test_logging_out_gives_back_live_work_only(office):
    """What was planned or given by hand stays with the person."""
    office.has(employee("ana", max_units=2))
    office.gets(task("manual"), task("live"))
    office.run(lambda unit: work.assign(unit, "manual", "ana", ADMIN))
    office.login("ana")
    released = office.logout("ana").released
    assert [a.task_id for a in released] == ["live"]
    assert office.holder("manual") == "ana"
    assert office.task("live").status == "pending"
    assert office.findings() == []


def test_logging_in_again_takes_over_the_work(office):
    """The new session adopts the work of the old one, whose calls are refused from then on."""
    office.has(employee("ana"))
    office.gets(task("t1"))
    old = office.login("ana")
    new = office.login("ana")
    assert new.fence == old.fence + 1
    assert [a.task_id for a in new.assignments] == ["t1"]
    with pytest.raises(SessionClosedError):
        office.heartbeat("ana", old.session)
    with pytest.raises(SessionClosedError):
        office.complete("t1", "ana", session=old.session)
    assert [a.task_id for a in office.logout("ana").released] == ["t1"]


def test_a_heartbeat_without_a_session_is_refused(office):
    """Whoever is not logged in is told so."""
    office.has(employee("ana"))
    with pytest.raises(SessionClosedError):
        office.heartbeat("ana")


def test_a_paused_person_gets_nothing_until_they_resume(office):
    """Pausing keeps what one has and stops what would come."""
    office.has(employee("ana"))
    office.login("ana")
    office.run(lambda unit: presence.pause(unit, office.dispatcher, "ana", None))
    office.submit(task("t1"))
    assert office.holder("t1") is None
    found = office.run(lambda unit: presence.resume(unit, office.dispatcher, "ana", None))
    assert [a.task_id for a in found.assignments] == ["t1"]


def test_units_bound_how_much_one_person_gets(office):
    """A person with three units gets tasks until the next would not fit."""
    office.has(employee("ana", max_units=3))
    office.gets(task("a", priority="critical", units=2), task("b", priority="high", units=2), task("c", units=1))
    office.login("ana")
    assert {office.holder("a"), office.holder("c"), office.holder("b")} == {"ana", None}
    assert office.holder("b") is None
    assert office.findings() == []


def test_hours_bound_how_much_one_person_gets(office):
    """Work that does not fit into the capacity is not pushed."""
    office.has(employee("ana", max_units=5, max_workload=3))
    office.gets(task("a", priority="critical", estimated_hours=2), task("b", estimated_hours=2))
    office.login("ana")
    assert (office.holder("a"), office.holder("b")) == ("ana", None)
    office.run(lambda unit: amend_employee(unit, office.dispatcher, "ana", {"max_workload": 4.0}))
    assert office.holder("b") == "ana"


def test_a_rejected_offer_goes_to_somebody_else_and_never_comes_back(office):
    """Rejecting frees the task with its age; the engine does not ask that person again."""
    office.queue(mode="offer")
    office.has(employee("ana"))
    office.gets(task("t1"))
    offer = office.login("ana").assignments[0]
    assert offer.status == "offered"
    office.reject(offer, "ana", "too far")
    assert office.holder("t1") is None
    assert office.alerts() == {("unassignable", "t1")}
    office.has(employee("bo"))
    office.login("bo")
    assert office.holder("t1") == "bo"
    assert office.findings() == []


def test_a_missed_offer_goes_on_and_its_person_is_away(office):
    """Nobody who does not answer is asked again before they say that they are back."""
    office.queue(mode="offer", offer_timeout_seconds=60.0)
    office.has(employee("ana"), employee("bo"))
    office.gets(task("t1"))
    office.login("ana")
    office.login("bo")
    office.let_offers_expire()
    office.cycle()
    assert office.holder("t1") == "bo"
    statuses = {status.person_id: status.paused for status in office.status()}
    assert statuses == {"ana": True, "bo": False}
    assert office.findings() == []


def test_an_accepted_offer_is_in_progress(office):
    """Accepting begins the work."""
    office.queue(mode="offer")
    office.has(employee("ana"))
    office.gets(task("t1"))
    offer = office.login("ana").assignments[0]
    accepted = office.run(lambda unit: work.accept(unit, office.dispatcher, offer.id, Actor("ana", "ana")))
    assert accepted.status == "accepted"
    assert office.task("t1").status == "in_progress"
    office.let_offers_expire()
    office.cycle()
    assert office.holder("t1") == "ana"


@pytest.mark.parametrize("queue", ["default", "new"])
def test_a_mode_holds_from_the_moment_it_is_set(office, queue):
    """For a queue that nobody has heard of before, and for one whose settings were just looked at."""
    office.has(employee("ana"), employee("bo"))
    office.login("ana"), office.login("bo")
    office.submit(task("before"))
    office.queue(queue, mode="offer")
    office.submit(task("t1", queue=queue))
    assert office.task("t1").status == "assigned"
    office.gets(task("t2", queue=queue))
    office.complete("before", office.holder("before"))
    assert office.task("t2").status == "assigned"


def test_what_is_taken_back_goes_to_others_first(office):
    """Its person gets it again only when nobody else is there."""
    office.has(employee("ana", skills={"sql": 1.0}), employee("bo", skills={"sql": 0.5}))
    office.login("ana"), office.login("bo")
    office.submit(task("t1", required_skills={"sql": 1.0}))
    assert office.holder("t1") == "ana"
    _release(office, "t1")
    assert office.holder("t1") == "bo"
    _release(office, "t1")
    assert office.holder("t1") == "ana"
    office.logout("bo")
    _release(office, "t1")
    assert office.holder("t1") == "ana"
    assert office.findings() == []


def _release(office, task_id):
    with office.database.read() as unit:
        (held,) = unit.assignments.active([task_id])
    office.run(lambda unit: work.release(unit, office.dispatcher, held.id, ADMIN))


def test_minimum_levels_relax_with_waiting(office):
    """After a while of waiting less is asked for."""
    office.queue(relax=[{"after_seconds": 600.0, "factor": 0.5}])
    office.has(employee("ana", skills={"sql": 0.6}))
    office.gets(task("t1", minimum_levels={"sql": 1.0}))
    office.login("ana")
    assert office.holder("t1") is None
    office.age("t1", timedelta(seconds=700))
    office.cycle()
    assert office.holder("t1") == "ana"


def test_whoever_has_waited_too_long_goes_first(office):
    """Beyond the limit of its queue a low task goes before a critical one."""
    office.has(employee("ana"))
    office.gets(task("old", priority="low"), task("new", priority="critical"))
    office.age("old", timedelta(hours=9))
    office.login("ana")
    assert office.holder("old") == "ana"


def test_first_in_first_out_asks_for_age_alone(office):
    """The document's own rule: the oldest pending task."""
    office.queue(policy="fifo")
    office.has(employee("ana"))
    office.gets(task("old", priority="low"), task("new", priority="critical"))
    office.age("old", timedelta(minutes=1))
    office.login("ana")
    assert office.holder("old") == "ana"


def test_a_person_serves_their_queues_only(office):
    """Tasks of other queues are not theirs."""
    office.has(employee("ana", queues=["vip"]), employee("bo"))
    office.gets(task("t1"))
    office.login("ana")
    assert office.holder("t1") is None
    office.submit(task("t2", queue="vip"))
    assert office.holder("t2") == "ana"


def test_a_queue_that_is_off_gives_nothing_out(office):
    """Until it is switched on."""
    office.queue(mode="off")
    office.has(employee("ana"))
    office.gets(task("t1"))
    office.login("ana")
    office.cycle()
    assert office.holder("t1") is None
    office.queue(mode="push")
    office.cycle()
    assert office.holder("t1") == "ana"


def test_the_preferred_person_is_asked_first_while_they_are_there(office):
    """A busy preferred person is waited for, then everybody is asked."""
    office.has(employee("ana", skills={"sql": 0.1}), employee("bo", skills={"sql": 1.0}))
    office.login("ana")
    office.submit(task("busy"))
    office.login("bo")
    office.submit(task("t1", preferred_employee="ana", required_skills={"sql": 1.0}))
    assert office.holder("t1") is None
    assert office.complete("busy", "ana").next.task_id == "t1"
    office.submit(task("t2", preferred_employee="ana"))
    office.make_due("t2", timedelta(seconds=61))
    office.cycle()
    assert office.holder("t2") == "bo"


def test_an_absent_preferred_person_is_not_waited_for(office):
    """Somebody else gets it at once."""
    office.has(employee("ana"), employee("bo"))
    office.login("bo")
    office.submit(task("t1", preferred_employee="ana"))
    assert office.holder("t1") == "bo"


def test_what_waits_in_vain_is_told(office):
    """For something that is not there, has failed, was cancelled or deleted; until that is mended."""
    office.has(employee("ana"))
    office.submit(task("unknown", dependencies=["later"]))
    assert office.alerts() == {("unassignable", "unknown")}
    office.gets(task("a"), task("b", dependencies=["a"]), task("c", dependencies=["b"]))
    office.login("ana")
    office.cycle()
    assert office.alerts() == {("unassignable", "unknown")}
    with office.database.read() as unit:
        (held,) = unit.assignments.active(["a"])
    office.run(lambda unit: work.fail(unit, office.dispatcher, held.id, ADMIN, "it is broken"))
    assert office.alerts() == {("unassignable", "unknown"), ("unassignable", "b")}
    office.submit(task("later"))
    office.run(lambda unit: amend_task(unit, office.dispatcher, "b", {"dependencies": ()}))
    raise_alerts(office)
    assert office.alerts() == set()
    office.logout("ana")
    office.run(lambda unit: remove_task(unit, "b"))
    office.cycle()
    assert office.alerts() == {("unassignable", "c")}
    assert office.findings() == []


def raise_alerts(office):
    """As the loop does every 30 seconds."""
    office.run(lambda unit: raise_unassignable(unit, office.core.matcher, unit.now()))


def test_tasks_wait_for_what_they_depend_on(office):
    """A dependent task is given out the moment the other one is done."""
    office.has(employee("ana"))
    office.gets(task("first"), task("second", dependencies=["first"], priority="critical"))
    office.login("ana")
    assert (office.holder("first"), office.holder("second")) == ("ana", None)
    assert office.complete("first", "ana").next.task_id == "second"


def test_a_scheduled_task_waits_for_its_day(office):
    """Before the date it is nobody's."""
    office.has(employee("ana"))
    office.login("ana")
    office.submit(task("t1", scheduled_date=office.now().date() + timedelta(days=1)))
    assert office.holder("t1") is None
    office.run(lambda unit: amend_task(unit, office.dispatcher, "t1", {"scheduled_date": office.now().date()}))
    assert office.holder("t1") == "ana"


def test_an_untriaged_task_waits_for_triage_that_is_alive(office):
    """It is given out when it has been read, or after the triage wait of its queue."""
    office.has(employee("ana"), employee("bo"))
    office.triage_is_alive()
    office.login("ana"), office.login("bo")
    office.submit(task("read")), office.submit(task("unread"))
    assert (office.holder("read"), office.holder("unread")) == (None, None)
    office.triages("read")
    office.cycle()
    assert (office.holder("read") is None, office.holder("unread")) == (False, None)
    office.make_due("unread", timedelta(seconds=11))
    office.cycle()
    assert {office.holder("read"), office.holder("unread")} == {"ana", "bo"}


def test_after_a_task_its_person_rests(office):
    """The wrap-up time of the queue passes before the next task comes."""
    office.queue(wrap_up_seconds=300.0)
    office.has(employee("ana"))
    office.gets(task("t1", priority="critical"), task("t2"))
    office.login("ana")
    assert office.complete("t1", "ana").next is None
    office.cycle()
    assert office.holder("t2") is None
    office.end_rest("ana")
    office.cycle()
    assert office.holder("t2") == "ana"


def test_work_that_outlasts_the_shift_is_not_pushed(office):
    """What is left of the shift must be enough."""
    office.has(employee("ana", shift_end=office.now() + timedelta(hours=1)))
    office.gets(task("long", estimated_hours=2, priority="critical"), task("short", estimated_hours=0.5))
    office.login("ana")
    assert (office.holder("long"), office.holder("short")) == (None, "ana")


def test_assigning_by_hand_wins(office):
    """It skips presence, skills, department and an earlier rejection, but not capacity."""
    office.has(employee("ana", max_workload=1))
    office.gets(task("t1", minimum_levels={"sql": 1.0}, estimated_hours=2))
    with pytest.raises(CapacityExceededError):
        office.run(lambda unit: work.assign(unit, "t1", "ana", ADMIN))
    made = office.run(lambda unit: work.assign(unit, "t1", "ana", ADMIN, allow_overload=True))
    assert (made.status, made.assigned_by, office.holder("t1")) == ("assigned", "boss", "ana")
    with pytest.raises(InvalidInputError, match="ticket_id"):
        office.run(lambda unit: work.assign(unit, "t9", "ana", ADMIN))
    assert office.findings() == []


def test_reopening_marks_the_outcome_and_queues_the_task_again(office):
    """Work that has to be done again was not good."""
    office.has(employee("ana"))
    office.gets(task("t1"))
    office.login("ana")
    office.complete("t1", "ana")
    assert office.outcomes() == [1]
    assert office.person("ana").history.outcomes.good == 1
    office.run(lambda unit: work.reopen(unit, office.dispatcher, "t1", ADMIN))
    assert office.outcomes()[0] == 0
    assert office.person("ana").history.outcomes.good == 0
    assert office.holder("t1") == "ana"
    with pytest.raises(TransitionError):
        office.run(lambda unit: work.reopen(unit, office.dispatcher, "t1", ADMIN))
    office.run(lambda unit: unit.outbox.number(10))
    seen = office.run(lambda unit: unit.outbox.after(0, 10, "ana"))
    assert "JobReopened" in [published.data["event_type"] for published in seen]
    assert office.findings() == []


def test_every_decision_is_logged_with_what_was_compared(office):
    """The training log holds the chosen pair, its rank and a sample; no propensity is made up."""
    office.has(employee("ana", skills={"sql": 1.0}))
    office.gets(*(task(f"t{n}", required_skills={"sql": 1.0}, estimated_hours=1 + n) for n in range(30)))
    office.login("ana")
    [row] = office.training()
    assert row.method == "live"
    assert row.propensity is None
    candidates = as_rows(row.candidates)
    assert len(candidates) == 15
    assert row.rank == 1
    assert candidates[0]["task_id"] == row.task_id
    assert candidates[0]["features"] == row.features


def test_a_scorer_that_breaks_does_not_undo_the_completion(office):
    """The completion commits, nothing is dispatched, an alert says so, and the loop takes over."""
    office.has(employee("ana"))
    office.gets(task("t1"), task("t2"))
    office.login("ana")
    first = "t1" if office.holder("t1") else "t2"
    office.break_the_scorer()
    done = office.complete(first, "ana")
    assert (done.completed.status, done.next) == ("completed", None)
    assert office.alerts() == {("dispatch_failed", "dispatch")}
    office.mend_the_scorer()
    office.cycle()
    assert office.alerts() == set()
    assert {office.holder("t1"), office.holder("t2")} == {"ana", None}
    assert office.findings() == []


def test_the_queue_is_listed_in_the_order_of_dispatch(office):
    """Ageing lifts what has waited."""
    office.gets(task("low", priority="low"), task("high", priority="high"), task("aged", priority="low"))
    office.age("aged", timedelta(hours=13))
    with office.database.read() as unit:
        assert [t.task_id for t in unit.waiting.list().items] == ["aged", "high", "low"]


def test_settings_of_a_queue_move_its_tasks(office):
    """A new ageing gives every waiting task its new place."""
    office.gets(task("low", priority="low"), task("high", priority="high"))
    office.age("low", timedelta(hours=1))
    office.run(lambda unit: set_queue(unit, office.dispatcher, "default", {"ageing_hours_per_level": 0.25}))
    office.cycle()
    with office.database.read() as unit:
        assert [t.task_id for t in unit.waiting.list().items] == ["low", "high"]


def test_submitting_dispatches_in_the_same_transaction(office):
    """The answer already shows who has it."""
    office.has(employee("ana"))
    office.login("ana")
    stored = office.run(lambda unit: submit_task(unit, office.dispatcher, task("t1", title="Work")))
    assert (stored.status, stored.assigned_to_id) == ("in_progress", "ana")

"""The lifecycle table, walked from every state by every event."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest

from assignment_engine.domain.assignments import AssignmentStatus, Event, NewAssignment, advance
from assignment_engine.domain.errors import TransitionError
from tests.builders import NOW

# event → (from, to, what the task becomes); a dash is an assignment that does not exist yet
TABLE = {
    "offer": (["-"], "offered", "assigned"),
    "assign": (["-"], "assigned", "assigned"),
    "push": (["-"], "accepted", "in_progress"),
    "accept": (["offered", "assigned"], "accepted", "in_progress"),
    "reject": (["offered", "assigned"], "rejected", "pending"),
    "expire": (["offered"], "expired", "pending"),
    "complete": (["assigned", "accepted"], "completed", "completed"),
    "fail": (["assigned", "accepted"], "failed", "failed"),
    "release": (["offered", "assigned", "accepted"], "released", "pending"),
    "cancel": (["offered", "assigned", "accepted"], "cancelled", "cancelled"),
}
STATES = ["-", *AssignmentStatus]
NEW = NewAssignment("a1", "t1", "ana", "engine", "greedy", 3600, score=0.7, confidence=0.6, scorer="fallback")
LATER = NOW + timedelta(hours=1)


def in_state(state: str):
    """The assignment in that state, or one that does not exist yet."""
    if state == "-":
        return NEW
    return advance(NEW, Event.ASSIGN, NOW).assignment.model_copy(update={"status": AssignmentStatus(state)})


def test_the_table_has_every_event():
    assert set(TABLE) == {str(event) for event in Event}


@pytest.mark.parametrize(("state", "event"), list(product(STATES, Event)))
def test_every_event_in_every_state(state, event):
    """Goes the way of the table, or is refused with the present status."""
    sources, target, task_status = TABLE[event]
    before = in_state(state)
    if state not in sources:
        with pytest.raises(TransitionError) as refused:
            advance(before, event, LATER)
        assert refused.value.event == event
        assert refused.value.status == ("not assigned yet" if state == "-" else state)
        assert str(refused.value) == f"'{event}' is not possible: the present status is '{refused.value.status}'"
        return
    done = advance(before, event, LATER, reason="because")
    assert (done.assignment.status, done.task_status) == (target, task_status)
    assert done.before == (None if state == "-" else state)
    assert done.assignment.updated_at == LATER
    assert done.reason == "because"


@pytest.mark.parametrize(
    ("state", "event", "field"),
    [
        ("assigned", "accept", "accepted_at"),
        ("assigned", "reject", "rejected_at"),
        ("accepted", "complete", "completed_at"),
    ],
)
def test_the_moment_is_stamped(state, event, field):
    done = advance(in_state(state), Event(event), LATER).assignment
    stamps = {name: getattr(done, name) for name in ("accepted_at", "rejected_at", "completed_at")}
    assert stamps == {"accepted_at": None, "rejected_at": None, "completed_at": None, field: LATER}


def test_pushed_work_is_accepted_when_it_is_assigned():
    pushed = advance(NEW, Event.PUSH, NOW).assignment
    assert pushed.accepted_at == pushed.assigned_at == NOW


def test_a_new_assignment_keeps_what_it_was_made_of():
    made = advance(NEW, Event.ASSIGN, NOW)
    assert made.new is NEW
    assert (made.assignment.task_id, made.assignment.employee_id, made.assignment.score) == ("t1", "ana", 0.7)
    assert made.assignment.created_at == made.assignment.assigned_at == NOW


def test_a_rejection_keeps_its_reason():
    assert advance(in_state("offered"), Event.REJECT, LATER, reason="no car").assignment.rejection_reason == "no car"


def test_the_assignment_itself_is_not_changed():
    before = in_state("assigned")
    advance(before, Event.ACCEPT, LATER)
    assert before.status == "assigned"
    assert before.accepted_at is None


def test_offered_assigned_and_accepted_are_active():
    assert {str(s) for s in AssignmentStatus if s.active} == {"offered", "assigned", "accepted"}


def test_serialises_with_the_names_of_the_contract():
    """A client sees `ticket_id` and `technician_id`."""
    record = in_state("assigned").model_dump(by_alias=True)
    assert (record["ticket_id"], record["technician_id"]) == ("t1", "ana")
    assert "task_id" not in record

"""Silence counts only while somebody listened."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from assignment_engine.services.dispatch.cycle import Cycle
from assignment_engine.store.database import Database
from tests.builders import employee
from tests.dispatching import Office

LONG, MINUTES = timedelta(seconds=100), timedelta(minutes=2)


@pytest.fixture
def office(database: Database) -> Office:
    """Ana is there; the loop has been running for long."""
    office = Office(database)
    office.has(employee("ana"))
    office.login("ana")
    office.has_been_open()
    return office


def test_a_round_that_an_outage_interrupts_logs_nobody_out(office: Office) -> None:
    """Its process was stopped between the beginning of the round and the end of those who are silent."""
    cycle = Cycle(office.dispatcher)
    office.run(cycle._begin)
    office.fall_silent("ana", MINUTES)
    office.stop_the_loop_for(MINUTES)
    office.run(partial(cycle._close, "ana"))
    assert office.present() == {"ana"}


def test_a_round_that_nothing_interrupts_logs_out_whoever_is_silent(office: Office) -> None:
    office.fall_silent("ana", LONG)
    office.cycle()
    assert office.present() == set()


def test_an_outage_of_seconds_counts_where_people_may_be_silent_for_seconds(office: Office) -> None:
    """Shorter than the fifteen that are an outage otherwise, but longer than anybody may be silent."""
    dispatcher = replace(office.dispatcher, session_timeout=timedelta(seconds=4))
    office.fall_silent("ana", timedelta(seconds=6))
    office.stop_the_loop_for(timedelta(seconds=6))
    Cycle(dispatcher, timedelta(seconds=0.5)).run()
    assert office.present() == {"ana"}


def test_rounds_that_are_far_apart_are_no_outage(office: Office) -> None:
    office.fall_silent("ana", LONG)
    office.stop_the_loop_for(timedelta(seconds=30))
    Cycle(office.dispatcher, timedelta(seconds=20)).run()
    assert office.present() == set()


def test_a_late_note_of_a_sign_of_life_takes_nothing_back(office: Office) -> None:
    """As of a process that was stopped after it had looked at the clock."""
    now = office.now()
    for moment in (now, now - LONG):
        assert office.run(lambda unit, moment=moment: unit.sessions.seen("ana", None, moment))
    (status,) = office.status()
    assert status.last_heartbeat == now

"""Leases: one holder at a time, and nothing written by an older one."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from assignment_engine.domain.errors import LeaseLostError
from assignment_engine.services.leading import Leadership

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=11)


def take(database, holder, now=NOW, seconds=10.0):
    return database.run(lambda unit: unit.leases.take("relay", holder, now, seconds))


def test_one_holds_it_and_another_waits_until_it_expires(database):
    first = take(database, "one")
    assert (first.holder, first.fence, first.expires_at) == ("one", 1, NOW + timedelta(seconds=10))
    assert take(database, "two", NOW + timedelta(seconds=9.9)) is None
    second = take(database, "two", NOW + timedelta(seconds=10))
    assert (second.holder, second.fence) == ("two", 2)


def test_the_same_holder_keeps_its_fence(database):
    take(database, "one")
    again = take(database, "one", LATER)
    assert (again.fence, again.expires_at) == (1, LATER + timedelta(seconds=10))


def test_what_is_given_up_is_free_at_once_and_has_a_new_fence(database):
    first = take(database, "one")
    database.run(lambda unit: unit.leases.give_up(first))
    assert take(database, "two").fence == 2
    database.run(lambda unit: unit.leases.give_up(first))
    assert take(database, "three") is None


@pytest.mark.parametrize("comes_back", [False, True])
def test_under_an_old_fence_nothing_is_written(database, comes_back):
    """Also by a process that became the holder again meanwhile: what it knew is out of date."""
    first = take(database, "one")
    second = take(database, "two", LATER)
    if comes_back:
        database.run(lambda unit: unit.leases.give_up(second))
        take(database, "one", LATER)

    def write(unit):
        unit.cursors.move("somebody", 7, NOW)
        unit.leases.hold(first)

    with pytest.raises(LeaseLostError):
        database.run(write)
    with pytest.raises(LeaseLostError):
        database.run(lambda unit: unit.leases.renew(first, LATER, 10))
    with database.read() as unit:
        assert unit.cursors.get("somebody").position == 0


def test_a_late_holder_may_write_while_nobody_has_taken_over(database):
    first = take(database, "one")
    database.run(lambda unit: unit.leases.hold(first))
    assert database.run(lambda unit: unit.leases.renew(first, LATER, 5)).expires_at == LATER + timedelta(seconds=5)


def test_of_many_that_ask_at_once_one_gets_it(database):
    barrier, got = threading.Barrier(6), []

    def ask(holder):
        barrier.wait(10)
        got.append(take(database, holder))

    threads = [threading.Thread(target=ask, args=(f"holder-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(got) == 6
    assert len([lease for lease in got if lease]) == 1


def test_nobody_takes_over_while_a_write_goes_on(database):
    """Taking the lease waits for the transaction that holds it."""
    first = take(database, "one")
    order = []

    def take_over():
        take(database, "two", LATER)
        order.append("taken")

    with database.unit() as unit:
        unit.leases.hold(first)
        thread = threading.Thread(target=take_over)
        thread.start()
        thread.join(0.3)
        order.append("written")
        unit.commit()
    thread.join(30)
    assert order == ["written", "taken"]


def test_a_leader_leads_until_it_gives_up(database):
    one, two = Leadership(database, "relay", "one"), Leadership(database, "relay", "two")
    assert one.lead(NOW).fence == 1
    assert two.lead(NOW) is None
    assert one.lead(LATER).fence == 1
    one.give_up()
    assert two.lead(NOW).fence == 2
    one.give_up()
    assert one.lead(NOW) is None


def test_a_dead_leader_is_replaced_after_its_lease(database):
    dead, heir = Leadership(database, "relay", "one", seconds=0.0), Leadership(database, "relay", "two")
    assert dead.lead(NOW).fence == 1
    assert heir.lead(NOW).fence == 2
    assert dead.lead(LATER) is None

"""What two people do at the same instant, each before the other has committed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from assignment_engine.domain.actors import Actor
from assignment_engine.services.dispatch import work
from assignment_engine.services.dispatch.intake import submit_task
from assignment_engine.services.dispatch.queues import set_queue
from assignment_engine.store.unit import UnitOfWork
from tests.builders import employee, task
from tests.dispatching import Office

LONG_ENOUGH_SECONDS = 0.3  # for the second to have come as far as it can before the first commits


@pytest.fixture
def office(database):
    return Office(database)


def at_once(office: Office, first: Callable[[UnitOfWork], Any], second: Callable[[UnitOfWork], Any]) -> None:
    """Do both; the second begins when the first has done everything but commit."""
    with ThreadPoolExecutor(1) as pool:
        with office.database.unit() as unit:
            first(unit)
            done = pool.submit(office.run, second)
            wait([done], LONG_ENOUGH_SECONDS)
            unit.commit()
        for action in unit.actions:
            action()
        done.result(30)


def completing(office: Office, task_id: str, who: str) -> Callable[[UnitOfWork], Any]:
    return lambda unit: work.complete_task(unit, office.dispatcher, task_id, Actor(who, who))


def submitting(office: Office, **fields: object) -> Callable[[UnitOfWork], Any]:
    return lambda unit: submit_task(unit, office.dispatcher, task("new", title="Work", **fields))


def switching(office: Office, **settings: object) -> Callable[[UnitOfWork], Any]:
    return lambda unit: set_queue(unit, office.dispatcher, "vip", settings)


@pytest.fixture
def busy(office):
    """Two people have a task each."""
    office.has(employee("ana"), employee("bo"))
    office.gets(task("a"), task("b"))
    office.login("ana"), office.login("bo")
    return office


def held(office: Office, task_id: str) -> tuple[str, str]:
    """A task and who has it."""
    return task_id, office.holder(task_id) or ""


def test_the_last_two_dependencies_end_at_once(busy):
    """Neither sees that the other one has ended; the task that waited for both is given out all the same."""
    busy.submit(task("c", dependencies=["a", "b"]))
    at_once(busy, completing(busy, *held(busy, "a")), completing(busy, *held(busy, "b")))
    assert busy.findings() == []
    assert busy.holder("c") in {"ana", "bo"}


def test_a_task_is_reopened_while_it_is_being_finished(busy):
    """What was read before the finishing is not what is written down."""
    task_id, who = held(busy, "a")
    at_once(
        busy, completing(busy, task_id, who), lambda unit: work.reopen(unit, busy.dispatcher, task_id, Actor("boss"))
    )
    assert busy.findings() == []
    assert busy.person(who).history.outcomes.good == 0


def test_a_task_comes_while_what_it_waits_for_ends(busy):
    """It is not left behind as one that waits."""
    at_once(busy, completing(busy, *held(busy, "a")), submitting(busy, dependencies=["a"]))
    assert busy.findings() == []
    assert busy.holder("new") is not None


def test_what_a_task_waits_for_ends_while_it_comes(busy):
    """The same, the other way round."""
    at_once(busy, submitting(busy, dependencies=["a"]), completing(busy, *held(busy, "a")))
    assert busy.findings() == []
    assert busy.holder("new") is not None


def test_a_task_comes_while_its_queue_is_switched_on(office):
    """It does not stay behind in a queue that was off when it looked."""
    office.queue("vip", mode="off")
    at_once(office, switching(office, mode="push"), submitting(office, queue="vip"))
    office.cycle()
    assert office.findings() == []


def test_a_queue_is_switched_on_while_a_task_comes(office):
    """The same, the other way round."""
    office.queue("vip", mode="off")
    at_once(office, submitting(office, queue="vip"), switching(office, mode="push"))
    office.cycle()
    assert office.findings() == []


def test_two_set_a_new_queue_at_once(office):
    """Both changes are there."""
    at_once(office, switching(office, window=7), switching(office, people=9))
    with office.database.read() as unit:
        queue = unit.queues.get("vip")
    assert queue is not None
    assert (queue.window, queue.people) == (7, 9)


def test_a_person_becomes_free_while_a_task_comes(busy):
    """They find each other after both have committed."""
    at_once(busy, submitting(busy), completing(busy, *held(busy, "a")))
    assert busy.holder("new") is not None
    assert busy.findings() == []


def test_a_task_comes_while_a_person_becomes_free(busy):
    """The same, the other way round."""
    at_once(busy, completing(busy, *held(busy, "a")), submitting(busy))
    assert busy.holder("new") is not None
    assert busy.findings() == []

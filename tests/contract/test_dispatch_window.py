"""Which of the waiting tasks a free person's choice is made from."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.builders import employee, task
from tests.dispatching import Office


@pytest.fixture
def office(database):
    return Office(database)


def given(office: Office) -> list[str]:
    """What Ana gets, who knows a lot of Python and a little SQL."""
    office.has(employee("ana", skills={"python": 1.0, "sql": 0.5}))
    return [assignment.task_id for assignment in office.login("ana").assignments]


def test_only_the_first_are_compared(office):
    """A better task that comes after the first N is not chosen."""
    office.queue(window=2)
    office.gets(task("a", required_skills={"sql": 1.0}), task("b", required_skills={"java": 1.0}))
    office.gets(task("c", required_skills={"python": 1.0}))
    assert given(office) == ["a"]


def test_only_the_first_of_all_streams_are_compared(office):
    """The first N are counted over everything that the person can look at, not for each set of minimum levels."""
    office.queue(window=2)
    office.gets(task("a", required_skills={"sql": 1.0}), task("b", required_skills={"java": 1.0}))
    office.gets(task("c", required_skills={"python": 1.0}, minimum_levels={"python": 1.0}))
    assert given(office) == ["a"]


def test_those_that_cannot_be_done_do_not_count(office):
    """Pages are read on until N are found that the person can do, and no more than N are compared."""
    office.queue(window=2)
    office.gets(task("a", estimated_hours=100), task("b", required_skills={"java": 1.0}))
    office.gets(task("c", required_skills={"sql": 1.0}), task("d", required_skills={"python": 1.0}))
    assert given(office) == ["c"]


def test_what_is_kept_for_a_person_comes_first(office):
    """However many tasks are ahead of it."""
    office.queue(window=1)
    office.has(employee("bo"))
    office.login("bo")
    office.gets(task("busy"))
    assert office.holder("busy") == "bo"
    office.gets(*(task(f"ahead{n}", priority="critical") for n in range(3)))
    office.gets(task("kept", priority="low", preferred_employee="bo"))
    assert office.complete("busy", "bo").next.task_id == "kept"


def test_tasks_behind_what_is_kept_are_still_found(office):
    """What is kept but cannot be done does not end the search."""
    office.queue(window=1)
    office.has(employee("bo"))
    office.login("bo")
    office.gets(task("busy"), task("kept", estimated_hours=100, preferred_employee="bo"))
    office.gets(*(task(f"long{n}", estimated_hours=100) for n in range(3)), task("short"))
    assert office.complete("busy", "bo").next.task_id == "short"


def test_ageing_moves_a_task_into_the_window(office):
    """Four hours of waiting are worth one level of priority."""
    office.queue(window=1)
    office.gets(task("low", priority="low"), task("high", priority="medium"))
    office.age("low", timedelta(hours=4, minutes=1))
    assert given(office) == ["low"]

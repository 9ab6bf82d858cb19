"""Lists: filters, sort keys, page numbers and cursors agree with each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from assignment_engine.domain.assignments import Event, NewAssignment, advance
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.records import Employee, Task

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PRIORITIES = ("low", "critical", "medium", "high")


def _task(number):
    return Task(
        task_id=f"t{number:02}",
        title=None if number % 5 == 0 else f"Title {number % 3}",
        priority=PRIORITIES[number % 4],
        deadline=None if number % 3 == 0 else NOW + timedelta(hours=number % 4, microseconds=number % 2),
        complexity_score=None if number % 4 == 0 else (number % 7) / 7,
        estimated_hours=None if number % 6 == 0 else number % 5 + 0.1,
        category=("a", "B", None)[number % 3],
        queue=("default", "night")[number % 2],
        scheduled_date=None if number % 2 else f"2026-03-0{number % 5 + 1}",
        created_at=NOW - timedelta(minutes=number % 9),
    )


@pytest.fixture
def stocked(database):
    database.run(lambda unit: unit.tasks.add([_task(i) for i in range(23)], NOW))
    people = [Employee(employee_id=f"e{i}", name=f"N{i % 2}", department=("R", None)[i % 2]) for i in range(5)]
    database.run(lambda unit: unit.employees.add(people, NOW))
    return database


def _walk(fetch, sort, limit=4):
    """All ids by cursors, and all ids by page numbers."""
    by_cursor, after = [], None
    while True:
        page = fetch(sort=sort, limit=limit, after=after)
        by_cursor.extend(page.items)
        after = page.next_after
        if after is None:
            break
    pages = -(-page.total // limit)
    by_number = [item for number in range(1, pages + 1) for item in fetch(sort=sort, limit=limit, page=number).items]
    return by_cursor, by_number


@pytest.mark.parametrize("direction", ["", "-"])
@pytest.mark.parametrize(
    "key",
    ["task_id", "title", "priority", "deadline", "complexity_score", "estimated_hours", "created_at", "scheduled_date"],
)
def test_cursors_and_page_numbers_read_the_same_sorted_list(stocked, key, direction):
    with stocked.read() as unit:
        by_cursor, by_number = _walk(unit.tasks.list, direction + key)
    assert by_cursor == by_number
    assert len({task.task_id for task in by_cursor}) == 23
    values = [task.priority.level if key == "priority" else getattr(task, key) for task in by_cursor]
    given = [value for value in values if value is not None]
    assert values == given + [None] * (len(values) - len(given))
    assert given == sorted(given, reverse=bool(direction))


def test_people_are_sorted_by_what_they_carry(stocked):
    stocked.run(lambda unit: unit.employees.change("e3", {"current_workload": 7.5}, NOW))
    with stocked.read() as unit:
        page = unit.employees.list(sort="-current_workload", limit=2)
        by_cursor, by_number = _walk(unit.employees.list, "-current_workload", limit=2)
    assert [e.employee_id for e in page.items] == ["e3", "e0"]
    assert (page.total, page.total_is_capped, page.page, page.limit) == (5, False, 1, 2)
    assert [e.employee_id for e in by_cursor] == [e.employee_id for e in by_number] == ["e3", "e0", "e1", "e2", "e4"]


def test_filters_narrow_the_list(stocked):
    with stocked.read() as unit:
        tasks, people = unit.tasks.list, unit.employees.list
        expected = [_task(i) for i in range(23)]
        assert {t.task_id for t in tasks(queue="night", priority="high").items} == {
            t.task_id for t in expected if t.queue == "night" and t.priority == "high"
        }
        assert tasks(category="b").total == 0
        assert tasks(category="B").total == 8
        assert tasks(status="pending").total == 23
        assert [t.task_id for t in tasks(q="T07").items] == ["t07"]
        assert tasks(q="title 1").total == sum(t.title == "Title 1" for t in expected)
        assert tasks(q="%").total == tasks(q="t_0").total == 0
        assert [e.employee_id for e in people(department="R", q="n0").items] == ["e0", "e2", "e4"]
        assert people(availability="away").total == 0


def test_assignments_are_listed_by_person_task_and_status(stocked):
    def assign(unit):
        for number in range(5):
            born = advance(
                NewAssignment(f"a{number}", f"t0{number}", f"e{number % 2}", "x", "m", 60),
                Event.ASSIGN,
                NOW + timedelta(seconds=number),
            )
            unit.assignments.record([born], "x")
        unit.assignments.record([advance(born.assignment, Event.ACCEPT, NOW + timedelta(seconds=9))], "x")

    stocked.run(assign)
    with stocked.read() as unit:
        fetch = unit.assignments.list
        assert [a.id for a in fetch(employee_id="e0").items] == ["a4", "a2", "a0"]
        assert [a.id for a in fetch(status="accepted").items] == ["a4"]
        assert [a.id for a in fetch(task_id="t03").items] == ["a3"]
        by_cursor, by_number = _walk(fetch, "-assigned_at", limit=2)
    assert [a.id for a in by_cursor] == [a.id for a in by_number] == ["a4", "a3", "a2", "a1", "a0"]


def test_an_unknown_sort_key_is_refused(stocked):
    with stocked.read() as unit, pytest.raises(InvalidInputError) as caught:
        unit.tasks.list(sort="-description")
    assert [error.pointer for error in caught.value.errors] == ["/sort"]


@pytest.mark.parametrize("after", ["", "x", "!!!", "bnVsbA", "WzEsMiwzXQ", "WyJkZWFkbGluZSIsIDEsICJ0Il0"])
def test_a_cursor_that_is_none_is_refused(stocked, after):
    with stocked.read() as unit, pytest.raises(InvalidInputError) as caught:
        unit.tasks.list(sort="deadline", after=after)
    assert [error.pointer for error in caught.value.errors] == ["/after"]


def test_a_cursor_of_another_sort_is_refused(stocked):
    with stocked.read() as unit:
        after = unit.tasks.list(sort="title", limit=1).next_after
        with pytest.raises(InvalidInputError, match="/after"):
            unit.tasks.list(sort="-title", after=after)


def test_totals_are_counted_up_to_ten_thousand(sqlite_database):
    people = [Employee(employee_id=f"e{i}") for i in range(10_001)]
    sqlite_database.run(lambda unit: unit.employees.add(people, NOW))
    with sqlite_database.read() as unit:
        capped, whole = unit.employees.list(), unit.employees.list(q="e1")
    assert (capped.total, capped.total_is_capped) == (10_000, True)
    assert whole.total < 10_000
    assert not whole.total_is_capped

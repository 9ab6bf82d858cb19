"""How PostgreSQL answers the hot questions of live dispatch among a hundred and fifty thousand tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from assignment_engine.domain.assignments import ACTIVE
from assignment_engine.services.dispatch import presence
from assignment_engine.services.watching import open_tasks
from assignment_engine.store.counting import Counting
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork
from assignment_engine.store.waiting import Slice
from tests.databases import Servers, opened

TASKS, PEOPLE, SESSIONS = 150_000, 3_000, 20_000

_FILL = (
    """
    INSERT INTO tasks (task_id, minimum_levels, priority, priority_level, status, dependencies, queue, context,
                       processing_status, created_at, updated_at, enqueued_at, rank_at, dispatch_key, due_at)
    SELECT 't' || n, '{}', 'medium', 2, CASE WHEN n % 10 > 0 THEN 'completed' WHEN n % 100 = 0 THEN 'in_progress'
           ELSE 'pending' END, '[]', 'default', '{}', 'processed', now(), now(),
           now() - n * interval '1 second', now() - n * interval '1 second',
           CASE WHEN n % 10 = 0 AND n % 100 > 0 THEN 'q:default:' || n % 7 END,
           CASE WHEN n % 1000 = 10 THEN now() + n * interval '1 second' END
    FROM generate_series(1, :tasks) n
    """,
    """
    INSERT INTO dispatch_keys (dispatch_key, queue, minimum_levels)
    SELECT 'q:default:' || n, 'default', '{}' FROM generate_series(0, 6) n
    """,
    """
    INSERT INTO employees (employee_id, availability_status, queues, max_seconds, session_id, free_at,
                           created_at, updated_at)
    SELECT 'e' || n, 'available', '[]', 144000, CASE WHEN n % 10 = 0 THEN 's' || n END,
           CASE WHEN n % 50 = 0 THEN now() - n * interval '1 second' END, now(), now()
    FROM generate_series(1, :people) n
    """,
    """
    INSERT INTO sessions (session_id, employee_id, open_employee_id, fence, opened_at, last_seen_at, closed_at)
    SELECT 's' || n, 'e' || 1 + n % :people, CASE WHEN n <= :people AND n % 10 = 0 THEN 'e' || 1 + n % :people END, 1,
           now(), now() - n % 40 * interval '1 second', CASE WHEN n > :people OR n % 10 > 0 THEN now() END
    FROM generate_series(1, :sessions) n
    """,
    """
    INSERT INTO task_assignments (assignment_id, task_id, employee_id, active_task_id, assignment_method, assigned_by,
                                  status, assigned_at, allow_overload, created_at, updated_at)
    SELECT 'a' || n, 't' || n, 'e' || 1 + n % :people, CASE WHEN n % 10 = 0 THEN 't' || n END, 'live', 'engine',
           CASE WHEN n % 10 = 0 THEN 'accepted' ELSE 'completed' END, now(), false, now(), now()
    FROM generate_series(1, :tasks) n WHERE n % 10 > 0 OR n % 100 = 0
    """,
    """
    INSERT INTO context_history (kind, value, employee_id, given)
    SELECT CASE WHEN n % 2 = 0 THEN 'raised_by' ELSE 'location' END, 'v' || n % 5000, 'e' || 1 + n / 5000, 3
    FROM generate_series(1, :tasks) n
    """,
    "ANALYZE",
)


@pytest.fixture(scope="module")
def full(servers: Servers) -> Iterator[Database]:
    """Of ten tasks nine are over, the others wait in seven streams; people who are free, busy or absent."""
    with servers["postgresql"].migrated() as url, opened(url) as database:
        numbers = {"tasks": TASKS, "people": PEOPLE, "sessions": SESSIONS}
        with database.unit() as unit:
            for statement in _FILL:
                names = {name: value for name, value in numbers.items() if f":{name}" in statement}
                unit.connection.execute(text(statement), names)
            unit.commit()
        yield database


class Plans:
    """The plans of every query that was asked meanwhile."""

    def __init__(self, plans: list[dict[str, Any]]) -> None:
        self.nodes = [node for plan in plans for node in _nodes(plan)]

    @property
    def scanned(self) -> set[str]:
        """Tables that were read from the first to the last row."""
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"}

    @property
    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    @property
    def sorted_rows(self) -> int:
        """The most rows that had to be sorted."""
        return max((int(n["Plan Rows"]) for n in self.nodes if n["Node Type"] == "Sort"), default=0)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


@contextmanager
def asked(database: Database) -> Iterator[tuple[UnitOfWork, list[dict[str, Any]]]]:
    """A unit of work, and the plans of what it asks: for these very parameters, or for all where it is prepared."""
    plans: list[dict[str, Any]] = []

    def explain(connection, cursor, statement, parameters, context, executemany):
        asked = cursor.query.decode()
        if asked.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "(", "EXECUTE")):
            probe = connection.connection.cursor()
            probe.execute("EXPLAIN (FORMAT JSON) " + asked)
            [found] = probe.fetchone()
            plans.append((found if isinstance(found, list) else json.loads(found))[0]["Plan"])

    with database.unit() as unit:
        event.listen(database.engine, "after_cursor_execute", explain)
        try:
            yield unit, plans
        finally:
            event.remove(database.engine, "after_cursor_execute", explain)


def test_the_waiting_list(full: Database) -> None:
    """A page in the order of dispatch comes from the index of that order; tasks are not read through."""
    with asked(full) as (unit, plans):
        page = unit.waiting.list(limit=50)
    found = Plans(plans)
    assert len(page.items) == 50
    assert "ix_tasks_rank_at_task_id" in found.indexes
    assert "tasks" not in found.scanned
    assert "task_assignments" not in found.scanned


def test_a_later_page_of_the_waiting_list(full: Database) -> None:
    """Deep pages cost what the first one does."""
    with full.read() as unit:
        after = unit.waiting.list(limit=200).next_after
    with asked(full) as (unit, plans):
        unit.waiting.list(limit=50, after=after)
    found = Plans(plans)
    assert "ix_tasks_rank_at_task_id" in found.indexes
    assert "tasks" not in found.scanned


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
def test_the_newest_and_the_oldest_tasks(full: Database, sort: str) -> None:
    """A page by age comes from an index, however many tasks there are."""
    with full.read() as unit:
        after = unit.tasks.list(sort=sort, limit=200).next_after
    for cursor in (None, after):
        with asked(full) as (unit, plans):
            assert len(unit.tasks.list(sort=sort, after=cursor).items) == 50
        assert "ix_tasks_created_at_task_id" in Plans(plans).indexes
        assert Plans(plans).sorted_rows <= 50


def test_the_status_of_the_personnel(full: Database) -> None:
    """Old sessions and finished work are not read."""
    with asked(full) as (unit, plans):
        people = presence.status(unit)
    found = Plans(plans)
    assert len(people) == PEOPLE // 10
    assert not {"tasks", "sessions", "task_assignments"} & found.scanned


def test_the_window_of_a_freed_person(full: Database) -> None:
    """Each stream gives its first tasks from an index, by rank and by age; no long list is sorted."""
    slices = [Slice(f"q:default:{number}") for number in range(5)]
    with asked(full) as (unit, plans):
        ranked, aged = unit.waiting.look(slices, "e1", 50, unit.now() - timedelta(hours=8))
        further = unit.waiting.look_further(slices, "e1", 50, ranked[-1], by_age=False)
    found = Plans(plans)
    assert (len(ranked), len(aged), len(further)) == (50, 50, 50)
    assert {
        "ix_tasks_dispatch_key_rank_at_task_id",
        "ix_tasks_dispatch_key_enqueued_at_task_id",
    } <= found.indexes
    assert "tasks" not in found.scanned
    assert "task_assignments" not in found.scanned
    assert found.sorted_rows <= 50 * len(slices)


def test_holding_what_a_person_has(full: Database) -> None:
    """The assignment, its person and its task, and the person's history, are each found by an index."""
    with asked(full) as (unit, plans):
        held = unit.assignments.hold_active_on("t100")
        assert held is not None
        assert unit.employees.hold(held.assignment.employee_id) is not None
    assert len(plans) == 3
    assert not {"tasks", "task_assignments", "employees"} & Plans(plans).scanned


def test_people_who_are_free(full: Database) -> None:
    """Those who have been free longest come from the index of that time."""
    with asked(full) as (unit, plans):
        people = unit.employees.free(unit.now(), 20)
    found = Plans(plans)
    assert len(people) == 20
    assert "ix_employees_free_at" in found.indexes
    assert "employees" not in found.scanned


def test_silent_sessions(full: Database) -> None:
    """Only open ones are looked at, however many there have been."""
    with asked(full) as (unit, plans):
        silent = unit.sessions.silent(unit.now() - timedelta(seconds=20), 200)
    found = Plans(plans)
    assert silent
    assert "uq_sessions_open_employee_id" in found.indexes
    assert "sessions" not in found.scanned


def test_tasks_whose_time_has_come(full: Database) -> None:
    """Those that are due, the moment of the next one, and what was missed or is kept: nothing is read through."""
    with asked(full) as (unit, plans):
        unit.waiting.due(unit.now(), 200)
        unit.waiting.next_due()
        unit.waiting.kept_for("e1")
        unit.assignments.missed_offers(unit.now(), 200)
    found = Plans(plans)
    assert "ix_tasks_due_at" in found.indexes
    assert not {"tasks", "task_assignments"} & found.scanned


def test_what_people_were_given_lately(full: Database) -> None:
    """Newest assignments come from an index by person and time; nobody else's are read."""
    with asked(full) as (unit, plans):
        found = unit.history.recent(["e1"], unit.now())
    assert len(found) == 1
    assert not {"tasks", "task_assignments"} & Plans(plans).scanned
    assert "ix_task_assignments_employee_id_assigned_at_assignment_id" in Plans(plans).indexes


def test_whom_work_with_an_id_was_given_to(full: Database) -> None:
    """Counters of the people and ids in question come from the primary key, and so do the totals of these ids."""
    ids = {"raised_by": [f"v{2 * n}" for n in range(50)], "location": [f"v{2 * n + 1}" for n in range(50)]}
    with asked(full) as (unit, plans):
        handled = unit.history.handled(["e2"], ids)
        total = unit.history.handled_by_anybody(ids)
    assert len(handled["e2"]["raised_by"]) == 50
    assert total["location"]["v1"] == 3.0 * TASKS / 5000
    assert "context_history" not in Plans(plans).scanned
    assert Plans(plans).indexes == {"pk_context_history"}


def test_a_plan_that_reads_everything_is_seen(full: Database) -> None:
    """What the other tests say of plans is not always so."""
    with asked(full) as (unit, plans):
        unit.connection.execute(text("SELECT count(*) FROM tasks WHERE title LIKE '%x%'"))
    assert Plans(plans).scanned == {"tasks"}


def test_waits_and_troubles_are_counted_from_indexes(full: Database) -> None:
    """What the page of the queue asks beside its rows, and what the detector looks at."""
    with asked(full) as (unit, plans):
        now = unit.now()
        keys = list(unit.backlog.sizes())
        unit.backlog.ahead(keys, now - timedelta(days=1), now - timedelta(hours=1))
        unit.troubles.waiting_since(keys, now - timedelta(hours=40), 101)
        unit.troubles.due_before(now + timedelta(days=30), 1000)
        unit.going.active("t5", 200)
    assert len(plans) >= 5
    assert not Plans(plans).scanned & {"tasks", "task_assignments"}


def test_what_may_be_archived(full: Database) -> None:
    """Events that somebody has still to read are found without reading those that all have read."""
    events = """INSERT INTO outbox (event_id, event_type, data, created_at, position)
        SELECT 'v' || n, 'JobAssigned', '{}', now(), n FROM generate_series(1, 50000) n"""
    with full.unit() as unit:
        unit.connection.execute(text(events))
        unit.cursors.move("redis", 49_990, unit.now())
        unit.connection.execute(text("ANALYZE outbox"))
        unit.commit()
    with asked(full) as (unit, plans):
        assert unit.archives.needed_from() is not None
    found = Plans(plans)
    assert "outbox" not in found.scanned
    assert max(node["Plan Rows"] for node in found.nodes if node.get("Relation Name") == "outbox") < 1000


def test_the_categories_that_triage_knows(full: Database) -> None:
    """Those of the newest tasks come from the index of age; neither tasks nor finished work are read through."""
    with asked(full) as (unit, plans):
        unit.triage.known_categories()
    found = Plans(plans)
    assert "ix_tasks_created_at_task_id" in found.indexes
    assert not {"tasks", "past_assignments"} & found.scanned


def test_what_has_not_ended_is_counted_apart(full: Database) -> None:
    """Open tasks and active assignments come from indexes that begin with the status; the history is not read."""
    with asked(full) as (unit, plans):
        open_tasks(unit)
        Counting(unit.connection).assignments(ACTIVE)
    found = Plans(plans)
    assert found.indexes == {"ix_tasks_overview", "ix_task_assignments_status_assigned_at_assignment_id"}
    assert max(int(n["Plan Rows"]) for n in found.nodes) < TASKS / 5

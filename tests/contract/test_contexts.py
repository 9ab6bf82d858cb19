"""Counting with whom people had work: in the transaction that gives it, on every database."""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import event, insert, select, update

from assignment_engine.domain.actors import Actor
from assignment_engine.domain.records import Employee, Task
from assignment_engine.services.dispatch import work
from assignment_engine.services.planning import SchedulerService
from assignment_engine.store import migrate
from assignment_engine.store.database import Database
from assignment_engine.store.tables import context_history, employees, task_assignments, tasks
from tests.databases import opened
from tests.dispatching import Office

BOSS = Actor("boss")
LONG = "a place with a long name, " * 10
GIVEN: list[tuple[str, str, dict[str, str]]] = [
    ("completed", "ana", {"raised_by": "eve", "location": LONG, "other": "x"}),
    ("accepted", "ana", {"raised_by": "eve"}),
    ("released", "bo", {"raised_by": "eve"}),
    ("rejected", "bo", {"raised_by": "eve"}),
    ("offered", "bo", {"raised_by": "eve"}),
    ("completed", "bo", {}),
]


@pytest.fixture
def office(database: Database) -> Office:
    found = Office(database)
    found.has(*(Employee(employee_id=name, max_units=9) for name in ("ana", "bo")))
    return found


def counted(office: Office) -> dict[tuple[str, str, str], int]:
    with office.database.read() as unit:
        rows = unit.connection.execute(select(context_history).where(context_history.c.given != 0)).all()
    return {(row.kind, row.value, row.employee_id): row.given for row in rows}


def asked(office: Office, **context: str) -> dict[str, dict[str, dict[str, float]]]:
    with office.database.read() as unit:
        return unit.history.handled(["ana", "bo"], {kind: [value] for kind, value in context.items()})


def task(task_id: str, **context: str) -> Task:
    return Task(task_id=task_id, title="Work", context=context)


def test_work_counts_when_it_is_given_live_planned_or_by_hand(office: Office) -> None:
    """Only the kinds that features are computed from count; a task without any costs nothing."""
    office.login("ana")
    office.submit(task("live", raised_by="eve", other="x"))
    office.gets(task("plain"))
    scheduler = SchedulerService(office.database, office.core)
    planned = [task("p1", raised_by="eve", location="oslo"), task("p2", raised_by="eve", location="oslo")]
    preview = scheduler.preview_assignments(planned, employee_ids=["bo"])
    scheduler.finalize_assignments(preview.preview_id)
    office.run(lambda unit: unit.tasks.add([task("manual", raised_by="mo")], unit.now()))
    office.run(lambda unit: work.assign(unit, "manual", "bo", BOSS))
    assert counted(office) == {
        ("raised_by", "eve", "ana"): 1,
        ("raised_by", "eve", "bo"): 2,
        ("location", "oslo", "bo"): 2,
        ("raised_by", "mo", "bo"): 1,
    }
    assert asked(office, raised_by="eve") == {"ana": {"raised_by": {"eve": 1.0}}, "bo": {"raised_by": {"eve": 2.0}}}
    with office.database.read() as unit:
        total = unit.history.handled_by_anybody({"raised_by": ["eve", "new"], "location": ["oslo"]})
    assert total == {"raised_by": {"eve": 3.0, "new": 0.0}, "location": {"oslo": 2.0}}
    assert office.findings() == []


def test_finished_work_still_counts_and_a_reopened_task_counts_again(office: Office) -> None:
    office.login("ana")
    office.submit(task("t", symptom="slow"))
    office.complete("t", "ana")
    assert counted(office) == {("symptom", "slow", "ana"): 1}
    office.run(lambda unit: work.reopen(unit, office.dispatcher, "t", BOSS))
    assert counted(office) == {("symptom", "slow", "ana"): 2}


def test_an_offer_counts_when_it_is_accepted_and_refused_work_is_given_back(office: Office) -> None:
    """What was counted is given back, whatever the task says meanwhile."""
    office.queue(mode="offer")
    office.login("ana")
    for name in ("missed", "taken"):
        office.submit(task(name, parent="p"))
    assert counted(office) == {}
    (first, *_) = [a for a in office.heartbeat("ana").assignments if a.task_id == "taken"]
    office.run(lambda unit: work.accept(unit, office.dispatcher, first.id, BOSS))
    office.let_offers_expire()
    office.cycle()
    assert counted(office) == {("parent", "p", "ana"): 1}
    office.run(lambda unit: unit.tasks.add([task("m", parent="p")], unit.now()))
    given = office.run(lambda unit: work.assign(unit, "m", "bo", BOSS))
    office.run(lambda unit: unit.tasks.change("m", {"context": {"parent": "other"}}, unit.now()))
    office.run(lambda unit: work.reject(unit, office.dispatcher, given.id, BOSS, "no"))
    assert counted(office)["parent", "p", "ana"] == 1
    assert ("parent", "p", "bo") not in counted(office)
    assert office.findings() == []


def test_values_of_every_kind_are_kept_apart(office: Office) -> None:
    """Case, spaces at the end, long values, nothing at all: as they were given."""
    values = ["Eve", "eve", "eve ", "", "Ève", LONG, LONG + "x", "sha256:eve"]
    office.run(lambda unit: unit.tasks.add([task(f"t{n}", location=v) for n, v in enumerate(values)], unit.now()))
    for number in range(len(values)):
        office.run(lambda unit, number=number: work.assign(unit, f"t{number}", "ana", BOSS))
    with office.database.read() as unit:
        found = unit.history.handled(["ana"], {"location": values})
        total = unit.history.handled_by_anybody({"location": values})
    assert found == {"ana": {"location": dict.fromkeys(values, 1.0)}}
    assert total == {"location": dict.fromkeys(values, 1.0)}
    assert office.findings() == []


def test_the_doctor_sees_a_counter_that_is_wrong(office: Office) -> None:
    office.login("ana")
    office.submit(task("t", symptom="slow"))
    office.run(lambda unit: unit.connection.execute(update(context_history).values(given=3)))
    (finding,) = office.findings()
    assert (finding.code, finding.subject) == ("context_differs", "ana")
    assert "'slow'" in finding.detail


def test_counting_costs_postgresql_no_round_trip_of_its_own(servers) -> None:
    """However much context a task has, as many statements are sent as for one without any."""
    with servers["postgresql"].migrated() as url, opened(url) as database:
        office = Office(database)
        office.has(Employee(employee_id="ana", max_units=9))
        office.login("ana")
        sent: list[int] = []
        for name, context in (("warm", {}), ("none", {}), ("all", {"raised_by": "e", "symptom": "s", "parent": "p"})):
            statements: list[str] = []
            listen = lambda *args, statements=statements: statements.append(args[2])  # noqa: E731
            event.listen(database.engine, "before_cursor_execute", listen)
            office.submit(task(name, **context))
            office.complete(name, "ana")
            event.remove(database.engine, "before_cursor_execute", listen)
            sent.append(len(statements))
        assert sent[1] == sent[2]
        assert len(counted(office)) == 3


def _before_counters(database: Database) -> None:
    """The tables as they were, with assignments of every kind in them."""
    with database.unit() as unit:
        now, connection = unit.now(), unit.connection
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        stamps = {"created_at": now, "updated_at": now}
        for name in ("ana", "bo"):
            plain = {"employee_id": name, "availability_status": "available", "queues": []}
            connection.execute(insert(employees).values(**plain, **stamps))
        for number, (status, person, context) in enumerate(GIVEN):
            plain = {"minimum_levels": {}, "priority": "low", "priority_level": 1, "dependencies": []}
            state = {"status": "completed", "queue": "default", "processing_status": "processed", "context": context}
            connection.execute(insert(tasks).values(task_id=f"t{number}", **plain, **state, **stamps))
            ids = {"assignment_id": f"a{number}", "task_id": f"t{number}", "employee_id": person, "status": status}
            made = {"assignment_method": "live", "assigned_by": "x", "assigned_at": now, "allow_overload": False}
            connection.execute(insert(task_assignments).values(**ids, **made, **stamps))
        unit.commit()


def test_an_upgrade_counts_what_was_given_before(empty_url: str) -> None:
    """Finished work and work in hand, not offers and refusals."""
    with opened(empty_url) as database:
        _before_counters(database)
        database.upgrade()
        office = Office(database)
        found = counted(office)
        digest = next(value for kind, value, _ in found if kind == "location")
        assert found == {
            ("raised_by", "eve", "ana"): 2,
            ("raised_by", "eve", "bo"): 1,
            ("location", digest, "ana"): 1,
        }
        assert asked(office, location=LONG) == {"ana": {"location": {LONG: 1.0}}}
        assert "context_differs" not in {finding.code for finding in office.findings()}

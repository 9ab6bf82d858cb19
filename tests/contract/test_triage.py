"""Triage on every database: empty fields are filled, what people set stays, and each ticket is read once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial

import pytest

from assignment_engine.domain.conversations import NewConversation, TicketFinding
from assignment_engine.domain.errors import PreviewConflictError
from assignment_engine.domain.records import Employee, StoredTask, Task
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.services.conversations import add_conversation, change_conversation
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.imports import ImportKind, ImportMode, list_content, store_content
from assignment_engine.services.planning import SchedulerService
from assignment_engine.services.tasks import add_task, change_task, remove_task
from assignment_engine.services.triage.tickets import Ticket, Vocabulary
from assignment_engine.services.triage.triage import Reading, TriageWorker, rules_reader
from assignment_engine.store.database import Database

TICKET = Task(
    task_id="t1",
    title="Report crashes with an error",
    description="The Python job fails. Estimate: 3 hours. Intermittent, please investigate.",
)


def worker(database: Database, name: str = "w", **options: object) -> TriageWorker:
    return TriageWorker(database, name, partial(rules_reader, SkillMatcher()), **options)  # type: ignore[arg-type]


def prepared(database: Database, *tasks: Task) -> None:
    database.run(
        lambda unit: unit.employees.add(
            [Employee(employee_id="ana", skills={"python": 0.9, "sql": 0.5}, max_workload=40)], unit.now()
        )
    )
    for task in tasks:
        database.run(lambda unit, task=task: add_task(unit, task))


def task_of(database: Database, task_id: str = "t1") -> StoredTask:
    with database.read() as unit:
        return unit.tasks.get(task_id)


def test_a_ticket_becomes_a_task_that_can_be_assigned(database: Database) -> None:
    prepared(database, TICKET)
    assert worker(database, "here").run_once() == 1
    task = task_of(database)
    assert (task.required_skills, task.category, task.estimated_hours) == ({"python": 1.0}, "bug", 3.0)
    assert task.complexity_score == pytest.approx(0.65)  # the mean of investigate 0.6 and intermittent 0.7
    assert (task.processing_status, task.processing_instance_id) == ("processed", "here")
    with database.read() as unit:
        found = unit.triage.get("t1")
    assert {f.field: (f.words, f.applied) for f in found.findings} == {
        "required_skills": (("Python",), True),
        "category": (("crashes", "error", "fails"), True),
        "complexity_score": (("Intermittent", "investigate"), True),
        "estimated_hours": (("Estimate: 3 hours",), True),
    }
    assert found.runs == 1
    assert worker(database).run_once() == 0


def test_what_a_person_set_stays(database: Database) -> None:
    """Set at creation, changed later, set to nothing at all (an empty list), or imported."""
    prepared(
        database,
        TICKET.model_copy(update={"category": "Reports", "required_skills": {}}),
        TICKET.model_copy(update={"task_id": "t2"}),
        TICKET.model_copy(update={"task_id": "t3"}),
    )
    worker(database).run_once()
    assert (task_of(database).category, task_of(database).required_skills) == ("Reports", {})
    database.run(lambda unit: change_task(unit, "t2", {"estimated_hours": 8.0, "title": "Slow SQL"}))
    rows = list_content(ImportKind.TASKS, [{"task_id": "t3", "estimated_hours": 1.5, "description": "New text"}])
    database.run(lambda unit: store_content(unit, ImportKind.TASKS, ImportMode.ALL, rows))
    assert worker(database).run_once() == 2
    assert (task_of(database, "t2").estimated_hours, task_of(database, "t3").estimated_hours) == (8.0, 1.5)


def test_what_triage_set_follows_the_text(database: Database) -> None:
    """New words replace what the old ones said; where none are left the field is unknown again."""
    prepared(database, TICKET)
    worker(database).run_once()
    database.run(lambda unit: change_task(unit, "t1", {"title": "Slow report", "description": "SQL takes long"}))
    worker(database).run_once()
    task = task_of(database)
    assert (task.required_skills, task.category, task.estimated_hours) == ({"sql": 1.0}, "performance", None)


def test_a_new_conversation_puts_the_task_up_again_and_all_are_marked_processed(database: Database) -> None:
    prepared(database, TICKET)
    worker(database).run_once()
    said = database.run(lambda unit: add_conversation(unit, "t1", NewConversation(content="It is the SQL as well")))
    assert task_of(database).processing_status == "pending"
    assert worker(database).run_once() == 1
    assert task_of(database).required_skills == {"python": 1.0, "sql": 1.0}
    with database.read() as unit:
        assert [c.status for c in unit.conversations.of_task("t1")] == ["processed"]
    database.run(lambda unit: change_conversation(unit, said.id, {"content": "Forget it"}))
    worker(database).run_once()
    assert task_of(database).required_skills == {"python": 1.0}


def test_a_person_who_has_the_task_keeps_it(database: Database) -> None:
    prepared(database, TICKET)
    scheduler = SchedulerService(database, DecisionCore.load())
    preview = scheduler.preview_assignments()
    scheduler.finalize_assignments(preview.preview_id)
    database.run(lambda unit: add_conversation(unit, "t1", NewConversation(content="Still broken")))
    worker(database).run_once()
    task = task_of(database)
    assert (task.assigned_to_id, task.status, task.processing_status) == ("ana", "assigned", "processed")


def test_a_preview_made_before_triage_can_be_finalized(database: Database) -> None:
    """Only what people change is a conflict, not triage filling in what nobody had said."""
    prepared(database, Task(task_id="t1", title="Python report crashes with an error, please investigate"))
    scheduler = SchedulerService(database, DecisionCore.load())
    preview = scheduler.preview_assignments()
    worker(database).run_once()
    assert task_of(database).category == "bug"
    result = scheduler.finalize_assignments(preview.preview_id)
    assert [a.employee_id for a in result.assignments] == ["ana"]


def test_a_change_by_a_person_after_triage_is_a_conflict(database: Database) -> None:
    prepared(database, Task(task_id="t1", title="Python report crashes with an error"))
    scheduler = SchedulerService(database, DecisionCore.load())
    preview = scheduler.preview_assignments()
    worker(database).run_once()
    database.run(lambda unit: change_task(unit, "t1", {"category": "Reports"}))
    with pytest.raises(PreviewConflictError):
        scheduler.finalize_assignments(preview.preview_id)


def test_a_closed_task_is_read_but_not_changed(database: Database) -> None:
    prepared(database, TICKET.model_copy(update={"status": "cancelled"}))
    worker(database).run_once()
    task = task_of(database)
    assert (task.category, task.processing_status) == (None, "processed")


def test_an_unsure_finding_is_told_but_not_used(database: Database) -> None:
    prepared(database, Task(task_id="t1", title="It crashes with an exception after the password change"))
    worker(database).run_once()
    assert task_of(database).category is None
    with database.read() as unit:
        assert [(f.value, f.applied) for f in unit.triage.get("t1").findings] == [("bug", False)]


def test_a_deleted_task_loses_what_triage_knew(database: Database) -> None:
    prepared(database, TICKET)
    worker(database).run_once()
    database.run(lambda unit: remove_task(unit, "t1"))
    database.run(lambda unit: add_task(unit, Task(task_id="t1", title="New")))
    worker(database).run_once()
    assert task_of(database).required_skills is None


def test_a_result_is_dropped_when_the_text_changed_meanwhile(database: Database) -> None:
    prepared(database, TICKET)

    def meanwhile(tickets: Sequence[Ticket], readings: Sequence[Reading], _known: Vocabulary) -> Sequence[Reading]:
        if tickets[0].title == TICKET.title:
            database.run(lambda unit: change_task(unit, "t1", {"title": "SQL is slow", "description": None}))
        return readings

    triage = worker(database, refine=meanwhile)
    assert triage.run_once() == 1
    task = task_of(database)
    assert (task.processing_status, task.required_skills) == ("pending", None)
    assert triage.run_once() == 1
    assert task_of(database).required_skills == {"sql": 1.0}
    with database.read() as unit:
        assert unit.triage.get("t1").runs == 1


def test_one_ticket_that_cannot_be_read_does_not_stop_the_others(database: Database) -> None:
    class Picky:
        def read(self, tickets: Sequence[Ticket]) -> Sequence[tuple[TicketFinding, ...]]:
            if tickets[0].title == "bad":
                raise ValueError("secret words")
            return [()]

    prepared(database, Task(task_id="a", title="bad"), Task(task_id="b", title="good"))
    TriageWorker(database, "w", lambda _known: Picky()).run_once()
    assert task_of(database, "b").processing_status == "processed"
    with database.read() as unit:
        found = unit.triage.get("a")
    assert (found.processing_status, found.error) == ("pending", "reading it failed (ValueError)")


def test_whoever_asked_is_told_in_the_same_transaction(database: Database) -> None:
    told: list[tuple[str, ...]] = []
    prepared(database, TICKET, Task(task_id="a", title="x"))
    worker(database, on_triaged=lambda _unit, ids: told.append(tuple(ids))).run_once()
    assert told == [("a", "t1")]


def test_workers_share_the_work_and_no_ticket_is_read_twice(database: Database) -> None:
    tasks = [Task(task_id=f"t{n}", title=f"Python error {n}") for n in range(120)]
    prepared(database)
    database.run(lambda unit: unit.tasks.add(tasks, unit.now()))
    from assignment_engine.services.triage.triage import TriageSettings  # noqa: PLC0415

    def work(name: str) -> None:
        triage = worker(database, name, settings=TriageSettings(batch=11))
        while triage.run_once():
            pass

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with database.read() as unit:
        assert unit.triage_claims.counts() == {"processed": 120}
        assert {unit.triage.get(task.task_id).runs for task in tasks} == {1}

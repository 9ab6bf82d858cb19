"""What finished tasks teach: read from every database, and used by a worker that is running."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assignment_engine.domain.conversations import NewConversation, TicketFinding, TriagedField
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.stored import PastAssignment
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.services.conversations import add_conversation
from assignment_engine.services.tasks import add_task, remove_task
from assignment_engine.services.triage.finished import finished_frame
from assignment_engine.services.triage.served import LearnedReader, ServedTriage
from assignment_engine.services.triage.tickets import BestOf, TicketReader, Vocabulary
from assignment_engine.services.triage.triage import TriageWorker, rules_reader
from assignment_engine.store.database import Database
from tests.worded import promoted

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def done(task_id: str, **fields: object) -> tuple[Task, PastAssignment]:
    """A task that came at noon, was given to Ana at one and was completed at three."""
    task = Task(**{"task_id": task_id, "title": f"Work {task_id}", "status": "completed", "created_at": NOON, **fields})
    past = PastAssignment(
        task_id=task_id,
        employee_id="ana",
        assigned_at=NOON + timedelta(hours=1),
        completed_at=NOON + timedelta(hours=3),
    )
    return task, past


def prepared(database: Database, *work: tuple[Task, PastAssignment]) -> None:
    with database.unit() as unit:
        unit.employees.add([Employee(employee_id="ana")], unit.now())
        unit.tasks.add([task for task, _ in work], unit.now())
        unit.history.add([past for _, past in work])
        unit.commit()


def test_finished_tasks_are_read_as_they_were_before_anybody_had_them(database: Database) -> None:
    """Hours are those from start to completion, or as imported; unfinished and deleted tasks teach nothing."""
    whole = done("a", description="Work a in the cellar", category="Heating", complexity_score=0.25)
    told, gone, open_ = done("b", created_at=NOON + timedelta(hours=1)), done("c"), done("d", status="pending")
    prepared(database, whole, (told[0], told[1].model_copy(update={"hours": 0.5})), gone, open_)
    database.run(lambda unit: remove_task(unit, "c"))
    database.run(lambda unit: add_conversation(unit, "a", NewConversation(content="It was the pump after all")))
    with database.read() as unit:
        frame = finished_frame(unit)
        newest = finished_frame(unit, most=1)
    assert frame["task_id"].tolist() == ["a", "b"]
    assert frame["text"].tolist() == ["Work a in the cellar", "Work b"]
    assert frame["hours"].tolist() == [2.0, 0.5]
    assert frame.loc[0, "category"] == "Heating"
    assert frame.loc[0, "complexity_score"] == 0.25
    assert frame["created_at"].tolist() == [NOON, NOON + timedelta(hours=1)]
    assert frame["completed_at"].tolist() == [NOON + timedelta(hours=3)] * 2
    assert newest["task_id"].tolist() == ["b"]


def test_triage_does_not_learn_from_its_own_findings(database: Database) -> None:
    prepared(database, done("a", category="bug", complexity_score=0.5))
    finding = TicketFinding(field=TriagedField.CATEGORY, value="bug", confidence=0.7, source="rules", applied=True)
    database.run(lambda unit: unit.triage.keep({"a": ((finding,), None)}, NOON))
    with database.read() as unit:
        (row,) = finished_frame(unit).to_dict("records")
    assert (row["category"], row["complexity_score"]) == (None, 0.5)


class Clock:
    """Time that a test moves."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_running_worker_reads_by_the_model_that_was_promoted(
    sqlite_database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It notices another one within seconds, keeps the last that can be used, and says which one each field is from."""
    clock = Clock()
    learned = LearnedReader(ServedTriage(tmp_path, seconds=5.0, clock=clock), sure=0.85)

    def reader(vocabulary: Vocabulary) -> TicketReader:
        return BestOf((rules_reader(SkillMatcher(), vocabulary), learned))

    worker = TriageWorker(sqlite_database, "w", reader)

    def read(task_id: str, title: str) -> dict[str, tuple[object, str, bool]]:
        sqlite_database.run(lambda unit: add_task(unit, Task(task_id=task_id, title=title)))
        assert worker.run_once() == 1
        with sqlite_database.read() as unit:
            assert unit.tasks.get(task_id).processing_status == "processed"
            return {f.field: (f.value, f.source, f.applied) for f in unit.triage.get(task_id).findings}

    assert read("a", "look at the paper again") == {}
    promoted(tmp_path, "one")
    clock.seconds = 4.9
    assert read("b", "look at the paper again") == {}
    clock.seconds = 5.0
    assert read("c", "look at the paper again") == {"category": ("printing", "triage one", True)}
    assert read("d", "look at the office today") == {}, "it is not sure enough"
    assert read("e", "a text of other words") == {}
    promoted(tmp_path, "two")
    (tmp_path / "two" / "words.txt").write_text("{}")
    clock.seconds = 10.0
    assert read("f", "the switch again") == {"category": ("network", "triage one", True)}
    assert "cannot be used, the one before stays" in caplog.text
    assert read("g", "The switch. Estimate: 3 hours")["estimated_hours"] == (3.0, "rules", True)

"""The doctor finds what is wrong with triage, conversations and jobs, and nothing where all is well."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from assignment_engine.domain.background import ErrorCategory, JobKind, JobProblem, NewJob
from assignment_engine.domain.conversations import NewConversation
from assignment_engine.domain.records import Task
from assignment_engine.services.tasks import add_task
from assignment_engine.store.claims import RetryPolicy
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

DAMAGE = [
    ("claim_without_end", "UPDATE tasks SET processing_due_at = NULL WHERE processing_status = 'processing'"),
    ("conversation_left", "UPDATE tasks SET deleted_at = created_at"),
    ("job_status", "UPDATE job_records SET completed_at = NULL WHERE status = 'failed'"),
    ("job_status", "UPDATE job_records SET error_category = NULL WHERE status = 'failed'"),
    ("job_status", "UPDATE job_records SET executor_id = NULL WHERE status = 'processing'"),
    ("job_status", "UPDATE job_records SET started_at = NULL WHERE status = 'processing'"),
]


@pytest.fixture
def working(database: Database) -> Database:
    """A claimed ticket with a conversation, a job that runs, one that failed and one that waits."""

    def fill(unit: UnitOfWork) -> None:
        now = unit.now()
        add_task(unit, Task(task_id="t", title="T"), [NewConversation(content="It is broken")])
        unit.triage_claims.take("w", 1, unit.now(), RetryPolicy().longest)
        for _ in range(3):
            unit.jobs.add(NewJob(JobKind.FILE, {}, "me"), now)
        runs = unit.jobs.take_pending(2)
        unit.jobs.queued(runs, "engine", now)
        for run in runs:
            unit.jobs.begin(run, "x", now)
        unit.jobs.fail(runs[1], "x", JobProblem(category=ErrorCategory.FILE, detail="gone"), now)

    database.run(fill)
    return database


def findings(database: Database) -> list[str]:
    with database.read() as unit:
        return [finding.code for finding in unit.doctor()]


def test_nothing_is_found_where_all_is_well(working: Database) -> None:
    assert findings(working) == []


@pytest.mark.parametrize(("code", "damage"), DAMAGE)
def test_damage_is_found(working: Database, code: str, damage: str) -> None:
    with working.unit() as unit:
        unit.connection.execute(text(damage))
        unit.commit()
    assert code in findings(working)

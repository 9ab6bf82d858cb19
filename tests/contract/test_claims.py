"""Claims on every database: one worker has a row, late results are refused, and nothing is lost with a worker."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from assignment_engine.domain.records import Task
from assignment_engine.store.claims import ABANDONED, Claim, Claims, RetryPolicy
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

LEASE = timedelta(seconds=60)
POLICY = RetryPolicy(attempts=3, first=timedelta(seconds=2), longest=timedelta(seconds=5))


def add_tasks(database: Database, count: int) -> None:
    database.run(lambda unit: unit.tasks.add([Task(task_id=f"t{n:04}", title="T") for n in range(count)], unit.now()))


def take(database: Database, instance: str = "a", limit: int = 10, later: float = 0) -> list[Claim]:
    """Claims as they would be taken `later` seconds from now."""

    def use_case(unit: UnitOfWork) -> list[Claim]:
        now = unit.now() + timedelta(seconds=later)
        return list(Claims(unit.connection, policy=POLICY).take(instance, limit, now, LEASE))

    return database.run(use_case)


def finish(database: Database, claims: list[Claim]) -> set[str]:
    def use_case(unit: UnitOfWork) -> set[str]:
        held = unit.triage_claims.held(claims)
        unit.triage_claims.finish(held, unit.now())
        return held

    return database.run(use_case)


def status(database: Database, task_id: str) -> str:
    with database.read() as unit:
        return str(unit.tasks.get(task_id).processing_status)


def test_a_claim_shows_who_has_it_until_it_is_finished(database: Database) -> None:
    add_tasks(database, 2)
    (claim,) = take(database, "worker-1", limit=1)
    with database.read() as unit:
        task = unit.tasks.get(claim.key)
        assert (task.processing_status, task.processing_instance_id, task.processed_at) == (
            "processing",
            "worker-1",
            None,
        )
        assert unit.triage_claims.held_by("worker-1") == 1
    assert finish(database, [claim]) == {"t0000"}
    with database.read() as unit:
        task = unit.tasks.get(claim.key)
        assert task.processing_status == "processed"
        assert task.processed_at is not None
        assert unit.triage_claims.counts() == {"processed": 1, "pending": 1}


def test_a_claim_changes_no_version(database: Database) -> None:
    """Clients that rely on an ETag do not notice the workers."""
    add_tasks(database, 1)
    finish(database, take(database))
    with database.read() as unit:
        assert unit.tasks.get("t0000").version == 1


def test_what_one_has_the_other_does_not_get(database: Database) -> None:
    add_tasks(database, 3)
    assert [len(take(database, name, limit=2)) for name in "abc"] == [2, 1, 0]


def test_a_row_that_is_being_looked_at_is_passed_over(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("there one writer follows the other")
    add_tasks(database, 2)
    with database.unit() as first, database.unit() as second:
        a = first.triage_claims.take("a", 1, first.now(), LEASE)
        b = second.triage_claims.take("b", 2, second.now(), LEASE)
        assert ([c.key for c in a], [c.key for c in b]) == (["t0000"], ["t0001"])


def test_many_workers_take_each_row_once(database: Database) -> None:
    add_tasks(database, 200)
    taken: list[str] = []

    def work(name: str) -> None:
        while claims := take(database, name, limit=7):
            assert finish(database, claims) == {claim.key for claim in claims}
            taken.extend(claim.key for claim in claims)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(taken) == [f"t{n:04}" for n in range(200)]


def test_the_work_of_a_worker_that_died_comes_back_and_its_late_result_is_refused(database: Database) -> None:
    add_tasks(database, 1)
    (lost,) = take(database, "dead")
    assert take(database, "b", later=59) == []
    (again,) = take(database, "b", later=61)
    assert (again.key, again.attempt) == (lost.key, 2)
    assert again.fence > lost.fence
    assert finish(database, [lost]) == set()
    assert status(database, "t0000") == "processing"
    assert finish(database, [again]) == {"t0000"}


def test_a_claim_that_is_renewed_is_kept(database: Database) -> None:
    add_tasks(database, 1)
    claims = take(database, "a")
    database.run(lambda unit: unit.triage_claims.renew(claims, unit.now() + timedelta(seconds=50), LEASE))
    assert take(database, "b", later=100) == []
    assert len(take(database, "b", later=111)) == 1


def test_a_result_is_refused_after_the_row_was_put_up_again(database: Database) -> None:
    add_tasks(database, 1)
    claims = take(database)
    database.run(lambda unit: unit.triage_claims.put_up(["t0000"], unit.now()))
    assert finish(database, claims) == set()
    assert status(database, "t0000") == "pending"


def test_failures_are_tried_again_after_growing_pauses_and_then_marked(database: Database) -> None:
    """Pauses of 2 and 4 seconds, then failed with the error; by hand it begins anew."""
    add_tasks(database, 1)

    def give_back(claims: list[Claim], later: float) -> None:
        def use_case(unit: UnitOfWork) -> None:
            found = Claims(unit.connection, policy=POLICY)
            found.give_back(dict.fromkeys(claims, "no luck"), unit.now() + timedelta(seconds=later))

        database.run(use_case)

    give_back(take(database), 0)
    assert take(database, later=1) == []
    give_back(take(database, later=10), 10)
    assert take(database, later=13) == []
    last = take(database, later=20)
    assert [claim.attempt for claim in last] == [3]
    give_back(last, 20)
    assert take(database, later=10_000) == []
    with database.read() as unit:
        found = unit.triage.get("t0000")
        assert (found.processing_status, found.error) == ("failed", "no luck")
    database.run(lambda unit: unit.triage_claims.put_up(["t0000"], unit.now()))
    assert [claim.attempt for claim in take(database)] == [1]


def test_a_row_that_ends_every_worker_is_marked_failed(database: Database) -> None:
    add_tasks(database, 1)
    for attempt in range(3):
        assert len(take(database, later=100 * attempt)) == 1
    assert take(database, later=300) == []
    with database.read() as unit:
        found = unit.triage.get("t0000")
        assert (found.processing_status, found.error) == ("failed", ABANDONED)


def test_a_deleted_task_is_not_claimed(database: Database) -> None:
    add_tasks(database, 1)
    claims = take(database)
    database.run(lambda unit: unit.triage_claims.withdraw(["t0000"]))
    assert finish(database, claims) == set()
    assert take(database, later=10_000) == []


def test_the_query_for_due_rows_uses_its_index(database: Database) -> None:
    if database.engine.dialect.name == "mysql":
        pytest.skip("MariaDB chooses by its statistics of a nearly empty table")
    from sqlalchemy import text  # noqa: PLC0415

    sql = "SELECT task_id FROM tasks WHERE processing_due_at <= CURRENT_TIMESTAMP ORDER BY processing_due_at, task_id"
    is_sqlite = database.engine.dialect.name == "sqlite"
    with database.unit() as unit:
        if not is_sqlite:
            unit.connection.execute(text("SET LOCAL enable_seqscan = off"))
        rows = unit.connection.execute(text(("EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN ") + sql)).all()
    assert "ix_tasks_processing_due_at_task_id" in str(rows)

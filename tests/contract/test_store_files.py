"""Reference files and metrics of files, on every database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from assignment_engine.domain.background import JobKind, NewJob
from assignment_engine.domain.errors import InvalidInputError, NotFoundError
from assignment_engine.domain.files import FileProcessingMetrics, ReferenceFile, UseCase
from assignment_engine.services.background import job_statistics
from assignment_engine.services.files import FileOrder, missing_files, remove_reference, submit_files
from assignment_engine.store.database import Database

BOTH = (UseCase.UC1, UseCase.UC4)


def add(database: Database, use_case: UseCase, path: str) -> ReferenceFile:
    return database.run(lambda unit: unit.files.add_reference(use_case, path, unit.now()))


def active(database: Database) -> dict[str, str]:
    with database.read() as unit:
        return {found.uc_type.value: found.file_path for found in unit.files.active()}


def test_one_reference_of_each_agent_is_active(database: Database) -> None:
    first = add(database, UseCase.UC1, "a.csv")
    add(database, UseCase.UC4, "b.csv")
    last = add(database, UseCase.UC1, "c.csv")
    assert (first.is_active, last.is_active, active(database)) == (True, True, {"UC1": "c.csv", "UC4": "b.csv"})
    with database.read() as unit:
        assert unit.files.reference(first.id).is_active is False
        assert [found.file_path for found in unit.files.references(limit=2).items] == ["c.csv", "b.csv"]
    database.run(lambda unit: remove_reference(unit, last.id))
    assert active(database) == {"UC4": "b.csv"}
    with pytest.raises(NotFoundError):
        database.run(lambda unit: remove_reference(unit, last.id))


def test_what_a_job_is_compared_with(database: Database) -> None:
    """The active reference of each agent that was asked for, or the one that was named."""
    old, other = add(database, UseCase.UC1, "old.csv"), add(database, UseCase.UC4, "other.csv")
    add(database, UseCase.UC1, "new.csv")

    def wanted(order: FileOrder) -> str | None:
        (job,) = database.run(lambda unit: submit_files(unit, order, ["x.csv"]))
        with database.read() as unit:
            reference: str | None = unit.jobs.request(job.id)["reference"]
            return reference

    assert wanted(FileOrder(BOTH, "me")) == "new.csv"
    assert wanted(FileOrder(BOTH, "me", old.id)) == "old.csv"
    assert wanted(FileOrder((UseCase.UC4,), "me")) is None
    with pytest.raises(InvalidInputError):
        wanted(FileOrder((UseCase.UC1,), "me", other.id))


def test_files_that_are_needed_and_gone_are_counted(database: Database) -> None:
    add(database, UseCase.UC1, "reference.csv")
    database.run(lambda unit: submit_files(unit, FileOrder(BOTH, "me"), ["x.csv", "y.csv"]))
    with database.read() as unit:
        assert missing_files(unit, lambda path: path == "x.csv") == 2
        assert missing_files(unit, lambda _path: True) == 0


def test_metrics_add_up(database: Database) -> None:
    for seconds in (1.0, 2.0, 6.0):
        metrics = FileProcessingMetrics(
            file_size_bytes=5_000_000_000, rows=10, issues_found=3, processing_time_seconds=seconds
        )
        job = database.run(lambda unit: unit.jobs.add(NewJob(JobKind.FILE, {}, "me"), unit.now()))
        database.run(lambda unit, job=job, metrics=metrics: unit.files.measured(job.id, metrics, unit.now()))
    with database.read() as unit:
        found = job_statistics(unit)
    assert (found.files, found.rows, found.issues_found) == (3, 30, 9)
    assert (found.processing_seconds.mean, found.processing_seconds.p95) == (3.0, 6.0)


def test_references_that_come_at_once(database: Database) -> None:
    """One of them is active in the end, whichever it is, and none is refused."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: add(database, UseCase.UC1, f"{number}.csv"), range(6)))
    assert len(active(database)) == 1
    with database.read() as unit:
        assert unit.files.references().total == 6

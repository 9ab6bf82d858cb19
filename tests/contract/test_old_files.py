"""Files of jobs that ended long ago are deleted, theirs alone, and the row says so before they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assignment_engine.domain.background import ErrorCategory, Job, JobKind, JobProblem, NewJob, Run
from assignment_engine.domain.errors import FilesDeletedError
from assignment_engine.domain.files import UseCase
from assignment_engine.services.background import retry_job, submit_job
from assignment_engine.services.data_root import DataRoot, Own
from assignment_engine.services.old_files import OldFiles
from assignment_engine.store.database import Database
from tests.databases import KINDS, Servers

START = datetime(2051, 3, 2, 9, 0, tzinfo=UTC)  # links cannot be made old, so the past is the future
KEEP = timedelta(days=90)
PROBLEM = JobProblem(category=ErrorCategory.FILE, detail="no table")


@dataclass
class Office:
    """A database and a directory on one clock, and jobs that leave files in the latter."""

    url: str
    directory: Path
    at: datetime = START

    def __post_init__(self) -> None:
        self.database = Database(self.url, lambda: self.at)
        self.root = DataRoot(self.directory)

    def look(self, keep: timedelta = KEEP, root: DataRoot | None = None) -> None:
        OldFiles(self.database, root or self.root, keep).step(self.at)

    def written(self, name: str) -> str:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a,b\n1,2\n")
        for touched in (path, path.parent):
            os.utime(touched, (self.at.timestamp(), self.at.timestamp()))
        return name

    def submitted(self, upload: str) -> Run:
        new = NewJob(JobKind.FILE, {}, "me", file_path=self.written(upload))
        return Run(self.database.run(lambda unit: submit_job(unit, new)).id, 1, JobKind.FILE)

    def running(self, upload: str) -> Run:
        run = self.submitted(upload)
        assert self.database.run(lambda unit: unit.jobs.begin(run, "x", unit.now()))
        return run

    def completed(self, upload: str) -> str:
        run = self.running(upload)
        self.written(f"results/{run.job_id}/a.final.csv")
        results = {"files": [{"name": "a.final.csv", "kind": "final"}]}
        assert self.database.run(lambda unit: unit.jobs.complete(run, "x", results, None, unit.now()))
        return run.job_id

    def failed(self, upload: str) -> str:
        run = self.running(upload)
        assert self.database.run(lambda unit: unit.jobs.fail(run, "x", PROBLEM, unit.now()))
        return run.job_id

    def job(self, job_id: str) -> Job:
        with self.database.read() as unit:
            return unit.jobs.get(job_id)

    def deleted_at(self, job_id: str) -> object:
        return (self.job(job_id).results or {}).get("files_deleted_at")

    @property
    def left(self) -> set[str]:
        return {str(path.relative_to(self.directory)) for path in self.directory.rglob("*") if path.is_file()}


@contextmanager
def opened(url: str, directory: Path) -> Iterator[Office]:
    found = Office(url, directory)
    try:
        yield found
    finally:
        found.database.dispose()


@pytest.fixture(params=KINDS)
def every_office(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[Office]:
    with servers[request.param].migrated() as url, opened(url, tmp_path / "data") as found:
        yield found


@pytest.fixture
def office(servers: Servers, tmp_path: Path) -> Iterator[Office]:
    with servers["sqlite"].migrated() as url, opened(url, tmp_path / "data") as found:
        yield found


def test_only_what_jobs_left_that_ended_long_ago_is_deleted(every_office: Office) -> None:
    office = every_office
    done, failed = office.completed("uploads/1/a.csv"), office.failed("uploads/2/a.csv")
    on_own = office.completed("march/a.csv")
    office.running("uploads/3/a.csv")
    office.submitted("uploads/4/a.csv")
    reference = office.written("references/5/good.csv")
    office.database.run(lambda unit: unit.files.add_reference(UseCase.UC1, reference, unit.now()))
    office.written("uploads/6/nobodys.csv")
    office.at += timedelta(days=10)
    late = office.completed("uploads/7/a.csv")
    office.look()
    assert all(office.deleted_at(job_id) is None for job_id in (done, failed, on_own, late))
    office.at += timedelta(days=85)
    before = office.left
    office.look()
    assert before - office.left == {
        "uploads/1/a.csv",
        "uploads/2/a.csv",
        f"results/{done}/a.final.csv",
        f"results/{on_own}/a.final.csv",
    }
    assert not (office.directory / "uploads" / "1").exists()
    assert office.deleted_at(done) == office.deleted_at(failed) == "2051-06-05T09:00:00Z"
    assert office.deleted_at(late) is None
    with pytest.raises(FilesDeletedError):
        office.database.run(lambda unit: retry_job(unit, failed))


class _Dies(DataRoot):
    """As if the process died when it was about to delete."""

    def clear(self, own: Own, name: str) -> bool:
        raise KeyboardInterrupt


def test_who_dies_in_between_leaves_files_that_the_next_look_finds(office: Office) -> None:
    job_id = office.completed("uploads/1/a.csv")
    office.at += timedelta(days=100)
    with pytest.raises(KeyboardInterrupt):
        office.look(root=_Dies(office.directory))
    noted = office.deleted_at(job_id)
    assert noted is not None
    assert len(office.left) == 2
    office.at += timedelta(days=1)
    office.look()
    assert (office.left, office.deleted_at(job_id)) == (set(), noted)


def test_nothing_outside_is_reached_through_links(office: Office, tmp_path: Path) -> None:
    """Links in the place of results, of an upload, and among results; then in the place of whole directories."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.csv").write_text("precious")
    replaced, linking, sent = (office.completed(f"uploads/{n}/a.csv") for n in (1, 2, 3))
    (office.directory / "results" / replaced / "a.final.csv").unlink()
    (office.directory / "results" / replaced).rmdir()
    (office.directory / "results" / replaced).symlink_to(outside)
    (office.directory / "results" / linking / "more").symlink_to(outside)
    (office.directory / "results" / linking / "more.csv").symlink_to(outside / "a.csv")
    (office.directory / "uploads" / "3" / "a.csv").unlink()
    (office.directory / "uploads" / "3").rmdir()
    (office.directory / "uploads" / "3").symlink_to(outside)
    office.at += timedelta(days=100)
    office.look()
    assert (outside / "a.csv").read_text() == "precious"
    assert not (office.directory / "results" / linking).exists()
    assert not (office.directory / "results" / sent).exists()
    moved = office.completed("uploads/4/a.csv")
    (office.directory / "results").rename(tmp_path / "elsewhere")
    (office.directory / "results").symlink_to(tmp_path / "elsewhere")
    office.at += timedelta(days=100)
    office.look()
    assert (tmp_path / "elsewhere" / moved / "a.final.csv").exists()


def test_what_dead_processes_left_behind_goes_whatever_is_kept(office: Office) -> None:
    job_id = office.completed("uploads/1/a.csv")
    kept = office.left
    office.written("uploads/.tmp1")
    office.written(f"results/.{job_id}.x/half.csv")
    office.at += timedelta(days=2)
    being_sent = office.written("uploads/.tmp2")
    office.at += timedelta(hours=20)
    office.look(keep=timedelta(0))
    assert office.left == {*kept, being_sent}
    office.at += timedelta(days=10_000)
    office.look(keep=timedelta(0))
    assert office.left == kept

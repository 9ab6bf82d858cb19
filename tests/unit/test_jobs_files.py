"""Jobs on files: what is repeated after a crash, what is ended, and what is left behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from assignment_engine.domain.errors import ConfigurationError, UnreadableFileError
from assignment_engine.jobs.files import FileWork
from assignment_engine.jobs.kinds import JobEndedError
from assignment_engine.services.data_root import DataRoot

CONTENT = "task_id,title\n" + "".join(f"t{n},Look after door {n}\n" for n in range(30)) + "t3,Look after door 3\n"


class Context:
    """A job whose finished steps are remembered, as the engine of jobs does; it ends when `ends_at` is reached."""

    job_id = "j1"

    def __init__(self, ends_at: float = 2.0, **request: Any) -> None:
        self.request: Mapping[str, Any] = {
            "file": "in/a.csv",
            "use_cases": ["UC1", "UC4"],
            "reference": None,
            **request,
        }
        self.steps: dict[str, Any] = {}
        self.shares: list[float] = []
        self._ends_at = ends_at

    def step(self, name: str, work: Callable[[], Any]) -> Any:
        if name not in self.steps:
            self.steps[name] = work()
        return self.steps[name]

    def progress(self, share: float) -> None:
        self.shares.append(share)
        if share >= self._ends_at:
            raise JobEndedError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text(CONTENT)
    return tmp_path


def results(root: Path) -> dict[str, bytes]:
    found = root / "results"
    return {str(path.relative_to(found)): path.read_bytes() for path in found.rglob("*") if path.is_file()}


def test_the_way_of_a_file(root: Path) -> None:
    context = Context()
    done = FileWork(DataRoot(root)).run(context)
    assert set(results(root)) == {f"j1/{file['name']}" for file in done.results["files"]}
    assert done.metrics is not None
    assert done.metrics["rows"] == 31
    assert context.shares == sorted(context.shares)
    assert (root / "in" / "a.csv").read_text() == CONTENT


def test_a_run_that_is_repeated_leaves_the_same_results(root: Path) -> None:
    """Whether it died before the results came into view, after that, or after that was written down."""
    work = FileWork(DataRoot(root))
    left = root / "results" / ".j1.dead"
    left.mkdir(parents=True)
    (left / "half.csv").write_text("half")
    context = Context()
    work.run(context)
    once = {name: content for name, content in results(root).items() if name.endswith(".csv")}
    work.run(context)
    work.run(Context())
    again = results(root)
    assert {name: again[name] for name in once} == once
    assert {name.split("/")[0] for name in again} == {"j1"}


def test_a_run_that_is_to_end_leaves_nothing(root: Path) -> None:
    with pytest.raises(JobEndedError):
        FileWork(DataRoot(root)).run(Context(ends_at=0.3))
    assert list((root / "results").iterdir()) == []


def test_files_that_are_not_there(root: Path) -> None:
    """The file's own absence is a matter of the file, that of the reference one of configuration."""
    work = FileWork(DataRoot(root))
    for name in ("in/b.csv", "../a.csv", "/etc/passwd", "in"):
        with pytest.raises(UnreadableFileError):
            work.run(Context(file=name))
    with pytest.raises(ConfigurationError, match="reference"):
        work.run(Context(reference="in/b.csv"))
    context = Context()
    work.run(context)
    (root / "results" / "j1" / "a.final.csv").unlink()
    with pytest.raises(UnreadableFileError, match=r"a\.final\.csv"):
        work.run(context)

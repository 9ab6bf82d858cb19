"""A directory full of files and two worker processes: each file is done once, and never too many at the same time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.databases import Servers
from tests.e2e.test_events_served import program
from tests.web.conftest import Api, served

FILES = int(os.environ.get("BATCH_FILES", "60"))
LIMIT = 5
SECONDS = 60 + FILES
HOSTILE = {
    "empty.csv": b"",
    "zip.csv": b"PK\x03\x04 and more",
    "binary.csv": bytes(range(32)) * 200,
    "header.csv": b"task_id,title\n",
    "nul.csv": b"task_id,title\nt1,a\0b\nt2,c\n",
    "quote.csv": b'task_id,title\nt1,"never closed\nt2,c\nt3,d\n',
    "encodings.csv": "task_id,title\nt1,grün\n".encode() + "t2,blau und grün\n".encode("latin-1"),
}
REFUSED = {"empty.csv", "zip.csv", "binary.csv"}


def fill(directory: Path) -> None:
    """Small files, one row of each being there twice, and the hostile ones."""
    directory.mkdir(parents=True)
    for number in range(FILES - len(HOSTILE)):
        rows = [f"t{n},Look after door {n} of house {number},{n % 7 + 1}" for n in range(30)]
        lines = ["task_id,title,estimated_hours", *rows, rows[number % 30]]
        (directory / f"tasks-{number:03}.csv").write_text("\n".join(lines) + "\n")
    for name, content in HOSTILE.items():
        (directory / name).write_bytes(content)


def most_at_once(jobs: Iterable[dict[str, Any]]) -> int:
    """The most jobs that ran at the same time, by the clock of the database."""
    changes = [(datetime.fromisoformat(job["started_at"]), 1) for job in jobs]
    changes += [(datetime.fromisoformat(job["completed_at"]), -1) for job in jobs]
    running = most = 0
    for _, change in sorted(changes):
        running += change
        most = max(most, running)
    return most


def ended(api: Api, ids: list[str]) -> list[dict[str, Any]]:
    until = time.monotonic() + SECONDS
    while True:
        found = api.get(f"/batch/status/{','.join(ids)}").json
        assert found is not None
        if found["counts"]["completed"] + found["counts"]["failed"] == len(ids):
            return list(found["items"])
        assert time.monotonic() < until, found["counts"]
        time.sleep(0.2)


@pytest.mark.slow
def test_a_batch_on_two_machines(servers: Servers, tmp_path: Path) -> None:
    root = tmp_path / "data"
    fill(root / "in")
    with ExitStack() as stack:
        url = stack.enter_context(servers["postgresql"].migrated())
        api = stack.enter_context(served(url, data_root=root))
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            settings = {
                "DATABASE_URL": url,
                "DATA_ROOT": str(root),
                "MAX_CONCURRENT_JOBS": str(LIMIT),
                "JOBS_INTERVAL_SECONDS": "0.1",
            }
            stack.enter_context(program(tmp_path / name, "worker", **settings))
        body = {"directory": "in", "selected_ucs": "UC1,UC4"}
        ids = api.post("/batch/process-directory", json=body).json["job_ids"]  # type: ignore[index]
        jobs = ended(api, ids)
        statistics = api.get("/stats").json
    assert len(ids) == FILES
    assert {job["attempts"] for job in jobs} == {1}
    failed = {Path(job["file_path"]).name: job["error"]["category"] for job in jobs if job["status"] == "failed"}
    assert failed == dict.fromkeys(REFUSED, "file")
    done = [job for job in jobs if job["status"] == "completed"]
    ordinary = [job["results"]["uc4"] for job in done if Path(job["file_path"]).name not in HOSTILE]
    assert {merged["duplicates_removed"] for merged in ordinary} == {1}
    assert all(
        (root / "results" / job["id"] / file["name"]).is_file() for job in done for file in job["results"]["files"]
    )
    assert {path.name for path in (root / "results").iterdir()} == {job["id"] for job in done}
    assert 1 < most_at_once(jobs) <= LIMIT
    assert statistics is not None
    assert (statistics["files"], statistics["rows"]) == (len(done), sum(job["metrics"]["rows"] for job in done))

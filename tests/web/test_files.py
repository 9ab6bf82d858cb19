"""Files over HTTP: sent in, worked on by a real worker, fetched and imported; and everything that is refused."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from assignment_engine.domain.background import JobKind, NewJob
from assignment_engine.services.background import submit_job
from assignment_engine.store.database import Database
from assignment_engine.wiring import build_file_loop
from tests.databases import Servers
from tests.web.conftest import Api, pointers, served
from tests.web.test_jobs import engine_of, worker

HEADER = "task_id,title,priority,estimated_hours"
GOOD = [f"t{n},Look after door {n} of the old house,{('high', 'low')[n % 2]},{n % 7 + 1}" for n in range(40)]


def table(*rows: str) -> bytes:
    return ("\n".join([HEADER, *GOOD, *rows]) + "\n").encode()


def sent(api: Api, content: bytes, name: str = "tasks.csv", path: str = "/upload", **fields: str) -> TestResponse:
    form = {"file": (io.BytesIO(content), name), **({"selected_ucs": "UC1,UC4"} if path == "/upload" else {}), **fields}
    return api.post(path, data=form, content_type="multipart/form-data")


def uploaded(api: Api, content: bytes, **fields: str) -> dict[str, Any]:
    response = sent(api, content, **fields)
    assert response.status_code == 202, response.text
    return dict(response.json or {})


def root_of(api: Api) -> Path:
    return engine_of(api).settings.data_root


def left_in(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def result_of(api: Api, job: dict[str, Any], name: str) -> TestResponse:
    return api.get(f"/batch/jobs/{job['id']}/files/{name}")


def test_from_the_upload_to_the_engine(api: Api, tmp_path: Path) -> None:
    """Original, cleaned, deduplicated, final: every file can be fetched, and one call imports the last."""
    content = table("t3,Look after door 3 of the old house,low,4", "u1,=SUM(A1),high,", "broken")
    with worker(api, tmp_path) as until_ended:
        job = uploaded(api, content)
        assert (job["status"], job["kind"], job["selected_ucs"]) == ("pending", "file", "UC1,UC4")
        assert result_of(api, job, "tasks.final.csv").status_code == 404  # not yet
        done = until_ended(job["id"])
    assert (done["status"], done["error"]) == ("completed", None)
    names = {entry["name"]: entry["kind"] for entry in done["results"]["files"]}
    assert names["tasks.cleaned.csv"] == "cleaned"
    assert names["tasks.deduplicated.csv"] == "deduplicated"
    assert names["tasks.final.csv"] == "final"
    assert names["tasks.report.html"] == "report"
    assert (done["results"]["uc4"]["duplicates_removed"], done["results"]["uc1"]["reference"]) == (1, None)
    (ragged,) = (issue for issue in done["results"]["issues"] if issue["code"] == "ragged_row")
    assert ragged["lines"] == [44]
    metrics = done["metrics"]
    assert (metrics["file_size_bytes"], metrics["rows"]) == (len(content), 42)
    for name in names:
        response = result_of(api, job, name)
        assert response.status_code == 200
        assert response.headers["Content-Disposition"] == f"attachment; filename={name}"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "'=SUM(A1)" in result_of(api, job, "tasks.final.csv").text
    stats = api.get("/stats").json
    assert stats is not None
    assert (stats["files"], stats["rows"], stats["issues_found"]) == (1, 42, metrics["issues_found"])
    assert stats["processing_seconds"]["mean"] == metrics["processing_time_seconds"]
    imported = api.post(f"/batch/jobs/{job['id']}/import?kind=tasks")
    assert imported.json == {"created": 41, "updated": 0, "rejected": []}
    assert api.get("/tasks/u1").json["title"] == "=SUM(A1)"  # type: ignore[index]
    assert [name for name in left_in(root_of(api)) if Path(name).name.startswith(".")] == []


def test_what_suspect_rows_mean_for_a_plan(api: Api, tmp_path: Path) -> None:
    """A task that is there twice takes time of the stored people from others; every change is in a file."""
    with worker(api, tmp_path) as until_ended:
        nobody = until_ended(uploaded(api, table(GOOD[0].replace("t0", "copy")))["id"])["results"]["impact"]
        assert (nobody["computed"], nobody["reason"]) == (False, "there are no employees to plan with")
        assert api.post("/api/employees", json={"employee_id": "ana", "max_workload": 40.0}).status_code == 201
        job = until_ended(uploaded(api, table(GOOD[0].replace("t0", "copy")))["id"])
    found = job["results"]["impact"]
    assert (found["computed"], found["suspect_tasks"]) == (True, 1)
    assert {change["task_id"] for change in found["changes"]} >= {"copy"}
    assert 0 < found["at_stake"] <= found["total_score_with"] + found["total_score_without"]
    full = result_of(api, job, found["file"]).text.splitlines()
    assert len(full) == 1 + found["changed"]
    assert "What it means for decisions" in result_of(api, job, "tasks.report.html").text


def test_one_agent_alone(api: Api, tmp_path: Path) -> None:
    with worker(api, tmp_path) as until_ended:
        done = until_ended(uploaded(api, table(GOOD[3]), selected_ucs="UC4")["id"])
    assert (done["results"]["uc1"], done["results"]["uc4"]["exact"]) == (None, 1)
    assert "tasks.cleaned.csv" not in [entry["name"] for entry in done["results"]["files"]]


def test_a_gzip_file_is_read(api: Api, tmp_path: Path) -> None:
    with worker(api, tmp_path) as until_ended:
        job = uploaded(api, gzip.compress(table()))
        assert until_ended(job["id"])["metrics"]["rows"] == 40


def test_references(api: Api, tmp_path: Path) -> None:
    """The newest of each agent is active and used unless another one is named; deleting leaves none."""
    first, second = (
        sent(api, table(), name, "/reference-files", uc_type="UC1").json for name in ("old.csv", "new.csv")
    )
    other = sent(api, table(), "x.csv", "/reference-files", uc_type="UC4").json
    assert first is not None
    assert second is not None
    assert other is not None
    assert set(second) == {"id", "uc_type", "file_path", "is_active", "created_at"}
    page = api.get("/reference-files").json
    assert page is not None
    assert {item["id"]: item["is_active"] for item in page["items"]} == {
        first["id"]: False,
        second["id"]: True,
        other["id"]: True,
    }
    assert page["total"] == 3
    with worker(api, tmp_path) as until_ended:
        assert until_ended(uploaded(api, table())["id"])["results"]["uc1"]["reference"] == "new.csv"
        named = uploaded(api, table(), reference_id=first["id"])
        assert until_ended(named["id"])["results"]["uc1"]["reference"] == "old.csv"
        late = uploaded(api, table())
        assert api.delete(f"/reference-files/{second['id']}").status_code == 204
        error = until_ended(late["id"])["error"]
        assert (error["category"], "reference" in error["detail"]) == ("configuration", True)
        assert until_ended(uploaded(api, table())["id"])["results"]["uc1"]["reference"] is None
    assert api.delete(f"/reference-files/{second['id']}").status_code == 404
    assert not any("new.csv" in name for name in left_in(root_of(api)))


def test_references_that_do_not_fit(api: Api) -> None:
    other = sent(api, table(), "x.csv", "/reference-files", uc_type="UC4").json
    assert other is not None
    response = sent(api, table(), selected_ucs="UC1", reference_id=other["id"])
    assert (response.status_code, pointers(response)) == (422, ["/reference_id"])
    response = sent(api, table(), reference_id="none")
    assert (response.status_code, pointers(response)) == (422, ["/reference_id"])
    assert left_in(root_of(api) / "uploads") == []  # what was refused is not kept


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("../x.csv", "a,b\n")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "empty"), (b"\n\n", "empty"), (archive(), "zip"), (bytes(range(32)) * 90, "binary"), (b"%PDF-1", "PDF")],
)
@pytest.mark.parametrize("path", ["/upload", "/reference-files"])
def test_what_can_be_no_table_is_refused_at_once(api: Api, content: bytes, word: str, path: str) -> None:
    fields = {} if path == "/upload" else {"uc_type": "UC1"}
    response = sent(api, content, path=path, **fields)
    assert (response.status_code, pointers(response)) == (422, ["/file"])
    assert word in response.text
    assert left_in(root_of(api)) == []


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"selected_ucs": "UC2"}, "/selected_ucs"),
        ({"selected_ucs": ""}, "/selected_ucs"),
        ({"mode": "x"}, "/mode"),
        ({"reference_id": "../x"}, "/reference_id"),
    ],
)
def test_fields_that_are_not_valid(api: Api, fields: dict[str, str], pointer: str) -> None:
    response = sent(api, table(), **fields)
    assert (response.status_code, pointers(response)) == (422, [pointer])


def test_the_agents_of_a_file_are_named_with_a_comma(api: Api) -> None:
    assert sent(api, table(), selected_ucs="UC1, UC4").json["selected_ucs"] == "UC1,UC4"  # type: ignore[index]
    detail = sent(api, table(), selected_ucs="UC1;UC4").json["errors"][0]["detail"]  # type: ignore[index]
    assert detail == "expected UC1, UC4, or both with a comma between (got 'UC1;UC4')"


def test_forms_that_are_none(api: Api) -> None:
    assert api.post("/upload", json={}).status_code == 415
    response = api.post("/upload", data={"selected_ucs": "UC1"}, content_type="multipart/form-data")
    assert pointers(response) == ["/file"]
    assert api.post("/upload?x=1", data={}, content_type="multipart/form-data").status_code == 422


def test_a_file_that_is_too_large_leaves_nothing(servers: Servers) -> None:
    with servers["sqlite"].migrated() as url, served(url, max_upload_bytes=5000) as api:
        assert sent(api, table()).status_code == 202
        kept = left_in(root_of(api))
        refused = sent(api, table() * 3)
        assert refused.status_code == 413
        assert "at most 5,000 bytes" in refused.json["detail"]  # type: ignore[index]
        assert left_in(root_of(api)) == kept


@pytest.mark.parametrize(
    "name", ["../../evil.csv", "/etc/passwd", "..\\..\\x.csv", ".hidden", "a b;c.csv", "ü" * 300 + ".csv", "con?*.csv"]
)
def test_names_lead_nowhere(api: Api, name: str, tmp_path: Path) -> None:
    job = uploaded(api, table(), name=name)
    (kept,) = left_in(root_of(api))
    assert kept == job["file_path"]
    assert kept.startswith("uploads/")
    assert kept.count("/") == 2


def test_a_repeated_upload_starts_one_job(api: Api) -> None:
    def send(content: bytes) -> TestResponse:
        form = {"file": (io.BytesIO(content), "a.csv"), "selected_ucs": "UC1"}
        headers = {"Idempotency-Key": "k"}
        return api.post("/upload", data=form, headers=headers, content_type="multipart/form-data")

    first, again, other = send(table()), send(table()), send(table("x"))
    assert first.json == again.json
    assert other.status_code == 422
    assert len(left_in(root_of(api))) == 1


def filled_root(api: Api) -> Path:
    """A directory with two files, and with everything that must not be taken."""
    root = root_of(api)
    directory = root / "in"
    (directory / "deeper").mkdir(parents=True)
    for name in ("b.csv", "a.csv", ".hidden.csv", "deeper/c.csv"):
        (directory / name).write_bytes(table())
    (directory / "link.csv").symlink_to("/etc/passwd")
    (root / "out").symlink_to("/etc")
    os.mkfifo(directory / "pipe.csv")
    return root


def test_a_directory(api: Api, tmp_path: Path) -> None:
    """One job for each of its own files; links, hidden files, pipes and further directories are left alone."""
    filled_root(api)
    response = api.post("/batch/process-directory", json={"directory": "in", "selected_ucs": "UC1,UC4"})
    assert response.status_code == 202
    ids = response.json["job_ids"]  # type: ignore[index]
    found = api.get(f"/batch/status/{','.join(ids)}").json
    assert [job["file_path"] for job in found["items"]] == ["in/a.csv", "in/b.csv"]  # type: ignore[index]
    with worker(api, tmp_path) as until_ended:
        assert {until_ended(job_id)["status"] for job_id in ids} == {"completed"}


@pytest.mark.parametrize(
    "directory",
    ["..", "in/../..", "in/../in", "/etc", "out", "none", "in/a.csv", "uploads", "results", "~", "x" * 300, "in/%2e"],
)
def test_tricks_with_directories(api: Api, directory: str) -> None:
    (filled_root(api) / "uploads").mkdir()
    response = api.post("/batch/process-directory", json={"directory": directory, "selected_ucs": "UC1"})
    assert (response.status_code, pointers(response)) == (422, ["/directory"])
    assert api.get("/stats").json["jobs"]["pending"] == 0  # type: ignore[index]


def test_a_directory_without_files(api: Api) -> None:
    (root_of(api) / "in").mkdir()
    response = api.post("/batch/process-directory", json={"directory": "in", "selected_ucs": "UC1"})
    assert pointers(response) == ["/directory"]
    response = api.post("/batch/process-directory", json={"directory": "", "selected_ucs": "UC3"})
    assert pointers(response) == ["/directory", "/selected_ucs"]


def test_only_results_of_ones_own_jobs_are_handed_out(api: Api, tmp_path: Path) -> None:
    request = {"file": "in/a.csv", "use_cases": ["UC1"], "reference": None}
    filled_root(api)
    new = NewJob(JobKind.FILE, request, "pat", file_path="in/a.csv", selected_ucs="UC1")
    job = engine_of(api).database.run(lambda unit: submit_job(unit, new))
    with worker(api, tmp_path) as until_ended:
        done = until_ended(job.id)
    assert result_of(api, done, "a.final.csv").status_code == 200
    assert result_of(api.as_("planner", "pat"), done, "a.final.csv").status_code == 200
    assert result_of(api.as_("planner", "other"), done, "a.final.csv").status_code == 404
    for name in ("a.csv", "..%2f..%2fin%2fa.csv", "../../in/a.csv", "%2e%2e", "none"):
        assert result_of(api, done, name).status_code == 404, name


def test_a_file_that_vanished_is_the_files_fault(api: Api, tmp_path: Path) -> None:
    """The job that wants it fails and says so; health tells of it before."""
    job = uploaded(api, table())
    assert api.get("/stats/health").json["missing_files"] == 0  # type: ignore[index]
    (root_of(api) / job["file_path"]).unlink()
    health = api.get("/stats/health").json
    assert (health["status"], health["missing_files"]) == ("degraded", 1)  # type: ignore[index]
    with worker(api, tmp_path) as until_ended:
        error = until_ended(job["id"])["error"]
    assert (error["category"], error["detail"]) == ("file", f"the file {job['file_path']!r} is not there")


def test_a_stuck_job_whose_file_vanished_fails_at_recovery(servers: Servers) -> None:
    with servers["sqlite"].migrated() as url, served(url, stuck_job_seconds=1e-6) as api:
        lost, there = uploaded(api, table()), uploaded(api, table())
        database = engine_of(api).database
        database.run(lambda unit: unit.jobs.queued(unit.jobs.take_pending(9), "an engine that is gone", unit.now()))
        (root_of(api) / lost["file_path"]).unlink()
        found = api.post("/batch/recover-jobs").json
        assert {job["id"]: job["status"] for job in found["items"]} == {  # type: ignore[index]
            lost["id"]: "failed",
            there["id"]: "pending",
        }
        (failed,) = api.get(f"/batch/status/{lost['id']}").json["items"]  # type: ignore[index]
        assert failed["error"]["category"] == "file"


def test_results_that_vanished_are_not_there(api: Api, tmp_path: Path) -> None:
    with worker(api, tmp_path) as until_ended:
        done = until_ended(uploaded(api, table())["id"])
    (root_of(api) / "results" / done["id"] / "tasks.final.csv").unlink()
    assert result_of(api, done, "tasks.final.csv").status_code == 404
    assert api.post(f"/batch/jobs/{done['id']}/import?kind=tasks").status_code == 404


def test_files_that_were_kept_for_their_time(api: Api, tmp_path: Path) -> None:
    """Downloads and imports say that they are gone for good, and so does beginning a failed job anew."""
    with worker(api, tmp_path) as until_ended:
        done = until_ended(uploaded(api, table())["id"])
        cut_short = gzip.compress("".join(f"{n},{n * n}\n" for n in range(30_000)).encode())[:-20]
        failed = until_ended(uploaded(api, cut_short)["id"])
    engine = engine_of(api)
    later = Database(engine.settings.database_url, lambda: datetime.now(UTC) + timedelta(days=91))
    build_file_loop(replace(engine, database=later)).step(datetime.now(UTC))
    later.dispose()
    assert left_in(root_of(api)) == []
    assert result_of(api, done, "tasks.final.csv").status_code == 410
    assert result_of(api, done, "none.csv").status_code == 404
    assert api.post(f"/batch/jobs/{done['id']}/import?kind=tasks").status_code == 410
    (told,) = api.get(f"/batch/status/{done['id']}").json["items"]  # type: ignore[index]
    assert told["results"]["files_deleted_at"].endswith("Z")
    assert told["results"]["uc1"] == done["results"]["uc1"]
    assert failed["error"]["category"] == "file"
    assert api.post(f"/batch/jobs/{failed['id']}/retry").status_code == 410


def test_an_import_that_is_refused_names_the_rows(api: Api, tmp_path: Path) -> None:
    with worker(api, tmp_path) as until_ended:
        done = until_ended(uploaded(api, table("u2,Paint the door,urgent,3"))["id"])
    path = f"/batch/jobs/{done['id']}/import?kind=tasks"
    response = api.post(path)
    assert (response.status_code, [bad["field"] for bad in response.json["rejected"]]) == (422, ["priority"])  # type: ignore[index]
    assert api.post(f"{path}&mode=rows").json["created"] == 40  # type: ignore[index]
    assert api.post(f"/batch/jobs/{done['id']}/import?kind=people").status_code == 422
    assert api.post("/batch/jobs/none/import?kind=tasks").status_code == 404

"""Jobs over HTTP: planning in the background on the real engine, and who may do what to a job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assignment_engine.domain.background import JobKind, NewJob
from assignment_engine.services.background import submit_job
from assignment_engine.wiring import Engine, build_job_loop
from tests.web.conftest import Api, pointers
from webapp.state import State


def engine_of(api: Api) -> Engine:
    state: State = api.app.extensions["assignment_engine"]
    return state.engine


@contextmanager
def worker(api: Api, directory: Path) -> Iterator[Any]:
    """The loop of jobs, to be called until something has happened."""
    engine = engine_of(api)
    settings = engine.settings.model_copy(update={"jobs_database_url": f"sqlite:///{directory / 'jobs.db'}"})
    loop = build_job_loop(engine, settings)

    def until_ended(job_id: str) -> dict[str, Any]:
        for _ in range(200):
            loop.step(datetime.now(UTC))
            (job,) = api.get(f"/batch/status/{job_id}").json["items"]  # type: ignore[index]
            if job["status"] in ("completed", "failed"):
                return dict(job)
            time.sleep(0.05)
        pytest.fail(f"the job did not end: {job}")

    try:
        yield until_ended
    finally:
        loop.close()


def started(api: Api, **body: Any) -> str:
    response = api.post("/api/trigger_pipeline", json={"async": True, **body})
    assert response.status_code == 202, response.text
    assert response.json is not None
    return str(response.json["job_id"])


def test_planning_in_the_background(planned: Api, tmp_path: Path) -> None:
    """A preview that can be read and finalized, or at once the real thing."""
    planner = planned.as_("planner")
    with worker(planned, tmp_path) as until_ended:
        job_id = started(planner, method="balanced", task_ids=["t0"])
        (waiting,) = planner.get(f"/batch/status/{job_id}").json["items"]  # type: ignore[index]
        assert (waiting["status"], waiting["kind"], waiting["progress"]) == ("pending", "pipeline", 0.0)
        done = until_ended(job_id)
        assert (done["status"], done["progress"], done["error"], done["attempts"]) == ("completed", 1.0, None, 1)
        assert (done["results"]["assigned"], done["results"]["finalized"]) == (1, None)
        preview = planner.get(f"/api/assignments/preview/{done['results']['preview_id']}").json
        assert [a["task_id"] for a in preview["assignments"]] == ["t0"]  # type: ignore[index]
        real = until_ended(started(planner, finalize=True))
        assert real["results"]["finalized"] == {"assigned": 3, "skipped": 0}
        assert {planner.get(f"/tasks/t{n}").json["status"] for n in range(3)} == {"assigned"}  # type: ignore[index]
        load = planned.get("/batch/concurrency-info").json
        assert (load["limit"], load["running"], len(load["executors"])) == (5, 0, 1)  # type: ignore[index]
        assert planned.get("/stats").json["jobs"]["completed"] == 2  # type: ignore[index]


def test_a_plan_that_cannot_be_made_fails_with_the_reason(planned: Api, tmp_path: Path) -> None:
    cycle = [
        {"task_id": "a", "title": "A", "dependencies": ["b"]},
        {"task_id": "b", "title": "B", "dependencies": ["a"]},
    ]
    with worker(planned, tmp_path) as until_ended:
        failed = until_ended(started(planned, tasks=cycle))
        assert (failed["status"], failed["error"]["category"]) == ("failed", "processing")
        assert "a → b" in failed["error"]["detail"]
        again = planned.post(f"/batch/jobs/{failed['id']}/retry").json
        assert (again["status"], again["attempts"]) == ("pending", 2)  # type: ignore[index]
        assert until_ended(failed["id"])["attempts"] == 2
        assert planned.post(f"/batch/jobs/{failed['id']}/cancel").status_code == 409


def test_what_can_be_refused_at_once_is(planned: Api) -> None:
    response = planned.post("/api/trigger_pipeline", json={"async": True, "task_ids": ["none"]})
    assert (response.status_code, pointers(response)) == (422, ["/task_ids/0"])
    response = planned.post("/api/trigger_pipeline", json={"async": True, "method": "greedy", "objective": "score"})
    assert (response.status_code, pointers(response)) == (422, ["/objective"])


def test_a_repeated_request_starts_one_job(planned: Api) -> None:
    answers = [
        planned.post("/api/trigger_pipeline", json={"async": True}, headers={"Idempotency-Key": "k"}) for _ in "12"
    ]
    assert answers[0].json == answers[1].json
    assert planned.get("/stats").json["jobs"]["pending"] == 1  # type: ignore[index]


def test_who_sees_which_job(planned: Api) -> None:
    job_id = started(planned.as_("planner", "pat"))
    assert planned.as_("planner", "pat").get(f"/batch/status/{job_id}").status_code == 200
    assert planned.as_("planner", "other").get(f"/batch/status/{job_id}").status_code == 404
    found = planned.get(f"/batch/status/{job_id},{job_id}").json
    assert (len(found["items"]), found["counts"]["pending"]) == (1, 1)  # type: ignore[index]
    assert planned.get(f"/batch/status/{job_id},none").status_code == 404
    assert planned.get("/batch/status/,").status_code == 422


def test_the_list_is_that_of_ones_own_jobs(planned: Api) -> None:
    """The latest first; admins see all of them."""
    ids = [started(planned.as_("planner", name)) for name in ("pat", "sam", "pat")]
    planned.post(f"/batch/jobs/{ids[0]}/cancel")

    def listed(api: Api, query: str = "") -> list[str]:
        return [job["id"] for job in api.get(f"/batch/jobs{query}").json["items"]]  # type: ignore[index]

    assert listed(planned) == ids[::-1]
    assert listed(planned.as_("planner", "pat")) == [ids[2], ids[0]]
    assert listed(planned, "?status=failed") == [ids[0]]
    page = planned.get("/batch/jobs?limit=1").json
    assert listed(planned, f"?after={page['next_after']}") == [ids[1], ids[0]]  # type: ignore[index]


def test_cancelling(planned: Api) -> None:
    job_id = started(planned)
    ended = planned.post(f"/batch/jobs/{job_id}/cancel").json
    assert (ended["status"], ended["error"]["detail"]) == ("failed", "cancelled by boss")  # type: ignore[index]
    again = planned.post(f"/batch/jobs/{job_id}/cancel")
    assert again.status_code == 409
    assert again.json["detail"] == "'cancel' is not possible: the present status is 'failed'"  # type: ignore[index]
    assert planned.post("/batch/jobs/none/cancel").status_code == 404


def test_jobs_that_nobody_does_are_told(planned: Api) -> None:
    assert planned.get("/stats/health").json == {
        "status": "ok",
        "executors": 0,
        "waiting": 0,
        "stuck": 0,
        "missing_files": 0,
    }
    started(planned)
    waiting = planned.get("/stats/health").json
    assert (waiting["status"], waiting["waiting"], waiting["stuck"]) == ("degraded", 1, 0)  # type: ignore[index]
    assert planned.get("/batch/stuck-jobs").json["items"] == []  # type: ignore[index]
    assert planned.post("/batch/recover-jobs").json["items"] == []  # type: ignore[index]


def test_a_kind_that_is_not_installed_is_a_matter_of_configuration(planned: Api, tmp_path: Path) -> None:
    new = NewJob(JobKind.TRAINING, {}, "boss")
    job = engine_of(planned).database.run(lambda unit: submit_job(unit, new))
    with worker(planned, tmp_path) as until_ended:
        assert until_ended(job.id)["error"]["category"] == "configuration"

"""Durable jobs: what became of them, ending them, beginning them anew."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from pydantic import BaseModel, Field

from assignment_engine.domain.background import Job, JobStatus
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.jobs.handover import DEAD_AFTER_SECONDS
from assignment_engine.services.background import (
    Concurrency,
    JobStatistics,
    cancel_job,
    concurrency,
    job_statistics,
    recover_jobs,
    retry_job,
    stuck_jobs,
    visible_jobs,
)
from assignment_engine.services.files import missing_files
from assignment_engine.wiring import job_limits
from webapp import render
from webapp.auth import Role, allow
from webapp.documents import operation_name
from webapp.problems import for_json, for_role
from webapp.queues import Pages
from webapp.schemas import MAX_LIMIT, Nothing, Parameters, page_of
from webapp.state import engine, identity

blueprint = APIBlueprint(
    "jobs",
    __name__,
    abp_tags=[Tag(name="jobs")],
    abp_security=[{"bearer": []}],
    operation_id_callback=operation_name,
)


class JobPath(Parameters):
    job_id: str


class JobsPath(Parameters):
    job_ids: str = Field(description="one id, or several with commas between")


class JobsFound(BaseModel):
    """Jobs, and how many of them are in which status."""

    items: tuple[Job, ...]
    counts: dict[JobStatus, int]


class JobListing(Pages):
    status: JobStatus | None = None


JobPage = page_of(Job, "JobPage")


class JobsHealth(BaseModel):
    """`degraded`: jobs wait and nobody runs any, some are stuck, or files that are needed have vanished."""

    status: Literal["ok", "degraded"]
    executors: int
    waiting: int
    stuck: int
    missing_files: int


@blueprint.get("/batch/jobs", responses={HTTPStatus.OK: JobPage, **for_role()})
@allow(Role.PLANNER, Role.ADMIN)
def list_jobs(query: JobListing) -> Response:
    """List jobs, the latest first; planners see those they started."""
    only_of = None if identity().role is Role.ADMIN else identity().subject
    with engine().database.read() as unit:
        found = unit.jobs.list(**query.model_dump(), only_of=only_of)
    return render.answer(render.json_bytes(render.page(found, render.record)))


@blueprint.get("/batch/status/<job_ids>", responses={HTTPStatus.OK: JobsFound, **for_role(HTTPStatus.NOT_FOUND)})
@allow(Role.PLANNER, Role.ADMIN)
def job_status(path: JobsPath) -> Response:
    """Say what became of jobs; planners ask about those they started."""
    ids = [part.strip() for part in path.job_ids.split(",") if part.strip()]
    if not 0 < len(ids) <= MAX_LIMIT:
        raise InvalidInputError.at("/job_ids", f"expected 1 to {MAX_LIMIT} ids with commas between")
    only_of = None if identity().role is Role.ADMIN else identity().subject
    with engine().database.read() as unit:
        return _found(visible_jobs(unit, ids, only_of))


@blueprint.post(
    "/batch/jobs/<id:job_id>/cancel",
    responses={HTTPStatus.OK: Job, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)},
)
@allow(Role.ADMIN)
def cancel(path: JobPath, body: Nothing) -> Response:  # noqa: ARG001  (refuses fields)
    """End a job that has not ended."""
    subject = identity().subject
    return render.answer(
        render.record_bytes(engine().database.run(lambda unit: cancel_job(unit, path.job_id, subject)))
    )


@blueprint.post(
    "/batch/jobs/<id:job_id>/retry",
    responses={HTTPStatus.OK: Job, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE)},
)
@allow(Role.ADMIN)
def retry(path: JobPath, body: Nothing) -> Response:  # noqa: ARG001
    """Begin a failed job anew."""
    return render.answer(render.record_bytes(engine().database.run(lambda unit: retry_job(unit, path.job_id))))


@blueprint.get("/batch/stuck-jobs", responses={HTTPStatus.OK: JobsFound, **for_role()})
@allow(Role.ADMIN)
def list_stuck_jobs() -> Response:
    """List jobs that were begun and of which nothing was heard for `STUCK_JOB_SECONDS`."""
    parts = engine()
    with parts.database.read() as unit:
        return _found(stuck_jobs(unit, parts.settings.stuck_job_seconds))


@blueprint.post("/batch/recover-jobs", responses={HTTPStatus.OK: JobsFound, **for_json()})
@allow(Role.ADMIN)
def recover_stuck_jobs(body: Nothing) -> Response:  # noqa: ARG001
    """Begin the stuck jobs anew, or end those whose file has vanished. Those of a dead machine go on without this."""
    parts = engine()
    silent = parts.settings.stuck_job_seconds
    return _found(parts.database.run(lambda unit: recover_jobs(unit, silent, parts.files.has)))


@blueprint.get("/batch/concurrency-info", responses={HTTPStatus.OK: Concurrency, **for_role()})
@allow(Role.ADMIN)
def concurrency_info() -> Response:
    """Say how many jobs run and wait, the limits, and which processes run them."""
    parts = engine()
    with parts.database.read() as unit:
        found = concurrency(unit, job_limits(parts.settings), DEAD_AFTER_SECONDS)
    return render.answer(render.record_bytes(found))


@blueprint.get("/stats", responses={HTTPStatus.OK: JobStatistics, **for_role()})
@allow(Role.PLANNER, Role.ADMIN)
def statistics() -> Response:
    """Count jobs, and what was done to files."""
    with engine().database.read() as unit:
        return render.answer(render.record_bytes(job_statistics(unit)))


@blueprint.get("/stats/health", responses={HTTPStatus.OK: JobsHealth, **for_role()})
@allow(Role.PLANNER, Role.ADMIN)
def jobs_health() -> Response:
    """Say whether jobs are being done."""
    parts = engine()
    with parts.database.read() as unit:
        load = concurrency(unit, job_limits(parts.settings), DEAD_AFTER_SECONDS)
        stuck = len(stuck_jobs(unit, parts.settings.stuck_job_seconds))
        missing = missing_files(unit, parts.files.has)
    waiting = sum(lane.queued for lane in load.lanes)
    is_ok = not stuck and not missing and (bool(load.executors) or not waiting)
    health = JobsHealth(
        status="ok" if is_ok else "degraded",
        executors=len(load.executors),
        waiting=waiting,
        stuck=stuck,
        missing_files=missing,
    )
    return render.answer(health.model_dump_json().encode())


def _found(jobs: tuple[Job, ...]) -> Response:
    counts = {status: sum(job.status is status for job in jobs) for status in JobStatus}
    return render.answer(JobsFound(items=jobs, counts=counts).model_dump_json().encode())

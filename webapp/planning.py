"""Preview a plan, look at it, make it real."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from pydantic import BaseModel

from assignment_engine.domain.background import JobKind, NewJob
from assignment_engine.domain.errors import InvalidInputError, TooManyPairsError
from assignment_engine.domain.intake import refuse_duplicates
from assignment_engine.domain.plans import FinalizeResult, Preview, PreviewOutcome
from assignment_engine.jobs.pipeline import pipeline_request
from assignment_engine.services.background import submit_job
from assignment_engine.services.finalizing import OnConflict
from assignment_engine.services.idempotency import Answer, Keep, UseCase
from assignment_engine.services.planning import PlanRequest, assumptions
from webapp import render
from webapp.auth import Role, allow
from webapp.documents import one_of, operation_name
from webapp.once import once, sent
from webapp.problems import for_json, for_role
from webapp.schemas import CreatingHeaders, FinalizeBody, PipelineBody, PlanBody, PreviewPath
from webapp.state import engine, identity

MOST_PAIRS_AT_ONCE = 5_000_000

blueprint = APIBlueprint(
    "planning",
    __name__,
    url_prefix="/api",
    abp_tags=[Tag(name="planning")],
    abp_security=[{"bearer": []}],
    operation_id_callback=operation_name,
)


class Submitted(BaseModel):
    """A job was written down; ask `/batch/status/{job_id}` what became of it."""

    job_id: str


@blueprint.post("/assignments/preview", responses={HTTPStatus.CREATED: Preview, **for_json()})
@allow(Role.PLANNER, Role.ADMIN)
def preview_assignments(body: PlanBody, header: CreatingHeaders) -> Response:
    """Plan, and keep the plan so that it can be finalized until it expires."""
    answer = once(header).answer(lambda keep: _previewed(_plan_request(body), HTTPStatus.CREATED, keep))
    return sent(answer, "preview_id")


@blueprint.get(
    "/assignments/preview/<id:preview_id>", responses={HTTPStatus.OK: Preview, **for_role(HTTPStatus.NOT_FOUND)}
)
@allow(Role.PLANNER, Role.ADMIN)
def get_preview(path: PreviewPath) -> Response:
    """Read a preview."""
    return render.answer(render.record_bytes(engine().scheduler.get_preview(path.preview_id)))


@blueprint.post(
    "/assignments/finalize/<id:preview_id>",
    responses={
        HTTPStatus.OK: FinalizeResult,
        **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE),
    },
)
@allow(Role.PLANNER, Role.ADMIN)
def finalize_assignments(path: PreviewPath, body: FinalizeBody) -> Response:
    """Make a preview real; again, it answers what it answered first."""
    scheduler = engine().scheduler
    result = scheduler.finalize_assignments(path.preview_id, body.on_conflict, actor=identity().subject)
    return render.answer(render.record_bytes(result))


@blueprint.get(
    "/assignments/finalize/<id:preview_id>",
    responses={HTTPStatus.OK: PreviewOutcome, **for_role(HTTPStatus.NOT_FOUND)},
)
@allow(Role.PLANNER, Role.ADMIN)
def get_outcome(path: PreviewPath) -> Response:
    """Say who asked for a preview, and what finalizing made of it."""
    return render.answer(render.record_bytes(engine().scheduler.preview_outcome(path.preview_id)))


@blueprint.post(
    "/trigger_pipeline",
    responses={
        HTTPStatus.OK: one_of(Preview, FinalizeResult),
        HTTPStatus.ACCEPTED: Submitted,
        **for_json(HTTPStatus.CONFLICT),
    },
)
@allow(Role.PLANNER, Role.ADMIN)
def trigger_pipeline(body: PipelineBody, header: CreatingHeaders) -> Response:
    """Plan, and with `finalize` make the plan real at once; with `async` a worker does it, as a job."""
    if body.async_:
        return sent(once(header).run(_submission(_plan_request(body), finalize=body.finalize)))
    request = _plan_request(body, MOST_PAIRS_AT_ONCE)
    work = _finalized if body.finalize else _previewed
    try:
        answer = once(header).answer(lambda keep: work(request, HTTPStatus.OK, keep))
    except TooManyPairsError as exc:
        raise InvalidInputError.at("/async", f"{exc}, or in the background with true") from exc
    return sent(answer)


def _submission(request: PlanRequest, *, finalize: bool) -> UseCase:
    """Write the plan down as a job, checked as far as that can be done at once."""
    engine().scheduler.check(request)
    subject = identity().subject
    new = NewJob(JobKind.PIPELINE, pipeline_request(request, subject, finalize=finalize), subject)
    return lambda unit: Answer(HTTPStatus.ACCEPTED, render.json_bytes({"job_id": submit_job(unit, new).id}))


def _plan_request(body: PlanBody, most_pairs: int | None = None) -> PlanRequest:
    refuse_duplicates(body.tasks or (), "/tasks")
    refuse_duplicates(body.employees or (), "/employees")
    return PlanRequest(
        tasks=body.tasks,
        employees=body.employees,
        task_ids=body.task_ids,
        employee_ids=body.employee_ids,
        constraints=body.constraints,
        method=body.method,
        weight=body.weight,
        time_budget_seconds=body.time_budget_seconds,
        objective=body.objective,
        mandatory=body.mandatory,
        warnings=assumptions(body.tasks, body.employees),
        most_pairs=most_pairs,
    )


def _previewed(request: PlanRequest, status: HTTPStatus, keep: Keep) -> Answer:
    """Answer with the preview, kept in the transaction that stores it."""
    preview = engine().scheduler.preview(
        request,
        identity().subject,
        remember=lambda unit, made: keep(unit, Answer(status, render.record_bytes(made))),
    )
    return Answer(status, render.record_bytes(preview))


def _finalized(request: PlanRequest, status: HTTPStatus, keep: Keep) -> Answer:
    """The same with what became real."""
    scheduler, actor = engine().scheduler, identity().subject
    result = scheduler.finalize_assignments(
        scheduler.preview(request, actor).preview_id,
        OnConflict.REFUSE,
        actor=actor,
        remember=lambda unit, made: keep(unit, Answer(status, render.record_bytes(made))),
    )
    return Answer(status, render.record_bytes(result))

"""Assignments: giving a task by hand, what people do with their jobs, and looking back."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag

from assignment_engine.domain.assignments import Assignment
from assignment_engine.domain.stored import Page
from assignment_engine.services.assignments import Change, assignment_for, history_for, jobs_of
from assignment_engine.services.dispatch import work
from assignment_engine.services.idempotency import Answer
from webapp import render
from webapp.assignment_schemas import (
    AssignmentListing,
    AssignmentPage,
    AssignmentPath,
    FailBody,
    HistoryPage,
    JobListing,
    MyJobPage,
    NewAssignmentBody,
    OptionalReason,
    RejectBody,
)
from webapp.auth import Role, allow
from webapp.documents import operation_name
from webapp.once import once, sent
from webapp.personnel import SessionHeaders, actor
from webapp.problems import for_json, for_role
from webapp.schemas import MAX_LIMIT, CreatingHeaders, Nothing
from webapp.state import engine, identity, ready_dispatcher

blueprint = APIBlueprint(
    "assignments",
    __name__,
    url_prefix="/api/v1/assignments",
    abp_tags=[Tag(name="assignments")],
    abp_security=[{"bearer": []}],
    operation_id_callback=operation_name,
)

A = TypeVar("A", bound=Assignment)

_CHANGED = {HTTPStatus.OK: Assignment, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)}


@blueprint.post("", responses={HTTPStatus.CREATED: Assignment, **for_json(HTTPStatus.CONFLICT)})
@allow(Role.ADMIN)
def create_assignment(body: NewAssignmentBody, header: CreatingHeaders) -> Response:
    """Give a ticket to a technician by hand, whatever the engine would have done."""
    given, dispatcher = (body.ticket_id, body.technician_id, actor(SessionHeaders())), ready_dispatcher()
    answer = once(header).run(
        lambda unit: Answer(
            HTTPStatus.CREATED,
            render.record_bytes(work.assign(unit, *given, allow_overload=body.allow_overload, dispatcher=dispatcher)),
        )
    )
    return sent(answer, "id")


@blueprint.get("", responses={HTTPStatus.OK: AssignmentPage, **for_role()})
@allow(Role.PLANNER, Role.ADMIN)
def list_assignments(query: AssignmentListing) -> Response:
    """List assignments, the latest first."""
    with engine().database.read() as unit:
        found = unit.assignments.list(**query.given())
    return _listed(found)


@blueprint.get("/me", responses={HTTPStatus.OK: MyJobPage, **for_role()})
@allow(Role.TECHNICIAN)
def my_assignments(query: JobListing) -> Response:
    """List one's own jobs with their tickets, the latest first."""
    with engine().database.read() as unit:
        found = jobs_of(unit, identity().subject, **query.given())
    return _listed(found)


@blueprint.get("/<id:assignment_id>", responses={HTTPStatus.OK: Assignment, **for_role(HTTPStatus.NOT_FOUND)})
@allow(Role.TECHNICIAN, Role.PLANNER, Role.ADMIN)
def get_assignment(path: AssignmentPath) -> Response:
    """Read an assignment; technicians read their own."""
    with engine().database.read() as unit:
        found = assignment_for(unit, path.assignment_id, actor(SessionHeaders()))
    return render.answer(render.record_bytes(found))


@blueprint.get("/<id:assignment_id>/history", responses={HTTPStatus.OK: HistoryPage, **for_role(HTTPStatus.NOT_FOUND)})
@allow(Role.TECHNICIAN, Role.PLANNER, Role.ADMIN)
def get_assignment_history(path: AssignmentPath) -> Response:
    """Say what happened to an assignment, the first first; technicians read their own."""
    with engine().database.read() as unit:
        entries = history_for(unit, path.assignment_id, actor(SessionHeaders()))
    found = Page(entries, len(entries), total_is_capped=False, page=1, limit=max(MAX_LIMIT, len(entries)))
    return render.answer(render.json_bytes(render.page(found, render.record)))


@blueprint.post("/<id:assignment_id>/accept", responses=_CHANGED)
@allow(Role.TECHNICIAN, Role.ADMIN)
def accept_assignment(path: AssignmentPath, body: Nothing, header: SessionHeaders) -> Response:  # noqa: ARG001  (refuses fields)
    """Accept a job and begin with it."""
    who, dispatcher = actor(header), ready_dispatcher()
    return _changed(lambda unit: work.accept(unit, dispatcher, path.assignment_id, who))


@blueprint.post("/<id:assignment_id>/reject", responses=_CHANGED)
@allow(Role.TECHNICIAN, Role.ADMIN)
def reject_assignment(path: AssignmentPath, body: RejectBody, header: SessionHeaders) -> Response:
    """Refuse a job: it goes back to its queue with its age, and never comes to this person again by itself."""
    who, dispatcher = actor(header), ready_dispatcher()
    return _changed(lambda unit: work.reject(unit, dispatcher, path.assignment_id, who, body.rejection_reason))


@blueprint.post("/<id:assignment_id>/complete", responses=_CHANGED)
@allow(Role.TECHNICIAN, Role.ADMIN)
def complete_assignment(path: AssignmentPath, body: Nothing, header: SessionHeaders) -> Response:  # noqa: ARG001
    """Finish a job; again by the same person changes nothing."""
    who, dispatcher = actor(header), ready_dispatcher()
    return _changed(lambda unit: work.complete(unit, dispatcher, path.assignment_id, who))


@blueprint.post("/<id:assignment_id>/fail", responses=_CHANGED)
@allow(Role.TECHNICIAN, Role.ADMIN)
def fail_assignment(path: AssignmentPath, body: FailBody, header: SessionHeaders) -> Response:
    """Give up: the ticket has failed."""
    who, dispatcher = actor(header), ready_dispatcher()
    return _changed(lambda unit: work.fail(unit, dispatcher, path.assignment_id, who, body.reason))


@blueprint.post("/<id:assignment_id>/release", responses=_CHANGED)
@allow(Role.PLANNER, Role.ADMIN)
def release_assignment(path: AssignmentPath, body: OptionalReason) -> Response:
    """Take a job back into its queue."""
    who, dispatcher = actor(SessionHeaders()), ready_dispatcher()
    return _changed(lambda unit: work.release(unit, dispatcher, path.assignment_id, who, body.reason))


@blueprint.post("/<id:assignment_id>/cancel", responses=_CHANGED)
@allow(Role.PLANNER, Role.ADMIN)
def cancel_assignment(path: AssignmentPath, body: OptionalReason) -> Response:
    """The ticket is not wanted any more."""
    who, dispatcher = actor(SessionHeaders()), ready_dispatcher()
    return _changed(lambda unit: work.cancel(unit, dispatcher, path.assignment_id, who, body.reason))


def _changed(change: Change) -> Response:
    return render.answer(render.record_bytes(engine().database.run(change)))


def _listed(found: Page[A]) -> Response:
    return render.answer(render.json_bytes(render.page(found, render.record)))

"""Tasks, and who could take them."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag

from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.records import StoredTask
from assignment_engine.services.candidates import Candidates, candidates
from assignment_engine.services.idempotency import Answer
from assignment_engine.services.tasks import add_task, change_task, remove_task
from webapp import render
from webapp.auth import Role, allow
from webapp.documents import operation_name
from webapp.once import expected_version, once, sent
from webapp.problems import for_json, for_role
from webapp.schemas import (
    CandidateQuery,
    ChangingHeaders,
    CreatingHeaders,
    NewTask,
    TaskChanges,
    TaskListing,
    TaskPage,
    TaskPath,
    TaskRecord,
)
from webapp.state import engine, identity

blueprint = APIBlueprint(
    "tasks",
    __name__,
    url_prefix="/tasks",
    abp_tags=[Tag(name="tasks")],
    abp_security=[{"bearer": []}],
    operation_id_callback=operation_name,
)


@blueprint.post("", responses={HTTPStatus.CREATED: TaskRecord, **for_json(HTTPStatus.CONFLICT)})
@allow(Role.ADMIN)
def create_task(body: NewTask, header: CreatingHeaders) -> Response:
    """Add a task; it is pending."""
    answer = once(header).run(
        lambda unit: Answer(HTTPStatus.CREATED, render.json_bytes(render.task(add_task(unit, body))))
    )
    return sent(answer, "task_id")


@blueprint.get("", responses={HTTPStatus.OK: TaskPage, **for_role()})
@allow(Role.PLANNER, Role.ADMIN)
def list_tasks(query: TaskListing) -> Response:
    """List tasks; `q` looks into ids, titles, descriptions and ticket numbers."""
    with engine().database.read() as unit:
        found = unit.tasks.list(**query.given())
    return render.answer(render.json_bytes(render.page(found, render.task)))


@blueprint.get("/<id:task_id>", responses={HTTPStatus.OK: TaskRecord, **for_role(HTTPStatus.NOT_FOUND)})
@allow(Role.TECHNICIAN, Role.PLANNER, Role.ADMIN)
def get_task(path: TaskPath) -> Response:
    """Read a task; technicians read those they have."""
    with engine().database.read() as unit:
        task = unit.tasks.get(path.task_id)
    if not identity().may_see_person(task.assigned_to_id):
        raise NotFoundError("task", path.task_id)
    return _shown(task)


@blueprint.put(
    "/<id:task_id>",
    responses={HTTPStatus.OK: TaskRecord, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)},
)
@allow(Role.ADMIN)
def change_task_fields(path: TaskPath, body: TaskChanges, header: ChangingHeaders) -> Response:
    """Change the fields that are sent."""
    changed = engine().database.run(
        lambda unit: change_task(
            unit, path.task_id, body.sent(), expected_version(header, unit.tasks.get(path.task_id).version)
        )
    )
    return _shown(changed)


@blueprint.delete(
    "/<id:task_id>",
    responses={HTTPStatus.NO_CONTENT: None, **for_role(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)},
)
@allow(Role.ADMIN)
def delete_task(path: TaskPath) -> Response:
    """Delete a task that nobody has."""
    engine().database.run(lambda unit: remove_task(unit, path.task_id))
    return Response(status=HTTPStatus.NO_CONTENT)


@blueprint.get("/<id:task_id>/candidates", responses={HTTPStatus.OK: Candidates, **for_role(HTTPStatus.NOT_FOUND)})
@allow(Role.PLANNER, Role.ADMIN)
def task_candidates(path: TaskPath, query: CandidateQuery) -> Response:
    """Say who could take this task, how well, and why the others could not."""
    parts = engine()
    with parts.database.read() as unit:
        found = candidates(unit, parts.core, path.task_id, query.top_k)
    return render.answer(render.record_bytes(found))


def _shown(record: StoredTask) -> Response:
    return render.answer(render.json_bytes(render.task(record)), record.version)

"""Tasks, and who could take them."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag

from assignment_engine.domain.conversations import Conversation
from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.records import StoredTask
from assignment_engine.services.candidates import Candidates, candidates
from assignment_engine.services.dispatch.intake import amend_task, submit_task
from assignment_engine.services.idempotency import Answer
from assignment_engine.services.tasks import remove_task
from webapp import render
from webapp.auth import Role, allow
from webapp.bodies import body_needed
from webapp.documents import operation_name
from webapp.once import expected_version, once, sent
from webapp.problems import for_json, for_role
from webapp.schemas import (
    CandidateQuery,
    ChangingHeaders,
    CreatingHeaders,
    NewTask,
    ReadTask,
    TaskChanges,
    TaskListing,
    TaskPage,
    TaskPath,
    TaskRecord,
)
from webapp.state import engine, identity, ready_dispatcher

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
@body_needed
def create_task(body: NewTask, header: CreatingHeaders) -> Response:
    """Add a task; somebody who is free gets it at once."""
    dispatcher = ready_dispatcher()
    answer = once(header).run(
        lambda unit: _created(
            submit_task(unit, dispatcher, body, body.conversations), unit.conversations.of_task(body.task_id)
        )
    )
    return sent(answer, "task_id")


def _created(task: StoredTask, said: Sequence[Conversation]) -> Answer:
    return Answer(HTTPStatus.CREATED, render.json_bytes(render.task(task, said)))


@blueprint.get("", responses={HTTPStatus.OK: TaskPage, **for_role()})
@allow(Role.PLANNER, Role.ADMIN)
def list_tasks(query: TaskListing) -> Response:
    """List tasks; `q` looks into ids, titles, descriptions and ticket numbers."""
    with engine().database.read() as unit:
        found = unit.tasks.list(**query.given())
        counts = unit.conversations.counts([task.task_id for task in found.items])
    shown = render.page(found, lambda task: render.listed_task(task, counts.get(task.task_id, 0)))
    return render.answer(render.json_bytes(shown))


@blueprint.get("/<id:task_id>", responses={HTTPStatus.OK: ReadTask, **for_role(HTTPStatus.NOT_FOUND)})
@allow(Role.TECHNICIAN, Role.PLANNER, Role.ADMIN)
def get_task(path: TaskPath) -> Response:
    """Read a task; technicians read those they have."""
    parts = engine()
    parts.waits.follow()
    with parts.database.read() as unit:
        task = unit.tasks.get(path.task_id)
        said = unit.conversations.of_task(path.task_id)
        waits = parts.waits.of(unit, [task])
    if not identity().may_see_person(task.assigned_to_id):
        raise NotFoundError("task", path.task_id)
    shown = {**render.task(task, said), **render.expected_wait(waits.get(task.task_id))}
    return render.answer(render.json_bytes(shown), task.version)


@blueprint.put(
    "/<id:task_id>",
    responses={HTTPStatus.OK: TaskRecord, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)},
)
@allow(Role.ADMIN)
def change_task_fields(path: TaskPath, body: TaskChanges, header: ChangingHeaders) -> Response:
    """Change the fields that are sent."""
    parts, dispatcher = engine(), ready_dispatcher()
    changed, said = parts.database.run(
        lambda unit: (
            amend_task(
                unit,
                dispatcher,
                path.task_id,
                body.sent(),
                expected_version(header, unit.tasks.get(path.task_id).version),
            ),
            unit.conversations.of_task(path.task_id),
        )
    )
    return _shown(changed, said)


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
    """Say who could take this task, how well, and why the others could not; `live`: at this moment."""
    parts = engine()
    core = parts.scheduler.follow()
    with parts.database.read() as unit:
        found = candidates(unit, core, path.task_id, query.top_k, live=query.live)
    return render.answer(render.record_bytes(found))


def _shown(record: StoredTask, said: Sequence[Conversation]) -> Response:
    return render.answer(render.json_bytes(render.task(record, said)), record.version)

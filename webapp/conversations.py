"""What is said about tasks, and what triage read out of it."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag

from assignment_engine.domain.conversations import Conversation, NewConversation, Triage
from assignment_engine.domain.errors import NotFoundError
from assignment_engine.services.conversations import add_conversation, change_conversation
from assignment_engine.services.idempotency import Answer
from assignment_engine.services.triage.repeat import triage_again
from webapp import render
from webapp.auth import Role, allow
from webapp.documents import operation_name
from webapp.once import expected_version, once, sent
from webapp.problems import for_json, for_role
from webapp.schemas import (
    ChangingHeaders,
    ConversationChanges,
    ConversationListing,
    ConversationPage,
    ConversationPath,
    ConversationRecord,
    CreatingHeaders,
    Nothing,
    TaskPath,
)
from webapp.state import engine, identity

blueprint = APIBlueprint(
    "conversations",
    __name__,
    abp_tags=[Tag(name="tasks")],
    abp_security=[{"bearer": []}],
    operation_id_callback=operation_name,
)


@blueprint.post(
    "/tasks/<id:task_id>/conversations",
    responses={HTTPStatus.CREATED: ConversationRecord, **for_json(HTTPStatus.NOT_FOUND)},
)
@allow(Role.ADMIN)
def create_conversation(path: TaskPath, body: NewConversation, header: CreatingHeaders) -> Response:
    """Add what somebody says; the task is read again by triage."""
    answer = once(header).run(
        lambda unit: Answer(
            HTTPStatus.CREATED, render.json_bytes(render.conversation(add_conversation(unit, path.task_id, body)))
        )
    )
    return sent(answer)


@blueprint.get(
    "/tasks/<id:task_id>/conversations",
    responses={HTTPStatus.OK: ConversationPage, **for_role(HTTPStatus.NOT_FOUND)},
)
@allow(Role.TECHNICIAN, Role.PLANNER, Role.ADMIN)
def list_conversations(path: TaskPath, query: ConversationListing) -> Response:
    """List what was said about a task, the first first; technicians read those of the tasks they have."""
    with engine().database.read() as unit:
        task = unit.tasks.get(path.task_id)
        if not identity().may_see_person(task.assigned_to_id):
            raise NotFoundError("task", path.task_id)
        found = unit.conversations.list(path.task_id, **query.given())
    return render.answer(render.json_bytes(render.page(found, render.conversation)))


@blueprint.put(
    "/conversations/<id:conversation_id>",
    responses={
        HTTPStatus.OK: ConversationRecord,
        **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
    },
)
@allow(Role.ADMIN)
def change_conversation_fields(path: ConversationPath, body: ConversationChanges, header: ChangingHeaders) -> Response:
    """Change content or status; new content is read again by triage."""
    changed = engine().database.run(
        lambda unit: change_conversation(
            unit,
            path.conversation_id,
            body.sent(),
            expected_version(header, unit.conversations.get(path.conversation_id).version),
        )
    )
    return _shown(changed)


@blueprint.get("/tasks/<id:task_id>/triage", responses={HTTPStatus.OK: Triage, **for_role(HTTPStatus.NOT_FOUND)})
@allow(Role.PLANNER, Role.ADMIN)
def get_triage(path: TaskPath) -> Response:
    """Say what was read out of the texts of a task, from which words and how sure that is."""
    with engine().database.read() as unit:
        found = unit.triage.get(path.task_id)
    return render.answer(render.record_bytes(found))


@blueprint.post("/tasks/<id:task_id>/triage", responses={HTTPStatus.OK: Triage, **for_json(HTTPStatus.NOT_FOUND)})
@allow(Role.PLANNER, Role.ADMIN)
def repeat_triage(path: TaskPath, body: Nothing) -> Response:  # noqa: ARG001  (refuses fields)
    """Put a task up for triage again, whatever came of it before."""
    found = engine().database.run(lambda unit: triage_again(unit, path.task_id))
    return render.answer(render.record_bytes(found))


def _shown(record: Conversation) -> Response:
    return render.answer(render.json_bytes(render.conversation(record)), record.version)

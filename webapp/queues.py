"""Queues: what waits in them, their settings, alerts about them, and work that has to be done again."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from pydantic import Field, create_model

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.live import Alert
from assignment_engine.domain.queues import Queue
from assignment_engine.domain.records import StoredTask
from assignment_engine.domain.stored import Page
from assignment_engine.services.dispatch.queues import ShownQueue, list_queues, set_queue, show_queue
from assignment_engine.services.dispatch.work import reopen
from webapp import render
from webapp.auth import Role, allow
from webapp.documents import operation_name
from webapp.personnel import SessionHeaders, actor
from webapp.problems import for_json, for_role
from webapp.schemas import (
    EXPECTED_WAIT,
    MAX_LIMIT,
    MAX_PAGE,
    ListedTask,
    Nothing,
    Parameters,
    Query,
    QueueBody,
    SearchText,
    TaskPath,
    TaskRecord,
    page_of,
)
from webapp.state import engine, ready_dispatcher

blueprint = APIBlueprint(
    "queues",
    __name__,
    abp_tags=[Tag(name="live dispatch")],
    abp_security=[{"bearer": []}],
    operation_id_callback=operation_name,
)

_WAITING = Field(description="seconds since the task came into its queue")
WaitingTask = create_model(
    "WaitingTask",
    __base__=ListedTask,
    waiting_seconds=(float, _WAITING),
    assigned_to_name=(str | None, ...),
    expected_wait_seconds=EXPECTED_WAIT,
)
QueueRecord = create_model("QueueRecord", __base__=Queue, effective_triage_wait_seconds=(float, ...))
WaitingPage = page_of(WaitingTask, "WaitingPage")
QueuePage = page_of(QueueRecord, "QueuePage")
AlertPage = page_of(Alert, "AlertPage")


class QueuePath(Parameters):
    name: str


class Pages(Query):
    page: int = Field(1, ge=1, le=MAX_PAGE)
    limit: int = Field(50, ge=1, le=MAX_LIMIT)
    after: SearchText | None = Field(None, description="`next_after` of the page before; wins over `page`")


class WaitingListing(Pages):
    queue: SearchText | None = None


class AlertListing(Pages):
    kind: SearchText | None = None
    standing: bool | None = Field(None, description="true: those that are not cleared; false: those that are")


@blueprint.get("/tasks/queue", responses={HTTPStatus.OK: WaitingPage, **for_role()})
@allow(Role.TECHNICIAN, Role.PLANNER, Role.ADMIN)
def list_waiting(query: WaitingListing) -> Response:
    """List what is pending or in progress, in the order of dispatch."""
    parts = engine()
    parts.waits.follow()
    with parts.database.read() as unit:
        found = unit.waiting.list(page=query.page, limit=query.limit, after=query.after, queue=query.queue)
        counts = unit.conversations.counts([task.task_id for task in found.items])
        names = unit.employees.names([task.assigned_to_id for task in found.items if task.assigned_to_id])
        waits = parts.waits.of(unit, found.items)
        now = unit.now()

    def shown(task: StoredTask) -> render.Shown:
        waited = (now - (task.enqueued_at or task.created_at)).total_seconds()
        more = {"waiting_seconds": max(0.0, waited), "assigned_to_name": names.get(task.assigned_to_id or "")}
        wait = render.expected_wait(waits.get(task.task_id))
        return {**render.listed_task(task, counts.get(task.task_id, 0)), **more, **wait}

    return render.answer(render.json_bytes(render.page(found, shown)))


@blueprint.post(
    "/tasks/<id:task_id>/reopen",
    responses={HTTPStatus.OK: TaskRecord, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)},
)
@allow(Role.PLANNER, Role.ADMIN)
def reopen_task(path: TaskPath, body: Nothing, header: SessionHeaders) -> Response:  # noqa: ARG001  (refuses fields)
    """Put a completed task back into its queue; its old outcome counts as bad."""
    parts, who, dispatcher = engine(), actor(header), ready_dispatcher()

    task, said = parts.database.run(
        lambda unit: (
            reopen(unit, dispatcher, path.task_id, who),
            unit.conversations.of_task(path.task_id),
        )
    )
    return render.answer(render.json_bytes(render.task(task, said)), task.version)


@blueprint.get("/api/queues", responses={HTTPStatus.OK: QueuePage, **for_role()})
@allow(Role.ADMIN)
def all_queues() -> Response:
    """List the queues that were set, and the default one."""
    with engine().database.read() as unit:
        found = list_queues(unit)
    page = Page(items=found, total=len(found), total_is_capped=False, page=1, limit=max(1, len(found)))
    return render.answer(render.json_bytes(render.page(page, _shown)))


@blueprint.get("/api/queues/<name>", responses={HTTPStatus.OK: QueueRecord, **for_role(HTTPStatus.NOT_FOUND)})
@allow(Role.ADMIN)
def get_queue(path: QueuePath) -> Response:
    """Read the settings of a queue."""
    with engine().database.read() as unit:
        found = show_queue(unit, path.name)
    return render.answer(render.json_bytes(_shown(found)))


@blueprint.put("/api/queues/<name>", responses={HTTPStatus.OK: QueueRecord, **for_json()})
@allow(Role.ADMIN)
def put_queue(path: QueuePath, body: QueueBody) -> Response:
    """Set a queue, which need not have been there. What is not sent keeps its value."""
    parts, dispatcher = engine(), ready_dispatcher()
    if body.name not in (None, path.name):
        raise InvalidInputError.at("/name", f"expected {path.name!r}, the name in the address")
    found = parts.database.run(lambda unit: set_queue(unit, dispatcher, path.name, body.sent()))
    return render.answer(render.json_bytes(_shown(found)))


@blueprint.get("/api/v1/alerts", responses={HTTPStatus.OK: AlertPage, **for_role()})
@allow(Role.PLANNER, Role.ADMIN)
def list_alerts(query: AlertListing) -> Response:
    """List what a person should look at, the latest first."""
    with engine().database.read() as unit:
        found = unit.alerts.list(**query.model_dump(exclude_none=True))
    return render.answer(render.json_bytes(render.page(found, lambda alert: alert.model_dump(mode="json"))))


def _shown(found: ShownQueue) -> render.Shown:
    effective = {"effective_triage_wait_seconds": found.effective_triage_wait_seconds}
    return {**found.queue.model_dump(mode="json"), **effective}

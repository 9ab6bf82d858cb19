"""People who are there: log-in, signs of life, pauses, finishing a task, and who does what at the moment."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from pydantic import Field, RootModel
from werkzeug.exceptions import Forbidden

from assignment_engine.domain.actors import Actor
from assignment_engine.domain.live import Completed, OpenSession, PersonStatus, Presence, Released
from assignment_engine.domain.types import Id
from assignment_engine.services.dispatch import presence, work
from webapp import render
from webapp.auth import Role, allow
from webapp.documents import operation_name
from webapp.problems import for_json, for_role
from webapp.schemas import Body, Nothing, Parameters, TaskPath
from webapp.state import engine, identity, ready_dispatcher

blueprint = APIBlueprint(
    "personnel",
    __name__,
    abp_tags=[Tag(name="live dispatch")],
    abp_security=[{"bearer": []}],
    operation_id_callback=operation_name,
)

_SESSION = Field(None, alias="X-Session", min_length=1, max_length=64, description="the session that is meant")


class SessionHeaders(Parameters):
    """Without it the current session is meant."""

    session: str | None = _SESSION


class PersonPath(Parameters):
    person_id: str


class LoginBody(Body):
    """Who logs in."""

    person_id: Id


class Statuses(RootModel[list[PersonStatus]]):
    """Everybody who is logged in."""


def actor(headers: SessionHeaders) -> Actor:
    """Who is asking; a technician reaches only their own work."""
    who = identity()
    return Actor(who.subject, who.subject if who.role is Role.TECHNICIAN else None, headers.session)


def _only_themselves(person_id: str) -> None:
    if not identity().may_see_person(person_id):
        raise Forbidden("this can only be done by that person or an admin")


@blueprint.post("/personnel/login", responses={HTTPStatus.OK: Presence, **for_json(HTTPStatus.NOT_FOUND)})
@allow(Role.TECHNICIAN, Role.ADMIN)
def log_in(body: LoginBody) -> Response:
    """Begin a session; work comes at once if there is any. An older session of this person ends."""
    _only_themselves(body.person_id)
    parts, dispatcher = engine(), ready_dispatcher()
    found = parts.database.run(lambda unit: presence.login(unit, dispatcher, body.person_id))
    return _shown(found)


@blueprint.get(
    "/personnel/<id:person_id>/session", responses={HTTPStatus.OK: OpenSession, **for_role(HTTPStatus.NOT_FOUND)}
)
@allow(Role.TECHNICIAN, Role.ADMIN)
def get_session(path: PersonPath) -> Response:
    """Say whether a person is logged in, and with what; null where they are not."""
    _only_themselves(path.person_id)
    dispatcher = engine().dispatcher
    with engine().database.read() as unit:
        return _shown(presence.open_session(unit, dispatcher, path.person_id))


@blueprint.post(
    "/personnel/<id:person_id>/heartbeat",
    responses={HTTPStatus.OK: Presence, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)},
)
@allow(Role.TECHNICIAN, Role.ADMIN)
def heartbeat(path: PersonPath, body: Nothing, header: SessionHeaders) -> Response:  # noqa: ARG001  (refuses fields)
    """Say that this person is still there."""
    _only_themselves(path.person_id)
    parts, dispatcher = engine(), ready_dispatcher()
    return _shown(parts.database.run(lambda unit: presence.heartbeat(unit, dispatcher, path.person_id, header.session)))


@blueprint.post(
    "/personnel/<id:person_id>/logout",
    responses={HTTPStatus.OK: Released, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)},
)
@allow(Role.TECHNICIAN, Role.ADMIN)
def log_out(path: PersonPath, body: Nothing, header: SessionHeaders) -> Response:  # noqa: ARG001
    """End the session; the work that it got live goes to others."""
    _only_themselves(path.person_id)
    parts, who, dispatcher = engine(), actor(header), ready_dispatcher()
    return _shown(
        parts.database.run(lambda unit: presence.logout(unit, dispatcher, path.person_id, header.session, who))
    )


@blueprint.post(
    "/personnel/<id:person_id>/pause",
    responses={HTTPStatus.OK: Presence, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)},
)
@allow(Role.TECHNICIAN, Role.ADMIN)
def pause(path: PersonPath, body: Nothing, header: SessionHeaders) -> Response:  # noqa: ARG001
    """No new work until this person resumes."""
    _only_themselves(path.person_id)
    parts, dispatcher = engine(), ready_dispatcher()
    return _shown(parts.database.run(lambda unit: presence.pause(unit, dispatcher, path.person_id, header.session)))


@blueprint.post(
    "/personnel/<id:person_id>/resume",
    responses={HTTPStatus.OK: Presence, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)},
)
@allow(Role.TECHNICIAN, Role.ADMIN)
def resume(path: PersonPath, body: Nothing, header: SessionHeaders) -> Response:  # noqa: ARG001
    """New work may come again, and does at once if there is any."""
    _only_themselves(path.person_id)
    parts, dispatcher = engine(), ready_dispatcher()
    return _shown(parts.database.run(lambda unit: presence.resume(unit, dispatcher, path.person_id, header.session)))


@blueprint.get("/personnel/status", responses={HTTPStatus.OK: Statuses, **for_role()})
@allow(Role.PLANNER, Role.ADMIN)
def personnel_status() -> Response:
    """List everybody who is logged in, with what they have."""
    with engine().database.read() as unit:
        people = presence.status(unit)
    return render.answer(render.list_bytes(people))


@blueprint.post(
    "/tasks/<id:task_id>/complete",
    responses={HTTPStatus.OK: Completed, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)},
)
@allow(Role.TECHNICIAN, Role.ADMIN)
def complete_task(path: TaskPath, body: Nothing, header: SessionHeaders) -> Response:  # noqa: ARG001
    """Finish a task; the next one comes in the same answer. Again by the same person changes nothing."""
    parts, who, dispatcher = engine(), actor(header), ready_dispatcher()
    return _shown(parts.database.run(lambda unit: work.complete_task(unit, dispatcher, path.task_id, who)))


def _shown(record: OpenSession | Presence | Released | Completed) -> Response:
    return render.answer(render.record_bytes(record))

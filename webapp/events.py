"""Events: what has happened, page by page or as it happens, and what other services tell."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from pydantic import Field, RootModel

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.events import Published, Received, TicketCreated, TicketStatusChanged, read_ticket_event
from webapp import render
from webapp.auth import Role, allow
from webapp.documents import operation_name
from webapp.event_schemas import EventHeaders, EventQuery, FeedPage, FeedQuery, ReceivedListing, ReceivedPage
from webapp.problems import for_json, for_role
from webapp.state import engine, identity, state

STREAMED_AT_ONCE = 100
_STREAM = {
    "description": "each event has the envelope as its data and the position as its id; ends after 25 s",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}

blueprint = APIBlueprint(
    "events",
    __name__,
    url_prefix="/api/v1/events",
    abp_tags=[Tag(name="events")],
    abp_security=[{"bearer": []}],
    operation_id_callback=operation_name,
)


class IncomingEvent(RootModel[Annotated[TicketCreated | TicketStatusChanged, Field(discriminator="event_type")]]):
    """An event about a ticket."""

    @classmethod
    def model_validate(cls, obj: Any, **_: Any) -> IncomingEvent:
        """As `read_ticket_event`, so that errors point at the fields as they were sent."""
        if not isinstance(obj, dict):
            raise InvalidInputError.at("", "expected a JSON object")
        return cls.model_construct(read_ticket_event(obj))


@blueprint.get("", responses={HTTPStatus.OK: FeedPage, **for_role(HTTPStatus.GONE)})
@allow(Role.TECHNICIAN, Role.PLANNER, Role.ADMIN)
def list_events(query: FeedQuery) -> Response:
    """Read what happened, in order; technicians read of their own assignments."""
    with engine().database.read() as unit:
        unit.outbox.require(query.after)
        events = unit.outbox.after(query.after, query.limit, _whose())
    shown = [event.model_dump(mode="json") for event in events]
    return render.answer(
        render.json_bytes({"items": shown, "next_after": events[-1].position if events else query.after})
    )


@blueprint.get("/stream", responses={HTTPStatus.OK: _STREAM, **for_role(HTTPStatus.GONE)})
@allow(Role.TECHNICIAN, Role.PLANNER, Role.ADMIN)
def stream_events(header: EventHeaders, query: EventQuery) -> Response:
    """Follow what happens (server-sent events); without a position it begins with what comes next."""
    database, whose = engine().database, _whose()
    after = query.after if header.last_event_id is None else header.last_event_id
    with database.read() as unit:
        after = unit.outbox.newest() if after is None else after
        unit.outbox.require(after)

    def read(position: int) -> tuple[Published, ...]:
        with database.read() as unit:
            return unit.outbox.after(position, STREAMED_AT_ONCE, whose)

    return state().streams.answer(read, after)


@blueprint.post("", responses={HTTPStatus.ACCEPTED: Received, **for_json()})
@allow(Role.ADMIN)
def receive_event(body: IncomingEvent) -> Response:
    """Take in an event about a ticket; each event id takes effect once.

    One that is not possible is put aside as `failed` with its error, and may be sent again.
    """
    received = engine().events_in.receive(body.root)
    return Response(render.record_bytes(received), HTTPStatus.ACCEPTED, content_type="application/json")


@blueprint.get("/received", responses={HTTPStatus.OK: ReceivedPage, **for_role()})
@allow(Role.ADMIN)
def list_received_events(query: ReceivedListing) -> Response:
    """List events that came in and what became of them; `failed` ones are those put aside."""
    with engine().database.read() as unit:
        found = unit.inbox.list(**query.given())
    return render.answer(render.json_bytes(render.page(found, lambda received: received.model_dump(mode="json"))))


def _whose() -> str | None:
    """Whose events the caller may see; None is everybody's."""
    caller = identity()
    return caller.subject if caller.role is Role.TECHNICIAN else None

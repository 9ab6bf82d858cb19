"""The feed, the stream, and events that come in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assignment_engine.store.database import Database
from tests.happenings import happen, number, stock
from tests.web.conftest import Api, pointers
from webapp.state import State
from webapp.streams import MOST_STREAMS

FEED, STREAM, RECEIVED = "/api/v1/events", "/api/v1/events/stream", "/api/v1/events/received"
CREATED = {
    "event_id": "e1",
    "event_type": "TicketCreated",
    "ticket_id": "bb0e8400-e29b-41d4-a716-446655440000",
    "title": "AC not cooling properly",
    "timestamp": "2024-02-01T11:00:00Z",
}
CHANGED = {**CREATED, "event_id": "e2", "event_type": "TicketStatusChanged", "status": "completed"}
del CHANGED["title"]


def state_of(api: Api) -> State:
    state: State = api.app.extensions["assignment_engine"]
    return state


def database_of(api: Api) -> Database:
    return state_of(api).engine.database


@pytest.fixture
def eventful(api: Api) -> Api:
    """Six events, by turns of ana and bo."""
    stock(database_of(api))
    for n in range(6):
        happen(database_of(api), f"t{n}", ("ana", "bo")[n % 2])
    number(database_of(api))
    return api


def feed(api: Api, query: str = "") -> tuple[list[int], int]:
    answer = api.get(FEED + query).json
    assert isinstance(answer, dict)
    return [item["position"] for item in answer["items"]], answer["next_after"]


def streamed(text: str) -> list[dict[str, Any]]:
    """The events of a stream, read as a browser does."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            event = json.loads(fields["data"])
            assert fields["id"] == str(event["position"])
            found.append(event)
    return found


def test_the_feed_has_the_envelope(eventful: Api) -> None:
    answer = eventful.get(f"{FEED}?limit=1").json
    assert isinstance(answer, dict)
    (event,) = answer["items"]
    assert event.keys() == {"event_id", "position", "data"}
    assert event["data"] == {
        "event_type": "JobAssigned",
        "assignment_id": "t0",
        "ticket_id": "t0",
        "technician_id": "ana",
        "timestamp": "2026-03-02T09:00:00Z",
    }


def test_the_feed_is_read_on_from_where_it_ended(eventful: Api) -> None:
    assert feed(eventful) == ([1, 2, 3, 4, 5, 6], 6)
    assert feed(eventful, "?limit=4") == ([1, 2, 3, 4], 4)
    assert feed(eventful, "?after=4&limit=4") == ([5, 6], 6)
    assert feed(eventful, "?after=6") == ([], 6)


def test_technicians_read_of_their_own_assignments(eventful: Api) -> None:
    assert feed(eventful.as_("technician", "bo"))[0] == [2, 4, 6]
    assert feed(eventful.as_("technician", "nobody")) == ([], 0)
    assert feed(eventful.as_("planner"))[0] == [1, 2, 3, 4, 5, 6]
    stream = eventful.as_("technician", "ana").get(f"{STREAM}?after=0")
    assert [event["position"] for event in streamed(stream.text)] == [1, 3, 5]


def test_events_without_a_position_are_not_there_yet(eventful: Api) -> None:
    happen(database_of(eventful), "late")
    assert feed(eventful)[1] == 6


@pytest.mark.parametrize("query", ["after=-1", "after=x", f"after={2**63}", "limit=0", "limit=201", "page=2"])
def test_parameters_are_checked(eventful: Api, query: str) -> None:
    response = eventful.get(f"{FEED}?{query}")
    assert response.status_code == 422
    assert pointers(response) == [f"/{query.split('=', maxsplit=1)[0]}"]


def test_the_stream_goes_on_behind_the_last_event_seen(eventful: Api) -> None:
    response = eventful.get(STREAM, headers={"Last-Event-ID": "4"})
    assert response.content_type == "text/event-stream; charset=utf-8"
    assert [event["position"] for event in streamed(response.text)] == [5, 6]
    assert streamed(response.text) == eventful.get(f"{FEED}?after=4").json["items"]  # type: ignore[index]
    assert response.text.startswith("retry: 1000\n")


def test_the_last_event_seen_wins_over_the_address(eventful: Api) -> None:
    """A browser that connects again sends the address it began with."""
    response = eventful.get(f"{STREAM}?after=0", headers={"Last-Event-ID": "5"})
    assert [event["position"] for event in streamed(response.text)] == [6]


def test_a_new_stream_begins_with_what_comes_next(eventful: Api) -> None:
    """And the client learns where it stands, so that it misses nothing when it connects again."""
    response = eventful.get(STREAM)
    assert streamed(response.text) == []
    assert "id: 6\n" in response.text


def test_a_bad_position_is_refused(eventful: Api) -> None:
    assert eventful.get(STREAM, headers={"Last-Event-ID": "six"}).status_code == 422


def test_only_so_many_streams(eventful: Api) -> None:
    """One too many is sent away for a while, and each that ends makes room."""
    free = state_of(eventful).streams.free
    for _ in range(MOST_STREAMS):
        assert free.acquire(blocking=False)
    refused = eventful.get(STREAM)
    assert refused.status_code == 503
    assert refused.content_type == "application/problem+json"
    assert int(refused.headers["Retry-After"]) > 0
    free.release()
    for _ in range(2):
        assert eventful.get(STREAM).status_code == 200


def test_an_event_comes_in(every_api: Api) -> None:
    response = every_api.post(FEED, json=CREATED)
    assert response.status_code == 202
    assert response.json is not None
    assert (response.json["event_id"], response.json["status"]) == ("e1", "done")
    task = every_api.get(f"/tasks/{CREATED['ticket_id']}").json
    assert task is not None
    assert (task["title"], task["status"]) == ("AC not cooling properly", "pending")
    assert every_api.post(FEED, json=CREATED).json == response.json
    assert every_api.post(FEED, json=CHANGED).status_code == 202
    assert every_api.get(f"/tasks/{CREATED['ticket_id']}").json["status"] == "completed"  # type: ignore[index]


def test_what_cannot_be_is_put_aside_for_admins_to_see(api: Api) -> None:
    response = api.post(FEED, json=CHANGED)
    assert response.status_code == 202
    assert response.json is not None
    assert response.json["status"] == "failed"
    shown = api.get(f"{RECEIVED}?status=failed").json
    assert shown is not None
    assert [(item["event_id"], item["attempts"]) for item in shown["items"]] == [("e2", 1)]
    assert "there is no task" in shown["items"][0]["error"]
    assert api.as_("planner").get(RECEIVED).status_code == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({}, "/event_type"),
        ({**CREATED, "event_type": "TicketMoved"}, "/event_type"),
        ({**CREATED, "event_type": ["TicketCreated"]}, "/event_type"),
        ({**CREATED, "estimated_hours": "2"}, "/estimated_hours"),
        ({**CREATED, "ticket_id": "me"}, "/ticket_id"),
        ({**CREATED, "event_id": "no spaces"}, "/event_id"),
        ({**CREATED, "status": "completed"}, "/status"),
        ({**CREATED, "colour": "red"}, "/colour"),
        ({**CHANGED, "title": "x"}, "/title"),
        ({n: v for n, v in CHANGED.items() if n != "status"}, "/status"),
        ({n: v for n, v in CREATED.items() if n != "timestamp"}, "/timestamp"),
    ],
)
def test_events_that_cannot_be_read(api: Api, body: object, pointer: str) -> None:
    response = api.post(FEED, json=body)
    assert response.status_code == 422
    assert pointers(response) == [pointer]
    assert api.get(RECEIVED).json["total"] == 0  # type: ignore[index]

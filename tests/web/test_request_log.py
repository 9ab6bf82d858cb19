"""What is written of requests, and what never is."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.web.conftest import Api
from webapp.auth import Role, allow
from webapp.request_log import LineFormatter


@pytest.fixture
def lines() -> Iterator[Any]:
    """Everything that is logged from here on, line by line as `serve` would write it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter())
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)


def test_a_request_says_who_did_what(api: Api, lines: Any) -> None:
    api.post("/tasks", json={"task_id": "t1", "title": "A private title"}, headers={"X-Request-Id": "abc"})
    (line,) = lines()
    assert {name: line[name] for name in ("request_id", "actor", "role", "action", "route", "status")} == {
        "request_id": "abc",
        "actor": "boss",
        "role": "admin",
        "action": "tasks.create_task",
        "route": "/tasks",
        "status": 201,
    }


def test_what_happens_within_a_request_is_told_with_it(api: Api, lines: Any) -> None:
    """An exception is named by kind and place; what it quotes stays out."""

    @allow(Role.ADMIN)
    def broken() -> str:
        logging.getLogger("assignment_engine.somewhere").warning("about to break")
        raise ValueError("the customer wrote: my door code is 1234")

    api.app.add_url_rule("/broken", view_func=broken)
    assert api.get("/broken", headers={"X-Request-Id": "abc"}).status_code == 500
    warning, error, request = lines()
    for line in (warning, error, request):
        assert (line["request_id"], line["actor"], line["action"]) == ("abc", "boss", "broken")
    assert (warning["event"], warning["level"]) == ("about to break", "warning")
    assert error["exception"] == "ValueError"
    assert any(place.endswith(" broken") for place in error["at"])
    assert "1234" not in json.dumps([warning, error, request])


def test_neither_token_nor_text_is_written(planned: Api, lines: Any) -> None:
    """Of a whole life of an assignment, refusals among it."""
    made = planned.post("/api/v1/assignments", json={"ticket_id": "t0", "technician_id": "ana"}).json
    assert made is not None
    ana = planned.as_("technician", "ana")
    path = f"/api/v1/assignments/{made['id']}"
    ana.post(f"{path}/reject", json={"rejection_reason": "the dog is called Rex"})
    ana.post(f"{path}/reject", json={"rejection_reason": "the dog is called Rex"})
    planned.put("/tasks/t0", json={"title": "Rex bites", "priority": "Rex"})
    planned.nobody.get("/tasks", headers={"Authorization": "Bearer Rex.Rex.Rex"})
    planned.get("/tasks?q=Rex")
    written = json.dumps(lines())
    assert len(lines()) == 6
    assert "Rex" not in written
    assert not any(part in written for part in planned.token.split("."))


def test_outside_of_requests_there_is_nobody(lines: Any) -> None:
    logging.getLogger("assignment_engine.somewhere").warning("on my own")
    (line,) = lines()
    assert line.keys() == {"event", "logger", "level", "timestamp"}

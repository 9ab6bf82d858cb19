"""Addresses, bodies and problems, which are the same everywhere."""

from __future__ import annotations

import json
import logging
import sqlite3

import pytest

from tests.databases import Servers
from tests.web.conftest import Api, pointers, served
from webapp import bodies


@pytest.mark.parametrize("path", ["/tasks", "/api/employees", "/health", "/docs", "/openapi.json", "/tasks/t0"])
def test_trailing_slashes(planned: Api, path: str) -> None:
    """Both forms answer alike, without a redirect."""
    assert planned.get(path).status_code == planned.get(f"{path}/").status_code == 200


def test_posting_with_a_trailing_slash(api: Api) -> None:
    response = api.post("/tasks/", json={"task_id": "a", "title": "A"})
    assert (response.status_code, response.headers["Location"]) == (201, "/tasks/a")


@pytest.mark.parametrize(
    "path", ["/nothing", "/api//employees", "/tasks//t0", "/tasks/a%20b", "/tasks/%00", "/tasks/a/b"]
)
def test_addresses_that_are_not_there(planned: Api, path: str) -> None:
    response = planned.get(path)
    assert (response.status_code, response.content_type) == (404, "application/problem+json")


def test_wrong_method_names_the_right_ones(api: Api) -> None:
    response = api.post("/health")
    assert (response.status_code, response.content_type) == (405, "application/problem+json")
    assert {"GET", "HEAD"} <= {method.strip() for method in response.headers["Allow"].split(",")}


WITHOUT_FIELDS = [
    *(f"/personnel/ana/{what}" for what in ("heartbeat", "logout", "pause", "resume")),
    *(f"/tasks/t0/{what}" for what in ("complete", "reopen", "triage")),
    *(f"/batch/jobs/j1/{what}" for what in ("cancel", "retry", "import?kind=tasks")),
    "/batch/recover-jobs",
]


@pytest.mark.parametrize("path", WITHOUT_FIELDS)
def test_bodies_are_checked_where_there_is_nothing_to_say(planned: Api, path: str) -> None:
    planned.post("/personnel/login", json={"person_id": "ana"})
    unknown = planned.post(path, json={"x": 1})
    assert (unknown.status_code, pointers(unknown)) == (422, ["/x"])
    assert planned.post(path, data="{bad", content_type="application/json").status_code == 400
    assert planned.post(path, data="{}", content_type="text/plain").status_code == 415
    left_out = {planned.post(path).status_code, planned.post(path, json={}).status_code}
    assert not left_out & {400, 415, 422}


@pytest.mark.parametrize("path", ["/api/employees", "/tasks"])
def test_a_record_is_not_made_of_no_body(api: Api, path: str) -> None:
    response = api.post(path)
    assert response.status_code == 400
    assert "a body is needed" in response.json["detail"]  # type: ignore[index]
    assert api.get(path).json["total"] == 0  # type: ignore[index]
    assert api.get("/openapi.json").json["paths"][path]["post"]["requestBody"]["required"]  # type: ignore[index]
    assert api.post(path, json={}).status_code == (201 if path == "/api/employees" else 422)


def test_head_and_options(planned: Api) -> None:
    assert planned.call("HEAD", "/tasks/t0").headers["ETag"] == '"1"'
    assert "PUT" in planned.nobody.call("OPTIONS", "/tasks/t0").headers["Allow"]


@pytest.mark.parametrize(
    "data",
    [
        '{"title": ',
        '{"title": "x", "estimated_hours": NaN}',
        '{"title": "x", "estimated_hours": Infinity}',
        "[" * 100_000,
        b'{"title": "\xff"}',
        '{"units": ' + "9" * 5000 + "}",
    ],
)
def test_malformed_json(api: Api, data: str | bytes) -> None:
    response = api.post("/tasks", data=data, content_type="application/json")
    assert (response.status_code, response.content_type) == (400, "application/problem+json")


@pytest.mark.parametrize("body", [5, None, [], "{}", [{"title": "x"}], True])
def test_bodies_that_are_no_object(api: Api, body: object) -> None:
    response = api.post("/tasks", data=json.dumps(body), content_type="application/json")
    assert (response.status_code, pointers(response)) == (422, [""])


def test_other_content_types(api: Api) -> None:
    assert api.post("/tasks", data={"title": "x"}).status_code == 415
    assert api.post("/tasks", data="title,x", content_type="text/csv").status_code == 415
    assert api.post("/api/import/tasks", data="x", content_type="text/plain").status_code == 415


def test_too_large(api: Api) -> None:
    response = api.post("/tasks", data=b" " * (bodies.MAX_JSON_BYTES + 1), content_type="application/json")
    assert (response.status_code, response.content_type) == (413, "application/problem+json")
    assert "at most 33,554,432 bytes" in response.json["detail"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"title": "x", "estimated_hours": "5"}, ["/estimated_hours"]),
        ({"title": "x", "estimated_hours": True}, ["/estimated_hours"]),
        ({"title": "x", "estimated_hours": 10**400}, ["/estimated_hours"]),
        ({"title": "x", "units": 1.5}, ["/units"]),
        ({"title": "x", "units": 10**12}, ["/units"]),
        ({"title": "x", "complexity_score": 1.1}, ["/complexity_score"]),
        ({"title": "x", "priority": "urgent"}, ["/priority"]),
        ({"title": "x", "colour": "red", "size": 1}, ["/colour", "/size"]),
        ({"title": "x", "deadline": "tomorrow"}, ["/deadline"]),
        ({"title": "x", "required_skills": {"python": 2}}, ["/required_skills/python"]),
        ({"title": "\0"}, ["/title"]),
        ({"title": "\ud800"}, ["/title"]),
        ({"title": "x", "context": {"a": "\ud800"}}, ["/context/a"]),
        ({"title": "x", "task_id": "a b"}, ["/task_id"]),
        ({"title": "x", "task_id": "queue"}, ["/task_id"]),
        ({"title": "x", "status": "completed", "assigned_to_id": "ana"}, ["/assigned_to_id", "/status"]),
        ({"title": "x", "processing_status": "processed", "updated_at": 1}, ["/processing_status", "/updated_at"]),
        ({"title": "x", "conversations": [{"content": " "}]}, ["/conversations/0/content"]),
        ({}, ["/title"]),
    ],
)
def test_invalid_fields_are_named(every_api: Api, body: dict[str, object], where: list[str]) -> None:
    response = every_api.post("/tasks", json=body)
    assert response.status_code == 422
    assert sorted(pointers(response)) == where


def test_half_a_character_as_a_name(api: Api) -> None:
    assert api.post("/tasks", data='{"\\ud800": 1}', content_type="application/json").status_code in (400, 422)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/tasks?limit=201", ["/limit"]),
        ("/tasks?page=0", ["/page"]),
        ("/tasks?page=99999999999999999999", ["/page"]),
        ("/tasks?colour=red", ["/colour"]),
        ("/tasks?sort=colour", ["/sort"]),
        ("/tasks?status=lost", ["/status"]),
        ("/tasks?q=%00", ["/q"]),
        ("/tasks?after=nonsense", ["/after"]),
        ("/tasks/t0?colour=red", ["/colour"]),
        ("/tasks/t0/candidates?top_k=0", ["/top_k"]),
        ("/api/employees?sort=salary", ["/sort"]),
    ],
)
def test_invalid_parameters_are_named(planned: Api, path: str, where: list[str]) -> None:
    response = planned.get(path)
    assert (response.status_code, pointers(response)) == (422, where)


def test_the_database_is_away() -> None:
    """The process is healthy, what needs the database says when to come again, and no address is shown."""
    with served("postgresql://user:hunter2@127.0.0.1:1/none") as api:
        assert api.nobody.get("/health").status_code == 200
        response = api.get("/tasks")
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert "hunter2" not in response.text


def test_internal_errors_show_nothing_but_are_logged(servers: Servers, caplog: pytest.LogCaptureFixture) -> None:
    with servers["sqlite"].migrated() as url, served(url) as api:
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.execute("ALTER TABLE tasks RENAME TO elsewhere")
        connection.close()
        response = api.get("/tasks")
    assert (response.status_code, response.content_type) == (500, "application/problem+json")
    assert "tasks" not in response.text
    assert any(record.levelno == logging.ERROR and record.exc_info for record in caplog.records)


def test_each_request_has_an_id_and_a_line(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """The line says who did what; neither the token, nor the query, nor the body is in it."""
    with caplog.at_level(logging.INFO, logger="webapp"):
        response = api.post("/tasks/?q=private", json={"title": "secret"}, headers={"X-Request-Id": "abc-1"})
    assert response.headers["X-Request-Id"] == "abc-1"
    line = json.loads(caplog.messages[-1])
    assert {line[name] for name in ("request_id", "actor", "role", "method", "route")} == {
        *("abc-1", "boss", "admin", "POST", "/tasks")
    }
    assert (line["status"], line["milliseconds"] > 0) == (422, True)
    assert not any(word in caplog.text for word in ("private", "secret", api.token))


def test_ids_that_could_forge_a_log_are_replaced(api: Api) -> None:
    given = 'x" , "actor": "root'
    assert api.get("/health", headers={"X-Request-Id": given}).headers["X-Request-Id"] != given


@pytest.mark.parametrize("query", ["queue=a&queue=b", "queue=a&queue=a", "queue=&queue", "page=1&page=2", "x=1&x=2"])
def test_a_parameter_that_comes_twice_is_refused(api: Api, query: str) -> None:
    """Only one of the two would count."""
    response = api.get(f"/tasks?{query}")
    assert (response.status_code, pointers(response)) == (422, [f"/{query.partition('=')[0]}"])
    assert "more than once" in response.text

"""The same key, the same request: one effect, one answer."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.web.conftest import Api, fill, pointers

KEY = {"Idempotency-Key": "k-1"}
CALLS: dict[str, dict[str, Any]] = {
    "/tasks": {"json": {"title": "x"}},
    "/api/employees": {"json": {"name": "x"}},
    "/api/assignments/preview": {"json": {}},
    "/api/trigger_pipeline": {"json": {"finalize": True}},
    "/api/import/employees": {"data": "employee_id\nzoe\n", "content_type": "text/csv"},
    "/api/import/tasks": {"json": [{"task_id": "z", "title": "Z"}]},
}


@pytest.mark.parametrize("path", CALLS)
def test_again(planned: Api, path: str) -> None:
    first = planned.post(path, headers=KEY, **CALLS[path])
    assert first.status_code in (200, 201)
    assert "Idempotent-Replay" not in first.headers
    again = planned.post(f"{path}/", headers=KEY, **CALLS[path])
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert (again.headers["Idempotent-Replay"], again.headers.get("Location")) == (
        "true",
        first.headers.get("Location"),
    )


def test_another_request_with_the_key(api: Api) -> None:
    api.post("/tasks", json={"title": "x", "units": 2}, headers=KEY)
    assert api.post("/tasks", json={"units": 2, "title": "x"}, headers=KEY).status_code == 201
    for path, options in [
        ("/tasks", {"json": {"title": "y"}}),
        ("/api/employees", {"json": {}}),
        ("/api/import/tasks?mode=rows", {"json": []}),
    ]:
        response = api.post(path, headers=KEY, **options)
        assert (response.status_code, pointers(response)) == (422, ["/Idempotency-Key"])
    assert api.get("/tasks").json["total"] == 1  # type: ignore[index]


def test_keys_belong_to_a_subject(api: Api) -> None:
    answers = [api.as_("admin", who).post("/tasks", json={"title": "x"}, headers=KEY).json for who in ("ann", "ben")]
    assert answers[0] != answers[1]


def test_a_refused_request_may_be_sent_again_corrected(api: Api) -> None:
    assert api.post("/tasks", json={"task_id": "a", "title": ""}, headers=KEY).status_code == 422
    assert api.post("/tasks", json={"task_id": "a", "title": "A"}, headers=KEY).status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_keys_have_a_length(api: Api, key: str) -> None:
    response = api.post("/tasks", json={"title": "x"}, headers={"Idempotency-Key": key})
    assert (response.status_code, pointers(response)) == (422, ["/Idempotency-Key"])


def at_once(api: Api, path: str, **options: Any) -> list[TestResponse]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: api.post(path, headers=KEY, **options), range(8)))


def test_eight_at_once_create_one_task(every_api: Api) -> None:
    """Also when the client chose the id, so that the losers meet the winner's task first."""
    answers = at_once(every_api, "/tasks", json={"task_id": "a", "title": "A"})
    assert {(answer.status_code, answer.data) for answer in answers} == {(201, answers[0].data)}
    assert sum("Idempotent-Replay" not in answer.headers for answer in answers) == 1
    assert every_api.get("/tasks").json["total"] == 1  # type: ignore[index]


def test_eight_at_once_plan_and_finalize_once(every_api: Api) -> None:
    fill(every_api)
    answers = at_once(every_api, "/api/trigger_pipeline", json={"finalize": True})
    assert {(answer.status_code, answer.data) for answer in answers} == {(200, answers[0].data)}
    assert len(answers[0].json["assignments"]) == 3  # type: ignore[index]


def test_eight_at_once_import_once(every_api: Api) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda _: every_api.post(
                    "/api/import/employees",
                    headers=KEY,
                    data={"file": (io.BytesIO(b"employee_id\na\nb\n"), "p.csv")},
                    content_type="multipart/form-data",
                ),
                range(8),
            )
        )
    assert [answer.json for answer in answers] == [{"created": 2, "updated": 0, "rejected": []}] * 8

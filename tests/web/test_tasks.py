"""Tasks: the examples of their document, changes, lists and candidates."""

from __future__ import annotations

import pytest

from tests.web.conftest import Api, pointers

FIELDS = {
    *("task_id", "title", "description", "required_skills", "minimum_levels", "priority", "estimated_hours"),
    *("deadline", "complexity_score", "status", "category", "department", "dependencies", "queue", "units"),
    *("ticket_number", "scheduled_date", "preferred_employee", "context", "conversations", "created_at"),
    "conversation_count",
    *("updated_at", "processing_status", "processing_instance_id", "processed_at", "assigned_to_id"),
}


def test_create_read_change_delete(every_api: Api) -> None:
    """The commands of the task management document, with its integer ids and trailing slashes."""
    body = {"task_id": 1, "title": "Process customer feedback", "description": "Analyze and respond"}
    created = every_api.post("/tasks/", json=body)
    assert created.status_code == 201
    assert created.json is not None
    assert created.json.keys() == FIELDS
    assert (created.json["task_id"], created.json["status"], created.json["conversations"]) == ("1", "pending", [])
    assert every_api.get("/tasks/1").json == {**created.json, "expected_wait_seconds": None}
    changed = every_api.put("/tasks/1", json={"title": "Updated Title", "description": "Updated Description"})
    assert changed.json == {
        **created.json,
        "title": "Updated Title",
        "description": "Updated Description",
        "updated_at": changed.json["updated_at"],  # type: ignore[index]
    }
    assert [task["task_id"] for task in every_api.get("/tasks/").json["items"]] == ["1"]  # type: ignore[index]
    deleted = every_api.delete("/tasks/1")
    assert (deleted.status_code, deleted.data) == (204, b"")
    assert every_api.get("/tasks/1").status_code == 404


def test_all_fields_come_back(every_api: Api) -> None:
    body = {
        "task_id": "T:1@x.y-z_",
        "title": "Ünïcode ✓",
        "description": "long",
        "required_skills": {"python": 0.5},
        "minimum_levels": {"sql": 0.25},
        "priority": "critical",
        "estimated_hours": 1.25,
        "deadline": "2030-01-02T03:04:05+01:00",
        "complexity_score": 0.75,
        "category": "c",
        "department": "d",
        "dependencies": ["a", 7],
        "queue": "q",
        "units": 2,
        "ticket_number": "n",
        "scheduled_date": "2030-01-02",
        "preferred_employee": "ana",
        "context": {"k": "v"},
        "created_at": "2020-01-01T00:00:00Z",
    }
    answer = every_api.post("/tasks", json=body).json
    assert answer is not None
    shown = {**body, "deadline": "2030-01-02T02:04:05Z", "dependencies": ["a", "7"]}
    assert {name: answer[name] for name in body} == shown
    assert answer["updated_at"].endswith("Z")


def test_ids_are_made_and_titles_come_from_descriptions(api: Api) -> None:
    answer = api.post("/tasks", json={"description": "x" * 100}).json
    assert answer is not None
    assert (len(answer["task_id"]), answer["title"]) == (36, "x" * 80)


def test_the_same_id_twice(api: Api) -> None:
    assert [api.post("/tasks", json={"task_id": "a", "title": "A"}).status_code for _ in "12"] == [201, 409]


@pytest.mark.parametrize("field", ["description", "deadline", "estimated_hours", "required_skills", "category"])
def test_null_clears(planned: Api, field: str) -> None:
    answer = planned.put("/tasks/t0", json={field: None}).json
    assert answer is not None
    assert answer[field] is None


@pytest.mark.parametrize("field", ["title", "priority", "units", "queue", "dependencies", "minimum_levels", "context"])
def test_null_where_there_must_be_a_value(planned: Api, field: str) -> None:
    response = planned.put("/tasks/t0", json={field: None})
    assert (response.status_code, pointers(response)) == (422, [f"/{field}"])


@pytest.mark.parametrize("field", ["task_id", "status", "created_at", "updated_at", "assigned_to_id", "processed_at"])
def test_read_only_fields_cannot_be_changed(planned: Api, field: str) -> None:
    response = planned.put("/tasks/t0", json={field: "pending", "title": "changed"})
    assert (response.status_code, pointers(response)) == (422, [f"/{field}"])
    assert planned.get("/tasks/t0").json["title"] == "Task 0"  # type: ignore[index]


def test_if_match(every_api: Api) -> None:
    """A change that relies on an old version is refused and changes nothing."""
    every_api.post("/tasks", json={"task_id": "a", "title": "A"})
    tag = every_api.get("/tasks/a").headers["ETag"]
    first = every_api.put("/tasks/a", json={"title": "B"}, headers={"If-Match": tag})
    assert first.status_code == 200
    assert first.headers["ETag"] == every_api.get("/tasks/a").headers["ETag"] != tag
    for stale in (tag, "nonsense", '"99"'):
        assert every_api.put("/tasks/a", json={"title": "C"}, headers={"If-Match": stale}).status_code == 412
    assert every_api.put("/tasks/a", json={"title": "D"}, headers={"If-Match": "*"}).status_code == 200
    assert every_api.put("/tasks/none", json={"title": "D"}, headers={"If-Match": "*"}).status_code == 404


def test_lists(every_api: Api) -> None:
    for number in range(5):
        priority = "high" if number % 2 else "low"
        every_api.post("/tasks", json={"task_id": f"t{number}", "title": f"No {number}", "priority": priority})
    page = every_api.get("/tasks?limit=2&page=2&sort=-task_id").json
    assert page is not None
    assert [task["task_id"] for task in page["items"]] == ["t2", "t1"]
    assert {name: page[name] for name in ("total", "page", "limit", "total_is_capped")} == {
        "total": 5,
        "page": 2,
        "limit": 2,
        "total_is_capped": False,
    }
    after = every_api.get(f"/tasks?limit=2&sort=-task_id&after={page['next_after']}").json
    assert after is not None
    assert ([task["task_id"] for task in after["items"]], after["next_after"]) == (["t0"], None)
    assert every_api.get("/tasks?priority=high&status=pending&q=No").json["total"] == 2  # type: ignore[index]
    assert every_api.get("/tasks?queue=other").json["items"] == []  # type: ignore[index]
    named = every_api.get("/tasks?ids=t3, t1,gone&sort=-task_id").json
    assert named is not None
    assert ([task["task_id"] for task in named["items"]], named["total"]) == (["t3", "t1"], 2)
    assert pointers(every_api.get("/tasks?ids=,")) == ["/ids"]


def test_candidates(planned: Api) -> None:
    """Best first with explanation and load; who cannot take it, and why."""
    planned.post("/api/employees", json={"employee_id": "cy", "availability_status": "away"})
    answer = planned.as_("planner").get("/tasks/t0/candidates?top_k=1").json
    assert answer is not None
    assert answer["task_id"] == "t0"
    (best,) = answer["candidates"]
    assert best.keys() == {"employee_id", "score", "confidence", "explanation", "load"}
    (out,) = answer["ineligible"]
    assert (out["employee_id"], out["reasons"][0]["code"]) == ("cy", "availability")
    assert planned.get("/tasks/none/candidates").status_code == 404


def test_a_task_that_somebody_has_cannot_be_deleted(planned: Api) -> None:
    planned.post("/api/trigger_pipeline", json={"task_ids": ["t0"], "finalize": True})
    assert planned.delete("/tasks/t0").status_code == 409
    assert planned.get("/tasks/t0").json["status"] == "assigned"  # type: ignore[index]

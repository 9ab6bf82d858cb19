"""Conversations: the examples of their document, who sees them, and what they do to a task."""

from __future__ import annotations

import pytest

from tests.web.conftest import Api, pointers

FEEDBACK = {
    "title": "Process customer feedback",
    "description": "Analyze and respond to customer feedback",
    "conversations": [{"content": "Customer says the app is slow"}, {"content": "Customer wants new features"}],
}


def test_a_task_with_conversations(every_api: Api) -> None:
    """The first example of the document: created, listed with their number, read with the task."""
    created = every_api.post("/tasks/", json=FEEDBACK).json
    assert created is not None
    assert [c["content"] for c in created["conversations"]] == [c["content"] for c in FEEDBACK["conversations"]]  # type: ignore[index]
    assert {c["status"] for c in created["conversations"]} == {"active"}
    assert {c["task_id"] for c in created["conversations"]} == {created["task_id"]}
    (listed,) = every_api.get("/tasks/").json["items"]  # type: ignore[index]
    assert listed["conversation_count"] == 2
    assert every_api.get(f"/tasks/{created['task_id']}").json == {**created, "expected_wait_seconds": None}
    assert every_api.get(f"/tasks/{created['task_id']}/conversations/").json["items"] == created["conversations"]  # type: ignore[index]


def test_adding_and_changing(every_api: Api) -> None:
    every_api.post("/tasks/", json={"task_id": 1, "title": "Test Task"})
    added = every_api.post("/tasks/1/conversations/", json={"content": "New conversation"})
    assert added.status_code == 201
    assert added.json is not None
    assert added.json.keys() == {"id", "task_id", "content", "status", "created_at", "updated_at"}
    changed = every_api.put(f"/conversations/{added.json['id']}", json={"content": "Updated conversation"})
    assert changed.json == {
        **added.json,
        "content": "Updated conversation",
        "updated_at": changed.json["updated_at"],  # type: ignore[index]
    }
    assert every_api.get("/tasks/1").json["conversations"] == [changed.json]  # type: ignore[index]


def test_a_change_that_relies_on_an_old_version_is_refused(api: Api) -> None:
    api.post("/tasks", json={"task_id": "a", "title": "A", "conversations": [{"content": "first"}]})
    (said,) = api.get("/tasks/a").json["conversations"]  # type: ignore[index]
    path = f"/conversations/{said['id']}"
    first = api.put(path, json={"content": "second"})
    assert api.put(path, json={"content": "third"}, headers={"If-Match": '"1"'}).status_code == 412
    assert api.put(path, json={"content": "third"}, headers={"If-Match": first.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/content"), ({"content": ""}, "/content"), ({"content": "x", "status": "gone"}, "/status")],
)
def test_what_is_refused(planned: Api, body: dict[str, str], pointer: str) -> None:
    response = planned.post("/tasks/t0/conversations", json=body)
    assert (response.status_code, pointers(response)) == (422, [pointer])


def test_what_is_not_there(planned: Api) -> None:
    assert planned.post("/tasks/none/conversations", json={"content": "x"}).status_code == 404
    assert planned.get("/tasks/none/conversations").status_code == 404
    assert planned.put("/conversations/none", json={"content": "x"}).status_code == 404
    assert planned.get("/tasks/none/triage").status_code == 404


def test_a_repeated_request_adds_once(planned: Api) -> None:
    for _ in "12":
        planned.post("/tasks/t0/conversations", json={"content": "x"}, headers={"Idempotency-Key": "k"})
    assert planned.get("/tasks/t0").json["conversation_count"] == 1  # type: ignore[index]


def test_technicians_see_the_conversations_of_their_own_tasks(planned: Api) -> None:
    planned.post("/tasks/t0/conversations", json={"content": "x"})
    planned.post("/api/trigger_pipeline", json={"task_ids": ["t0"], "finalize": True})
    owner = planned.get("/tasks/t0").json["assigned_to_id"]  # type: ignore[index]
    other = {"ana": "bo", "bo": "ana"}[owner]
    assert planned.as_("technician", owner).get("/tasks/t0/conversations").json["total"] == 1  # type: ignore[index]
    assert planned.as_("technician", other).get("/tasks/t0/conversations").status_code == 404


def test_deleting_a_task_removes_its_conversations(every_api: Api) -> None:
    """The id may be used again, and the new task begins without what was said about the old one."""
    every_api.post("/tasks", json={**FEEDBACK, "task_id": "a"})
    (said, _) = every_api.get("/tasks/a").json["conversations"]  # type: ignore[index]
    assert every_api.delete("/tasks/a").status_code == 204
    assert every_api.put(f"/conversations/{said['id']}", json={"content": "x"}).status_code == 404
    every_api.post("/tasks", json={"task_id": "a", "title": "A"})
    assert every_api.get("/tasks/a").json["conversations"] == []  # type: ignore[index]


def test_pages_of_conversations(planned: Api) -> None:
    for number in range(3):
        planned.post("/tasks/t0/conversations", json={"content": f"No {number}"})
    first = planned.get("/tasks/t0/conversations?limit=2").json
    assert first is not None
    assert ([c["content"] for c in first["items"]], first["total"]) == (["No 0", "No 1"], 3)
    rest = planned.get(f"/tasks/t0/conversations?limit=2&after={first['next_after']}").json
    assert rest is not None
    assert [c["content"] for c in rest["items"]] == ["No 2"]
    assert planned.get("/tasks/t0/conversations?q=x").status_code == 422

"""The life of an assignment by HTTP: the document's examples, whose it is, and every transition."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.web.conftest import Api, pointers

TICKET = "bb0e8400-e29b-41d4-a716-446655440000"
TECHNICIAN = "ee0e8400-e29b-41d4-a716-446655440000"
ROOT = "/api/v1/assignments"


@pytest.fixture
def office(every_api: Api) -> Api:
    """The ticket and the technician of the document, and another of each."""
    stock(every_api)
    return every_api


@pytest.fixture
def one_office(api: Api) -> Api:
    """The same on SQLite alone."""
    stock(api)
    return api


def stock(api: Api) -> None:
    for person in (TECHNICIAN, "bo"):
        assert api.post("/api/employees", json={"employee_id": person, "max_workload": 10}).status_code == 201
    ticket = {
        "task_id": TICKET,
        "ticket_number": "TKT-2024-000001",
        "title": "AC not cooling properly",
        "priority": "medium",
        "scheduled_date": "2024-02-05",
    }
    assert api.post("/tasks", json=ticket).status_code == 201
    assert api.post("/tasks", json={"task_id": "other", "title": "Other", "estimated_hours": 2}).status_code == 201


def given(api: Api, ticket: str = TICKET, technician: str = TECHNICIAN, **more: object) -> dict[str, Any]:
    response = api.post(ROOT, json={"ticket_id": ticket, "technician_id": technician, **more})
    assert response.status_code == 201, response.text
    assert isinstance(response.json, dict)
    return response.json


def body(response: TestResponse) -> dict[str, Any]:
    assert isinstance(response.json, dict), response.text
    return response.json


def technician(api: Api, person: str = TECHNICIAN) -> Api:
    return api.as_("technician", person)


def test_assign_ticket_to_technician(office: Api) -> None:
    """Example 1 of the document."""
    response = office.post(ROOT, json={"ticket_id": TICKET, "technician_id": TECHNICIAN})
    assert response.status_code == 201
    made = body(response)
    expected = {"ticket_id": TICKET, "technician_id": TECHNICIAN, "status": "assigned"}
    assert {name: made[name] for name in expected} == expected
    assert made.keys() >= {"id", "assigned_at"}
    assert made["assigned_at"].endswith("Z")
    assert (made["assigned_by"], made["method"]) == ("boss", "manual")
    assert response.headers["Location"] == f"{ROOT}/{made['id']}"


def test_get_my_jobs(office: Api) -> None:
    """Example 2 of the document."""
    made = given(office)
    found = body(technician(office).get(f"{ROOT}/me?status=assigned&page=1&limit=10"))
    assert found["total"] == 1
    (job,) = found["items"]
    assert job["ticket"] == {
        "id": TICKET,
        "ticket_number": "TKT-2024-000001",
        "title": "AC not cooling properly",
        "priority": "medium",
        "scheduled_date": "2024-02-05",
    }
    assert {name: job[name] for name in ("id", "status", "assigned_at")} == {
        name: made[name] for name in ("id", "status", "assigned_at")
    }


def test_accept_assignment(office: Api) -> None:
    """Example 3 of the document: the ticket is being worked on then."""
    made = given(office)
    response = technician(office).post(f"{ROOT}/{made['id']}/accept")
    assert response.status_code == 200
    assert (body(response)["status"], body(response)["accepted_at"] is None) == ("accepted", False)
    assert body(office.get(f"/tasks/{TICKET}"))["status"] == "in_progress"


def test_reject_assignment(office: Api) -> None:
    """Example 4 of the document: the ticket waits again, with its age, and with nobody."""
    created_at = body(office.get(f"/tasks/{TICKET}"))["created_at"]
    made = given(office)
    reason = "Already have too many pending jobs"
    response = technician(office).post(f"{ROOT}/{made['id']}/reject", json={"rejection_reason": reason})
    assert response.status_code == 200
    rejected = body(response)
    assert (rejected["status"], rejected["rejection_reason"]) == ("rejected", reason)
    assert rejected["rejected_at"] is not None
    task = body(office.get(f"/tasks/{TICKET}"))
    assert (task["status"], task["assigned_to_id"], task["created_at"]) == ("pending", None, created_at)


def test_get_assignment_details(office: Api) -> None:
    """Example 5 of the document."""
    made = given(office)
    for who in (technician(office), office.as_("planner"), office):
        response = who.get(f"{ROOT}/{made['id']}")
        assert (response.status_code, response.json) == (200, made)


def test_list_all_assignments(office: Api) -> None:
    """Example 6 of the document: each filter alone and with others."""
    first, second = given(office), given(office, "other", "bo")
    technician(office, "bo").post(f"{ROOT}/{second['id']}/accept")

    def ids(query: str) -> list[str]:
        return [item["id"] for item in body(office.get(f"{ROOT}?{query}"))["items"]]

    assert ids("") == [second["id"], first["id"]]
    assert ids(f"technician_id={TECHNICIAN}") == ids(f"ticket_id={TICKET}") == ids("status=assigned") == [first["id"]]
    assert ids("status=accepted&technician_id=bo") == [second["id"]]
    assert ids(f"status=accepted&technician_id={TECHNICIAN}") == ids("technician_id=nobody") == []
    assert ids("limit=1&page=2") == [first["id"]]
    after = body(office.get(f"{ROOT}?limit=1"))["next_after"]
    assert ids(f"limit=1&after={after}") == [first["id"]]


@pytest.mark.parametrize("query", ["status=busy", "limit=201", "page=0", "sort=score", "colour=red", "after=x"])
def test_parameters_are_checked(one_office: Api, query: str) -> None:
    response = one_office.get(f"{ROOT}?{query}")
    assert (response.status_code, pointers(response)) == (422, [f"/{query.partition('=')[0]}"])


CALLS = {
    "get": ("GET", "", None),
    "history": ("GET", "/history", None),
    "accept": ("POST", "/accept", {}),
    "reject": ("POST", "/reject", {"rejection_reason": "no"}),
    "complete": ("POST", "/complete", {}),
    "fail": ("POST", "/fail", {"reason": "no"}),
    "release": ("POST", "/release", {}),
    "cancel": ("POST", "/cancel", {}),
}


def call(api: Api, assignment_id: str, name: str) -> TestResponse:
    method, path, content = CALLS[name]
    return api.call(method, f"{ROOT}/{assignment_id}{path}", **({} if content is None else {"json": content}))


@pytest.mark.parametrize("name", ["get", "history", "accept", "reject", "complete", "fail"])
def test_what_is_somebody_elses_is_not_there(one_office: Api, name: str) -> None:
    """The same answer as for an assignment that does not exist, and nothing happens."""
    made = given(one_office)
    bo = technician(one_office, "bo")
    foreign, unknown = call(bo, made["id"], name), call(bo, "unknown", name)
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.text.replace(made["id"], "unknown") == unknown.text
    assert body(one_office.get(f"{ROOT}/{made['id']}")) == made
    assert body(bo.get(f"{ROOT}/me"))["items"] == []


def test_the_subject_counts_and_no_field_can_change_it(one_office: Api) -> None:
    given(one_office)
    assert technician(one_office, "bo").get(f"{ROOT}/me?technician_id={TECHNICIAN}").status_code == 422


STATES = {
    "assigned": [],
    "accepted": ["accept"],
    "rejected": ["reject"],
    "completed": ["complete"],
    "failed": ["fail"],
    "released": ["release"],
    "cancelled": ["cancel"],
}
# From which states each call is possible, what it makes of the assignment, and of the ticket.
POSSIBLE = {
    "accept": ({"assigned"}, "accepted", "in_progress"),
    "reject": ({"assigned"}, "rejected", "pending"),
    "complete": ({"assigned", "accepted", "completed"}, "completed", "completed"),
    "fail": ({"assigned", "accepted"}, "failed", "failed"),
    "release": ({"assigned", "accepted"}, "released", "pending"),
    "cancel": ({"assigned", "accepted"}, "cancelled", "cancelled"),
}


@pytest.mark.parametrize(("state", "name"), list(product(STATES, POSSIBLE)))
def test_every_call_in_every_state(one_office: Api, state: str, name: str) -> None:
    """It goes the way of the lifecycle, or is refused with the present status and changes nothing."""
    made = given(one_office)
    for step in STATES[state]:
        assert call(one_office, made["id"], step).status_code == 200
    before = body(one_office.get(f"{ROOT}/{made['id']}"))
    assert before["status"] == state
    response = call(one_office, made["id"], name)
    sources, target, ticket_status = POSSIBLE[name]
    if state in sources:
        assert (response.status_code, body(response)["status"]) == (200, target)
        assert body(one_office.get(f"/tasks/{TICKET}"))["status"] == ticket_status
    else:
        assert (response.status_code, response.content_type) == (409, "application/problem+json")
        assert body(response)["present_status"] == state
        assert body(one_office.get(f"{ROOT}/{made['id']}")) == before


def test_completing_again_changes_nothing(office: Api) -> None:
    made = given(office)
    who = technician(office)
    first, again = call(who, made["id"], "complete"), call(who, made["id"], "complete")
    assert (first.status_code, again.status_code, again.json) == (200, 200, first.json)


def test_history(office: Api) -> None:
    """Who did what when, from what to what, and why."""
    made = given(office)
    call(technician(office), made["id"], "accept")
    office.as_("planner", "pia").post(f"{ROOT}/{made['id']}/release", json={"reason": "wrong van"})
    found = body(technician(office).get(f"{ROOT}/{made['id']}/history"))
    assert found["total"] == 3
    assert [list(entry) for entry in found["items"]] == [
        ["at", "actor", "event", "from", "to", "reason", "score", "scorer"]
    ] * 3
    assert [(e["actor"], e["event"], e["from"], e["to"], e["reason"]) for e in found["items"]] == [
        ("boss", "assign", None, "assigned", None),
        (TECHNICIAN, "accept", "assigned", "accepted", None),
        ("pia", "release", "accepted", "released", "wrong van"),
    ]
    assert [entry["at"] for entry in found["items"]] == sorted(entry["at"] for entry in found["items"])


def test_history_of_a_plan_names_its_scorer(one_office: Api) -> None:
    one_office.post("/api/trigger_pipeline", json={"task_ids": ["other"], "employee_ids": ["bo"], "finalize": True})
    (made,) = body(one_office.get(f"{ROOT}?ticket_id=other"))["items"]
    (entry,) = body(one_office.get(f"{ROOT}/{made['id']}/history"))["items"]
    assert (entry["score"], entry["scorer"]) == (made["score"], made["scorer"])
    assert entry["scorer"] is not None


def test_an_unknown_ticket_or_technician(office: Api) -> None:
    response = office.post(ROOT, json={"ticket_id": "none", "technician_id": "nobody"})
    assert (response.status_code, pointers(response)) == (422, ["/ticket_id", "/technician_id"])


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ({}, ["/ticket_id", "/technician_id"]),
        ({"ticket_id": TICKET, "technician_id": TECHNICIAN, "status": "accepted"}, ["/status"]),
        ({"ticket_id": TICKET, "technician_id": TECHNICIAN, "allow_overload": "yes"}, ["/allow_overload"]),
        ({"ticket_id": "a b", "technician_id": TECHNICIAN}, ["/ticket_id"]),
    ],
)
def test_bodies_are_checked(one_office: Api, content: dict[str, object], where: list[str]) -> None:
    response = one_office.post(ROOT, json=content)
    assert (response.status_code, pointers(response)) == (422, where)


@pytest.mark.parametrize(
    ("path", "content", "where"),
    [
        ("accept", {"reason": "x"}, ["/reason"]),
        ("reject", {}, ["/rejection_reason"]),
        ("reject", {"rejection_reason": "  "}, ["/rejection_reason"]),
        ("reject", {"rejection_reason": "x" * 4001}, ["/rejection_reason"]),
        ("complete", {"hours": 3}, ["/hours"]),
        ("fail", {}, ["/reason"]),
        ("release", {"reason": 5}, ["/reason"]),
    ],
)
def test_bodies_of_calls_are_checked(one_office: Api, path: str, content: dict[str, object], where: list[str]) -> None:
    made = given(one_office)
    response = one_office.post(f"{ROOT}/{made['id']}/{path}", json=content)
    assert (response.status_code, pointers(response)) == (422, where)
    assert body(one_office.get(f"{ROOT}/{made['id']}")) == made


@pytest.mark.parametrize(("path", "field"), [("reject", "rejection_reason"), ("fail", "reason")])
def test_a_reason_needs_words(one_office: Api, path: str, field: str) -> None:
    response = one_office.post(f"{ROOT}/{given(one_office)['id']}/{path}", json={field: "  "})
    assert body(response)["errors"][0]["detail"] == "expected some text (got '  ')"
    schemas = body(one_office.get("/openapi.json"))["components"]["schemas"]
    shown = schemas["RejectBody" if path == "reject" else "FailBody"]["properties"][field]
    assert (shown["type"], shown["pattern"], shown["maxLength"]) == ("string", r"\S", 4000)


def test_a_ticket_that_somebody_has(office: Api) -> None:
    given(office)
    refused = office.post(ROOT, json={"ticket_id": TICKET, "technician_id": "bo"})
    assert (refused.status_code, body(refused)["detail"]) == (409, f"already assigned: {TICKET} to {TECHNICIAN}")


def test_capacity_holds_unless_an_admin_says_otherwise(office: Api) -> None:
    office.put("/tasks/other", json={"estimated_hours": 11})
    content = {"ticket_id": "other", "technician_id": "bo"}
    refused = office.post(ROOT, json=content)
    assert refused.status_code == 409
    assert "bo has 10 h left and needs 11 h; by hand it may be exceeded with allow_overload" in body(refused)["detail"]
    given(office, "other", "bo", allow_overload=True)
    assert body(office.get("/api/employees/bo"))["current_workload"] == 11


def test_what_is_finished_or_refused_is_given_back(office: Api) -> None:
    """The hours are free again."""
    for name in ("reject", "release", "complete"):
        made = given(office, "other", "bo")
        assert body(office.get("/api/employees/bo"))["current_workload"] == 2
        call(office, made["id"], name)
        assert body(office.get("/api/employees/bo"))["current_workload"] == 0


def test_sent_again_with_its_key(office: Api) -> None:
    """One assignment, one answer."""
    content = {"ticket_id": TICKET, "technician_id": TECHNICIAN}
    first = office.post(ROOT, json=content, headers={"Idempotency-Key": "k"})
    again = office.post(ROOT, json=content, headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code, again.json) == (201, 201, first.json)
    assert again.headers["Idempotent-Replay"] == "true"
    other = office.post(ROOT, json={**content, "technician_id": "bo"}, headers={"Idempotency-Key": "k"})
    assert (other.status_code, pointers(other)) == (422, ["/Idempotency-Key"])


def test_my_jobs_in_pages(one_office: Api) -> None:
    """The latest first; page numbers and cursors read the same list, filtered by status."""
    for number in range(7):
        one_office.post("/tasks", json={"task_id": f"n{number}", "title": "N", "estimated_hours": 1})
        made = given(one_office, f"n{number}", "bo")
        if number % 2:
            call(one_office, made["id"], "accept")
    bo = technician(one_office, "bo")

    def read(query: str) -> tuple[list[str], str | None]:
        found = body(bo.get(f"{ROOT}/me?{query}"))
        return [job["ticket"]["id"] for job in found["items"]], found["next_after"]

    assert read("")[0] == [f"n{number}" for number in reversed(range(7))]
    assert read("status=accepted")[0] == ["n5", "n3", "n1"]
    first, after = read("limit=3")
    second, after = read(f"limit=3&after={after}")
    assert (first, second, read(f"limit=3&after={after}")) == (["n6", "n5", "n4"], ["n3", "n2", "n1"], (["n0"], None))
    assert read("limit=3&page=2")[0] == second
    assert body(bo.get(f"{ROOT}/me?limit=2"))["total"] == 7


def test_a_job_whose_ticket_was_deleted_is_still_listed(one_office: Api) -> None:
    made = given(one_office)
    call(one_office, made["id"], "complete")
    assert one_office.delete(f"/tasks/{TICKET}").status_code == 204
    (job,) = body(technician(one_office).get(f"{ROOT}/me"))["items"]
    assert (job["status"], job["ticket"]["id"]) == ("completed", TICKET)


def test_an_older_session_is_refused(one_office: Api) -> None:
    """A client that was replaced by another log-in cannot accept any more."""
    made = given(one_office)
    who = technician(one_office)
    sessions = [body(who.post("/personnel/login", json={"person_id": TECHNICIAN}))["session"] for _ in range(2)]
    path = f"{ROOT}/{made['id']}/accept"
    assert who.post(path, headers={"X-Session": sessions[0]}).status_code == 409
    assert who.post(path, headers={"X-Session": sessions[1]}).status_code == 200

"""People."""

from __future__ import annotations

import pytest

from tests.web.conftest import Api, pointers

FIELDS = {
    *("employee_id", "name", "skills", "experience_years", "current_workload", "max_workload", "department"),
    *("availability_status", "performance_rating", "queues", "max_units", "shift_end"),
}


def test_create_read_change_delete(every_api: Api) -> None:
    body = {
        "employee_id": 7,
        "name": "Ana",
        "skills": ["Python", "SQL"],
        "experience_years": 4,
        "max_workload": 30,
        "current_workload": 2.5,
        "availability_status": "partial",
        "performance_rating": 4.5,
        "department": "x",
        "queues": ["a"],
        "max_units": 2,
        "shift_end": "2030-01-01T17:00:00Z",
    }
    created = every_api.post("/api/employees", json=body)
    assert (created.status_code, created.headers["Location"]) == (201, "/api/employees/7")
    assert created.json == {**body, "employee_id": "7", "skills": {"python": 1.0, "sql": 1.0}}
    assert every_api.get("/api/employees/7").json == created.json
    changed = every_api.put("/api/employees/7", json={"current_workload": 5, "name": None})
    assert changed.json == {**created.json, "current_workload": 5.0, "name": None}
    assert every_api.delete("/api/employees/7").status_code == 204
    assert every_api.get("/api/employees/7").status_code == 404


def test_answers_hold_the_fields_of_the_contract(planned: Api) -> None:
    assert planned.get("/api/employees/ana").json.keys() == FIELDS  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"performance_rating": 5.5}, "/performance_rating"),
        ({"max_workload": None}, "/max_workload"),
        ({"experience_years": "4"}, "/experience_years"),
        ({"employee_id": "other"}, "/employee_id"),
        ({"history": None}, "/history"),
        ({"salary": 1}, "/salary"),
    ],
)
def test_invalid_changes(planned: Api, body: dict[str, object], where: str) -> None:
    response = planned.put("/api/employees/ana", json=body)
    assert (response.status_code, pointers(response)) == (422, [where])


def test_stale_changes(planned: Api) -> None:
    tag = planned.get("/api/employees/ana").headers["ETag"]
    statuses = [
        planned.put("/api/employees/ana", json={"name": name}, headers={"If-Match": tag}).status_code for name in "ab"
    ]
    assert statuses == [200, 412]


def test_list(planned: Api) -> None:
    planned.put("/api/employees/bo", json={"department": "north", "availability_status": "busy"})
    for query in ("q=BO", "department=north", "availability_status=busy", "sort=-employee_id&limit=1"):
        assert [e["employee_id"] for e in planned.get(f"/api/employees?{query}").json["items"]] == ["bo"]  # type: ignore[index]


def test_somebody_with_work_cannot_be_deleted(planned: Api) -> None:
    planned.post("/api/trigger_pipeline", json={"employee_ids": ["ana"], "finalize": True})
    assert planned.delete("/api/employees/ana").status_code == 409

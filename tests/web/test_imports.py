"""Many records at once."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.web.conftest import Api, pointers

PEOPLE = "employee_id,name,skills,max_workload\nana,Ana,python:0.8;sql,30\nbo,Bo,,\n"


def form(text: str | bytes) -> dict[str, Any]:
    """A form as bytes, because the test client's own encoder leaves a file open when it is large."""
    data = text.encode() if isinstance(text, str) else text
    head = b'--limit\r\nContent-Disposition: form-data; name="file"; filename="people.csv"\r\n\r\n'
    return {"data": head + data + b"\r\n--limit--\r\n", "content_type": "multipart/form-data; boundary=limit"}


def csv(text: str | bytes) -> dict[str, Any]:
    return {"data": text, "content_type": "text/csv; charset=utf-8"}


@pytest.mark.parametrize("send", [form, csv])
def test_csv(every_api: Api, send: Any) -> None:
    """New people are created, known ones changed, fields that are not given stay."""
    assert every_api.post("/api/import/employees", **send(PEOPLE)).json == {"created": 2, "updated": 0, "rejected": []}
    assert every_api.get("/api/employees/ana").json["skills"] == {"python": 0.8, "sql": 1.0}  # type: ignore[index]
    again = every_api.post("/api/import/employees", **send("\ufeffemployee_id;name\r\nana;Änne\r\n"))
    assert again.json == {"created": 0, "updated": 1, "rejected": []}
    ana = every_api.get("/api/employees/ana").json
    assert ana is not None
    assert (ana["name"], ana["max_workload"]) == ("Änne", 30.0)


def test_json_list(api: Api) -> None:
    rows = [{"task_id": "a", "title": "A"}, {"task_id": "b", "description": "B"}]
    assert api.post("/api/import/tasks", json=rows).json == {"created": 2, "updated": 0, "rejected": []}
    assert api.get("/tasks/b").json["title"] == "B"  # type: ignore[index]


def test_history_feeds_the_features(planned: Api) -> None:
    rows = [
        {
            "task_id": "old",
            "employee_id": "ana",
            "category": "c",
            "assigned_at": "2025-01-01T08:00:00Z",
            "completed_at": "2025-01-01T10:00:00Z",
            "hours": 2,
            "outcome": "good",
        }
    ]
    assert planned.post("/api/import/history", json=rows).json["created"] == 1  # type: ignore[index]
    assert planned.post("/api/import/history", json=rows).json["updated"] == 1  # type: ignore[index]


BAD = "employee_id,max_workload\nana,30\nbo,many\n,5\n"


def test_one_bad_row_refuses_all(api: Api) -> None:
    response = api.post("/api/import/employees", **form(BAD))
    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    assert [(row["line"], row["field"]) for row in response.json["rejected"]] == [  # type: ignore[index]
        *((3, "max_workload"), (4, "employee_id"))
    ]
    assert api.get("/api/employees").json["total"] == 0  # type: ignore[index]


def test_the_good_rows(api: Api) -> None:
    answer = api.post("/api/import/employees?mode=rows", **csv(BAD)).json
    assert answer is not None
    assert (answer["created"], [row["line"] for row in answer["rejected"]]) == (1, [3, 4])


@pytest.mark.parametrize("send", [form, csv])
@pytest.mark.parametrize("mode", ["all", "rows"])
def test_what_is_not_utf8_is_named(api: Api, send: Any, mode: str) -> None:
    text = b"employee_id,name\nana,Ana\nbo,B\xf6\n"
    response = api.post(f"/api/import/employees?mode={mode}", **send(text))
    assert response.status_code == 422
    assert [row["line"] for row in response.json["rejected"]] == [3]  # type: ignore[index]


def test_large_files(api: Api) -> None:
    """A file that does not stay in memory is read all the same."""
    rows = "".join(f"e{number},{'x' * 200}\n" for number in range(6000))
    for send in (form, csv):
        answer = api.post("/api/import/employees", **send("employee_id,name\n" + rows)).json
        assert answer is not None
        assert answer["created"] + answer["updated"] == 6000


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"json": {"employee_id": "a"}}, [""]),
        (csv("name\nAna\n"), ["/employee_id"]),
        (csv(""), []),
        ({"data": {"other": (io.BytesIO(b"x"), "x.csv")}, "content_type": "multipart/form-data"}, ["/other"]),
        ({"data": {"file": "text"}, "content_type": "multipart/form-data"}, ["/file"]),
    ],
)
def test_what_cannot_be_imported(api: Api, options: dict[str, Any], where: list[str]) -> None:
    response = api.post("/api/import/employees", **options)
    assert response.status_code == 422
    assert not where or pointers(response) == where


def test_unknown_modes(api: Api) -> None:
    assert pointers(api.post("/api/import/tasks?mode=some", json=[])) == ["/mode"]

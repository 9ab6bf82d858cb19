"""People log in, get work, finish it and log out, by HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from assignment_engine.store.database import Database
from assignment_engine.store.tables import sessions
from tests.web.conftest import Api, pointers
from webapp.signs import SignsOfLife
from webapp.state import State

ASSIGNMENT = {
    *("id", "ticket_id", "technician_id", "assigned_by", "status", "method", "score", "confidence", "scorer"),
    *("assigned_at", "accepted_at", "rejected_at", "rejection_reason", "completed_at", "eta_p50", "eta_p90"),
    *("created_at", "updated_at"),
}


@pytest.fixture
def ana(planned: Api) -> Api:
    """One of two people; three tasks wait."""
    return planned.as_("technician", "ana")


def log_in(api: Api, person: str = "ana"):
    answer = api.post("/personnel/login", json={"person_id": person})
    assert answer.status_code == 200
    return answer.json


def problem(response, status: int) -> str:
    """The detail of a problem of this status."""
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert response.json["status"] == status
    return str(response.json["detail"])


def silence(api: Api, person: str, since: timedelta) -> None:
    """The person was last seen so long ago."""
    database = database_of(api)
    with database.read() as unit:
        seen = unit.now() - since
    statement = update(sessions).where(sessions.c.open_employee_id == person)
    database.run(lambda unit: unit.connection.execute(statement.values(last_seen_at=seen)))


def last_seen(api: Api, person: str) -> datetime:
    with database_of(api).read() as unit:
        query = select(sessions.c.last_seen_at).where(sessions.c.open_employee_id == person)
        return unit.connection.execute(query).scalar_one()


def database_of(api: Api) -> Database:
    state: State = api.app.extensions["assignment_engine"]
    return state.engine.database


def test_logging_in_answers_with_session_and_work(every_api: Api) -> None:
    """The session, its number, how often to call, and what was given at once."""
    every_api.post("/api/employees", json={"employee_id": "ana"})
    every_api.post("/tasks", json={"task_id": "t1", "title": "Look at it"})
    found = log_in(every_api.as_("technician", "ana"))
    assert set(found) == {
        *("person_id", "session", "fence", "heartbeat_seconds", "timeout_seconds", "paused", "assignments")
    }
    assert (found["person_id"], found["fence"], found["paused"]) == ("ana", 1, False)
    assert (found["heartbeat_seconds"], found["timeout_seconds"]) == (30, 90)
    [given] = found["assignments"]
    assert set(given) == ASSIGNMENT
    assert (given["ticket_id"], given["technician_id"], given["status"]) == ("t1", "ana", "accepted")
    assert given["accepted_at"] == given["assigned_at"]
    assert given["assigned_by"] == "engine"


def test_both_forms_of_the_address_answer(ana: Api) -> None:
    """With and without a slash at the end, without redirects."""
    assert ana.post("/personnel/login/", json={"person_id": "ana"}).status_code == 200
    assert ana.post("/personnel/ana/heartbeat/").status_code == 200


def test_logging_in_for_somebody_else_is_refused(ana: Api, planned: Api) -> None:
    """Only an admin may."""
    problem(ana.post("/personnel/login", json={"person_id": "bo"}), 403)
    assert log_in(planned, "bo")["person_id"] == "bo"


def test_a_planner_does_not_log_in(planned: Api) -> None:
    planner = planned.as_("planner")
    problem(planner.post("/personnel/login", json={"person_id": "ana"}), 403)
    problem(planner.post("/personnel/ana/heartbeat"), 403)
    problem(planner.post("/tasks/t0/complete"), 403)


def test_somebody_unknown_cannot_log_in(planned: Api) -> None:
    assert "'zoe'" in problem(planned.post("/personnel/login", json={"person_id": "zoe"}), 404)
    problem(planned.as_("technician", "zoe").post("/personnel/login", json={"person_id": "zoe"}), 404)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/person_id"), ({"person_id": "ana", "x": 1}, "/x"), ({"person_id": True}, "/person_id")],
)
def test_a_bad_log_in_names_the_field(planned: Api, body: object, pointer: str) -> None:
    answer = planned.post("/personnel/login", json=body)
    assert answer.status_code == 422
    assert pointers(answer) == [pointer]


def test_a_heartbeat_answers_as_the_log_in_did(ana: Api) -> None:
    assert ana.post("/personnel/ana/heartbeat").status_code == 409
    first = log_in(ana)
    again = ana.post("/personnel/ana/heartbeat", headers={"X-Session": first["session"]})
    assert again.json == first


def test_an_older_session_is_refused(ana: Api) -> None:
    """A second log-in ends the first session, whose calls change nothing any more."""
    old = {"X-Session": log_in(ana)["session"]}
    new = log_in(ana)
    assert new["fence"] == 2
    assert len(new["assignments"]) == 1
    task_id = new["assignments"][0]["ticket_id"]
    for path in ("heartbeat", "pause", "resume", "logout"):
        problem(ana.post(f"/personnel/ana/{path}", headers=old), 409)
    problem(ana.post(f"/tasks/{task_id}/complete", headers=old), 409)
    assert ana.post(f"/tasks/{task_id}/complete", headers={"X-Session": new["session"]}).status_code == 200


def test_completing_answers_with_what_comes_next(ana: Api) -> None:
    given = log_in(ana)["assignments"][0]
    answer = ana.post(f"/tasks/{given['ticket_id']}/complete")
    assert answer.status_code == 200
    assert set(answer.json) == {"completed", "next"}
    assert set(answer.json["completed"]) == set(answer.json["next"]) == ASSIGNMENT
    assert (answer.json["completed"]["id"], answer.json["completed"]["status"]) == (given["id"], "completed")
    assert answer.json["next"]["status"] == "accepted"
    again = ana.post(f"/tasks/{given['ticket_id']}/complete")
    assert again.status_code == 200
    assert again.json["completed"] == answer.json["completed"]


def test_the_last_completion_has_no_next(ana: Api) -> None:
    answer = {"next": log_in(ana)["assignments"][0]}
    for _ in range(3):
        answer = ana.post(f"/tasks/{answer['next']['ticket_id']}/complete").json
    assert answer["next"] is None


def test_whose_task_it_is_not_does_not_see_it(ana: Api, planned: Api) -> None:
    """404 for another technician, 409 with the status for an admin when nobody has it."""
    task_id = log_in(ana)["assignments"][0]["ticket_id"]
    problem(planned.as_("technician", "bo").post(f"/tasks/{task_id}/complete"), 404)
    problem(ana.post("/tasks/nothing/complete"), 404)
    waiting = next(t for t in ("t0", "t1", "t2") if t != task_id)
    problem(ana.post(f"/tasks/{waiting}/complete"), 404)
    refused = planned.post(f"/tasks/{waiting}/complete")
    assert "pending" in problem(refused, 409)
    assert refused.json["present_status"] == "pending"
    assert planned.post(f"/tasks/{task_id}/complete").status_code == 200


def test_what_was_cancelled_cannot_be_completed(ana: Api, planned: Api) -> None:
    given = log_in(ana)["assignments"][0]
    planned.post(f"/api/v1/assignments/{given['id']}/cancel", json={})
    refused = ana.post(f"/tasks/{given['ticket_id']}/complete")
    assert "cancelled" in problem(refused, 409)
    assert refused.json["present_status"] == "cancelled"


def test_logging_out_gives_the_work_back(ana: Api) -> None:
    given = log_in(ana)["assignments"][0]
    answer = ana.post("/personnel/ana/logout")
    assert answer.status_code == 200
    [released] = answer.json["released"]
    assert set(released) == ASSIGNMENT
    assert (released["id"], released["status"]) == (given["id"], "released")
    problem(ana.post("/personnel/ana/logout"), 409)
    problem(ana.post("/personnel/ana/heartbeat"), 409)


def test_a_pause_keeps_new_work_away(ana: Api, planned: Api) -> None:
    task_id = log_in(ana)["assignments"][0]["ticket_id"]
    assert ana.post("/personnel/ana/pause").json["paused"] is True
    assert ana.post(f"/tasks/{task_id}/complete").json["next"] is None
    resumed = ana.post("/personnel/ana/resume").json
    assert resumed["paused"] is False
    assert len(resumed["assignments"]) == 1
    problem(planned.as_("technician", "bo").post("/personnel/ana/pause"), 403)


def test_a_person_can_ask_whether_they_are_logged_in(ana: Api) -> None:
    assert ana.get("/personnel/ana/session").json == {"person_id": "ana", "session": None}
    given = log_in(ana)
    assert ana.get("/personnel/ana/session").json == {"person_id": "ana", "session": given}
    problem(ana.as_("admin").get("/personnel/nobody/session"), 404)


def test_the_status_lists_who_is_logged_in(ana: Api, planned: Api) -> None:
    """Name, signs of life, load and work of everybody who is there; technicians do not read it."""
    assert planned.as_("planner").get("/personnel/status").json == []
    given = log_in(ana)["assignments"]
    [person] = planned.as_("planner").get("/personnel/status").json
    assert set(person) == {
        *("person_id", "name", "is_logged_in", "is_busy", "last_heartbeat", "paused", "load", "current")
    }
    assert (person["person_id"], person["is_logged_in"], person["is_busy"]) == ("ana", True, True)
    assert (person["paused"], person["load"]) == (False, pytest.approx(2 / 40))
    ticket = {"id": given[0]["ticket_id"], "ticket_number": None, "title": "Task 0", "priority": "medium"}
    shown = {**given[0], "ticket": {**ticket, "scheduled_date": None}, "offer_expires_at": None}
    assert person["current"] == [shown]
    problem(ana.get("/personnel/status"), 403)


@pytest.mark.parametrize("path", ["/tasks/queue", "/api/v1/assignments/me", "/api/employees/ana", "/api/v1/events"])
def test_every_call_of_a_person_is_a_heartbeat(ana: Api, path: str) -> None:
    """Reading counts like everything else."""
    log_in(ana)
    silence(ana, "ana", timedelta(seconds=80))
    before = last_seen(ana, "ana")
    assert ana.get(path).status_code == 200
    assert last_seen(ana, "ana") > before


def test_reading_is_written_down_once_in_a_while(ana: Api) -> None:
    """A client that polls does not write each time."""
    log_in(ana)
    ana.get("/tasks/queue")
    silence(ana, "ana", timedelta(seconds=80))
    seen = last_seen(ana, "ana")
    ana.get("/tasks/queue")
    assert last_seen(ana, "ana") == seen


def test_only_the_open_session_is_kept_alive_by_reading(ana: Api, planned: Api) -> None:
    """Neither an older one nor somebody else's call counts; they are answered all the same."""
    old = log_in(ana)["session"]
    log_in(ana)
    silence(ana, "ana", timedelta(seconds=80))
    seen = last_seen(ana, "ana")
    assert ana.get("/tasks/queue", headers={"X-Session": old}).status_code == 200
    assert planned.as_("technician", "bo").get("/tasks/queue").status_code == 200
    assert planned.as_("planner", "ana").get("/tasks/queue").status_code == 200
    assert last_seen(ana, "ana") == seen


def test_signs_of_life_are_due_after_a_while() -> None:
    """Each session counts for itself."""
    now = [100.0]
    signs = SignsOfLife(5.0, lambda: now[0])
    assert signs.is_due("ana", None)
    assert not signs.is_due("ana", None)
    assert signs.is_due("ana", "s1")
    assert signs.is_due("bo", None)
    now[0] += 5.0
    assert signs.is_due("ana", None)

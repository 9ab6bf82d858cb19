"""The workflow of a quality control portal, step by step: log in, heartbeat, work, finish, next, silence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from assignment_engine.services.dispatch.cycle import Cycle
from assignment_engine.store.tables import cycles
from tests.web.conftest import Api
from tests.web.test_personnel import database_of, silence


@pytest.fixture
def portal(every_api: Api) -> Api:
    """The portal's own rule: the oldest pending task goes to whoever has been free longest."""
    assert every_api.put("/api/queues/default", json={"policy": "fifo"}).status_code == 200
    for person in ("1", "2"):
        assert (
            every_api.post("/api/employees", json={"employee_id": person, "name": f"Person {person}"}).status_code
            == 201
        )
    return every_api


def create(portal: Api, *task_ids: str) -> None:
    for task_id in task_ids:
        assert portal.post("/tasks", json={"task_id": task_id, "description": f"Check {task_id}"}).status_code == 201


def call(portal: Api, person: str, what: str):
    body = {"json": {"person_id": int(person)}} if what == "login" else {}
    path = "/personnel/login" if what == "login" else f"/personnel/{person}/{what}"
    answer = portal.as_("technician", person).post(path, **body)
    assert answer.status_code == 200, answer.json
    return answer.json


def statuses(portal: Api) -> dict[str, tuple[bool, bool]]:
    """Who is logged in and busy."""
    return {p["person_id"]: (p["is_logged_in"], p["is_busy"]) for p in portal.get("/personnel/status").json}


def queue(portal: Api) -> dict[str, tuple[str, str | None]]:
    """Status and person of every pending task and every task in progress."""
    return {t["task_id"]: (t["status"], t["assigned_to_id"]) for t in portal.get("/tasks/queue").json["items"]}


def scheduler(portal: Api) -> None:
    """One execution of the scheduler's loop, which has been running for long."""
    dispatcher = portal.app.extensions["assignment_engine"].engine.dispatcher
    Cycle(dispatcher).run()
    database_of(portal).run(lambda unit: unit.connection.execute(cycles.update().values(quiet_until=None)))
    Cycle(dispatcher).run()


def test_from_log_in_to_the_next_task(portal: Api) -> None:
    """Steps 1 to 5: the oldest task on log-in, the next one the moment that one is finished."""
    create(portal, "101", "102", "103")
    assert statuses(portal) == {}
    call(portal, "1", "login")
    assert statuses(portal) == {"1": (True, True)}
    assert queue(portal) == {"101": ("in_progress", "1"), "102": ("pending", None), "103": ("pending", None)}

    call(portal, "1", "heartbeat")
    done = portal.as_("technician", "1").post("/tasks/101/complete").json
    assert done["completed"]["completed_at"] is not None
    assert done["next"]["ticket_id"] == "102"
    assert queue(portal) == {"102": ("in_progress", "1"), "103": ("pending", None)}

    call(portal, "2", "login")
    assert queue(portal) == {"102": ("in_progress", "1"), "103": ("in_progress", "2")}
    assert portal.get("/tasks/101").json["status"] == "completed"


def test_a_free_person_gets_what_comes(portal: Api) -> None:
    """Whoever has been free longest gets the new task, without waiting for the loop."""
    call(portal, "2", "login")
    call(portal, "1", "login")
    assert statuses(portal) == {"1": (True, False), "2": (True, False)}
    create(portal, "101")
    assert queue(portal) == {"101": ("in_progress", "2")}
    create(portal, "102")
    assert queue(portal)["102"] == ("in_progress", "1")


def test_a_silent_person_is_logged_out(portal: Api) -> None:
    """Step 6: after 90 seconds of silence the scheduler logs out and puts the task back; the next one gets it."""
    create(portal, "101")
    call(portal, "1", "login")
    silence(portal, "1", timedelta(seconds=89))
    scheduler(portal)
    assert statuses(portal) == {"1": (True, True)}
    silence(portal, "1", timedelta(seconds=91))
    scheduler(portal)
    assert statuses(portal) == {}
    assert queue(portal) == {"101": ("pending", None)}
    assert portal.as_("technician", "1").post("/personnel/1/heartbeat").status_code == 409
    call(portal, "2", "login")
    assert queue(portal) == {"101": ("in_progress", "2")}


def test_logging_out_frees_the_task(portal: Api) -> None:
    create(portal, "101")
    call(portal, "1", "login")
    call(portal, "1", "logout")
    assert statuses(portal) == {}
    assert queue(portal) == {"101": ("pending", None)}


def test_every_assignment_stays_in_the_log(portal: Api) -> None:
    """Who had which task, from when until when; nothing is overwritten."""
    create(portal, "101")
    call(portal, "1", "login")
    call(portal, "1", "logout")
    call(portal, "2", "login")
    portal.as_("technician", "2").post("/tasks/101/complete")
    log = portal.get("/api/v1/assignments?ticket_id=101&sort=assigned_at").json["items"]
    assert [(a["technician_id"], a["status"]) for a in log] == [("1", "released"), ("2", "completed")]
    assert log[0]["completed_at"] is None
    assert log[1]["assigned_at"] <= log[1]["completed_at"]

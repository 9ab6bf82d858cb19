"""Queues and their settings, what waits, and work that is done again, by HTTP."""

from __future__ import annotations

import pytest

from tests.web.conftest import Api, pointers

DEFAULTS = {
    "name": "default",
    "mode": "push",
    "policy": "score",
    "offer_timeout_seconds": 120.0,
    "ageing_hours_per_level": 4.0,
    "max_wait_hours": 8.0,
    "window": 50,
    "people": 200,
    "relax": [],
    "wrap_up_seconds": 0.0,
    "triage_wait_seconds": 10.0,
    "preferred_wait_seconds": 60.0,
    "auto_assign": [],
    "effective_triage_wait_seconds": 0.0,
}


def put(api: Api, name: str = "default", **settings: object):
    answer = api.put(f"/api/queues/{name}", json=settings)
    assert answer.status_code == 200, answer.json
    return answer.json


def add(api: Api, task_id: str, **fields: object) -> dict:
    answer = api.post("/tasks", json={"task_id": task_id, "title": "Look at it", **fields})
    assert answer.status_code == 201
    return answer.json


def log_in(api: Api, person: str = "ana") -> list[str]:
    """What came at once."""
    answer = api.post("/personnel/login", json={"person_id": person})
    return [given["ticket_id"] for given in answer.json["assignments"]]


@pytest.fixture
def office(api: Api) -> Api:
    """Ana and Bo; nothing waits."""
    for person in ("ana", "bo"):
        assert api.post("/api/employees", json={"employee_id": person}).status_code == 201
    return api


def test_the_default_queue_is_always_there(every_api: Api) -> None:
    """With the documented defaults; nobody triages, so nobody waits for that."""
    assert every_api.get("/api/queues/default").json == DEFAULTS
    assert every_api.get("/api/queues").json["items"] == [DEFAULTS]
    assert every_api.get("/api/queues/vip").status_code == 404


def test_putting_makes_a_queue_and_keeps_what_is_not_sent(every_api: Api) -> None:
    made = put(every_api, "vip", mode="offer", window=7)
    assert made == {**DEFAULTS, "name": "vip", "mode": "offer", "window": 7}
    changed = put(every_api, "vip", policy="fifo")
    assert changed == {**made, "policy": "fifo"}
    assert every_api.get("/api/queues/vip").json == changed
    assert [queue["name"] for queue in every_api.get("/api/queues/").json["items"]] == ["default", "vip"]


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"mode": "later"}, "/mode"),
        ({"policy": "best"}, "/policy"),
        ({"window": 0}, "/window"),
        ({"window": "50"}, "/window"),
        ({"people": 1001}, "/people"),
        ({"offer_timeout_seconds": 0}, "/offer_timeout_seconds"),
        ({"max_wait_hours": -1}, "/max_wait_hours"),
        ({"relax": [{"after_seconds": 60, "factor": 1}]}, "/relax/0/factor"),
        ({"auto_assign": [{"action": "sometimes"}]}, "/auto_assign/0/action"),
        ({"auto_assign": [{"action": "push", "queue": "vip"}]}, "/auto_assign/0/queue"),
        ({"priority": "high"}, "/priority"),
        ({"name": "other"}, "/name"),
    ],
)
def test_bad_settings_name_the_field(api: Api, settings: object, pointer: str) -> None:
    answer = api.put("/api/queues/vip", json=settings)
    assert answer.status_code == 422
    assert pointers(answer) == [pointer]
    assert api.get("/api/queues/vip").status_code == 404


def test_stages_must_get_milder(api: Api) -> None:
    stages = [{"after_seconds": 60, "factor": 0.5}, {"after_seconds": 120, "factor": 0.8}]
    refused = api.put("/api/queues/default", json={"relax": stages})
    assert (refused.status_code, pointers(refused)) == (422, ["/relax"])
    assert refused.json["detail"] == "/relax: expected stages with rising after_seconds and falling factor"
    assert put(api, relax=stages[::-1][1:])["relax"] == stages[:1]


def test_only_admins_set_queues(api: Api) -> None:
    for role in ("technician", "planner"):
        somebody = api.as_(role, "ana")
        assert somebody.get("/api/queues").status_code == 403
        assert somebody.get("/api/queues/default").status_code == 403
        assert somebody.put("/api/queues/default", json={"mode": "off"}).status_code == 403


def test_the_waiting_list_is_in_the_order_of_dispatch(office: Api) -> None:
    """Pending work and work in progress, with who has it and for how long it has waited; nothing that is over."""
    put(office, window=1)
    assert office.put("/api/employees/ana", json={"name": "Ana B."}).status_code == 200
    for task_id, priority in (("low", "low"), ("high", "high"), ("urgent", "critical")):
        add(office, task_id, priority=priority)
    assert log_in(office) == ["urgent"]
    add(office, "over")
    page = office.as_("technician", "bo").get("/tasks/queue").json
    assert {"items", "total", "page", "limit"} <= set(page)
    found = {item["task_id"]: item for item in page["items"]}
    assert list(found) == ["urgent", "high", "over", "low"]
    assert [(t["status"], t["assigned_to_id"], t["assigned_to_name"]) for t in found.values()] == [
        ("in_progress", "ana", "Ana B."),
        *[("pending", None, None)] * 3,
    ]
    assert all(item["waiting_seconds"] >= 0 for item in found.values())
    assert office.post("/tasks/urgent/complete").status_code == 200
    assert "urgent" not in {item["task_id"] for item in office.get("/tasks/queue").json["items"]}


def test_the_waiting_list_has_pages_and_a_filter(office: Api) -> None:
    for number in range(5):
        add(office, f"t{number}", queue="vip" if number % 2 else "default")
    first = office.get("/tasks/queue?limit=2").json
    assert (first["total"], first["page"], first["limit"]) == (5, 1, 2)
    second = office.get(f"/tasks/queue?limit=2&after={first['next_after']}").json
    assert [item["task_id"] for item in first["items"] + second["items"]] == ["t0", "t1", "t2", "t3"]
    assert [item["task_id"] for item in office.get("/tasks/queue?queue=vip").json["items"]] == ["t1", "t3"]
    assert pointers(office.get("/tasks/queue?limit=0")) == ["/limit"]
    assert pointers(office.get("/tasks/queue?order=age")) == ["/order"]


def test_the_waiting_list_is_for_every_role_but_nobody_without_a_token(api: Api) -> None:
    for role in ("technician", "planner", "admin"):
        assert api.as_(role).get("/tasks/queue").status_code == 200
    assert api.nobody.get("/tasks/queue").status_code == 401


def test_in_a_queue_that_is_off_nothing_is_given_out(office: Api) -> None:
    put(office, mode="off")
    add(office, "t1")
    assert log_in(office) == []
    assert add(office, "t2")["assigned_to_id"] is None


def test_offers_are_accepted_within_a_time(office: Api) -> None:
    """In offer mode work waits for its person to say yes."""
    put(office, mode="offer")
    log_in(office)
    assert add(office, "t1")["status"] == "assigned"
    ana = office.as_("technician", "ana")
    [offer] = ana.get("/api/v1/assignments/me").json["items"]
    assert (offer["status"], offer["accepted_at"]) == ("offered", None)
    accepted = ana.post(f"/api/v1/assignments/{offer['id']}/accept").json
    assert accepted["status"] == "accepted"
    assert office.get("/tasks/t1").json["status"] == "in_progress"


def test_a_refused_offer_goes_to_somebody_else(office: Api) -> None:
    put(office, mode="offer")
    log_in(office, "ana")
    add(office, "t1")
    log_in(office, "bo")
    ana = office.as_("technician", "ana")
    [offer] = ana.get("/api/v1/assignments/me").json["items"]
    refused = ana.post(f"/api/v1/assignments/{offer['id']}/reject", json={"rejection_reason": "too far"})
    assert (refused.json["status"], refused.json["rejection_reason"]) == ("rejected", "too far")
    assert office.get("/tasks/t1").json["assigned_to_id"] == "bo"


def test_when_nobody_is_left_there_is_an_alert(office: Api) -> None:
    put(office, mode="offer")
    office.delete("/api/employees/bo")
    log_in(office)
    add(office, "t1")
    ana = office.as_("technician", "ana")
    [offer] = ana.get("/api/v1/assignments/me").json["items"]
    ana.post(f"/api/v1/assignments/{offer['id']}/reject", json={"rejection_reason": "too far"})
    [alert] = office.as_("planner").get("/api/v1/alerts").json["items"]
    assert set(alert) == {"id", "kind", "severity", "subject", "reason", "raised_at", "cleared_at"}
    assert (alert["kind"], alert["subject"], alert["cleared_at"]) == ("unassignable", "t1", None)
    assert ana.get("/api/v1/alerts").status_code == 403


def test_reopened_work_waits_again(office: Api) -> None:
    """A planner may; only what is completed can be."""
    add(office, "t1")
    planner = office.as_("planner")
    refused = planner.post("/tasks/t1/reopen")
    assert (refused.status_code, refused.json["present_status"]) == (409, "pending")
    log_in(office)
    office.post("/tasks/t1/complete")
    office.post("/personnel/ana/logout")
    assert office.as_("technician", "ana").post("/tasks/t1/reopen").status_code == 403
    reopened = planner.post("/tasks/t1/reopen")
    assert (reopened.status_code, reopened.json["status"]) == (200, "pending")
    assert [item["task_id"] for item in office.get("/tasks/queue").json["items"]] == ["t1"]
    assert planner.post("/tasks/nothing/reopen").status_code == 404


@pytest.mark.parametrize(
    ("rule", "mode", "given", "queue"),
    [
        ({"action": "push"}, "off", "in_progress", "default"),
        ({"action": "offer"}, "push", "assigned", "default"),
        ({"action": "none"}, "push", "in_progress", "default"),
        ({"action": "none"}, "off", "pending", "default"),
        ({"action": "queue", "queue": "vip"}, "push", "pending", "vip"),
        ({"action": "push", "category": "other"}, "off", "pending", "default"),
    ],
)
def test_rules_for_incoming_tickets(office: Api, rule: dict, mode: str, given: str, queue: str) -> None:
    """None leaves it to the mode of the queue, push and offer override it, queue puts it elsewhere."""
    put(office, "vip", mode="off")
    put(office, mode=mode, auto_assign=[rule])
    log_in(office)
    event = {
        "event_id": "e1",
        "event_type": "TicketCreated",
        "ticket_id": "t1",
        "title": "It leaks",
        "timestamp": "2026-03-02T09:00:00Z",
    }
    assert office.post("/api/v1/events", json=event).status_code == 202
    task = office.get("/tasks/t1").json
    assert (task["status"], task["queue"]) == (given, queue)


def test_a_busy_preferred_person_is_asked_first(office: Api) -> None:
    """An absent one is not waited for."""
    log_in(office, "bo")
    assert add(office, "t1", preferred_employee="ana")["assigned_to_id"] == "bo"
    log_in(office, "ana")
    assert add(office, "t2")["assigned_to_id"] == "ana"
    office.post("/tasks/t1/complete")
    assert add(office, "t3", preferred_employee="ana")["assigned_to_id"] is None
    done = office.as_("technician", "ana").post("/tasks/t2/complete").json
    assert done["next"]["ticket_id"] == "t3"


def test_waiting_tasks_say_how_long_they_will_wait(office: Api) -> None:
    """Ana has one task; the next ones wait for her, and one that she may not take for nobody who is there."""
    for task_id in ("t1", "t2", "t3"):
        add(office, task_id)
    log_in(office)
    add(office, "sql", minimum_levels={"sql": 0.5})
    page = office.as_("technician", "bo").get("/tasks/queue").json["items"]
    waits = {item["task_id"]: item["expected_wait_seconds"] for item in page}
    assert waits["t1"] is waits["sql"] is None
    assert 0 < waits["t2"]["p50"] <= waits["t3"]["p50"] < waits["t3"]["p90"]
    assert office.get("/tasks/t3").json["expected_wait_seconds"].keys() == {"p50", "p90"}


def test_alerts_are_found_by_kind_and_whether_they_stand(office: Api) -> None:
    database = office.app.extensions["assignment_engine"].engine.database
    for kind, subject in (("late", "t1"), ("late", "t2"), ("stuck", "t1")):
        database.run(lambda unit, k=kind, s=subject: unit.alerts.raise_(k, s, "look", unit.now()))
    database.run(lambda unit: unit.alerts.clear("late", ["t1"], unit.now(), "it is done"))

    def found(query: str) -> set[tuple[str, str]]:
        return {(alert["kind"], alert["subject"]) for alert in office.get(f"/api/v1/alerts?{query}").json["items"]}

    assert found("kind=late") == {("late", "t1"), ("late", "t2")}
    assert found("standing=true") == {("late", "t2"), ("stuck", "t1")}
    assert found("kind=late&standing=false") == {("late", "t1")}
    assert pointers(office.get("/api/v1/alerts?standing=perhaps")) == ["/standing"]

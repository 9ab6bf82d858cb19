"""Preview, finalize, and both at once."""

from __future__ import annotations

from typing import Any

import pytest

from assignment_engine.config import read_settings
from tests.databases import Servers
from tests.web.conftest import SECRET, Api, fill, pointers
from webapp import planning
from webapp.app import create_app


def previewed(api: Api, **body: Any) -> Any:
    response = api.post("/api/assignments/preview", json=body)
    assert response.status_code == 201, response.text
    return response.json


def test_preview_then_finalize(every_api: Api) -> None:
    """A planner's whole way; the second finalize answers what the first did."""
    fill(every_api)
    planner = every_api.as_("planner", "pia")
    response = planner.post("/api/assignments/preview", json={"method": "balanced", "weight": 0.5})
    preview = response.json
    assert preview is not None
    assert preview.keys() == {*("preview_id", "expires_at", "method", "scorer", "assignments", "unassigned", "report")}
    assert response.headers["Location"] == f"/api/assignments/preview/{preview['preview_id']}"
    assert planner.get(response.headers["Location"]).json == preview
    assert preview["expires_at"].endswith("Z")
    assert {a["task_id"] for a in preview["assignments"]} == {"t0", "t1", "t2"}
    assert preview["report"].keys() >= {"value", "bound", "gap", "total_score", "load_before", "load_after", "warnings"}
    first = planner.post(f"/api/assignments/finalize/{preview['preview_id']}")
    assert first.status_code == 200
    assert first.json is not None
    assert {(a["ticket_id"], a["technician_id"]) for a in first.json["assignments"]} == {
        (a["task_id"], a["employee_id"]) for a in preview["assignments"]
    }
    assert first.json["assignments"][0]["assigned_by"] == "pia"
    assert planner.post(f"/api/assignments/finalize/{preview['preview_id']}").json == first.json
    assert planner.get(f"/api/assignments/finalize/{preview['preview_id']}").json["result"] == first.json  # type: ignore[index]
    assert {task["status"] for task in planner.get("/tasks").json["items"]} == {"assigned"}  # type: ignore[index]


def test_inline_records_and_their_warnings(api: Api) -> None:
    """Records may be given with the plan; the defaults they use are counted; finalizing stores them."""
    preview = previewed(
        api,
        tasks=[{"task_id": "x", "title": "X", "estimated_hours": 1, "deadline": "2030-01-01T10:00:00"}],
        employees=[{"employee_id": "eve", "experience_years": 3}],
    )
    warnings = " ".join(preview["report"]["warnings"])
    assert all(word in warnings for word in ("priority", "max_workload", "deadline without a time zone"))
    assert api.post(f"/api/assignments/finalize/{preview['preview_id']}").status_code == 200
    assert api.get("/tasks/x").json["assigned_to_id"] == "eve"  # type: ignore[index]


def test_reasons_and_relaxations(planned: Api) -> None:
    (unassigned,) = previewed(planned, task_ids=["t0"], constraints={"minimum_levels": {"python": 1}})["unassigned"]
    assert {reason["code"] for reason in unassigned["reasons"]} == {"minimum_level"}
    (relaxation, *_) = unassigned["relaxations"]
    assert (relaxation["skill"], relaxation["from"], relaxation["to"]) == ("python", 1.0, 0.9)


@pytest.mark.parametrize("body", [{"task_ids": []}, {"tasks": []}, {"employee_ids": []}])
def test_an_empty_list_is_none(planned: Api, body: dict[str, object]) -> None:
    assert previewed(planned, **body)["assignments"] == []


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"task_ids": ["t0", "lost"]}, ["/task_ids/1"]),
        ({"employee_ids": ["lost"]}, ["/employee_ids/0"]),
        ({"task_ids": ["gone"], "employee_ids": ["ana", "lost"]}, ["/task_ids/0", "/employee_ids/1"]),
        ({"method": "magic"}, ["/method"]),
        ({"weight": 2}, ["/weight"]),
        ({"tasks": [{"title": "x"}]}, ["/tasks/0/task_id"]),
        ({"tasks": [{"task_id": "a"}, {"task_id": "b", "units": 0}]}, ["/tasks/1/units"]),
        ({"tasks": [{"task_id": "a"}, {"task_id": "a"}]}, ["/tasks/1/task_id"]),
        ({"employees": [{"employee_id": "a", "shoe": 1}]}, ["/employees/0/shoe"]),
        ({"constraints": {"max_assignments": -1}}, ["/constraints/max_assignments"]),
        ({"constraints": {"forbidden": [["t0", "ana"]], "required": [["t0", "ana"]]}}, ["/constraints/required"]),
        ({"surprise": 1}, ["/surprise"]),
    ],
)
def test_invalid_plans(planned: Api, body: dict[str, object], where: list[str]) -> None:
    response = planned.post("/api/assignments/preview", json=body)
    assert (response.status_code, pointers(response)) == (422, where)


def test_conflicts_are_shown_and_may_be_skipped(every_api: Api) -> None:
    fill(every_api)
    preview = previewed(every_api)
    every_api.put("/tasks/t1", json={"priority": "critical"})
    address = f"/api/assignments/finalize/{preview['preview_id']}"
    refused = every_api.post(address, json={"on_conflict": "refuse"})
    assert (refused.status_code, refused.content_type) == (409, "application/problem+json")
    (conflict,) = refused.json["conflicts"]  # type: ignore[index]
    assert (conflict["task_id"], conflict["reason"]) == ("t1", "changed")
    assert (conflict["before"], conflict["after"]) == ({"priority": "medium"}, {"priority": "critical"})
    skipped = every_api.post(address, json={"on_conflict": "skip"}).json
    assert skipped is not None
    assert ({a["ticket_id"] for a in skipped["assignments"]}, len(skipped["skipped"])) == ({"t0", "t2"}, 1)


def test_what_became_of_a_preview(planned: Api) -> None:
    """Before anybody finalizes it: who asked, and for what."""
    rules = {"forbidden": [["t0", "ana"]], "max_assignments": 2}
    preview = previewed(planned.as_("planner", "pia"), constraints=rules)
    outcome = planned.get(f"/api/assignments/finalize/{preview['preview_id']}").json
    assert outcome is not None
    assert outcome.keys() == {"preview_id", "created_at", "created_by", "constraints", "result"}
    assert (outcome["created_by"], outcome["result"]) == ("pia", None)
    assert {name: outcome["constraints"][name] for name in rules} == rules
    assert planned.get("/api/assignments/finalize/lost").status_code == 404


def test_finalize_needs_a_preview(api: Api) -> None:
    assert api.post("/api/assignments/finalize/lost").status_code == 404
    assert api.get("/api/assignments/preview/lost").status_code == 404
    response = api.post("/api/assignments/finalize/lost", json={"on_conflict": "ignore"})
    assert (response.status_code, pointers(response)) == (422, ["/on_conflict"])


def test_expired(servers: Servers) -> None:
    """A preview that can be finalized for one second is gone after two."""
    with servers["sqlite"].migrated() as url:
        app = create_app(read_settings(database_url=url, jwt_secret=SECRET, preview_ttl_seconds=1))
        api = Api(app)
        preview = previewed(api)
        while (status := api.post(f"/api/assignments/finalize/{preview['preview_id']}").status_code) == 200:
            pass
        app.extensions["assignment_engine"].engine.database.dispose()
    assert status == 410


def test_pipeline_previews_or_finalizes(planned: Api) -> None:
    planner = planned.as_("planner", "pia")
    preview = planner.post("/api/trigger_pipeline", json={"task_ids": ["t0"]})
    assert (preview.status_code, preview.json["assignments"][0]["task_id"]) == (200, "t0")  # type: ignore[index]
    assert planner.get("/tasks/t0").json["status"] == "pending"  # type: ignore[index]
    done = planner.post("/api/trigger_pipeline", json={"task_ids": ["t0"], "finalize": True})
    assert (done.status_code, done.json["assignments"][0]["ticket_id"]) == (200, "t0")  # type: ignore[index]
    assert planner.get("/tasks/t0").json["status"] == "assigned"  # type: ignore[index]


def test_many_pairs_are_planned_in_the_background_only(planned: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MOST_PAIRS_AT_ONCE", 5)
    response = planned.post("/api/trigger_pipeline", json={})
    assert (response.status_code, pointers(response)) == (422, ["/async"])
    assert "6 pairs" in response.text
    assert planned.post("/api/trigger_pipeline", json={"async": True}).status_code == 202
    assert planned.post("/api/assignments/preview", json={}).status_code == 201


def test_the_optimal_method_within_a_time_budget(api: Api) -> None:
    fill(api)
    plan = previewed(api.as_("planner", "pia"), method="optimal", time_budget_seconds=2)
    greedy = previewed(api.as_("planner", "pia"), method="greedy")
    assert plan["method"] == "optimal"
    assert greedy["report"]["value"] <= plan["report"]["value"] + 1e-9
    assert plan["report"]["value"] <= plan["report"]["bound"]


def test_the_optimal_method_with_another_objective(api: Api) -> None:
    fill(api)
    plan = previewed(api.as_("planner", "pia"), method="optimal", objective="score", mandatory=True)
    assert plan["report"]["objective"] == "score"
    assert plan["report"]["value"] == pytest.approx(plan["report"]["total_score"])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"method": "greedy", "objective": "score"}, "/objective"),
        ({"mandatory": True}, "/mandatory"),
        ({"method": "optimal", "objective": "cost"}, "/objective"),
        ({"method": "optimal", "mandatory": "yes"}, "/mandatory"),
    ],
)
def test_an_objective_that_the_method_does_not_know_is_refused(api: Api, body: dict[str, object], pointer: str) -> None:
    planner = api.as_("planner", "pia")
    for path in ("/api/assignments/preview", "/api/trigger_pipeline"):
        response = planner.post(path, json=body)
        assert (response.status_code, pointers(response)) == (422, [pointer])


@pytest.mark.parametrize("seconds", [0, -1, "5", 1e9])
def test_a_time_budget_that_cannot_be_kept_is_refused(api: Api, seconds: object) -> None:
    response = api.as_("planner", "pia").post(
        "/api/assignments/preview", json={"method": "optimal", "time_budget_seconds": seconds}
    )
    assert response.status_code == 422
    assert pointers(response) == ["/time_budget_seconds"]

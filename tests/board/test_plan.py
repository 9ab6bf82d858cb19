"""The view Plan: from a preview to rows of the database, by hand, with others changing things meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from tests.board.conftest import Board, picture, served

expect.set_options(timeout=15_000)  # the first plan of a process loads the model

ASSIGNED = "Tasks with the person who would do each"
NOBODY = "Tasks that nobody would do"


def made_plan(page: Page) -> Locator:
    """The table of a plan that is made with what is asked; its first row is that of the heads."""
    page.get_by_role("button", name=re.compile("Make a plan|Plan again")).click()
    table = page.get_by_role("grid", name=ASSIGNED)
    expect(table.get_by_role("row").nth(1)).to_be_visible(timeout=30_000)
    return table


def preview_of(board: Board, page: Page) -> dict[str, Any]:
    """What the API knows of the plan in the address."""
    (preview_id,) = re.findall(r"#/plan/([\w-]+)$", page.url)
    preview = board.api.get(f"/api/assignments/preview/{preview_id}").json
    outcome = board.api.get(f"/api/assignments/finalize/{preview_id}").json
    assert preview is not None
    assert outcome is not None
    return {**preview, "outcome": outcome}


def pairs(preview: dict[str, Any]) -> dict[str, str]:
    return {row["task_id"]: row["employee_id"] for row in preview["assignments"]}


def name_of(board: Board, employee_id: str) -> str:
    return str(board.api.get(f"/api/employees/{employee_id}").json["name"])  # type: ignore[index]


def test_from_a_preview_to_the_database(board: Board, size: str, accessible: Callable[[Page], None]) -> None:
    """A planner plans everything, reads why, and makes it real; the rows are there, and so are the links."""
    page = board.signed_in("planner", view="plan", size=size)
    expect(page.get_by_role("button", name="Tasks All 30 pending tasks")).to_be_visible()
    table = made_plan(page)
    planned = preview_of(board, page)
    expect(page.get_by_role("tab", name=f"With a person ({len(planned['assignments'])})")).to_be_visible()
    table.get_by_role("row").nth(1).press("Enter")
    expect(
        page.get_by_role("heading", name=f"Why {name_of(board, planned['assignments'][0]['employee_id'])}")
    ).to_be_visible()
    expect(page.get_by_text("In log-odds, which add up")).to_be_visible()
    expect(page.get_by_text("Scores at the loads of the start")).to_be_visible()
    accessible(page)
    page.evaluate("scrollTo(0, 160)")
    picture(page, "plan", size)
    if size == "phone":
        page.get_by_role("button", name="Close").click()
    else:
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", name="Why")).to_have_count(0)
    expect(table.get_by_role("row").nth(1)).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("no such task or person")
    expect(page.get_by_text("Nothing is found")).to_be_visible()
    page.keyboard.press("Escape")
    expect(table.get_by_role("row").nth(1)).to_be_focused()
    page.get_by_role("button", name="Make it real").click()
    page.get_by_role("button", name=f"Assign {len(planned['assignments'])} tasks").click()
    expect(page.get_by_role("heading", name="What was made")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    with board.database.read() as unit:
        made = {
            a.task_id: a.employee_id for a in unit.assignments.list(limit=200).items if a.assigned_by == "the-planner"
        }
    assert made == pairs(planned)
    page.reload()  # the address knows what became of the plan
    page.get_by_role("grid", name="Assignments that were made").get_by_role("row").nth(1).press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("assign by the-planner")
    expect(page.get_by_role("link", name="The record")).to_have_attribute("href", re.compile("^/api/v1/assignments/"))


def add_welding(board: Board, hours: float) -> None:
    """A task of six hours that only Wil may do."""
    wil = {"employee_id": "wil", "name": "Wil", "skills": {"welding": 1}, "experience_years": 3, "max_workload": hours}
    task = {"task_id": "weld", "title": "Weld the gate", "minimum_levels": {"welding": 0.5}, "estimated_hours": 6}
    assert board.api.post("/api/employees", json=wil).status_code == 201
    assert board.api.post("/tasks", json=task).status_code == 201


def capacity_of(board: Board, employee_id: str) -> float:
    with board.database.read() as unit:
        return unit.employees.get(employee_id).max_workload


def test_a_relaxation_with_one_click_places_the_task(board: Board) -> None:
    """Hours are given to the person's record by an admin, the others keep what they have, and it can be taken back."""
    add_welding(board, hours=4)
    page = board.signed_in("planner", view="plan")
    made_plan(page)
    page.get_by_role("tab", name="Nobody").click()
    refused = page.get_by_role("grid", name=NOBODY).get_by_role("row").filter(has_text="Weld the gate")
    expect(refused).to_contain_text("+2 h for Wil")
    expect(refused.get_by_role("button")).to_have_count(0)
    page = board.signed_in("admin", view=page.url.partition("#/")[2])
    page.get_by_role("tab", name="Nobody").click()
    before = preview_of(board, page)
    page.get_by_role("button", name="+2 h for Wil").click()
    expect(page.get_by_text("Unlike the plan before: 1 task more with a person.")).to_have_count(2, timeout=30_000)
    assert pairs(preview_of(board, page)) == {**pairs(before), "weld": "wil"}
    assert capacity_of(board, "wil") == 6
    page.get_by_role("region", name="This plan").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="+2 h for Wil")).to_be_visible()
    assert capacity_of(board, "wil") == 4


def test_a_minimum_that_nobody_comes_near_can_be_dropped(board: Board) -> None:
    """Under the name that the task gives it, not the one that all names of the skill lead to."""
    task = {"task_id": "parts", "title": "Name the parts", "minimum_levels": {"nlp": 0.5}, "estimated_hours": 1}
    assert board.api.post("/tasks", json=task).status_code == 201
    page = board.signed_in("admin", view="plan")
    made_plan(page)
    page.get_by_role("tab", name="Nobody").click()
    page.get_by_role("button", name="Drop the minimum of nlp").click()
    expect(page.get_by_text("Unlike the plan before: 1 task more with a person.")).to_have_count(2, timeout=30_000)
    with board.database.read() as unit:
        assert unit.tasks.get("parts").minimum_levels == {}


def test_excluding_giving_and_swapping_plan_again(board: Board) -> None:
    page = board.signed_in(view="plan")
    table = made_plan(page)
    first = preview_of(board, page)
    task, person = first["assignments"][0]["task_id"], first["assignments"][0]["employee_id"]
    table.get_by_role("row").nth(1).click()
    page.get_by_role("button", name=f"Not {name_of(board, person)}").click()
    expect(page.get_by_text(re.compile("^Unlike the plan before")).first).to_be_visible(timeout=30_000)
    second = preview_of(board, page)
    assert second["outcome"]["constraints"]["forbidden"] == [[task, person]]
    assert pairs(second).get(task) != person
    page.keyboard.press("u")
    expect(page).to_have_url(re.compile(first["preview_id"]))
    other = next(row for row in first["assignments"] if row["employee_id"] != person)
    table.get_by_role("row").nth(1).click()
    page.get_by_role("button", name="Swap…").click()
    table.get_by_role("row").nth(1 + first["assignments"].index(other)).press("Enter")
    expect(page.get_by_text("Swapped").first).to_be_visible()
    expect(page).not_to_have_url(re.compile(first["preview_id"]), timeout=30_000)
    third = preview_of(board, page)
    swapped = {(task, other["employee_id"]), (other["task_id"], person)}
    assert {tuple(pair) for pair in third["outcome"]["constraints"]["required"]} == swapped
    assert swapped <= set(pairs(third).items())


def test_what_changed_meanwhile_is_shown_and_skipped(board: Board, accessible: Callable[[Page], None]) -> None:
    board.expect_refusals(409)
    page = board.signed_in("planner", view="plan")
    made_plan(page)
    planned = pairs(preview_of(board, page))
    changed, taken, *_ = planned
    assert board.api.put(f"/tasks/{changed}", json={"priority": "low", "estimated_hours": 0.5}).status_code == 200
    somebody_else = next(who for who in planned.values() if who != planned[taken])
    by_hand = {"ticket_id": taken, "technician_id": somebody_else, "allow_overload": True}
    assert board.api.post("/api/v1/assignments", json=by_hand).status_code == 201
    page.get_by_role("button", name="Make it real").click()
    page.get_by_role("button", name=re.compile("^Assign")).click()
    dialog = page.get_by_role("dialog", name="Something changed meanwhile")
    expect(dialog.locator("ins").filter(has_text="low")).to_be_visible()
    expect(dialog).to_contain_text("Somebody has it already")
    accessible(page)
    dialog.get_by_role("button", name=re.compile("^Skip ")).click()
    expect(page.get_by_role("heading", name="What was skipped")).to_be_visible()
    result = preview_of(board, page)["outcome"]["result"]
    skipped = {conflict["task_id"] for conflict in result["skipped"]}
    assert {changed, taken} <= skipped
    with board.database.read() as unit:
        made = {a.task_id: a.employee_id for a in unit.assignments.list(limit=200).items if a.method == "greedy"}
    assert made == {task: who for task, who in planned.items() if task not in skipped}


def test_methods_are_compared_on_what_is_chosen(board: Board, accessible: Callable[[Page], None]) -> None:
    """With one method after the other on the urgent tasks; the one with the highest value is used."""
    page = board.signed_in("planner", view="plan")
    page.get_by_role("button", name="Tasks All 30 pending tasks").click()
    page.get_by_label("Priority").select_option("high")
    expect(page.get_by_role("grid", name="Pending tasks").get_by_role("row").nth(2)).to_contain_text("high")
    page.get_by_role("grid", name="Pending tasks").get_by_role("row").nth(1).press("Space")
    accessible(page)
    page.get_by_role("button", name=re.compile("^Use these ")).click()
    page.get_by_role("radio", name="Optimal").check()
    page.get_by_label("At most (seconds)").fill("1")
    page.get_by_role("button", name="Compare the methods").click()
    card = page.get_by_role("region", name="Optimal")
    card.get_by_role("button", name="Use optimal").click(timeout=60_000)
    expect(card).to_contain_text("Shown below")
    expect(card).to_contain_text("Unevenness of load")
    accessible(page)
    found = preview_of(board, page)
    high = board.api.get("/tasks?status=pending&priority=high").json
    assert high is not None
    assert (found["method"], len(found["assignments"]) + len(found["unassigned"])) == ("optimal", high["total"] - 1)


def test_a_plan_that_has_expired(organisation: Path, browser: Browser, tmp_path: Path) -> None:
    """The page says so by itself; where its clock is behind, the refusal does."""
    (tmp_path / "board.db").write_bytes(organisation.read_bytes())
    with served(f"sqlite:///{tmp_path / 'board.db'}", browser, tmp_path / "data", preview_ttl_seconds=1) as board:
        board.expect_refusals(410)
        page = board.signed_in("planner", view="plan")
        page.clock.set_fixed_time("2020-01-01")
        made_plan(page)
        page.wait_for_timeout(1100)
        page.get_by_role("button", name="Make it real").click()
        page.get_by_role("button", name=re.compile("^Assign")).click()
        expect(page.get_by_role("dialog")).to_contain_text("This plan has expired")
        page.get_by_role("button", name="Go back").click()
        page.clock.set_system_time("2100-01-01")
        expect(page.get_by_role("region", name="This plan")).to_contain_text("This plan has expired")
        board.close()
        assert board.errors() == []


def test_who_may_not_and_what_is_not_there(board: Board) -> None:
    board.expect_refusals(404)
    expect(board.signed_in("technician", "emp-001", view="plan").get_by_role("alert")).to_contain_text(
        "planner and admin"
    )
    page = board.signed_in("planner", view="plan/lost")
    expect(page.get_by_role("alert")).to_contain_text("This plan is no longer kept")
    expect(page.get_by_role("button", name="Make a plan")).to_be_visible()

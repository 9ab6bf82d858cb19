"""Now: what waits, who is there, what asks for attention, and how fresh that is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from playwright.sync_api import Browser, Page, expect

from assignment_engine.domain.records import Task
from assignment_engine.domain.types import Priority
from tests.board.conftest import Board, picture, served
from webapp.streams import Streams

MANY = 3000


def log_in(board: Board, person: str) -> list[str]:
    """Log a person in, who has room for more; what they are given at once."""
    assert board.api.put(f"/api/employees/{person}", json={"max_workload": 80}).status_code == 200
    presence: Any = board.api.post("/personnel/login", json={"person_id": person}).json
    return [assignment["ticket_id"] for assignment in presence["assignments"]]


def raise_alert(board: Board, subject: str) -> None:
    with board.database.unit() as unit:
        unit.alerts.raise_("unassignable", subject, "nobody is left who may do it", unit.now())
        unit.commit()


def test_everything_at_a_glance(board: Board, size: str, accessible: Callable[[Page], None]) -> None:
    """The queue in the order of dispatch, the people with presence, load and task, alerts, and the latency."""
    for number in range(1, 6):
        log_in(board, f"emp-00{number}")
    board.api.post("/personnel/emp-005/pause")
    first = board.api.get("/tasks/queue").json["items"][0]  # type: ignore[index]
    waiting = [t for t in board.api.get("/tasks/queue").json["items"] if t["status"] == "pending"]  # type: ignore[index]
    raise_alert(board, waiting[0]["task_id"])
    page = board.signed_in("planner", view="now", size=size)
    queue = page.get_by_role("grid", name="Tasks that wait")
    expect(queue.locator('[data-row="0"]')).to_contain_text(first["title"])
    expect(queue.locator('[data-row="0"]')).to_contain_text(first["assigned_to_name"] or "nobody yet")
    figures = page.locator(".figures")
    expect(figures).to_contain_text(f"Waiting{len(waiting)}")
    expect(figures).to_contain_text("People here5")
    expect(figures).to_contain_text(re.compile(r"Time to find a person(\d+ ms|\d+\.\d s)95 % within"))
    people = page.get_by_role("grid", name="People who are logged in")
    expect(people.get_by_text("paused")).to_have_count(1)
    expect(people.get_by_text("working")).to_have_count(4)
    accessible(page)
    picture(page, "now", size)
    page.get_by_role("region", name="Alerts").get_by_role("button", name=waiting[0]["task_id"]).click()
    dialog = page.get_by_role("dialog", name=waiting[0]["title"])
    expect(dialog).to_contain_text("Who could take it now")
    expect(dialog.get_by_text("Loading")).to_have_count(0)
    if size == "phone":
        accessible(page)
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="Everyone").check()
    expect(page.get_by_role("grid", name="Everyone")).to_have_attribute("aria-rowcount", "15")


def test_giving_work_by_hand_and_taking_it_back(board: Board, accessible: Callable[[Page], None]) -> None:
    """An admin gives a task to somebody who is not even there; a planner takes it back."""
    waiting = board.api.get("/tasks/queue").json["items"][0]  # type: ignore[index]
    task_id = waiting["task_id"]
    said = {"content": "It happens every Monday.\nAlways."}
    assert board.api.post(f"/tasks/{task_id}/conversations", json=said).status_code == 201
    page = board.signed_in(view="now")
    page.locator('[data-row="0"]').first.click()
    dialog = page.get_by_role("dialog", name=waiting["title"])
    expect(dialog).to_contain_text("It happens every Monday.")
    dialog.get_by_role("button", name="Give it to somebody").click()
    accessible(page)
    dialog.get_by_role("button", name="Give it to ").first.click()
    expect(page.locator(".sayings")).to_contain_text("has it now")
    given = board.api.get(f"/tasks/{task_id}").json
    assert given["status"] == "assigned"  # type: ignore[index]
    expect(dialog.get_by_role("button", name="Take it back")).to_be_visible()

    planner = board.signed_in("planner", view="now")
    board.api.post(f"/api/v1/assignments/{assignment_of(board, task_id)}/accept")
    planner.get_by_role("button", name="Read again now").click()
    planner.get_by_title(f"{waiting['title']} ({task_id})").click()
    ended = planner.get_by_role("dialog", name=waiting["title"])
    ended.get_by_role("button", name="Take it back").click()
    planner.get_by_role("dialog", name="Take the task back").get_by_role("button", name="Take it back").click()
    expect(planner.get_by_text("Please say why.")).to_be_visible()
    planner.get_by_label("Why?").fill("is ill")
    planner.get_by_role("dialog", name="Take the task back").get_by_role("button", name="Take it back").click()
    expect(planner.locator(".sayings")).to_contain_text("taken back")
    expect(ended).to_contain_text("Who could take it now")
    expect(ended.get_by_role("button", name="Give it to somebody")).to_have_count(0)
    assert board.api.get(f"/tasks/{task_id}").json["status"] == "pending"  # type: ignore[index]


def assignment_of(board: Board, task_id: str) -> str:
    (found,) = board.api.get(f"/api/v1/assignments?ticket_id={task_id}").json["items"]  # type: ignore[index]
    return str(found["id"])


def test_what_happens_is_there_at_once(board: Board) -> None:
    """An event is enough, without the page's looking again by itself."""
    (given,) = log_in(board, "emp-001")
    page = board.signed_in(view="now")
    working = page.get_by_role("grid", name="People who are logged in")
    expect(working).to_contain_text("working")
    board.hears_events_only(page)
    board.api.post("/personnel/emp-001/pause")
    assert board.api.post(f"/tasks/{given}/complete").status_code == 200
    raise_alert(board, "task-1")
    board.numbered()
    expect(working).to_contain_text("paused")
    expect(page.locator(".sayings")).to_contain_text("nobody is left")


def test_a_lost_connection_is_said_and_found_again(board: Board) -> None:
    """What was read stays in view with its age, until the server answers again."""
    board.expect_no_answer()
    page = board.signed_in(view="now")
    expect(page.locator(".freshness")).to_contain_text("Live")
    page.context.set_offline(True)
    page.get_by_role("button", name="Read again now").click()
    expect(page.locator(".stale")).to_contain_text("The connection dropped at")
    expect(page.locator(".stale")).to_contain_text("as of")
    expect(page.locator('[data-row="0"]').first).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try now").click()
    expect(page.locator(".freshness")).to_contain_text("Live")
    expect(page.locator(".stale")).to_have_count(0)


def test_without_a_stream_the_page_looks_by_itself(board: Board) -> None:
    board.expect_refusals(503)
    none_free = BoundedSemaphore(1)
    none_free.acquire()
    known = board.api.app.extensions["assignment_engine"]
    board.api.app.extensions["assignment_engine"] = replace(known, streams=Streams(free=none_free))
    page = board.signed_in(view="now")
    expect(page.locator(".freshness")).to_contain_text("Looking every few seconds")
    log_in(board, "emp-001")
    expect(page.locator(".figures")).to_contain_text("People here1")


def test_thousands_of_tasks(board: Board) -> None:
    """Rows exist where one looks, pages are read where one goes, and the keyboard reaches the last one."""
    tasks = [Task(task_id=f"m-{n:05}", title=f"Many {n}", priority=Priority.LOW) for n in range(MANY)]
    with board.database.unit() as unit:
        unit.tasks.add(tasks, datetime.now(UTC))
        unit.commit()
    page = board.signed_in(view="now")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/tasks/queue" in request.url else None)
    queue = page.get_by_role("grid", name="Tasks that wait")
    expect(queue).to_have_attribute("aria-rowcount", str(MANY + 31))
    queue.locator('[data-row="0"]').focus()
    page.keyboard.press("ArrowDown")
    expect(queue.locator('[data-row="1"]')).to_be_focused()
    page.keyboard.press("End")
    last = queue.locator(f'[data-row="{MANY + 29}"]')
    expect(last).to_be_focused()
    expect(last).to_contain_text(re.compile("Many|[a-z]"))
    assert queue.get_by_role("row").count() < 80
    assert len(asked) < 8
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(last).to_be_focused()


def test_nothing_is_there(browser: Browser, tmp_path: Path) -> None:
    """An empty installation says what to do."""
    with served(f"sqlite:///{tmp_path / 'empty.db'}", browser, tmp_path) as board:
        page = board.signed_in(view="now")
        for text in ("Nothing waits", "Nothing asks for attention", "There are no people yet"):
            expect(page.get_by_text(text, exact=True)).to_be_visible()
        assert board.errors() == []


def test_refusals_are_shown_in_the_words_of_the_api(browser: Browser, organisation: Path, tmp_path: Path) -> None:
    with served(f"sqlite:///{tmp_path / 'empty.db'}", browser, tmp_path, rate_limit="1/hour") as board:
        board.expect_refusals(429)
        page = board.signed_in(view="now")
        expect(page.get_by_role("alert").first).to_contain_text("at most 1 per 1 hour are answered")
        expect(page.get_by_role("alert").first.get_by_role("button", name="Try again")).to_be_visible()
        assert board.errors() == []


def test_a_technician_may_not_look(board: Board) -> None:
    page = board.signed_in("technician", "emp-001", view="now")
    expect(page.get_by_role("alert")).to_contain_text("this view is for planner and admin")

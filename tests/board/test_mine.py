"""My work: a technician's day, from the page to the database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from assignment_engine.domain.assignments import Assignment
from tests.board.conftest import Board, picture, served

ME = "emp-001"


def assignments(board: Board) -> dict[str, Assignment]:
    """What the database holds of this technician, by task."""
    with board.database.read() as unit:
        return {a.task_id: a for a in unit.assignments.list(employee_id=ME, limit=50).items}


def assign(board: Board, task: str) -> None:
    body = {"ticket_id": task, "technician_id": ME, "allow_overload": True}
    assert board.api.post("/api/v1/assignments", json=body).status_code == 201


def pending(board: Board) -> list[dict[str, Any]]:
    found: Any = board.api.get("/tasks?status=pending&limit=200").json
    return list(found["items"])


def test_a_day(board: Board, size: str, accessible: Callable[[Page], None]) -> None:
    """Log in, get work, complete it and get the next one in the same breath, pause, resume, log out."""
    board.api.put(f"/api/employees/{ME}", json={"max_workload": 80})
    page = board.signed_in("technician", ME, size=size)
    expect(page.get_by_text("Log in to be given work.")).to_be_visible()
    page.get_by_role("button", name="Log in for work").click()
    job = page.locator(".job")
    expect(job).to_have_count(1)
    (first,) = assignments(board)
    accessible(page)
    picture(page, "my-work", size)
    job.get_by_role("button", name="Complete").click()
    if size == "phone":
        accessible(page)
    page.get_by_role("button", name="Yes, it is done").click()
    expect(page.locator(".sayings")).to_contain_text("The next one is here")
    expect(page.get_by_role("region", name="Lately")).to_contain_text("completed")
    after = assignments(board)
    assert (len(after), after[first].status, after[first].assigned_by) == (2, "completed", "engine")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("No new work comes until you resume")).to_be_visible()
    assert board.api.get("/personnel/status").json[0]["paused"] is True  # type: ignore[index]
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("dialog").get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are not logged in")).to_be_visible()
    assert {a.status for a in assignments(board).values()} == {"completed", "released"}


def test_planned_work_comes_without_reload_and_is_accepted_or_rejected(board: Board) -> None:
    page = board.signed_in("technician", ME)
    expect(page.get_by_text("Nothing to do at the moment")).to_be_visible()
    board.hears_events_only(page)
    one, other = (task["task_id"] for task in pending(board)[:2])
    assign(board, one)
    board.numbered()
    job = page.locator(".job")
    expect(job).to_have_count(1)
    expect(page.locator(".sayings")).to_contain_text("New job")
    expect(page).to_have_title("(1) My work · assignment-engine")
    job.get_by_role("button", name="Reject").click()
    page.get_by_role("dialog").get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Please say why.")).to_be_visible()
    page.get_by_label("Why not?").fill("I am on the other side of town")
    page.get_by_role("dialog").get_by_role("button", name="Reject").click()
    expect(job).to_have_count(0)
    rejected = assignments(board)[one]
    assert (rejected.status, rejected.rejection_reason) == ("rejected", "I am on the other side of town")
    assign(board, other)
    board.numbered()
    job.get_by_role("button", name="Accept").click()
    expect(job).to_contain_text("Begun")
    job.get_by_role("button", name="It cannot be done").click()
    page.get_by_label("What is in the way?").fill("no parts")
    page.get_by_role("button", name="End as failed").click()
    expect(job).to_have_count(0)
    assert assignments(board)[other].status == "failed"


def test_an_offer_shows_how_long_it_stands(board: Board) -> None:
    board.api.put("/api/queues/default", json={"mode": "offer", "offer_timeout_seconds": 600})
    board.placed()
    board.api.put(f"/api/employees/{ME}", json={"max_workload": 80})
    page = board.signed_in("technician", ME)
    page.get_by_role("button", name="Log in for work").click()
    expect(page.get_by_text("min left to accept")).to_be_visible()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("button", name="Complete")).to_be_visible()
    assert [a.status for a in assignments(board).values()] == ["accepted"]


def test_signs_of_life_and_their_end(browser: Browser, organisation: Path, tmp_path: Path) -> None:
    """The page keeps the session alive; when another device takes it over, the page says so."""
    (tmp_path / "board.db").write_bytes(organisation.read_bytes())
    url = f"sqlite:///{tmp_path / 'board.db'}"
    with served(url, browser, tmp_path, session_timeout_seconds=2) as board:
        board.expect_refusals(409)
        page = board.signed_in("technician", ME)
        beats: list[int] = []
        page.on("response", lambda answer: beats.append(answer.status) if "/heartbeat" in answer.url else None)
        page.get_by_role("button", name="Log in for work").click()
        expect(page.get_by_text("You are logged in")).to_be_visible()
        page.wait_for_event("response", lambda answer: "/heartbeat" in answer.url)
        board.api.post("/personnel/login", json={"person_id": ME})
        expect(page.get_by_text("You were logged out")).to_be_visible()
        assert beats[0] == 200
        assert beats[-1] == 409
        assert board.errors() == []


def test_others_are_told_what_it_is_for(board: Board, accessible: Callable[[Page], None]) -> None:
    page = board.signed_in("admin", view="mine")
    expect(page.get_by_text("This is where a technician works")).to_be_visible()
    accessible(page)

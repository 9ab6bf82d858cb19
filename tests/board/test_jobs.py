"""Jobs and data in a real browser: a file is sent, checked by a worker, and its results are fetched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import update

from assignment_engine.store.tables import job_records
from tests.board.conftest import Board, picture
from webapp.background import working

ROWS = ["task_id,title,required_skills,estimated_hours,priority", *(f"n{i},Work {i},,2,low" for i in range(12))]
CONTENT = "\n".join([*ROWS, "n3,Work 3,,2,low", "n90,No estimate,,,low"]) + "\n"


def send(page: Page, name: str = "new-tasks.csv", content: str = CONTENT) -> None:
    page.locator(".jobs-drop input").set_input_files({"name": name, "mimeType": "text/csv", "buffer": content.encode()})
    page.get_by_role("button", name="Check it").click()


def test_from_the_file_to_its_results(
    board: Board, size: str, accessible: Callable[[Page], None], tmp_path: Path
) -> None:
    """What was found is told, and the cleaned file can be fetched."""
    page = board.signed_in("admin", view="jobs", size=size)
    expect(page.get_by_text("No job yet")).to_be_visible()
    with working(board.api.app):
        send(page)
        page.locator('[data-row="0"]').get_by_text("completed").wait_for(timeout=60_000)
        picture(page, "jobs", size)
        accessible(page)
        page.locator('[data-row="0"]').click()
        dialog = page.get_by_role("dialog", name="new-tasks.csv")
        expect(dialog.get_by_text("Rows removed")).to_be_visible()
        expect(dialog.get_by_text("estimated_hours")).to_be_visible()
        picture(page, "job", size)
        with page.expect_download() as fetched:
            dialog.get_by_role("link", name="Final table").click()
    (job,) = listed(board)
    assert job["results"]["uc4"]["duplicates_removed"] == 1
    fetched.value.save_as(tmp_path / "final.csv")
    assert (tmp_path / "final.csv").read_text().count("Work 3") == 1


def test_a_file_without_rows_has_no_score(board: Board) -> None:
    page = board.signed_in("admin", view="jobs")
    with working(board.api.app):
        send(page, content=f"{ROWS[0]}\n")
        page.locator('[data-row="0"]').get_by_text("completed").wait_for(timeout=60_000)
        expect(page.locator('[data-row="0"]').get_by_text("no rows")).to_be_visible()
        page.locator('[data-row="0"]').click()
        expect(page.get_by_role("dialog").get_by_text("no rows")).to_be_visible()


def test_a_stuck_job_is_recovered(board: Board) -> None:
    """It begins anew, and says so."""
    page = board.signed_in("admin", view="jobs")
    send(page)
    expect(page.locator('[data-row="0"]').get_by_text("pending")).to_be_visible()
    then = datetime(2020, 1, 1, tzinfo=UTC)
    lost = update(job_records).values(status="processing", executor_id="dead", started_at=then, touched_at=then)
    board.database.run(lambda unit: unit.connection.execute(lost))
    page.get_by_role("button", name="Recover").click()
    expect(page.get_by_text("1 job begun anew")).to_be_visible()
    assert [(job["status"], job["attempts"]) for job in listed(board)] == [("pending", 2)]


def test_planners_see_their_own_jobs(board: Board) -> None:
    page = board.signed_in("planner", view="jobs")
    expect(page.get_by_text("Admins send files")).to_be_visible()
    expect(page.get_by_role("button", name="Check it")).to_have_count(0)


def listed(board: Board) -> Any:
    return board.api.get("/batch/jobs").json["items"]  # type: ignore[index]

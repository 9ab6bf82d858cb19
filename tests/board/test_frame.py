"""The frame of the board: sign-in, moving about, what each role sees."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.board.conftest import Board, picture
from tests.web.conftest import SECRET
from webapp.auth import make_token
from webapp.board.pages import sign_in_link


def test_a_link_signs_in_once(board: Board) -> None:
    """The link opens the board as an admin, its code is nowhere to be seen afterwards, and it works no second time."""
    link = sign_in_link(board.api.app, board.base)
    assert link is not None
    page = board.open(link.removeprefix(board.base))
    expect(page.get_by_role("heading", level=1)).to_have_text("Now")
    assert "code" not in page.url
    assert page.evaluate("history.length") <= 2
    assert page.evaluate("document.cookie") == ""
    again = board.open(link.removeprefix(board.base))
    expect(again.get_by_role("status").first).to_contain_text("used already")


def test_a_pasted_token_signs_in_and_out(board: Board, size: str, accessible: Callable[[Page], None]) -> None:
    board.expect_refusals(401)
    page = board.open(size=size)
    token = page.get_by_label("Token")
    accessible(page)
    picture(page, "sign-in", size)
    token.fill("not a token")
    token.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    token.fill(make_token(SECRET, "planner", "pia", 1))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Now")
    expect(page.get_by_text("pia")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(
    ("role", "views"), [("technician", ["My work"]), ("admin", ["Now", "Plan", "My work", "Jobs and data", "Model"])]
)
def test_views_of_a_role(board: Board, role: str, views: list[str]) -> None:
    page = board.signed_in(role, "emp-001")
    links = page.get_by_role("navigation").get_by_role("link")
    expect(links).to_have_count(len(views))
    assert [link.get_attribute("aria-label") for link in links.all()] == views
    expect(page.get_by_role("heading", level=1)).to_have_text(views[0])


def test_moving_by_keys(board: Board) -> None:
    page = board.signed_in(view="plan")
    page.keyboard.press("g")
    page.keyboard.press("m")
    expect(page).to_have_url(re.compile("#/model$"))
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Light or dark")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_session_that_ends_leads_back_to_where_one_was(board: Board) -> None:
    board.expect_refusals(401)
    page = board.signed_in("planner", view="now")
    expect(page.locator(".figures")).to_be_visible()
    page.context.clear_cookies()
    page.keyboard.press("r")
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.get_by_label("Token").fill(make_token(SECRET, "planner", "pia", 1))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Now")

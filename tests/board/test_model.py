"""Model in a real browser: the report on one's own decisions, a refused promotion, one that is forced, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from assignment_engine.learning.promotion import promote
from assignment_engine.scoring.bundle import Bundle, load_bundle, save_bundle
from assignment_engine.scoring.registry import shipped_models
from tests.board.conftest import Board, picture, served
from tests.e2e.test_learning_from_the_database import worked


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Half a year of decisions with their outcomes."""
    url = f"sqlite:///{tmp_path_factory.mktemp('judged') / 'work.db'}"
    worked(url, 200).dispose()
    return url


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The champion, and a challenger that is no better."""
    bundle = load_bundle(shipped_models() / "default")
    for name in ("one", "two"):
        save_bundle(Bundle(bundle.manifest.model_copy(update={"version": name}), bundle.model_text), tmp_path / name)
    promote(tmp_path, "one", data=None, now=datetime(2026, 1, 1, tzinfo=UTC), force=True, reason="the first one")
    return tmp_path


@pytest.fixture
def office(judged: str, models: Path, browser: Browser, tmp_path: Path) -> Iterator[Board]:
    with served(judged, browser, tmp_path / "data", model_dir=models) as board:
        yield board
        assert board.errors() == []


def champion(board: Board) -> str:
    items: Any = board.api.get("/api/models").json["items"]  # type: ignore[index]
    return next(str(model["version"]) for model in items if model["is_champion"])


def test_the_report_on_ones_own_decisions(office: Board, size: str, accessible: Callable[[Page], None]) -> None:
    page = office.signed_in("planner", view="model", size=size)
    report = page.get_by_role("region", name="Report of one")
    expect(report.get_by_role("heading", name="Can it be taken at its word?")).to_be_visible(timeout=60_000)
    expect(report.get_by_role("img", name="Calibration. expected")).to_be_visible()
    expect(report.get_by_text("Is it fair to newcomers?")).to_be_visible()
    expect(page.get_by_role("button", name="Promote")).to_have_count(0)
    accessible(page)
    picture(page, "model", size)


def test_a_promotion_that_is_refused_forced_and_taken_back(office: Board) -> None:
    """What the page says is what the API says."""
    office.expect_refusals(409)
    page = office.signed_in("admin", view="model")
    page.get_by_role("button", name="Promote two").click(timeout=60_000)
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Promote", exact=True).click()
    expect(dialog.get_by_text("Not promoted")).to_be_visible(timeout=60_000)
    assert champion(office) == "one"
    dialog.get_by_label("Promote it all the same").fill("a trial")
    dialog.get_by_role("button", name="Force it").click()
    expect(page.get_by_text("promoted, forced").first).to_be_visible(timeout=60_000)
    assert champion(office) == "two"
    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("brought back")).to_be_visible(timeout=60_000)
    assert champion(office) == "one"

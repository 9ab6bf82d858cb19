"""Model in a real browser: the report on one's own decisions, promotion on evidence or by force, and back."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from assignment_engine.learning.promotion import promote
from assignment_engine.learning.training import Training, train
from assignment_engine.scoring.bundle import save_bundle
from assignment_engine.scoring.registry import shipped_models
from assignment_engine.services.training_log import logged_dataset
from tests.board.conftest import Board, picture, served
from tests.databases import opened
from tests.worded import promoted
from tests.worked import worked

THE_FIRST = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Office:
    """A served board, and the directory of its models."""

    board: Board
    models: Path

    def champion(self) -> str:
        """What the registry names, and what plans are scored with, which must be the same."""
        named = json.loads((self.models / "champion.json").read_text())["version"]
        in_use: Any = self.board.api.get("/api/models").json["in_use"]  # type: ignore[index]
        assert in_use["version"].startswith(named)
        return str(named)

    def last_change(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.models / "promotions.jsonl").read_text().splitlines()[-1])
        return found


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seventeen days of decisions, the shipped model as the champion, and one that was trained on them."""
    path = tmp_path_factory.mktemp("learned")
    models = path / "models"
    worked(f"sqlite:///{path / 'work.db'}")
    shutil.copytree(shipped_models() / "default", models / "default")
    promote(models, "default", data=None, now=THE_FIRST, force=True, reason="the first one")
    with opened(f"sqlite:///{path / 'work.db'}") as database, database.read() as unit:
        data = logged_dataset(unit, candidates=False)
    save_bundle(train(data, Training(version="spring", data="the training log of a database")), models / "spring")
    return path


@pytest.fixture
def office(learned: Path, browser: Browser, tmp_path: Path) -> Iterator[Office]:
    """An office of the test's own; when the test is over no browser may have complained."""
    shutil.copytree(learned, tmp_path, dirs_exist_ok=True)
    url, models = f"sqlite:///{tmp_path / 'work.db'}", tmp_path / "models"
    with served(url, browser, tmp_path / "data", model_dir=models) as board:
        yield Office(board, models)
        assert board.errors() == []


def report_of(page: Page, name: str) -> Locator:
    report = page.get_by_role("region", name=f"Report of {name}")
    expect(report.get_by_role("heading", name="Can it be taken at its word?")).to_be_visible(timeout=60_000)
    return report


def bundle(page: Page, name: str) -> Locator:
    return page.get_by_role("table", name="Bundles that score pairs").get_by_role("row").filter(has_text=name)


def test_the_report_on_ones_own_decisions(office: Office, size: str, accessible: Callable[[Page], None]) -> None:
    """A planner sees how good the champion is and for whom, what counts, what changed, and what it learned from."""
    page = office.board.signed_in("planner", view="model", size=size)
    report = report_of(page, "default")
    told: Any = office.board.api.get("/api/models/default").json
    found = told["report"]
    facts = report.locator(".model-facts")
    for text in ("22,245 decisions", "Nov 2025", told["training"]["data"], f"{found['decisions']} later decisions"):
        expect(facts).to_contain_text(text)
    mine = report.get_by_role("row").filter(has_text="this bundle")
    for measured in found["success"]["model"].values():
        expect(mine).to_contain_text(f"{measured:.3f}")
    expect(report.get_by_role("img", name=re.compile("^Calibration. expected 26 %, came 31 % of 13;"))).to_be_visible()
    counts = report.get_by_role("list", name="Importance of features").get_by_role("listitem")
    assert next(iter(found["importance"])) == "success_rate"
    expect(counts.first).to_contain_text("success with such tasks")
    changed = {name for name, moved in found["drift"]["features"].items() if moved > 0.25}
    assert changed == {"avg_completion_hours", "success_rate"}
    expect(report).to_contain_text("Not what they were: usual time for a task, success with such tasks.")
    expect(report.get_by_role("row").filter(has_text="0–1 years")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Promote|Roll back"))).to_have_count(0)
    accessible(page)
    picture(page, "model", size)
    page.get_by_role("button", name="Show the report of spring").click()
    expect(report_of(page, "spring").locator(".model-facts")).to_contain_text("the training log of a database")
    expect(page).to_have_url(re.compile("#/model/spring$"))
    picture(page, "model-report", size)


def test_promoted_on_evidence_refused_forced_and_taken_back(office: Office, size: str) -> None:
    """What the page says is what the registry says."""
    office.board.expect_refusals(409)
    page = office.board.signed_in("admin", view="model", size=size)
    dialog, changes = page.get_by_role("dialog"), page.get_by_role("region", name="Promotions").get_by_role("listitem")
    page.get_by_role("button", name="Promote spring").click(timeout=60_000)
    dialog.get_by_role("button", name="Promote", exact=True).click()
    expect(changes.first).to_contain_text(re.compile("spring promoted.*in place of default.*Log-loss .* better"))
    assert office.champion() == "spring"

    page.get_by_role("button", name="Promote default").click()
    dialog.get_by_role("button", name="Promote", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("Not promoted")
    expect(dialog.get_by_role("alert")).to_contain_text("on 124 later decisions its log_loss is")
    force = dialog.get_by_role("button", name="Force it")
    expect(force).to_be_disabled()
    assert office.champion() == "spring"
    dialog.get_by_label("Promote it all the same").fill("complaints")
    force.click()
    expect(changes.first).to_contain_text(re.compile("default promoted, forced.*“complaints”"))
    assert office.champion() == "default"
    assert (office.last_change()["forced"], office.last_change()["reason"]) == (True, "complaints")
    expect(bundle(page, "default")).to_contain_text("champion")

    page.get_by_role("button", name="Roll back").click()
    dialog.get_by_label("Why").fill("they were about something else")
    dialog.get_by_role("button", name="Roll back").click()
    expect(changes.first).to_contain_text(re.compile("spring brought back.*“they were about something else”"))
    assert office.champion() == "spring"
    assert (office.last_change()["action"], office.last_change()["forced"]) == ("rollback", False)


def test_models_of_other_kinds_have_champions_of_their_own(office: Office, accessible: Callable[[Page], None]) -> None:
    """They are listed apart, and what is rolled back is chosen."""
    promoted(office.models, "words")
    promoted(office.models, "more-words")
    page = office.board.signed_in("admin", view="model")
    others = page.get_by_role("table", name="Models that read tickets")
    expect(others.get_by_role("row").filter(has_text="more-words")).to_contain_text("champion")
    expect(others).to_contain_text("category: loss 0.")
    page.get_by_role("button", name="Roll back").click()
    accessible(page)
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(others.get_by_role("row").filter(has_text="champion").get_by_text("words", exact=True)).to_be_visible()
    assert json.loads((office.models / "champion-triage.json").read_text())["version"] == "words"
    assert office.champion() == "default"


def test_what_is_damaged_is_said(office: Office) -> None:
    """A bundle that cannot be used says why and is offered to nobody; a damaged record is an error that can pass."""
    office.board.expect_refusals(404, 409)
    (office.models / "spring" / "model.txt").write_text("tree\n")
    record = office.models / "promotions.jsonl"
    written = record.read_text()
    record.write_text("{}\n")
    page = office.board.signed_in("admin", view="model/none")
    expect(page.get_by_role("alert")).to_contain_text("is damaged")
    record.write_text(written)
    page.get_by_role("button", name="Try again").click()
    expect(bundle(page, "spring")).to_contain_text(re.compile("cannot be used.*sha256"))
    expect(bundle(page, "spring").get_by_role("button")).to_have_count(0)
    missing = page.get_by_role("region", name="Report of none")
    expect(missing.get_by_role("alert")).to_contain_text("none")
    expect(missing.get_by_role("button", name="Try again")).to_be_visible()


def test_without_a_model(browser: Browser, tmp_path: Path, accessible: Callable[[Page], None]) -> None:
    """Where there are no bundles the fallback scores, and the page says how to train one."""
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    with served(url, browser, tmp_path / "data", model_dir=tmp_path / "nothing") as board:
        page = board.signed_in("planner", view="model")
        expect(page.get_by_text("No model is in use")).to_be_visible()
        expect(page.get_by_text("No bundle yet", exact=True)).to_be_visible()
        accessible(page)
        assert board.errors() == []


def test_before_there_are_decisions_and_for_whom_it_is(board: Board) -> None:
    """What the shipped model has learned from is known all the same; technicians may not look."""
    page = board.signed_in("planner", view="model")
    expect(page.get_by_text("Not yet judged on your own decisions")).to_be_visible()
    expect(page.locator(".model-facts")).to_contain_text("22,245 decisions")
    page = board.signed_in("technician", "emp-001", view="model")
    expect(page.get_by_role("alert")).to_contain_text("this view is for planner and admin")
    assert board.api.as_("technician").get("/api/models").status_code == 403

"""A served board with the data of a small organisation, and a real browser in front of it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Response
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright
from waitress import wasyncore
from waitress.server import create_server

from assignment_engine.config import read_settings
from assignment_engine.domain.errors import DatabaseUnavailableError
from assignment_engine.domain.events import Published
from assignment_engine.domain.types import TaskStatus
from assignment_engine.learning.organisation import simulate
from assignment_engine.services.relay import Relay
from assignment_engine.store.database import Database
from assignment_engine.wiring import build_engine
from tests.databases import missing, opened
from tests.web.conftest import SECRET, Api
from webapp.app import create_app
from webapp.auth import make_token
from webapp.state import State
from webapp.streams import ReadAfter, Streams

SIZES = {"laptop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
SCREENSHOTS = Path(__file__).parents[2] / "docs" / "board"
PATIENCE = 20_000
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_AXE = Path(__file__).parent / "vendor" / "axe.min.js"
_NO_ANSWER = "Failed to load resource: net::ERR_"
_REFUSED = "Failed to load resource: the server responded with a status of "


@dataclass
class Board:
    """One served installation of its own. `api` calls it as an admin, `pages` are those that were opened."""

    base: str
    api: Api
    database: Database
    data_root: Path
    _browser: Browser = field(repr=False)
    _contexts: list[BrowserContext] = field(default_factory=list)
    _errors: list[str] = field(default_factory=list)
    _expected: set[str] = field(default_factory=set)

    def open(self, address: str = "/board", size: str = "laptop", **options: Any) -> Page:
        """A new page in a browser of its own, without a cookie."""
        return self._page(size, **options, goto=address)

    def signed_in(
        self,
        role: str = "admin",
        subject: str | None = None,
        *,
        view: str = "",
        size: str = "laptop",
        **options: Any,
    ) -> Page:
        """A new page that is signed in; with `view` that view is open and its heading is there."""
        token = make_token(SECRET, role, subject or f"the-{role}", 1)
        cookie = {"name": f"assignment-engine-{self.base.rpartition(':')[2]}", "value": token, "url": self.base}
        page = self._page(size, **options, cookie=cookie, goto=f"/board#/{view}")
        page.locator("h1").wait_for()
        return page

    def hears_events_only(self, page: Page) -> None:
        """From now on the page's clock stands: it looks at nothing by itself, only when an event comes."""
        expect(page.locator(".freshness")).to_contain_text("Live")
        page.clock.set_fixed_time(datetime.now(UTC))

    def expect_refusals(self, *statuses: int) -> None:
        """Answers of these statuses are part of the test: the browser's console may name them."""
        self._expected |= {f"{_REFUSED}{status} " for status in statuses}

    def expect_no_answer(self) -> None:
        """The server is away for a part of the test."""
        self._expected.add(_NO_ANSWER)

    def placed(self) -> None:
        """What waits gets its places anew, as the loop does after the settings of a queue have changed."""
        dispatcher = self.api.app.extensions["assignment_engine"].engine.dispatcher
        with self.database.read() as unit:
            ids = [task.task_id for task in unit.tasks.list(status=TaskStatus.PENDING, limit=200).items]
            now = unit.now()
        self.database.run(lambda unit: dispatcher.place(unit, ids, now))

    def numbered(self) -> None:
        """What has happened so far gets its positions, as a worker would give them, and goes down the streams."""
        relay = Relay(self.database, "a test")
        relay.step(datetime.now(UTC))
        relay.close()

    def errors(self) -> list[str]:
        """What browsers complained about, without the refusals that were expected."""
        return [error for error in self._errors if not error.startswith(tuple(self._expected))]

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _page(self, size: str, *, goto: str, cookie: Any = None, **options: Any) -> Page:
        context = self._browser.new_context(
            **{"viewport": SIZES[size], "locale": "en-GB", "timezone_id": "Europe/Berlin", **options}
        )
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        if cookie is not None:
            context.add_cookies([cookie])
        page = context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self._errors.append(f"{error.name}: {error.message}"))
        page.goto(self.base + goto)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._errors.append(message.text)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's chromium. Closed with this package: while it is open no other event loop can run in this thread."""
    program = shutil.which("chromium")
    if program is None:
        missing("chromium", "there is no chromium on this machine")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        except Error as error:
            missing("chromium", f"chromium does not start: {error}")
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with 14 people, 30 open tasks and what was done before; copied for each board."""
    path = tmp_path_factory.mktemp("board") / "organisation.db"
    made = simulate(7, people=14, decisions=120, open_tasks=30, now=datetime.now(UTC))
    with opened(f"sqlite:///{path}") as database:
        database.upgrade()
        with database.unit() as unit:
            unit.employees.add(made.employees, unit.now())
            unit.tasks.add(made.open_tasks, unit.now())
            unit.history.add(made.history)
            unit.commit()
        dispatcher = build_engine(read_settings(database_url=f"sqlite:///{path}")).dispatcher
        dispatcher.database.run(lambda unit: dispatcher.place(unit, [t.task_id for t in made.open_tasks], unit.now()))
        dispatcher.database.dispose()
    return path


@pytest.fixture
def board(browser: Browser, organisation: Path, tmp_path: Path) -> Iterator[Board]:
    """A board of the test's own; when the test is over no browser may have complained."""
    shutil.copy(organisation, tmp_path / "board.db")
    with served(f"sqlite:///{tmp_path / 'board.db'}", browser, tmp_path / "data") as board:
        yield board
        assert board.errors() == []


class EndingStreams(Streams):
    """Streams that end when the test does, as they do when the database goes away."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "ended", threading.Event())

    def end(self) -> None:
        self.ended.set()  # type: ignore[attr-defined]

    def answer(self, read: ReadAfter, after: int) -> Response:
        def read_until_ended(position: int) -> Sequence[Published]:
            if self.ended.is_set():  # type: ignore[attr-defined]
                raise DatabaseUnavailableError
            return read(position)

        return super().answer(read_until_ended, after)


@contextmanager
def served(url: str, browser: Browser, data_root: Path, **settings: object) -> Iterator[Board]:
    """The application behind a real server."""
    given = {"jwt_secret": SECRET, "data_root": data_root, "log_level": "ERROR", **settings}
    app = create_app(read_settings(database_url=url, **given))
    state: State = app.extensions["assignment_engine"]
    streams = EndingStreams()
    app.extensions["assignment_engine"] = replace(state, streams=streams)
    server = create_server(app, host="127.0.0.1", port=0, threads=24)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    board = Board(f"http://127.0.0.1:{server.effective_port}", Api(app), state.engine.database, data_root, browser)
    try:
        yield board
    finally:
        board.close()
        streams.end()
        server.task_dispatcher.shutdown(timeout=10)
        with suppress(OSError):  # the loop may have closed all, the trigger too, before it is pulled
            server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map))
        thread.join(10)
        state.engine.database.dispose()


@pytest.fixture(params=sorted(SIZES))
def size(request: pytest.FixtureRequest) -> str:
    """Each of the two sizes."""
    return str(request.param)


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    """A check that axe-core finds nothing wrong with a page as it stands, in light and in dark."""
    return check_accessibility


def check_accessibility(page: Page) -> None:
    page.evaluate(_AXE.read_text("utf-8"))
    for theme, options in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        found = page.evaluate("options => axe.run(document, {resultTypes: ['violations'], ...options})", options)
        wrong = [(v["id"], [node["html"][:160] for node in v["nodes"][:3]]) for v in found["violations"]]
        assert wrong == [], theme
    page.evaluate("() => { delete document.documentElement.dataset.theme }")


def picture(page: Page, name: str, size: str) -> None:
    """A screenshot for the documentation, where BOARD_SCREENSHOTS asks for them."""
    if os.environ.get("BOARD_SCREENSHOTS"):
        SCREENSHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}-{size}.png")

"""How soon the board can be used, and how much it loads, with tens of thousands of tasks.

    python -m benchmarks.board [--tasks 50000] [--people 2000] [--loads 5]

A served installation of its own (SQLite, `assignment-engine serve`) and Debian's chromium on the same machine. *First
view* is the time from the beginning of the navigation until the figures and the first rows of the queue are shown and
a key moves the focus to a row; *without cache* in a new browser, *again* with the files kept. *Jump* is from the key
End to the last row's text. What is loaded is counted as it comes over the line.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import click
from playwright.sync_api import Browser, Page, Response, sync_playwright

from assignment_engine.config import read_settings
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.types import Priority
from assignment_engine.services.dispatch.places import find_places
from assignment_engine.store.database import Database
from benchmarks.timing import Row, show
from webapp.auth import make_token

SECRET = "a secret for measuring, 32 bytes or more"
PART = 5000
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
QUEUE = '[aria-label^="Tasks that wait"]'
WHEN_SHOWN = f"""
new MutationObserver((_, observer) => {{
  const shown = document.querySelector('{QUEUE} [data-row="0"] .title-cell');
  if (shown && document.querySelector('.figures strong')) {{
    observer.disconnect();
    requestAnimationFrame(() => {{
      const row = shown.closest('[data-row]');
      row.focus();
      row.dispatchEvent(new KeyboardEvent('keydown', {{ key: 'ArrowDown', bubbles: true, cancelable: true }}));
    }});
    document.addEventListener('focusin', (event) => {{
      if (event.target.dataset.row === '1') window.firstView = performance.now();
    }});
  }}
}}).observe(document, {{ childList: true, subtree: true }});
"""


@dataclass
class Loaded:
    """Bytes that came over the line until the first view was there."""

    page: int = 0
    api: int = 0
    requests: int = 0
    answers: list[Response] = field(default_factory=list)

    def count(self) -> None:
        for answer in self.answers:
            size = answer.request.sizes()["responseBodySize"]
            self.requests += 1
            if "/board" in answer.url:
                self.page += size
            else:
                self.api += size


def fill(url: str, tasks: int, people: int) -> None:
    """Tasks that wait in their places, and people."""
    now = datetime.now(UTC)
    database = Database(url)
    database.upgrade()
    with database.unit() as unit:
        unit.employees.add([Employee(employee_id=f"e{n:05}", name=f"Person {n}") for n in range(people)], now)
        unit.commit()
    levels = list(Priority)
    for first in range(0, tasks, PART):
        made = [
            Task(
                task_id=f"t{n:06}",
                title=f"Task number {n} of a queue that is far too long",
                category="incident",
                required_skills={"nobody has it": 1.0},
                minimum_levels={"nobody has it": 1.0},
                priority=levels[n % len(levels)],
                created_at=now - timedelta(minutes=n % 3000),
            )
            for n in range(first, min(first + PART, tasks))
        ]
        with database.unit() as unit:
            unit.tasks.add(made, now)
            find_places(unit, [task.task_id for task in made], now)
            unit.commit()
    database.dispose()


@contextmanager
def served(url: str, directory: Path) -> Iterator[str]:
    """The address of the installation, until the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"DATABASE_URL": url, "JWT_SECRET": SECRET, "LOG_LEVEL": "WARNING", "DATA_ROOT": str(directory)}
    program = str(Path(sys.executable).with_name("assignment-engine"))
    process = subprocess.Popen(
        [program, "serve", "--no-worker", "--no-link", "--port", str(port)],
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        while not _answers(base):
            time.sleep(0.1)
        yield base
    finally:
        process.terminate()
        process.wait(20)


def _answers(base: str) -> bool:
    try:
        with urlopen(f"{base}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def first_view(page: Page, base: str) -> tuple[float, Loaded]:
    """Seconds from the navigation to the first view, and what came."""
    loaded = Loaded()
    page.on("response", lambda answer: loaded.answers.append(answer) if "/stream" not in answer.url else None)
    page.goto(f"{base}/board", wait_until="commit")
    while (shown_at := page.evaluate("window.firstView")) is None:  # the page's policy lets no string wait in it
        page.wait_for_timeout(50)
    loaded.count()
    return shown_at / 1000, loaded


def jump(page: Page, tasks: int) -> float:
    """Seconds from the key End to the text of the last row."""
    started = time.perf_counter()
    page.keyboard.press("End")
    page.locator(f'{QUEUE} [data-row="{tasks - 1}"] .title-cell').wait_for()
    return time.perf_counter() - started


def measure(browser: Browser, base: str, tasks: int, loads: int) -> tuple[list[Row], Loaded]:
    """All figures; each load without cache is of a new browser context."""
    cold, warm, jumps = [], [], []
    loaded = Loaded()
    for _ in range(loads):
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        port = base.rpartition(":")[2]
        token = make_token(SECRET, "admin", "bench", 1)
        context.add_cookies([{"name": f"assignment-engine-{port}", "value": token, "url": base}])
        context.add_init_script(WHEN_SHOWN)
        page = context.new_page()
        seconds, loaded = first_view(page, base)
        cold.append(seconds)
        warm.append(first_view(page, base)[0])
        jumps.append(jump(page, tasks))
        context.close()
    named = (("first view, without cache", cold), ("first view, again", warm), ("jump to the last task", jumps))
    return [
        {"what": name, "median ms": round(1000 * statistics.median(all_)), "slowest ms": round(1000 * max(all_))}
        for name, all_ in named
    ], loaded


@click.command()
@click.option("--tasks", default=50_000, show_default=True)
@click.option("--people", default=2000, show_default=True)
@click.option("--loads", default=5, show_default=True)
def main(tasks: int, people: int, loads: int) -> None:
    """Measure the board in a real browser."""
    program = shutil.which("chromium")
    if program is None:
        raise click.ClickException("there is no chromium on this machine")
    with tempfile.TemporaryDirectory(prefix="assignment-engine-") as name:
        directory = Path(name)
        url = read_settings(database_url=f"sqlite:///{directory / 'bench.db'}").database_url
        fill(url, tasks, people)
        with served(url, directory) as base, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            rows, loaded = measure(browser, base, tasks, loads)
            browser.close()
    show(rows, as_json=False)
    click.echo(
        f"first load: {loaded.page / 1000:.0f} kB of page, style and code, {loaded.api / 1000:.0f} kB of answers, "
        f"{loaded.requests} requests"
    )


if __name__ == "__main__":
    main()

"""The documentation cannot rot: its code runs, and what is generated is up to date."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from werkzeug.serving import make_server

from assignment_engine.config import Settings, read_settings
from assignment_engine.domain.assignments import EVENT_TYPES, REOPENED, Event
from assignment_engine.domain.live import ALERT_CLEARED, ALERT_RAISED
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.logs.adapter import shipped_adapters
from assignment_engine.services.imports import ImportKind, ImportMode, import_csv
from assignment_engine.wiring import build_engine
from webapp.app import create_app

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
GENERATED = ["access.md", "commands.md", "features.md", "library.md", "lifecycle.md", "settings.md"]
SECRET = "a secret for tests, 32 bytes or more"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", GENERATED)
def test_generated_pages_are_what_the_code_says(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == generator().PAGES[name](), "run: make docs"


def test_every_generated_page_is_compared() -> None:
    assert sorted(generator().PAGES) == GENERATED


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of one's own in which `docs` and `.venv` are where the pages expect them."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(page: Path) -> list[tuple[str, str | None]]:
    """Its blocks of Python, each with what it prints where the page says so."""
    found = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", page.read_text(), flags=re.DOTALL)
    return [(code, printed or None) for code, printed in found]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_python_blocks_run_one_after_the_other(page: Path, beside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for code, printed in blocks(page):
        exec(compile(code, page.name, "exec"), names)
        shown = capsys.readouterr().out
        assert printed is None or shown == printed


@pytest.fixture
def address(beside: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the application serves the example people and tasks."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{beside / 'work.db'}")
    monkeypatch.setenv("JWT_SECRET", SECRET)
    database = build_engine().database
    database.upgrade()
    for kind in (ImportKind.EMPLOYEES, ImportKind.TASKS):
        with (ROOT / "docs" / "examples" / f"{kind}.csv").open(newline="") as stream, database.unit() as unit:
            import_csv(unit, kind, ImportMode.ALL, stream)
            unit.commit()
    server = make_server("127.0.0.1", 0, create_app(read_settings()), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    database.dispose()


def run_as_written(beginning: str, **environment: str) -> str:
    """What the block of the README prints that begins with these words."""
    (block,) = re.findall(rf"```bash\n({re.escape(beginning)}.*?)```", README.read_text(), flags=re.DOTALL)
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", block],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_plans_files_as_written(beside: Path) -> None:
    assert "5 of 6 tasks assigned" in run_as_written(".venv/bin/assignment-engine plan")


def test_the_readme_calls_the_api_as_written(beside: Path, address: str) -> None:
    given = json.loads(run_as_written("TOKEN=", API=address))["assignments"]
    assert {assignment["status"] for assignment in given} == {"assigned"}
    assert len(given) == 5


def test_the_readme_retrains_as_written(beside: Path) -> None:
    run_as_written(".venv/bin/assignment-engine train")
    assert json.loads((beside / "my-models" / "champion.json").read_text())["version"] == "spring"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_word_stands_where_a_measurement_should(page: Path) -> None:
    assert not re.findall(r"^[A-Z_]{4,}$|\b(?:TODO|TBD|FIXME)\b", page.read_text("utf-8"), re.MULTILINE)


def test_every_setting_and_feature_is_described() -> None:
    assert all(info.description for info in Settings.model_fields.values())
    text = (ROOT / "docs" / "features.md").read_text()
    assert all(f"`{name}`" in text for name in FEATURE_NAMES)


def test_every_event_and_adapter_is_described() -> None:
    events, logs, lifecycle = (
        (ROOT / "docs" / name).read_text() for name in ("events.md", "your-own-log.md", "lifecycle.md")
    )
    first_cells = " ".join(re.findall(r"^\| (.*?) \|", events, re.MULTILINE))
    for name in {*EVENT_TYPES.values(), REOPENED, ALERT_RAISED, ALERT_CLEARED}:
        assert f"`{name}`" in first_cells
    assert all(f"- `{name}`" in logs for name in shipped_adapters())
    assert all(f"| {event} " in lifecycle for event in (*Event, "reopen"))


@pytest.mark.parametrize("name", ["access.md", "library.md"])
def test_what_the_references_name_is_described(name: str) -> None:
    lines = (ROOT / "docs" / name).read_text().splitlines()
    assert [line for line in lines if line.endswith(("** ", "|  |"))] == []


def test_files_named_in_the_requirements_page_exist() -> None:
    text = (ROOT / "docs" / "requirements.md").read_text()
    for name in set(
        re.findall(r"`((?:webapp|tests|store|services|scoring|features|domain|allocation)/[a-z_/.]*)`", text)
    ):
        assert (ROOT / name).exists() or (ROOT / "assignment_engine" / name).exists(), name


def test_the_readme_fits_a_screen() -> None:
    assert len(README.read_text().splitlines()) <= 66

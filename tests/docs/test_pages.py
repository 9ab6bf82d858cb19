"""The documentation cannot rot: its code runs, and what is generated is up to date."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from assignment_engine.config import Settings
from assignment_engine.features.definition import FEATURE_NAMES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["access.md", "features.md", "settings.md", "lifecycle.md"])
def test_generated_pages_are_what_the_code_says(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == generator().PAGES[name](), "run: make docs"


def python_blocks() -> list[tuple[str, str]]:
    return [
        (page.name, block)
        for page in PAGES
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    ]


@pytest.mark.parametrize(("page", "code"), python_blocks())
def test_python_blocks_run(page: str, code: str) -> None:
    exec(compile(code, page, "exec"), {})


def test_the_readme_command_runs_as_written() -> None:
    (command,) = re.findall(
        r"^\.venv/bin/assignment-engine (plan .*)$", (ROOT / "README.md").read_text(), flags=re.MULTILINE
    )
    program = str(Path(sys.executable).with_name("assignment-engine"))
    done = subprocess.run(
        [program, *shlex.split(command)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_setting_and_feature_is_described() -> None:
    assert all(info.description for info in Settings.model_fields.values())
    text = (ROOT / "docs" / "features.md").read_text()
    assert all(f"`{name}`" in text for name in FEATURE_NAMES)


def test_files_named_in_the_requirements_page_exist() -> None:
    text = (ROOT / "docs" / "requirements.md").read_text()
    for name in set(
        re.findall(r"`((?:webapp|tests|store|services|scoring|features|domain|allocation)/[a-z_/.]*)`", text)
    ):
        assert (ROOT / name).exists() or (ROOT / "assignment_engine" / name).exists(), name


def test_the_readme_fits_a_screen() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 66

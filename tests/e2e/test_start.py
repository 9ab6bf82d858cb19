"""Programs start without what they do not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from assignment_engine.store import migrate
from tests.databases import Servers

HEAVY = {
    *("alembic", "dbos", "distributed", "flask", "lightgbm", "numba", "numpy", "pandas", "redis", "scipy", "sklearn"),
    *("pydantic", "sqlalchemy", "sqlalchemy.orm", "assignment_engine.wiring"),
}
ON_A_DATABASE = {"pydantic", "sqlalchemy"}
IN_A_SERVER = {*ON_A_DATABASE, "numpy", "assignment_engine.wiring"}
COMMAND = "import sys; sys.argv[0] = 'assignment-engine'; from assignment_engine.cli import main; main(sys.argv[1:])"
SHOWN = "import atexit, sys; atexit.register(lambda: print(*sys.modules, sep='\\n', file=sys.stderr)); "


def loaded(code: str, *arguments: str, directory: Path, url: str = "sqlite://") -> set[str]:
    """Which of the heavy modules a process of its own has loaded in the end."""
    done = subprocess.run(
        [sys.executable, "-c", SHOWN + code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=directory,
        env={"DATABASE_URL": url, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    return HEAVY & set(done.stderr.splitlines())


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("import assignment_engine", set()),
        ("from assignment_engine import InvalidInputError", set()),
        ("from assignment_engine import Employee, Task", {"pydantic"}),
        ("import assignment_engine.wiring", IN_A_SERVER),
        ("import webapp.app", {*IN_A_SERVER, "flask"}),
    ],
)
def test_an_import_brings_only_what_is_used(code: str, needed: set[str], tmp_path: Path) -> None:
    assert loaded(code, directory=tmp_path) <= needed


def test_help_needs_nothing_heavy(tmp_path: Path) -> None:
    assert loaded(COMMAND, "--help", directory=tmp_path) == set()


@pytest.mark.parametrize("words", [("db", "upgrade"), ("doctor",)], ids=" ".join)
def test_commands_about_a_database_that_is_up_to_date_need_only_the_database(
    words: tuple[str, ...], servers: Servers, tmp_path: Path
) -> None:
    with servers["sqlite"].migrated() as url:
        assert loaded(COMMAND, *words, directory=tmp_path, url=url) == ON_A_DATABASE


def test_the_newest_file_is_the_revision_that_migrations_end_at() -> None:
    assert migrate.head() == ScriptDirectory.from_config(migrate._config()).get_current_head()

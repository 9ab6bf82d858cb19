"""The notebooks as they are handed out: stripped, without logic, and running on a database by its address."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.worked import worked

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = ("explore", "retrain", "evaluate")
LOGIC = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.For, ast.While, ast.If, ast.Try, ast.With),
)


def notebook(name: str) -> NotebookNode:
    book: NotebookNode = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    return book


def code_of(name: str) -> list[NotebookNode]:
    return [cell for cell in notebook(name).cells if cell.cell_type == "code"]


def test_these_are_all_notebooks() -> None:
    assert {path.stem for path in NOTEBOOKS.rglob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_stripped(name: str) -> None:
    nbformat.validate(notebook(name))
    for cell in code_of(name):
        assert (cell.outputs, cell.execution_count, cell.metadata) == ([], None, {}), cell.source


@pytest.mark.parametrize("name", NAMES)
def test_cells_hold_no_logic(name: str) -> None:
    """They call the library and show what it says; reading from the database is the one block."""
    for cell in code_of(name):
        for node in ast.walk(ast.parse(cell.source)):
            is_reading = isinstance(node, ast.With) and "engine.database.read()" in ast.unparse(node.items[0])
            assert is_reading or not isinstance(node, LOGIC), cell.source


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A database in which people have worked, and an empty directory for models."""
    directory = tmp_path_factory.mktemp("notebooks")
    url = f"sqlite:///{directory / 'work.db'}"
    worked(url)
    homes = {name: str(directory) for name in ("HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR")}
    return {**os.environ, **homes, "DATABASE_URL": url, "MODEL_DIR": str(directory / "models"), "TQDM_DISABLE": "1"}


@pytest.fixture(scope="module")
def kernel(office: dict[str, str]) -> Iterator[KernelManager]:
    """One for all, since importing takes longer than what they do; each finds it as if it were fresh."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=office, cwd=str(NOTEBOOKS))
    try:
        yield manager
    finally:
        manager.shutdown_kernel(now=True)


def executed(name: str, kernel: KernelManager, **values: object) -> list[NotebookNode]:
    """The code cells after they ran; `values` take the place of those of the first cell."""
    book = notebook(name)
    settings = next(cell for cell in book.cells if cell.cell_type == "code")
    known = {target.id for node in ast.parse(settings.source).body for target in node.targets}
    assert values.keys() <= known
    given = (f"{key} = {value!r}" for key, value in values.items())
    settings.source = "\n".join(["%reset -f", settings.source, *given])
    client = NotebookClient(book, km=kernel, timeout=120)
    try:
        client.execute()
    finally:
        if client.kc is not None:
            client.kc.stop_channels()
    return [cell for cell in book.cells if cell.cell_type == "code"]


def shown(cells: list[NotebookNode]) -> str:
    """Everything that was shown as text."""
    outputs: list[dict[str, Any]] = [output for cell in cells for output in cell.outputs]
    return "\n".join(output["data"].get("text/plain", "") for output in outputs if "data" in output)


def pictures(cells: list[NotebookNode]) -> int:
    return sum("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)


@pytest.mark.slow
def test_exploring_shows_the_log(kernel: KernelManager) -> None:
    cells = executed("explore", kernel, FEATURE="complexity")
    text = shown(cells)
    assert pictures(cells) == 3
    assert "base_rate.earlier" in text
    assert "experience_years" in text


@pytest.mark.slow
def test_from_a_running_database_to_a_promoted_better_model_and_what_it_is_worth(
    kernel: KernelManager, office: dict[str, str]
) -> None:
    """The second notebook promotes on evidence, serving uses it, and the third one judges it and replays the past."""
    models = Path(office["MODEL_DIR"])
    trained = executed("retrain", kernel)
    assert pictures(trained) == 2
    assert json.loads((models / "champion.json").read_text())["version"] == "retrained-1"
    (line,) = (models / "promotions.jsonl").read_text().splitlines()
    evidence = json.loads(line)["evidence"]
    assert evidence["gain"] > evidence["standard_error"]
    assert "('lightgbm', 'retrained-1')" in shown(trained)

    judged = executed("evaluate", kernel, TASKS=20, LEAST=1)
    text = shown(judged)
    assert pictures(judged) == 3
    assert "were logged without the probability of their choice" in text
    assert "as it happened" in text

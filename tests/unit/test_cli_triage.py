"""A file of finished tasks becomes a promoted model that reads tickets, by the commands that people run."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from assignment_engine.cli import main
from tests.worded import finished


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    rows = finished(400, 2)
    times = pd.to_datetime(rows.created_at, utc=True)
    frame = pd.DataFrame({"text": rows.texts, "category": rows.category, "created_at": times})
    frame.assign(completed_at=times + pd.Timedelta(hours=2)).to_csv(tmp_path / "tasks.csv", index=False)
    return tmp_path / "tasks.csv"


def test_a_model_of_tickets_is_trained_judged_promoted_and_listed(tasks: Path, tmp_path: Path) -> None:
    models = ("--model-dir", str(tmp_path / "models"))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, *models])

    trained = run("train", str(tasks), "--objective", "triage", "--name", "words")
    assert trained.exit_code == 0, trained.output
    assert json.loads(trained.stdout)["fields"] == ["category"]
    judged = json.loads(run("evaluate", str(tasks), "--name", "words").stdout)
    assert judged["worth"]["category"]["gain"] > 0.4
    assert run("promote", "words").exit_code == 2, "without tasks nothing shows that it is better"
    promoted = run("promote", "words", "--data", str(tasks))
    assert promoted.exit_code == 0, promoted.output
    assert json.loads(promoted.stdout)["evidence"][0]["against"] == "what is usual"
    assert run("models").stdout.startswith("* words: triage")
    assert [entry["bundle"] for entry in json.loads(run("models", "--json").stdout)] == ["words"]
    again = run("train", str(tasks), "--objective", "triage", "--name", "words")
    assert (again.exit_code, "needs another name" in again.stderr) == (2, True)
    back = run("rollback", "--kind", "triage")
    assert (back.exit_code, "no earlier triage model" in back.stderr) == (2, True)


def test_options_of_other_models_are_refused(tasks: Path) -> None:
    asked = ["train", str(tasks), "--objective", "triage", "--name", "w", "--trials", "3"]
    done = CliRunner().invoke(main, [*asked, "--model-dir", str(tasks.parent / "models")])
    assert (done.exit_code, "--trials" in done.stderr) == (2, True)

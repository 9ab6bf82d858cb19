"""The command `check` as its user sees it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.e2e.test_command_line import EMPLOYEES, TASKS, run

DOUBLED = "T-201,Update the web serves,linux:0.8,low,10,,0.5,infrastructure,maintenance\n"
WRONG = "T-202,Buy a ladder,,urgent,1,,0.1,support,order\n"


def spoilt(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.csv"
    path.write_text(TASKS.read_text() + DOUBLED + WRONG)
    return path


def test_a_good_file_has_nothing_to_say(tmp_path: Path) -> None:
    done = run("check", TASKS, "--fail-under", 90, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "6 rows of 9 columns (tasks), 0 suspect" in done.stdout
    assert "error" not in done.stdout


def test_problems_are_named_with_line_and_column(tmp_path: Path) -> None:
    done = run("check", spoilt(tmp_path))
    assert done.returncode == 0
    assert "error: refused, column priority, 1 times: Input should be 'critical'" in done.stdout
    assert "(line 9)" in done.stdout


def test_a_low_score_fails_when_asked(tmp_path: Path) -> None:
    assert run("check", spoilt(tmp_path), "--fail-under", 99).returncode == 1


def test_a_file_without_rows_has_no_score(tmp_path: Path) -> None:
    path, page = tmp_path / "tasks.csv", tmp_path / "report.html"
    path.write_text("task_id,title\n")
    done = run("check", path, "--fail-under", 1, "--html", page)
    assert done.returncode == 1
    assert "no score: there are no rows" in done.stdout
    assert '<p class="score">–<small> of 100' in page.read_text()


def test_the_fixed_file_can_be_planned(tmp_path: Path) -> None:
    out = tmp_path / "fixed.csv"
    done = run("check", spoilt(tmp_path), "--fix", out, "--fill", "priority=mode")
    assert done.returncode == 0, done.stderr
    assert "1 removed in 1 clusters" in done.stdout
    with (tmp_path / "fixed.id-map.csv").open(newline="") as stream:
        assert [(row["removed_id"], row["surviving_id"]) for row in csv.DictReader(stream)] == [("T-201", "T-105")]
    planned = run("plan", "--employees", EMPLOYEES, "--tasks", out, "--skip-bad-rows")
    assert planned.returncode == 0
    assert "of 6 tasks assigned" in planned.stdout


def test_what_it_means_for_a_plan(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = run("check", spoilt(tmp_path), "--plan-with", EMPLOYEES, "--html", page, "--json")
    assert done.returncode == 0, done.stderr
    impact = json.loads(done.stdout)["impact"]
    assert impact["suspect_tasks"] == 1  # the copy; the other bad row cannot be planned at all
    assert {change["task_id"] for change in impact["changes"] if change["suspect"]} == {"T-201"}
    assert "What it means for decisions" in page.read_text()


def test_a_reference_names_what_changed(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(TASKS.read_text().replace("estimated_hours", "hours_estimated").replace("title", "colour"))
    done = run("check", other, "--reference", TASKS)
    assert "missing_column, column title" in done.stdout
    assert "it may be the column 'hours_estimated'" in done.stdout


def test_what_cannot_be_read_ends_with_two_and_no_traceback(tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"PK\x03\x04")
    done = run("check", bad)
    assert done.returncode == 2
    assert "zip archive" in done.stderr
    assert "Traceback" not in done.stderr
    wrong = run("check", TASKS, "--fix", tmp_path / "x.csv", "--fill", "priority=guess")
    assert wrong.returncode == 2
    assert "expected COLUMN=METHOD" in wrong.stderr

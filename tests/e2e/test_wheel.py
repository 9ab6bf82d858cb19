"""The built wheel, installed elsewhere, plans."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=300)


def test_the_wheel_contains_what_it_needs(tmp_path: Path) -> None:
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    pip("install", "--no-deps", "--target", site, wheel)
    check = f"""
import assignment_engine
from assignment_engine import SchedulerService, plan
from assignment_engine.scoring.registry import load_scorer
assert assignment_engine.__file__.startswith({str(site)!r}), assignment_engine.__file__
scorer, warning = load_scorer()
assert (scorer.name, warning) == ("lightgbm", None), warning
made = plan([{{"task_id": "t", "required_skills": ["k8s"]}}], [{{"employee_id": "e", "skills": ["kubernetes"]}}])
assert made.assignments[0].employee_id == "e"
service = SchedulerService()
preview = service.preview_assignments([{{"task_id": "t"}}], [{{"employee_id": "e"}}])
assert len(service.finalize_assignments(preview.preview_id).assignments) == 1
from assignment_engine.learning.logs.adapter import read_adapter
assert read_adapter("sip-task-effort").kind == "tasks"
import webapp.app
from webapp.board.files import STATIC
print("planned", sum(path.is_file() for path in STATIC.rglob("*")))
"""
    done = subprocess.run(
        [sys.executable, "-c", check],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    files = sum(path.is_file() for path in (ROOT / "webapp" / "board" / "static").rglob("*"))
    assert done.stdout == f"planned {files}\n", done.stderr

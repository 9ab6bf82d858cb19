"""The command line as its user sees it."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from socket import socket

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from assignment_engine.scoring.forest.kernels import kernels

ROOT = Path(__file__).parents[2]
EMPLOYEES = ROOT / "docs" / "examples" / "employees.csv"
TASKS = ROOT / "docs" / "examples" / "tasks.csv"


def run(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("assignment-engine")), *map(str, arguments)]
    clean = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd, env=clean, check=False)


def test_plans_the_example_files(tmp_path: Path) -> None:
    out = tmp_path / "plan.csv"
    done = run("plan", "--employees", EMPLOYEES, "--tasks", TASKS, "--method", "balanced", "--out", out)
    assert done.returncode == 0, done.stderr
    with out.open(newline="") as stream:
        rows = {row["task_id"]: row for row in csv.DictReader(stream)}
    assert rows.keys() == {f"T-{number}" for number in range(101, 107)}
    assert rows["T-101"]["employee_id"] == "ana"
    assert rows["T-106"]["employee_id"] == ""
    assert "capacity: 5 of 5" in rows["T-106"]["reasons"]
    assert "5 of 6 tasks assigned" in done.stdout


def test_why_a_task_stays_undone_is_told_whole_and_what_would_change_it() -> None:
    done = run("plan", "--employees", EMPLOYEES, "--tasks", TASKS)
    told = " ".join(done.stdout.split())
    assert "T-106 availability: 1 of 5; Emil Novak is away; capacity: 5 of 5; Emil Novak is 25 h short" in told
    assert re.search(r"\n +would go with: capacity 32 → 68 for chen\n", done.stdout)


def test_needs_no_database(tmp_path: Path) -> None:
    done = run("plan", "--employees", EMPLOYEES, "--tasks", TASKS, cwd=tmp_path, DATABASE_URL="postgresql://nowhere/x")
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_the_optimal_method_takes_an_objective_and_mandatory_tasks() -> None:
    asked = ["--objective", "score", "--mandatory", "--scorer", "fallback"]
    done = run("plan", "--employees", EMPLOYEES, "--tasks", TASKS, "--method", "optimal", "--time-budget", "5", *asked)
    assert done.returncode == 0, done.stderr
    assert "method optimal" in done.stdout
    refused = run("plan", "--employees", EMPLOYEES, "--tasks", TASKS, *asked)
    assert refused.returncode == 2
    assert "/objective: only the method optimal" in refused.stderr


def test_the_fallback_can_be_asked_for() -> None:
    done = run("plan", "--employees", EMPLOYEES, "--tasks", TASKS, "--scorer", "fallback")
    assert "scorer weighted-fallback" in done.stdout


def test_a_missing_bundle_is_said_aloud(tmp_path: Path) -> None:
    done = run("plan", "--employees", EMPLOYEES, "--tasks", TASKS, "--model-dir", tmp_path)
    assert done.returncode == 0
    assert "scorer weighted-fallback" in done.stdout
    assert "no usable model bundle" in done.stderr


SOMEBODY_ELSES = """deadline,Skills Needed,task id,estimated_hours,priority,cost centre
2031-01-01,x,a,3,high,7
,,b,,,7
"""


def test_other_column_orders_extra_and_missing_columns_are_fine(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.csv"
    tasks.write_text(SOMEBODY_ELSES)
    done = run("plan", "--employees", EMPLOYEES, "--tasks", tasks)
    assert done.returncode == 0, done.stderr
    assert "columns ignored (skills_needed, cost_centre)" in done.stderr
    assert "2 of 2 tasks assigned" in done.stdout


def test_a_bad_row_is_named_with_line_column_and_expectation(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.csv"
    tasks.write_text("task_id,priority,estimated_hours\na,high,3\nb,urgent,3\nc,low,three\n")
    done = run("plan", "--employees", EMPLOYEES, "--tasks", tasks)
    assert done.returncode == 2
    assert f"{tasks}: line 3, column priority: Input should be 'critical', 'high', 'medium' or 'low'" in done.stderr
    assert f"{tasks}: line 4, column estimated_hours: expected a number (got 'three')" in done.stderr
    assert "Traceback" not in done.stderr

    skipping = run("plan", "--employees", EMPLOYEES, "--tasks", tasks, "--skip-bad-rows")
    assert skipping.returncode == 0
    assert "1 of 1 tasks assigned" in skipping.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the column 'task_id' is required"),
        ("title,priority\nx,high\n", "the column 'task_id' is required; found: title, priority"),
        ("task_id,task_id\na,b\n", "more than once"),
    ],
)
def test_an_unusable_header_is_explained(tmp_path: Path, content: str, message: str) -> None:
    tasks = tmp_path / "tasks.csv"
    tasks.write_text(content)
    done = run("plan", "--employees", EMPLOYEES, "--tasks", tasks)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.csv"
    tasks.write_bytes("task_id,title\na,Köln\n".encode("latin-1"))
    done = run("plan", "--employees", EMPLOYEES, "--tasks", tasks)
    assert done.returncode == 2
    assert "not UTF-8" in done.stderr
    assert "Traceback" not in done.stderr


def test_import_and_doctor_on_a_fresh_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/work.db"
    assert "created 5, updated 0" in run("import", "employees", EMPLOYEES, DATABASE_URL=url).stdout
    assert "created 6, updated 0" in run("import", "tasks", TASKS, DATABASE_URL=url).stdout
    assert "created 0, updated 6" in run("import", "tasks", TASKS, DATABASE_URL=url).stdout
    healthy = run("doctor", DATABASE_URL=url)
    assert (healthy.returncode, healthy.stdout) == (0, "0 broken invariant(s), 0 warning(s)\n")


def test_import_of_a_bad_file_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/work.db"
    people = tmp_path / "people.csv"
    people.write_text("employee_id,performance_rating\nana,4\nben,7\n")
    refused = run("import", "employees", people, DATABASE_URL=url)
    assert refused.returncode == 2
    assert "line 3, column performance_rating" in refused.stderr
    taken = run("import", "employees", people, "--mode", "rows", DATABASE_URL=url)
    assert "created 1, updated 0, rejected 1" in taken.stdout


def test_a_plan_as_json_is_whole_and_alone_on_standard_output() -> None:
    done = run("plan", "--employees", EMPLOYEES, "--tasks", TASKS, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert {a["task_id"] for a in made["assignments"]} == {f"T-{number}" for number in range(101, 106)}
    assert made["assignments"][0]["explanation"]["terms"]
    assert made["unassigned"][0]["relaxations"][0].keys() >= {"kind", "from", "to"}
    assert made["report"]["value"] <= made["report"]["bound"]
    warnings = done.stderr.splitlines()
    assert len(warnings) == len(set(warnings))


def test_compiling_ahead_says_what_for() -> None:
    done = run("compile")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "compiled: scoring with lightgbm default-1",
        "compiled: the search of the optimal method",
    ]
    stamp = kernels(32).stamp
    assert stamp is not None
    assert stamp.exists()


def test_token_prints_a_token_and_nothing_else(tmp_path: Path) -> None:
    secret = "s" * 40
    done = run("token", "--role", "planner", cwd=tmp_path, JWT_SECRET=secret)
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert done.stdout.count(".") == 2
    assert secret not in done.stdout


def test_a_token_is_for_its_role_unless_it_is_a_technicians(tmp_path: Path) -> None:
    """There is no employee that a technician's token could be for by default."""
    secret = "s" * 40
    made = run("token", "--role", "admin", cwd=tmp_path, JWT_SECRET=secret)
    assert jwt.decode(made.stdout.strip(), OctKey.import_key(secret)).claims["sub"] == "admin"
    refused = run("token", "--role", "technician", cwd=tmp_path, JWT_SECRET=secret)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "expected --subject" in refused.stderr


def test_the_secret_file_is_its_owners_alone(tmp_path: Path) -> None:
    assert run("token", "--role", "admin", cwd=tmp_path).returncode == 0
    kept = tmp_path / ".assignment-engine-secret"
    assert kept.stat().st_mode & 0o777 == 0o600
    before = kept.read_text()
    assert run("token", "--role", "admin", cwd=tmp_path).returncode == 0
    assert kept.read_text() == before


def test_the_secret_is_beside_the_database(tmp_path: Path) -> None:
    """A token made elsewhere is one that the server of this database knows."""
    elsewhere, data = tmp_path / "elsewhere", tmp_path / "data"
    elsewhere.mkdir()
    address = f"sqlite:///{data / 'x.db'}"
    refused = run("token", "--role", "admin", cwd=elsewhere, DATABASE_URL=address)
    assert refused.returncode == 2
    assert "the directory of the SQLite file does not exist" in refused.stderr
    data.mkdir()
    assert run("token", "--role", "admin", cwd=elsewhere, DATABASE_URL=address).returncode == 0
    assert list(elsewhere.iterdir()) == []
    assert (data / ".assignment-engine-secret").exists()


def test_without_a_secret_only_sqlite_starts(tmp_path: Path) -> None:
    refused = run("serve", cwd=tmp_path, DATABASE_URL="postgresql://user:hidden@127.0.0.1:1/x")
    assert refused.returncode == 2
    assert "JWT_SECRET is required" in refused.stderr
    assert "hidden" not in refused.stderr


def test_a_short_secret_is_refused_without_being_shown(tmp_path: Path) -> None:
    refused = run("token", "--role", "admin", cwd=tmp_path, JWT_SECRET="too-short")
    assert refused.returncode == 2
    assert "JWT_SECRET" in refused.stderr
    assert "too-short" not in refused.stderr


def test_serve_on_a_taken_port_promises_nothing(tmp_path: Path) -> None:
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run("serve", "--port", port, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == f"error: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_upgrade_says_the_revision(tmp_path: Path) -> None:
    done = run("db", "upgrade", DATABASE_URL=f"sqlite:///{tmp_path}/work.db")
    assert done.stdout.startswith("schema at revision 0")


def test_the_demo_plans_finalizes_and_leaves_a_healthy_database(tmp_path: Path) -> None:
    done = run("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"model +\d+", done.stdout)
    assert re.search(r"fallback +\d+", done.stdout)
    assert "doctor: 0 broken invariants" in done.stdout
    assert re.search(r"\n  DATABASE_URL=sqlite:///demo.db \S+/assignment-engine serve\n$", done.stdout)
    healthy = run("doctor", cwd=tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/demo.db")
    assert healthy.returncode == 0, healthy.stdout
    again = run("demo", cwd=tmp_path, DATABASE_URL="sqlite:///work.db")
    assert again.returncode == 0, again.stderr
    assert "DATABASE_URL is left alone" in again.stdout
    assert not (tmp_path / "work.db").exists()


def test_the_demo_overwrites_no_database_of_somebody_else(tmp_path: Path) -> None:
    run("import", "employees", EMPLOYEES, cwd=tmp_path, DATABASE_URL="sqlite:///demo.db")
    before = (tmp_path / "demo.db").read_bytes()
    refused = run("demo", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "demo.db is there already" in refused.stderr
    assert (tmp_path / "demo.db").read_bytes() == before

"""What it costs to say what the suspect rows of a tasks file mean beside stored people.

    python -m benchmarks.impact [--tasks 100000] [--people 50] [--json]

Every twentieth row is suspect. Memory is what the process needed beyond what it had before.
"""

from __future__ import annotations

import random
import resource
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from assignment_engine.domain.records import Employee
from assignment_engine.quality.reading import read_file
from assignment_engine.quality.report import Impact
from assignment_engine.quality.rules import FileKind
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.stored_impact import StoredImpact
from assignment_engine.store.database import Database
from benchmarks.timing import Row, show

SKILLS = ("python", "sql", "linux", "network", "java")
PRIORITIES = ("low", "medium", "high", "critical")
EACH = 20


def store(database: Database, people: int, hours: float, rng: random.Random) -> None:
    """People with two skills each and time for about all the work together."""
    database.upgrade()
    staff = [
        Employee(
            employee_id=f"e{n}",
            skills=rng.sample(SKILLS, 2),
            experience_years=10 * rng.random(),
            max_workload=hours / people,
        )
        for n in range(people)
    ]
    database.run(lambda unit: unit.employees.add(staff, unit.now()))


def write(path: Path, tasks: int, rng: random.Random) -> float:
    """A file of tasks; the hours of all of them."""
    total = 0
    with path.open("w") as stream:
        stream.write("task_id,title,required_skills,priority,estimated_hours,complexity_score\n")
        for n in range(tasks):
            hours = rng.randint(1, 5)
            total += hours
            skill, priority = rng.choice(SKILLS), rng.choice(PRIORITIES)
            stream.write(f"t{n},Task {n},{skill},{priority},{hours},{rng.random():.2f}\n")
    return float(total)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(tasks: int, people: int, directory: Path) -> Row:
    rng = random.Random(0)
    hours = write(directory / "tasks.csv", tasks, rng)
    database = Database(f"sqlite:///{directory / 'work.db'}")
    store(database, people, hours, rng)
    table, core = read_file(directory / "tasks.csv").table, DecisionCore.load()
    core.warm_up()
    before, started, used = peak(), time.perf_counter(), time.process_time()
    found = StoredImpact(database, lambda: core)(FileKind.TASKS, table, np.arange(tasks) % EACH == 0)
    row = {
        "tasks": tasks,
        "people": people,
        "seconds": time.perf_counter() - started,
        "CPU s": time.process_time() - used,
        "grown by MiB": peak() - before,
    }
    database.dispose()
    if not isinstance(found, Impact):
        return {**row, "not computed": found.reason}
    return {**row, "assigned": found.assigned_with, "changed": found.changed, "at stake": found.share_at_stake}


@click.command(help=__doc__)
@click.option("--tasks", default=100_000, show_default=True)
@click.option("--people", default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(tasks: int, people: int, *, as_json: bool) -> None:
    """One file."""
    with tempfile.TemporaryDirectory() as directory:
        show([measured(tasks, people, Path(directory))], as_json=as_json)


if __name__ == "__main__":
    main()

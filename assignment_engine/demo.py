"""The whole main job on a simulated organisation, so that a newcomer can watch it."""

from __future__ import annotations

import shlex
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from numpy.random import default_rng

from assignment_engine.config import read_settings
from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.domain.plans import FinalizeResult, Plan
from assignment_engine.domain.records import Task
from assignment_engine.learning.organisation import Organisation, simulate
from assignment_engine.learning.people import draw_people
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.services.planning import SchedulerService
from assignment_engine.store.database import Database
from assignment_engine.wiring import build_engine

DATABASE_FILE = Path("demo.db")
DATABASE_URL = f"sqlite:///{DATABASE_FILE}"
PEOPLE = 40
PAST = 1500
OPEN_TASKS = 60
LATER_TASKS = 24
LINES_SHOWN = 8


@dataclass(frozen=True)
class _Compared:
    name: str
    plan: Plan
    expected_good: float


def run_demo(seed: int) -> None:
    """Simulate, store, plan with the model and the fallback, finalize the model's plan, show the database."""
    started = time.monotonic()
    if DATABASE_FILE.exists() and not _is_of_a_demo(DATABASE_FILE):
        raise ConfigurationError(
            f"{DATABASE_FILE} is there already and is not of a demo; move it away, or go to another directory"
        )
    open_tasks = OPEN_TASKS + LATER_TASKS
    organisation = simulate(seed, people=PEOPLE, decisions=PAST, open_tasks=open_tasks, now=datetime.now(UTC))
    planned, later = organisation.open_tasks[:OPEN_TASKS], organisation.open_tasks[OPEN_TASKS:]
    click.echo(
        f"A simulated organisation: {PEOPLE} people, {len(planned)} open tasks, "
        f"{len(organisation.history)} finished ones."
    )
    if "database_url" in read_settings().model_fields_set:
        click.echo(f"DATABASE_URL is left alone: everything goes to the file {DATABASE_FILE}.")
    engine = build_engine(read_settings(database_url=DATABASE_URL))
    _store(engine.database, organisation, planned)
    core = engine.core
    if core.warning:
        click.echo(f"warning: {core.warning}")
    fallback = SchedulerService(engine.database, core.with_scorer(WeightedFallback()), engine.settings)
    by_model = engine.scheduler.preview_assignments()
    by_fallback = fallback.preview_assignments()
    _compare(_judged("model", by_model, organisation), _judged("fallback", by_fallback, organisation))
    result = engine.scheduler.finalize_assignments(by_model.preview_id, actor="demo")
    _explain(by_model, organisation)
    _add(engine.database, later)
    _show_database(engine.database, organisation, result)
    click.echo(
        f"\nDone in {time.monotonic() - started:.0f} s. {len(later)} more tasks have come in since and wait. "
        f"All of it is in the file {DATABASE_FILE}. Open the board on it by the link that this prints:\n"
        f"  DATABASE_URL={DATABASE_URL} {shlex.quote(sys.argv[0])} serve"
    )


def _is_of_a_demo(path: Path) -> bool:
    """Whether the people in a file are those that a demo makes, whatever has become of its tasks."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            found = {row[0] for row in connection.execute("SELECT employee_id FROM employees")}
    except sqlite3.Error:
        return False
    return found == {employee.employee_id for employee in draw_people(default_rng(), PEOPLE).employees}


def _store(database: Database, organisation: Organisation, open_tasks: Sequence[Task]) -> None:
    """A fresh file with the people, what they have done, and what waits."""
    for path in (DATABASE_FILE, *DATABASE_FILE.parent.glob(f"{DATABASE_FILE.name}-*")):
        path.unlink(missing_ok=True)
    database.upgrade()
    with database.unit() as unit:
        unit.employees.add(organisation.employees, unit.now())
        unit.history.add(organisation.history)
        unit.commit()
    _add(database, open_tasks)


def _add(database: Database, tasks: Sequence[Task]) -> None:
    with database.unit() as unit:
        unit.tasks.add(tasks, unit.now())
        unit.commit()


def _judged(name: str, plan: Plan, organisation: Organisation) -> _Compared:
    pairs = [(assignment.task_id, assignment.employee_id) for assignment in plan.assignments]
    return _Compared(name, plan, float(organisation.truth(pairs).sum()))


def _compare(first: _Compared, second: _Compared) -> None:
    chosen = {a.task_id: a.employee_id for a in first.plan.assignments}
    other = {a.task_id: a.employee_id for a in second.plan.assignments}
    differing = sum(chosen.get(task_id) != other.get(task_id) for task_id in chosen.keys() | other.keys())
    click.echo(f"\n{'scorer':<10}{'assigned':>10}{'unassigned':>12}{'good ones to expect':>21}{'load Gini':>11}")
    for side in (first, second):
        plan = side.plan
        click.echo(
            f"{side.name:<10}{len(plan.assignments):>10}{len(plan.unassigned):>12}"
            f"{side.expected_good:>21.1f}{plan.report.load_after.gini:>11.3f}"
        )
    click.echo(
        f"{differing} tasks go to different people. What to expect is known because the organisation is simulated."
    )


def _explain(plan: Plan, organisation: Organisation) -> None:
    """One assignment with its reasons, and one task that found nobody."""
    names = {employee.employee_id: employee.name for employee in organisation.employees}
    titles = {task.task_id: task.title for task in organisation.open_tasks}
    for assignment in plan.assignments[:1]:
        terms = sorted(assignment.explanation.terms if assignment.explanation else (), key=lambda t: -t.contribution)
        why = ", ".join(f"{term.feature} {term.contribution:+.2f}" for term in terms[:3])
        click.echo(f"\nWhy {names[assignment.employee_id]} for {titles[assignment.task_id]!r}? {why} (log-odds)")
    for left in plan.unassigned[:1]:
        reasons = "; ".join(f"{reason.code}: {reason.detail}" for reason in left.reasons)
        click.echo(f"Why nobody for {titles[left.task_id]!r}? {reasons}")
        for change in left.relaxations[:1]:
            whom = names.get(change.employee_id or "", "everybody")
            how = f"{change.from_} lifted" if change.to is None else f"{change.from_} → {change.to}"
            click.echo(f"  It would go with {change.kind} {how} for {whom}")


def _show_database(database: Database, organisation: Organisation, result: FinalizeResult) -> None:
    titles = {task.task_id: task.title for task in organisation.open_tasks}
    names = {employee.employee_id: employee.name for employee in organisation.employees}
    click.echo(f"\nFinalized {len(result.assignments)} assignments of the model's plan; the first of them:")
    for assignment in result.assignments[:LINES_SHOWN]:
        click.echo(
            f"  {assignment.status:<9} {titles[assignment.task_id] or '':<44.44} → "
            f"{names[assignment.employee_id]:<20.20} {assignment.score:.2f}"
        )
    with database.read() as unit:
        counts, findings = unit.counts(), unit.doctor()
    click.echo("\nNow in the database " + DATABASE_FILE.name + ":")
    click.echo("  " + ", ".join(f"{table} {rows}" for table, rows in counts.items()))
    broken = sum(finding.severity == "error" for finding in findings)
    click.echo(f"  doctor: {broken} broken invariants")

"""Planning files without a database."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from assignment_engine.cli import model_dirs
from assignment_engine.cli.errors import FILE, errors_shown, plain, refuse, show_bad_values
from assignment_engine.domain.errors import InvalidInputError

if TYPE_CHECKING:
    from assignment_engine.domain.intake import CsvContent
    from assignment_engine.domain.plans import Change, Plan, PlannedAssignment, Relaxation, Unassigned
    from assignment_engine.domain.records import Record, Task
    from assignment_engine.domain.types import InputNotes

ROWS_SHOWN = 20
WIDEST_CELL = 80
# The values of `Method`, whose module would make --help take twice as long.
METHODS = ("greedy", "balanced", "optimal")


@click.command("plan")
@click.option("--employees", "employees_file", type=FILE, required=True, help="CSV with a column employee_id.")
@click.option("--tasks", "tasks_file", type=FILE, required=True, help="CSV with a column task_id.")
@click.option("--method", type=click.Choice(METHODS), default="greedy", show_default=True)
@click.option("--weight", type=float, help="For balanced: share of load in the score, 0 to 1  [default: 0.3]")
@click.option(
    "--time-budget", type=float, help="For optimal: seconds until the best plan so far is taken  [default: 10]"
)
@click.option("--objective", type=click.Choice(["weighted", "score"]), help="For optimal: whether priorities count.")
@click.option("--mandatory", is_flag=True, help="For optimal: do all tasks, at the price of a lower total.")
@click.option("--scorer", type=click.Choice(["model", "fallback"]), default="model", show_default=True)
@model_dirs.READ_IF_NAMED
@click.option("--time-zone", default="UTC", show_default=True, help="Zone of times that have none.")
@click.option("--skip-bad-rows", is_flag=True, help="Plan the good rows and report the bad ones.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan to this CSV file.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan with all reasons and the report as JSON.")
@errors_shown
def plan_command(
    *,
    employees_file: Path,
    tasks_file: Path,
    method: str,
    weight: float | None,
    time_budget: float | None,
    objective: str | None,
    mandatory: bool,
    scorer: str,
    model_dir: Path | None,
    time_zone: str,
    skip_bad_rows: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Plan files, with no database.

    \b
    Example: assignment-engine plan --employees E.csv --tasks T.csv --method balanced --out plan.csv
    """
    from assignment_engine.allocation.plan import plan
    from assignment_engine.domain.records import Employee, Task
    from assignment_engine.domain.types import InputNotes
    from assignment_engine.scoring.fallback import WeightedFallback
    from assignment_engine.scoring.registry import load_scorer

    notes = InputNotes(time_zone)
    employees = _read(Employee, employees_file, notes, skip_bad_rows=skip_bad_rows)
    tasks = _read(Task, tasks_file, notes, skip_bad_rows=skip_bad_rows)
    chosen, warning = (WeightedFallback(), None) if scorer == "fallback" else load_scorer(model_dir)
    made = plan(
        tasks,
        employees,
        method=method,
        weight=weight,
        time_budget_seconds=time_budget,
        objective=objective,
        mandatory=mandatory,
        scorer=chosen,
        progress=True,
    )
    if as_json:
        click.echo(json.dumps(made.model_dump(mode="json", by_alias=True), indent=2))
    else:
        _show(made, {task.task_id: task for task in tasks})
    for message in dict.fromkeys([*notes.warnings, *([warning] if warning else []), *made.report.warnings]):
        click.echo(plain(f"warning: {message}"), err=True)
    if out:
        _write(made, out)
        click.echo(f"written to {out}", err=as_json)


def _read(kind: type[Any], path: Path, notes: InputNotes, *, skip_bad_rows: bool) -> tuple[Any, ...]:
    """The records of a CSV file; bad rows end the command unless they are to be skipped."""
    from assignment_engine.domain.intake import read_csv

    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            content: CsvContent[Record] = read_csv(kind, stream, notes)
    except UnicodeDecodeError as exc:
        refuse(f"{path}: not UTF-8 text: {exc.reason} at byte {exc.start}")
    except InvalidInputError as exc:
        refuse("\n".join(f"{path}: line 1: {error.detail}" for error in exc.errors))
    show_bad_values(path, content.rejected)
    if content.rejected and not skip_bad_rows:
        refuse("nothing was planned; --skip-bad-rows plans the rest")
    return content.records


def _show(plan: Plan, tasks: dict[str, Task]) -> None:
    rows = [
        (a.task_id, tasks[a.task_id].title or "", a.employee_id, f"{a.score:.3f}", f"{a.hours:.4g}", _why(a))
        for a in plan.assignments
    ]
    _table(("task", "title", "person", "score", "hours", "mostly because of"), rows)
    if plan.unassigned:
        click.echo(f"\nunassigned: {len(plan.unassigned)}")
        _table(("task", "reason"), [(u.task_id, _reasons(u) + _remedy(u)) for u in plan.unassigned])
    report = plan.report
    click.echo(
        f"\n{len(plan.assignments)} of {len(plan.assignments) + len(plan.unassigned)} tasks assigned, "
        f"method {plan.method}, scorer {plan.scorer.name} {plan.scorer.version}\n"
        f"value {report.value:.4g} of at most {report.bound:.4g} (gap {report.gap:.1%}), "
        f"load spread (Gini) {report.load_before.gini:.3f} → {report.load_after.gini:.3f}"
    )


def _why(assignment: PlannedAssignment) -> str:
    if assignment.explanation is None:
        return ""
    terms = sorted(assignment.explanation.terms, key=lambda term: -abs(term.contribution))[:2]
    return ", ".join(f"{term.feature} {term.contribution:+.2f}" for term in terms)


def _reasons(unassigned: Unassigned) -> str:
    return "; ".join(f"{reason.code}: {reason.detail}" for reason in unassigned.reasons)


def _remedy(unassigned: Unassigned) -> str:
    """The first relaxation, on a line of its own."""
    for relaxation in unassigned.relaxations[:1]:
        return "\nwould go with: " + ", ".join(map(_change, relaxation.changes or (relaxation,)))
    return ""


def _change(change: Change | Relaxation) -> str:
    what = " ".join(filter(None, (change.kind, change.skill)))
    becomes = "lifted" if change.to is None else f"→ {_short(change.to)}"
    told = f"{what} {_short(change.from_)} {becomes}"
    return f"{told} for {change.employee_id}" if change.employee_id else told


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    shown = [head, *(line for row in rows[:ROWS_SHOWN] for line in _lines(row))]
    widths = [max(len(row[i]) for row in shown) for i in range(len(head))]
    for row in shown:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if len(rows) > ROWS_SHOWN:
        click.echo(f"… and {len(rows) - ROWS_SHOWN} more")


def _lines(row: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """A row of a table on as many lines as its longest cell needs."""
    cells = [[line for part in cell.split("\n") for line in wrap(plain(part), WIDEST_CELL)] for cell in row]
    return zip_longest(*cells, fillvalue="")


def _write(plan: Plan, out: Path) -> None:
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["task_id", "employee_id", "score", "confidence", "hours", "reasons"])
        for a in plan.assignments:
            writer.writerow([a.task_id, a.employee_id, f"{a.score:.9g}", a.confidence, f"{a.hours:.9g}", ""])
        for u in plan.unassigned:
            writer.writerow([u.task_id, "", "", "", "", _reasons(u)])

"""Looking at a file before it decides anything."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assignment_engine.cli import model_dirs
from assignment_engine.cli.errors import FILE, errors_shown, refuse, show_bad_values

if TYPE_CHECKING:
    from assignment_engine.domain.intake import CsvContent
    from assignment_engine.quality.files import Processed
    from assignment_engine.quality.options import QualityOptions
    from assignment_engine.quality.report import Checked, Impact
    from assignment_engine.quality.score import Score

ISSUES_SHOWN = 30
BELOW = 1
OUT = click.Path(dir_okay=False, path_type=Path)


@click.command("check")
@click.argument("file", type=FILE)
@click.option("--reference", type=FILE, help="A file as it should be; the columns and values are compared with it.")
@click.option("--fix", type=OUT, help="Fill gaps, merge duplicates and write the result to this CSV file.")
@click.option("--fill", multiple=True, metavar="COLUMN=METHOD", help="How to fill a column; may be repeated.")
@click.option("--id-column", help="The column that names a row, where its name does not say so.")
@click.option("--plan-with", type=FILE, help="Employees for a tasks file, tasks for an employees file: what changes?")
@model_dirs.READ_IF_NAMED
@click.option("--html", "html_file", type=OUT, help="Write the report as one HTML file that opens offline.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--fail-under", type=click.FloatRange(0, 100), help="Exit with 1 if the score is lower.")
@errors_shown
def check_command(
    *,
    file: Path,
    reference: Path | None,
    fix: Path | None,
    fill: tuple[str, ...],
    id_column: str | None,
    plan_with: Path | None,
    model_dir: Path | None,
    html_file: Path | None,
    as_json: bool,
    fail_under: float | None,
) -> None:
    """Find what is sparse, wrong or double in a CSV file, and what that means for a plan.

    \b
    Example: assignment-engine check tasks.csv --plan-with people.csv --fix tasks.clean.csv --html report.html
    """
    from assignment_engine.domain.errors import UnreadableFileError
    from assignment_engine.quality.files import check_file, write_report

    options = _options(fill, id_column)
    try:
        checked = check_file(file, reference, options)
    except UnreadableFileError as exc:
        refuse(f"{file}: {exc}")
    impact = _impact(checked, file, plan_with, options, model_dir) if plan_with else None
    processed = _fixed(file, fix, reference, options) if fix else None
    if html_file:
        fills, duplicates = (processed.fills, processed.duplicates) if processed else ((), None)
        write_report(html_file, checked.report, fills, duplicates, impact)
    if as_json:
        _print_json(checked, processed, impact)
    else:
        _print(checked, processed, impact)
    if fail_under is not None and (checked.report.score.total or 0.0) < fail_under:
        raise click.exceptions.Exit(BELOW)


def _options(fill: Sequence[str], id_column: str | None) -> QualityOptions:
    from assignment_engine.quality.options import FillMethod, FillOptions, MatchOptions, QualityOptions

    known = [method.value for method in FillMethod if method is not FillMethod.CONSTANT]
    methods: dict[str, Any] = {}
    constants: dict[str, Any] = {}
    for entry in fill:
        column, equals, method = entry.partition("=")
        if not equals or not (method in known or method.startswith("constant:")):
            refuse(f"--fill {entry}: expected COLUMN=METHOD with one of {', '.join(known)} or constant:VALUE")
        if method.startswith("constant:"):
            constants[column] = method.removeprefix("constant:")
        else:
            methods[column] = method
    match = MatchOptions(id_column=id_column) if id_column else MatchOptions()
    return QualityOptions(fill=FillOptions(methods=methods, constants=constants), match=match)


def _fixed(file: Path, out: Path, reference: Path | None, options: QualityOptions) -> Processed:
    """The chain, in a directory of its own; the final file and its lists go where they were asked for."""
    from assignment_engine.quality.files import process_file
    from assignment_engine.quality.report import FileKindOfResult

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        processed = process_file(file, directory, reference=reference, options=options)
        shutil.copyfile(processed.path_of(FileKindOfResult.FINAL, directory), out)
        for entry in processed.results.files:
            for ending in ("id-map.csv", "review.csv"):
                if entry.name.endswith(ending):
                    shutil.copyfile(directory / entry.name, out.with_suffix(f".{ending}"))
    return processed


def _impact(checked: Checked, file: Path, other: Path, options: QualityOptions, model_dir: Path | None) -> Impact:
    from assignment_engine.domain.records import Employee, Task
    from assignment_engine.quality.duplicates import deduplicate_table
    from assignment_engine.quality.rules import FileKind
    from assignment_engine.scoring.registry import load_scorer
    from assignment_engine.services.impact import Planner, impact_of_rows

    kind = checked.report.file_kind
    if kind not in (FileKind.TASKS, FileKind.EMPLOYEES):
        refuse(f"{file}: --plan-with needs a file of tasks or employees")
    others = _records(Employee if kind is FileKind.TASKS else Task, other)
    scorer, _ = load_scorer(model_dir)
    suspect = checked.suspect | ~deduplicate_table(checked.table, options).kept
    return impact_of_rows(kind, checked.table, suspect, others, Planner(scorer, datetime.now(UTC)))


def _records(kind: type[Any], path: Path) -> tuple[Any, ...]:
    from assignment_engine.domain.intake import read_csv

    with path.open(encoding="utf-8-sig", newline="") as stream:
        content: CsvContent[Any] = read_csv(kind, stream)
    show_bad_values(path, content.rejected)
    return content.records


def _print_json(checked: Checked, processed: Processed | None, impact: Impact | None) -> None:
    answer = {
        "report": checked.report.model_dump(mode="json"),
        "results": processed.results.model_dump(mode="json", exclude={"files"}) if processed else None,
        "metrics": processed.metrics.model_dump(mode="json") if processed else None,
        "impact": impact.model_dump(mode="json") if impact else None,
    }
    click.echo(json.dumps(answer, indent=2))


def _print(checked: Checked, processed: Processed | None, impact: Impact | None) -> None:
    report = checked.report
    click.echo(
        f"{report.file}: {report.rows} rows of {len(report.columns)} columns ({report.file_kind}), "
        f"{report.suspect_rows} suspect\n"
        f"{_told(report.score)}"
    )
    for issue in report.issues[:ISSUES_SHOWN]:
        column = f", column {issue.column}" if issue.column else ""
        lines = (
            f" (line {', '.join(map(str, issue.lines[:5]))}{' …' if issue.count > 5 else ''})" if issue.lines else ""
        )
        click.echo(f"{issue.severity}: {issue.code}{column}, {issue.count} times: {issue.detail}{lines}")
    if len(report.issues) > ISSUES_SHOWN:
        click.echo(f"… and {len(report.issues) - ISSUES_SHOWN} more; --json or --html shows all")
    if processed:
        _print_fix(processed)
    if impact:
        click.echo(
            f"plan ({impact.method}, {impact.scorer}): {impact.changed} assignments change without the suspect rows, "
            f"{impact.assigned_with} assigned with them, {impact.assigned_without} without; "
            f"at stake {impact.at_stake:.3f} of {max(impact.total_score_with, impact.total_score_without):.3f}"
        )


def _told(score: Score) -> str:
    if score.total is None:
        return "no score: there are no rows"
    shares = ("completeness", "validity", "uniqueness", "readability")
    return f"score {score.total:.1f} of 100: " + ", ".join(f"{name} {getattr(score, name):.1%}" for name in shares)


def _print_fix(processed: Processed) -> None:
    for fill in processed.fills:
        how = f"{fill.method} by {fill.by}" if fill.by else str(fill.method)
        click.echo(f"gaps: column {fill.column}: {fill.filled} of {fill.gaps} filled, {fill.note or how}")
    if processed.duplicates:
        found = processed.duplicates
        click.echo(
            f"duplicates: {found.duplicates_removed} removed in {found.clusters} clusters (exact {found.exact}, "
            f"same id {found.same_id}, fuzzy {found.fuzzy}), {found.review} pairs to review"
        )

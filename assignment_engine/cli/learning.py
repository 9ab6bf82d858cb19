"""Learning from outcomes: what a log can teach, models and their promotion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assignment_engine.cli import eta, model_dirs, triage
from assignment_engine.cli.errors import FILE, errors_shown

if TYPE_CHECKING:
    from assignment_engine.learning.dataset import Dataset

TABLES = ["choice", "success", "hours", "triage", "detector"]


@click.command("evaluate-log")
@click.argument("log", type=FILE)
@click.option("--adapter", required=True, help="A TOML file, or the name of a shipped adapter.")
@click.option("--seeds", default=3, show_default=True, help="Learned rows are means over so many seeds.")
@click.option("--table", "tables", multiple=True, type=click.Choice(TABLES), help="Only these.")
@click.option("--json", "as_json", is_flag=True)
@errors_shown
def evaluate_log_command(*, log: Path, adapter: str, seeds: int, tables: tuple[str, ...], as_json: bool) -> None:
    """Replay a log of past work and measure what could be learned from it. See docs/your-own-log.md.

    \b
    Example: assignment-engine evaluate-log incidents.csv.gz --adapter uci-servicenow-incidents --json
    """
    from assignment_engine.learning.logs.adapter import read_adapter
    from assignment_engine.learning.logs.evaluate import evaluate_log, tables_of

    chosen = {"tables": tables} if tables else {}
    report = evaluate_log(log, read_adapter(adapter), seeds=range(1, seeds + 1), **chosen)
    click.echo(json.dumps(report.content, indent=2) if as_json else tables_of(report))
    if report.leaks:
        raise click.ClickException("the leak test failed: features depend on what was not known yet")


REASON = click.option("--reason", help="Goes on record.")
FROM_DATABASE = click.option("--from-database", is_flag=True, help="The training log of DATABASE_URL, not a file.")


def _dataset(data: Path | None, from_database: bool) -> Dataset | None:
    """Decisions of a file or of the database, whichever was asked for; None for neither."""
    from assignment_engine.learning.dataset import read_dataset

    if from_database and data is not None:
        raise click.UsageError("a file and --from-database exclude each other")
    if not from_database:
        return None if data is None else read_dataset(data)
    from assignment_engine.cli.data import open_database
    from assignment_engine.services.training_log import logged_dataset

    database = open_database()
    database.upgrade()
    with database.read() as unit:
        return logged_dataset(unit)


def _required(data: Path | None, from_database: bool) -> Dataset:
    found = _dataset(data, from_database)
    if found is None:
        raise click.UsageError("expected a file of decisions or --from-database")
    return found


@click.command("train")
@click.argument("data", type=FILE, required=False)
@FROM_DATABASE
@click.option("--name", required=True, help="Of the new bundle, a subdirectory of the models.")
@model_dirs.CHANGED
@click.option(
    "--objective",
    type=click.Choice(["success", "choice", triage.TRIAGE, eta.ETA]),
    default="success",
    show_default=True,
    help="success and choice score pairs; triage reads tickets; eta says when work will be done.",
)
@click.option("--features", "sets", multiple=True, type=click.Choice(["recency", "context"]), help="Beyond the 17.")
@click.option("--model", type=click.Choice(["auto", "trees", "logistic"]), default="auto", show_default=True)
@click.option("--trials", default=0, show_default=True, help="Parameters to try in a search; 0 takes the usual ones.")
@click.option("--seconds", default=300.0, show_default=True, help="When a search stops at the latest.")
@click.option("--seed", default=1, show_default=True)
@errors_shown
def train_command(
    *, data: Path | None, from_database: bool, name: str, model_dir: Path, objective: str, sets: tuple[str, ...],
    model: str, trials: int, seconds: float, seed: int,
) -> None:  # fmt: skip
    """Learn a bundle from a CSV file of decisions or the training log. See docs/learning.md for the columns.

    With --objective triage it learns to read tickets, from finished tasks instead; see docs/triage.md. With --objective
    eta it learns how long work takes, from the assignments of the database; see docs/detector.md.

    \b
    Example: assignment-engine train decisions.csv --name spring --model-dir my-models
    """
    if objective in (triage.TRIAGE, eta.ETA) and (sets or model != "auto" or trials):
        raise click.UsageError("--features, --model and --trials are for models that score pairs")
    if objective == eta.ETA:
        eta.train(data, model_dir / name, seed)
        return
    if objective == triage.TRIAGE:
        triage.train(data, from_database, model_dir / name, seed)
        return
    from assignment_engine.learning.promotion import refuse_champion
    from assignment_engine.learning.training import Training, train
    from assignment_engine.scoring.bundle import save_bundle

    refuse_champion(model_dir, name)

    training = Training.model_validate(
        {
            "kind": objective,
            "sets": sets,
            "model": model,
            "trials": trials,
            "seconds": seconds,
            "seed": seed,
            "name": name,
            "version": name,
            "data": "the training log of a database" if data is None else data.name,
        }
    )
    bundle = train(_required(data, from_database), training)
    save_bundle(bundle, model_dir / name)
    click.echo(json.dumps(bundle.manifest.metrics, indent=2))
    click.echo(f"written to {model_dir / name}; it is not the champion before it is promoted", err=True)


@click.command("evaluate")
@click.argument("data", type=FILE, required=False)
@FROM_DATABASE
@click.option("--name", help="The bundle, a subdirectory of the models; without it only the hold-out is looked at.")
@model_dirs.READ
@click.option("--off-policy", is_flag=True, help="Also estimate its value as a policy; needs logged propensities.")
@errors_shown
def evaluate_command(
    *, data: Path | None, from_database: bool, name: str | None, model_dir: Path, off_policy: bool
) -> None:
    """Everything about a bundle on decisions that it has not seen, beside the champion, as JSON.

    The arms of the hold-out are compared in any case: what the engine's decisions are worth beside the control policy.

    \b
    Example: assignment-engine evaluate decisions.csv --name spring
    """
    if name is None:
        _evaluate_holdout(_required(data, from_database), off_policy)
        return
    if eta.is_eta(model_dir / name):
        eta.evaluate(model_dir / name)
        return
    if triage.is_triage(model_dir / name):
        triage.evaluate(data, from_database, model_dir / name)
        return
    from functools import partial

    from assignment_engine.learning.judging import probability, report
    from assignment_engine.learning.offpolicy import estimate_policy
    from assignment_engine.learning.promotion import current
    from assignment_engine.scoring.bundle import load_bundle
    from assignment_engine.scoring.registry import load_champion

    rows, bundle = _required(data, from_database), load_bundle(model_dir / name)
    champion = load_champion(model_dir) if current(model_dir) else None
    found = report(bundle, rows, champion=champion)
    if off_policy:
        from assignment_engine.services.training_log import drawn

        score = partial(probability, bundle)
        found["off_policy"] = estimate_policy(
            drawn(rows) if from_database else rows, score, expected=score
        ).model_dump()
    click.echo(json.dumps(found, indent=2))
    click.echo(f"hold-out: {found['holdout']['note']}", err=True)


def _evaluate_holdout(rows: Dataset, off_policy: bool) -> None:
    from assignment_engine.learning.holdout import holdout

    if off_policy:
        raise click.UsageError("--off-policy is about a bundle; expected --name")
    found = holdout(rows)
    click.echo(json.dumps({"holdout": found}, indent=2))
    click.echo(f"hold-out: {found['note']}", err=True)


@click.command("promote")
@click.argument("name")
@click.option("--data", type=FILE, help="Decisions on which it must be better than the champion.")
@FROM_DATABASE
@model_dirs.CHANGED
@click.option("--metric", type=click.Choice(["log_loss", "brier", "auc"]), default="log_loss", show_default=True)
@click.option("--force", is_flag=True, help="Promote even if it is not better; needs a reason.")
@REASON
@errors_shown
def promote_command(
    *, name: str, data: Path | None, from_database: bool, model_dir: Path, metric: str, force: bool, reason: str | None
) -> None:
    """Make a bundle the champion if it is better by more than the standard error of the difference.

    \b
    Example: assignment-engine promote spring --data decisions.csv --model-dir my-models
    """
    if eta.is_eta(model_dir / name):
        eta.promote(model_dir / name, force=force, reason=reason)
        return
    if triage.is_triage(model_dir / name):
        triage.promote(data, from_database, model_dir / name, force=force, reason=reason)
        return
    from datetime import UTC, datetime

    from assignment_engine.learning.promotion import promote

    rows = _dataset(data, from_database)
    chosen = {"metric": metric, "force": force, "reason": reason}
    change = promote(model_dir, name, data=rows, now=datetime.now(UTC), **chosen)  # type: ignore[arg-type]
    click.echo(json.dumps(change.model_dump(mode="json"), indent=2))


@click.command("rollback")
@model_dirs.CHANGED
@click.option("--kind", type=click.Choice(["success", triage.TRIAGE, eta.ETA]), default="success", show_default=True)
@REASON
@errors_shown
def rollback_command(*, model_dir: Path, kind: str, reason: str | None) -> None:
    """Make the champion before the present one the champion again.

    \b
    Example: assignment-engine rollback --reason "complaints about night shifts" --model-dir my-models
    """
    if kind != "success":
        (eta if kind == eta.ETA else triage).rollback(model_dir, reason)
        return
    from datetime import UTC, datetime

    from assignment_engine.learning.promotion import rollback

    change = rollback(model_dir, now=datetime.now(UTC), reason=reason)
    click.echo(json.dumps(change.model_dump(mode="json"), indent=2))


@click.command("models")
@model_dirs.READ
@click.option("--json", "as_json", is_flag=True)
@errors_shown
def models_command(*, model_dir: Path, as_json: bool) -> None:
    """The bundles of a directory, newest first; an asterisk marks the champion.

    \b
    Example: MODEL_DIR=my-models assignment-engine models
    """
    from assignment_engine.learning.eta_promotion import listed_eta
    from assignment_engine.learning.promotion import listed
    from assignment_engine.learning.triage_promotion import listed_triage

    found = listed(model_dir)
    if as_json:
        entries = (*found, *listed_triage(model_dir), *listed_eta(model_dir))
        click.echo(json.dumps([entry.model_dump(mode="json") for entry in entries], indent=2))
        return
    for entry in found:
        mark = "*" if entry.champion else " "
        if entry.manifest is None:
            click.echo(f"{mark} {entry.bundle}: cannot be used: {entry.problem}")
            continue
        measured = entry.manifest.metrics.get("model", {})
        numbers = ", ".join(f"{name} {value:.3f}" for name, value in measured.items())
        created = f"{entry.manifest.created_at:%Y-%m-%d %H:%M}"
        version = f"{entry.manifest.version} in plans"
        click.echo(f"{mark} {entry.bundle}: {entry.manifest.kind}, {version}, {created}, {numbers}")
    for line in (*triage.lines(model_dir), *eta.lines(model_dir)):
        click.echo(line)


LEARNING: tuple[click.Command, ...] = (
    evaluate_log_command,
    train_command,
    evaluate_command,
    promote_command,
    rollback_command,
    models_command,
)

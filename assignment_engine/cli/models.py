"""Training the default model, compiling for a machine, and the demonstration of the whole."""

from __future__ import annotations

from pathlib import Path

import click

from assignment_engine.cli import model_dirs
from assignment_engine.cli.errors import errors_shown


@click.command("train-default")
@click.option(
    "--model-dir", type=click.Path(file_okay=False, path_type=Path), default=Path("models"), show_default=True
)
@click.option("--seed", default=1, show_default=True)
@errors_shown
def train_default_command(model_dir: Path, seed: int) -> None:
    """Train the default bundle on a simulated organisation and write it with its model card.

    \b
    Example: assignment-engine train-default --model-dir models
    """
    from assignment_engine.learning.default import train_default

    train_default(model_dir, seed=seed, progress=True)
    click.echo(f"written to {model_dir}; the model card is {model_dir / 'README.md'}")


@click.command("compile")
@model_dirs.READ_IF_NAMED
@errors_shown
def compile_command(model_dir: Path | None) -> None:
    """Compile now what the first large plan on this machine would compile, and keep it on disk. Takes half a minute.

    \b
    Example: assignment-engine compile
    """
    from datetime import UTC, datetime

    from assignment_engine.allocation.ahead import compile_ahead
    from assignment_engine.scoring.registry import load_scorer

    scorer, warning = load_scorer(model_dir)
    if warning:
        click.echo(f"warning: {warning}", err=True)
    for part in compile_ahead(scorer, datetime.now(UTC)):
        click.echo(f"compiled: {part}")


@click.command()
@click.option("--seed", default=7, show_default=True)
@errors_shown
def demo(seed: int) -> None:
    """Make an organisation, plan it with the model and with the fallback, finalize, show the database.

    The database is the file demo.db in the working directory, whatever DATABASE_URL says; only that of an earlier demo
    is overwritten.

    \b
    Example: assignment-engine demo
    """
    from assignment_engine.demo import run_demo

    run_demo(seed)

"""The part of the learning commands that is about models which read tickets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from assignment_engine.learning.finished import Finished

TRIAGE = "triage"


def is_triage(directory: Path) -> bool:
    """Whether the models in this directory read tickets."""
    from assignment_engine.learning.keeping import kind_of

    return kind_of(directory) == TRIAGE


def train(data: Path | None, from_database: bool, directory: Path, seed: int) -> None:
    """Learn from finished tasks, and show what that is worth on later ones."""
    from assignment_engine.learning.seats import Seat
    from assignment_engine.learning.triage_bundle import train_triage_bundle

    if Seat(directory.parent, TRIAGE).holder() == directory.name:
        raise click.UsageError(f"{directory.name} is the champion; a new model needs another name")
    name = "the finished tasks of a database" if data is None else data.name
    bundle = train_triage_bundle(_required(data, from_database), directory.name, data=name, seed=seed)
    bundle.save(directory)
    about = bundle.manifest.model_dump(mode="json")
    click.echo(json.dumps({name: about[name] for name in ("fields", "usual", "measured")}, indent=2))
    click.echo(f"written to {directory}; it is not the champion before it is promoted", err=True)


def evaluate(data: Path | None, from_database: bool, directory: Path) -> None:
    """What the model is worth on finished tasks that it has not learned from, beside the champion."""
    from assignment_engine.learning.seats import Seat
    from assignment_engine.learning.triage_bundle import load_triage
    from assignment_engine.learning.triage_promotion import judge_triage

    present = Seat(directory.parent, TRIAGE).holder()
    champion = load_triage(directory.parent / present) if present else None
    found = judge_triage(load_triage(directory), _required(data, from_database), champion)
    click.echo(json.dumps(found.model_dump(mode="json"), indent=2))


def promote(data: Path | None, from_database: bool, directory: Path, *, force: bool, reason: str | None) -> None:
    """Make the model the champion if it reads later tickets better."""
    from assignment_engine.learning.triage_promotion import promote_triage

    change = promote_triage(
        directory.parent,
        directory.name,
        finished=_finished(data, from_database),
        now=datetime.now(UTC),
        force=force,
        reason=reason,
    )
    click.echo(json.dumps(change.model_dump(mode="json"), indent=2))


def rollback(model_dir: Path, reason: str | None) -> None:
    """Make the champion before the present one the champion again."""
    from assignment_engine.learning.triage_promotion import rollback_triage

    change = rollback_triage(model_dir, now=datetime.now(UTC), reason=reason)
    click.echo(json.dumps(change.model_dump(mode="json"), indent=2))


def lines(model_dir: Path) -> list[str]:
    """A line for each model that reads tickets."""
    from assignment_engine.learning.triage_promotion import listed_triage

    found = []
    for entry in listed_triage(model_dir):
        mark = "*" if entry.champion else " "
        if entry.manifest is None:
            found.append(f"{mark} {entry.bundle}: cannot be used: {entry.problem}")
            continue
        worth = entry.manifest.measured
        told = ", ".join(f"{name} {worth[name].right:.0%} right" for name in entry.manifest.fields)
        found.append(f"{mark} {entry.bundle}: {TRIAGE}, {entry.manifest.created_at:%Y-%m-%d %H:%M}, {told}")
    return found


def _required(data: Path | None, from_database: bool) -> Finished:
    found = _finished(data, from_database)
    if found is None:
        raise click.UsageError("expected a file of finished tasks or --from-database")
    return found


def _finished(data: Path | None, from_database: bool) -> Finished | None:
    """Tasks of a file or of the database, whichever was asked for; None for neither."""
    from assignment_engine.learning.finished import read_finished

    if from_database and data is not None:
        raise click.UsageError("a file and --from-database exclude each other")
    if not from_database:
        return None if data is None else read_finished(data)
    from assignment_engine.cli.data import open_database
    from assignment_engine.services.triage.finished import finished_tasks

    database = open_database()
    database.upgrade()
    with database.read() as unit:
        return finished_tasks(unit)

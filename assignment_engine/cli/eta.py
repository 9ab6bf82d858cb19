"""The part of the learning commands that is about models which say when work will be done."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

ETA = "eta"


def is_eta(directory: Path) -> bool:
    """Whether the models in this directory say when work will be done."""
    from assignment_engine.learning.keeping import kind_of

    return kind_of(directory) == ETA


def train(data: Path | None, directory: Path, seed: int) -> None:
    """Learn from the assignments of the database, and show what that is worth on the newest of them."""
    from assignment_engine.cli.data import open_database
    from assignment_engine.learning.seats import Seat
    from assignment_engine.services.eta_training import logged_hours, train_logged

    if data is not None:
        raise click.UsageError("expected --from-database: a file of decisions does not say how long work took")
    if Seat(directory.parent, ETA).holder() == directory.name:
        raise click.UsageError(f"{directory.name} is the champion; a new model needs another name")
    database = open_database()
    database.upgrade()
    with database.read() as unit:
        logged = logged_hours(unit)
    model = train_logged(logged, directory.parent, seed=seed)
    model.save(directory)
    click.echo(json.dumps({"measured": dict(model.measured), "about": dict(model.about)}, indent=2))
    click.echo(f"written to {directory}; it is not the champion before it is promoted", err=True)


def evaluate(directory: Path) -> None:
    """What the model was worth on the newest work when it was trained."""
    from assignment_engine.learning.eta import EtaModel

    model = EtaModel.load(directory)
    click.echo(json.dumps({"measured": dict(model.measured), "about": dict(model.about)}, indent=2))


def promote(directory: Path, *, force: bool, reason: str | None) -> None:
    """Make the model the champion if its hours are better than those in use when it was trained."""
    from assignment_engine.learning.eta_promotion import promote_eta

    change = promote_eta(directory.parent, directory.name, now=datetime.now(UTC), force=force, reason=reason)
    click.echo(json.dumps(change.model_dump(mode="json"), indent=2))


def rollback(model_dir: Path, reason: str | None) -> None:
    """Make the champion before the present one the champion again."""
    from assignment_engine.learning.eta_promotion import rollback_eta

    change = rollback_eta(model_dir, now=datetime.now(UTC), reason=reason)
    click.echo(json.dumps(change.model_dump(mode="json"), indent=2))


def lines(model_dir: Path) -> list[str]:
    """A line for each model that says when work will be done."""
    from assignment_engine.learning.eta_promotion import listed_eta

    found = []
    for entry in listed_eta(model_dir):
        mark = "*" if entry.champion else " "
        if entry.problem is not None:
            found.append(f"{mark} {entry.bundle}: cannot be used: {entry.problem}")
            continue
        measured = entry.measured
        told = ", ".join(f"{name} enough for {measured[f'coverage_{name}']:.0%}" for name in ("p50", "p90"))
        found.append(f"{mark} {entry.bundle}: {ETA}, {str(entry.about.get('created_at', ''))[:16]}, {told}")
    return found

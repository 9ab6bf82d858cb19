"""Bringing data in, and looking after the database."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assignment_engine.cli.errors import FILE, errors_shown, refuse, show_bad_values

if TYPE_CHECKING:
    from assignment_engine.store.database import Database


def open_database() -> Database:
    """The database of DATABASE_URL alone: with the rest of the engine a command would start in twice the time."""
    from assignment_engine.config import read_settings
    from assignment_engine.store.database import Database

    return Database(read_settings().database_url)


@click.command("import")
@click.argument("kind", type=click.Choice(["employees", "tasks", "history"]))
@click.argument("file", type=FILE)
@click.option("--mode", type=click.Choice(["all", "rows"]), default="all", show_default=True)
@errors_shown
def import_command(kind: str, file: Path, mode: str) -> None:
    """Bring a CSV file into the database: every row or none, or with --mode rows the good ones.

    \b
    Example: assignment-engine import employees people.csv
    """
    from assignment_engine.services.imports import ImportKind, ImportMode, ImportRefusedError, import_csv

    database = open_database()
    database.upgrade()
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream, database.unit() as unit:
            result = import_csv(unit, ImportKind(kind), ImportMode(mode), stream)
            unit.commit()
    except ImportRefusedError as exc:
        show_bad_values(file, exc.rejected)
        refuse("nothing was imported; --mode rows imports the rest")
    show_bad_values(file, result.rejected)
    click.echo(f"created {result.created}, updated {result.updated}, rejected {len(result.rejected)}")


@click.group("db")
def database_group() -> None:
    """Look after the database.

    \b
    Example: assignment-engine db upgrade
    """


@database_group.command()
@errors_shown
def upgrade() -> None:
    """Bring the schema to the newest version; safe to run from several machines at once.

    \b
    Example: assignment-engine db upgrade
    """
    database = open_database()
    database.upgrade()
    click.echo(f"schema at revision {database.revision()}")


@click.command()
@errors_shown
def doctor() -> None:
    """Check every invariant of the database; exits with 1 and what is broken.

    \b
    Example: DATABASE_URL=sqlite:///work.db assignment-engine doctor
    """
    with open_database().read() as unit:
        findings = unit.doctor()
    for finding in findings:
        click.echo(f"{finding.severity}: {finding.code}: {finding.subject}: {finding.detail}")
    broken = sum(finding.severity == "error" for finding in findings)
    click.echo(f"{broken} broken invariant(s), {len(findings) - broken} warning(s)")
    sys.exit(1 if broken else 0)

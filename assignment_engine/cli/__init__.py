"""The command line: plan files, serve the API, look after the database."""

from __future__ import annotations

import logging

import click

from assignment_engine import __version__
from assignment_engine.cli.data import database_group, doctor, import_command
from assignment_engine.cli.learning import LEARNING
from assignment_engine.cli.models import compile_command, demo, train_default_command
from assignment_engine.cli.planning import plan_command
from assignment_engine.cli.quality import check_command
from assignment_engine.cli.replay import replay_command
from assignment_engine.cli.web import serve, token
from assignment_engine.cli.worker import worker_command


@click.group()
@click.version_option(__version__, prog_name="assignment-engine")
def main() -> None:
    """Decide who should do what. Settings are environment variables, see docs/settings.md.

    \b
    Example: assignment-engine plan --employees people.csv --tasks tasks.csv
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")


COMMANDS = (
    *(plan_command, serve, worker_command, token, import_command, database_group, doctor),
    *(check_command, train_default_command, compile_command, demo),
    *LEARNING,
    replay_command,
)
for command in COMMANDS:
    main.add_command(command)

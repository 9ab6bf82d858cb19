"""The process that works in the background."""

from __future__ import annotations

import logging
import signal
import threading

import click

from assignment_engine.cli.errors import errors_shown
from assignment_engine.cli.long_running import collect_seldom


@click.command("worker")
@errors_shown
def worker_command() -> None:
    """Work in the background: give events their positions, deliver them, take in events about tickets.

    Any number of these may run; one of them does each thing, another takes over when it ends. With SQLite `serve` does
    all this itself.

    \b
    Example: DATABASE_URL=postgresql://localhost/work REDIS_URL=redis://localhost assignment-engine worker
    """
    from assignment_engine.config import read_settings
    from assignment_engine.jobs.worker import instance_id
    from assignment_engine.wiring import build_engine, build_worker

    collect_seldom()
    settings = read_settings()
    logging.basicConfig(level=settings.log_level, format="%(levelname)s %(name)s: %(message)s", force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    engine = build_engine(settings)
    worker = build_worker(engine, instance_id(), stop)
    click.echo(f"working for {engine.database.describe()}")
    worker.run()

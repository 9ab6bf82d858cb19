"""Serving the API, and tokens to call it with."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from assignment_engine import __version__
from assignment_engine.cli.errors import errors_shown, refuse
from assignment_engine.cli.long_running import collect_seldom

if TYPE_CHECKING:
    from flask import Flask
    from waitress.server import BaseWSGIServer


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65_535), default=8000, show_default=True)
@click.option("--threads", default=24, show_default=True, help="16 of them may be held by streams of events.")
@click.option(
    "--worker/--no-worker", default=None, help="Do a worker's work in this process too; by default only with SQLite."
)
@click.option("--link/--no-link", default=True, help="Print a link that signs its first visitor in to the board.")
@errors_shown
def serve(host: str, port: int, threads: int, worker: bool | None, link: bool) -> None:
    """Serve the API and the board. The database is DATABASE_URL, by default a SQLite file in the working directory.

    \b
    Example: DATABASE_URL=postgresql://localhost/work assignment-engine serve --port 8080
    """
    from assignment_engine.config import read_settings
    from assignment_engine.wiring import with_secret
    from webapp.app import create_app
    from webapp.background import working
    from webapp.request_log import LineFormatter

    collect_seldom()
    settings = with_secret(read_settings())
    lines = logging.StreamHandler()
    lines.setFormatter(LineFormatter())
    logging.basicConfig(level=settings.log_level, handlers=[lines], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    app = create_app(settings)
    server = _listening(app, host, port, threads, settings.max_upload_bytes)
    click.echo(f"assignment-engine {__version__} on http://{host}:{port} (board: /board, API page: /docs)")
    for line in ways_in(app, f"http://{_browsable(host)}:{port}", link):
        click.echo(line)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with working(app) if (settings.uses_sqlite if worker is None else worker) else nullcontext():
        server.run()


def _listening(app: Flask, host: str, port: int, threads: int, largest: int) -> BaseWSGIServer:
    """A server that has its address already, for bodies of `largest` bytes at least."""
    from waitress import create_server

    from webapp.bodies import MAX_UPLOAD_BYTES

    most = max(MAX_UPLOAD_BYTES, largest)
    try:
        return create_server(app, host=host, port=port, threads=threads, ident=None, max_request_body_size=most)
    except OSError as exc:
        refuse(f"error: cannot listen on {host}:{port}: {exc.strerror}")
    except ValueError as exc:
        refuse(f"error: cannot listen on {host}:{port}: {exc}")


def ways_in(app: Flask, address: str, with_link: bool) -> Iterator[str]:
    """How to sign in to the board."""
    from webapp.board.codes import LIFETIME_SECONDS
    from webapp.board.pages import sign_in_link

    found = sign_in_link(app, address) if with_link else None
    if found is not None:
        yield f"open the board (once, within {LIFETIME_SECONDS / 60:.0f} minutes): {found}"
    if app.extensions["assignment_engine"].tokens.makes_tokens:
        yield "a token to call the API with, or to paste in the board: assignment-engine token --role admin"
    else:
        yield "JWT_JWKS holds public keys, so there is no link: paste a token of your identity provider in the board"


def _browsable(host: str) -> str:
    """The address at which this machine itself reaches what listens on `host`."""
    own = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  (what was asked for is read here, not listened on)
    return own.get(host, f"[{host}]" if ":" in host else host)


@click.command()
@click.option("--role", type=click.Choice(["technician", "planner", "admin"]), required=True)
@click.option("--subject", help="The employee id for a technician, who needs it; otherwise by default the role.")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), default=12.0, show_default=True)
@errors_shown
def token(role: str, subject: str | None, hours: float) -> None:
    """Print a token and nothing else.

    \b
    Example: assignment-engine token --role technician --subject ana --hours 8
    """
    from assignment_engine.config import read_settings
    from assignment_engine.domain.errors import ConfigurationError
    from assignment_engine.wiring import with_secret
    from webapp.auth import make_token

    if role == "technician" and not subject:
        raise click.UsageError("a technician's token is for an employee; expected --subject with their id")
    settings = with_secret(read_settings())
    if settings.jwt_secret is None or settings.jwt_jwks is not None:
        raise ConfigurationError("JWT_JWKS holds public keys: its tokens come from whoever has the private ones")
    click.echo(make_token(settings.jwt_secret.get_secret_value(), role, subject or role, hours))

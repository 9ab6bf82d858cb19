"""A worker inside the served process, for installations that consist of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from assignment_engine.wiring import build_worker
from webapp.state import state


@contextmanager
def working(app: Flask) -> Iterator[None]:
    """Work in the background while the application is served.

    Raises
    ------
    ConfigurationError
        If the address of a receiver of events cannot be used.
    """
    with app.app_context():
        worker = build_worker(state().engine, state().instance_id)
    worker.start()
    try:
        yield
    finally:
        worker.finish()

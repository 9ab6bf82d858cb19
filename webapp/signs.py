"""Whoever reads is there: calls that change nothing count as heartbeats too, but are not written down each time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from flask import Flask, g, request

from assignment_engine.domain.actors import Actor
from assignment_engine.domain.errors import DatabaseUnavailableError
from assignment_engine.services.dispatch.presence import note_reading
from webapp.auth import Identity, Role
from webapp.state import engine

_log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
MOST_PEOPLE = 10_000


class SignsOfLife:
    """Whose call was written down when, on the clock of this process."""

    def __init__(self, every_seconds: float = EVERY_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._every, self._clock = every_seconds, clock
        self._lock = threading.Lock()
        self._noted: dict[tuple[str, str | None], float] = {}

    def is_due(self, employee_id: str, session: str | None) -> bool:
        """Whether this call is to be written down; from then on others of the same session are not for a while."""
        key, now = (employee_id, session), self._clock()
        with self._lock:
            if now - self._noted.get(key, -self._every) < self._every:
                return False
            if len(self._noted) >= MOST_PEOPLE:
                self._noted.clear()
            self._noted[key] = now
        return True


def note_readers(app: Flask, signs: SignsOfLife) -> None:
    """Let every call of a technician count; those that write note it themselves."""
    app.before_request(lambda: _note_reader(signs))


def _note_reader(signs: SignsOfLife) -> None:
    who: Identity | None = g.get("identity")
    if who is None or who.role is not Role.TECHNICIAN or request.method not in ("GET", "HEAD"):
        return
    actor = Actor(who.subject, who.subject, request.headers.get("X-Session"))
    if not signs.is_due(who.subject, actor.session):
        return
    try:
        engine().database.run(lambda unit: note_reading(unit, actor, unit.now()), attempts=1)
    except DatabaseUnavailableError:
        _log.warning("a sign of life could not be written down; the call itself goes on", exc_info=True)

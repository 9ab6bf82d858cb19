"""Calling the loops of this process and of others when something was left for them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from assignment_engine.domain.errors import EngineError
from assignment_engine.store.database import Database
from assignment_engine.store.wakes import Listener, can_notify, notify

_log = logging.getLogger(__name__)

LISTENS_SECONDS = 1.0


class Wake:
    """Call it to wake whoever listens, here or in another process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[], None]] = []

    def add(self, listener: Callable[[], None]) -> None:
        """From now on `listener` is called too."""
        self._listeners.append(listener)

    def here(self) -> None:
        """Wake the loops of this process."""
        for listener in self._listeners:
            listener()

    def __call__(self) -> None:
        self.here()
        if can_notify(self._database):
            try:
                notify(self._database)
            except EngineError:
                _log.warning("others could not be woken; they look by themselves", exc_info=True)


class Ear:
    """A loop that hears other processes call."""

    def __init__(self, database: Database, wake: Callable[[], None]) -> None:
        self._listener = Listener(database)
        self._wake = wake

    def step(self, _now: datetime) -> float:
        """Listen for a while."""
        try:
            called = self._listener.wait(LISTENS_SECONDS)
        except EngineError:
            self._listener.close()
            raise
        if called:
            self._wake()
        return 0.0

    def close(self) -> None:
        self._listener.close()

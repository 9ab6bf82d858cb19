"""A database whose clock a test sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from assignment_engine.store.database import Database


class MovedClock(Database):
    """It is always `at`, until a test says otherwise."""

    def __init__(self, url: str, at: datetime) -> None:
        super().__init__(url, lambda: self.at)
        self.at = at

    def later(self, passed: timedelta) -> None:
        self.at += passed


@contextmanager
def clocked(url: str, at: datetime) -> Iterator[MovedClock]:
    database = MovedClock(url, at)
    try:
        yield database
    finally:
        database.dispose()

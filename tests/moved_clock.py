"""A database whose clock a test sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork


class _Unit(UnitOfWork):
    def __init__(self, connection: Connection, now: datetime) -> None:
        super().__init__(connection)
        self._now = now

    def now(self) -> datetime:
        return self._now


class MovedClock(Database):
    """It is always `at`, until a test says otherwise."""

    def __init__(self, url: str, at: datetime) -> None:
        super().__init__(url)
        self.at = at

    def later(self, passed: timedelta) -> None:
        self.at += passed

    @contextmanager
    def unit(self) -> Iterator[UnitOfWork]:
        with super().unit() as unit:
            yield _Unit(unit.connection, self.at)

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        with super().read() as unit:
            yield _Unit(unit.connection, self.at)


@contextmanager
def clocked(url: str, at: datetime) -> Iterator[MovedClock]:
    database = MovedClock(url, at)
    try:
        yield database
    finally:
        database.dispose()

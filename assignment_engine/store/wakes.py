"""Waking other processes on the same PostgreSQL; elsewhere they look by themselves every few seconds."""

from __future__ import annotations

import select
from typing import Any

import psycopg2
from sqlalchemy import PoolProxiedConnection, text

from assignment_engine.store.database import Database
from assignment_engine.store.errors import translated, translated_error

CHANNEL = "assignment_engine_wake"


def can_notify(database: Database) -> bool:
    return bool(database.engine.dialect.name == "postgresql")


def notify(database: Database) -> None:
    """Wake every process that listens; a statement of its own, because a transaction would hold others up."""
    try:
        with translated(), database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"NOTIFY {CHANNEL}"))
    except psycopg2.Error as exc:  # the level is set, and set back, by the driver itself
        raise translated_error(exc, away=True) from exc


class Listener:
    """Hears what `notify` says, on a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: PoolProxiedConnection | None = None

    def wait(self, seconds: float) -> bool:
        """Whether somebody called within so many seconds.

        Raises
        ------
        DatabaseUnavailableError
            When the connection is gone; `close` before the next call.
        """
        try:
            with translated():
                return self._hears(seconds)
        except psycopg2.Error as exc:  # of the driver, which is spoken to directly here
            raise translated_error(exc, away=True) from exc

    def _hears(self, seconds: float) -> bool:
        driver = self._listening()
        if not select.select([driver], [], [], seconds)[0]:
            return False
        driver.poll()
        called = bool(driver.notifies)
        driver.notifies.clear()
        return called

    def _listening(self) -> Any:
        if self._connection is None:
            self._connection = self._database.engine.raw_connection()
            self._connection.detach()
            driver: Any = self._connection.dbapi_connection
            driver.set_session(autocommit=True)
            with driver.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
        return self._connection.dbapi_connection

    def close(self) -> None:
        """Listen no more."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

"""Statements of one database, recorded as they were sent, and sent again to a copy of it with nothing decided."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2.extensions
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url

from assignment_engine.store.database import Database

Operation = tuple[bytes, ...]
"""The statements of one transaction, with their values."""

COPY = "statements_sent_again"


@dataclass
class Log:
    """What was sent, transaction by transaction."""

    operations: list[Operation] = field(default_factory=list)
    begun: list[bytes] = field(default_factory=list)

    def end(self) -> None:
        self.operations.append(tuple(self.begun))
        self.begun.clear()


@contextmanager
def copied(address: str) -> Iterator[str]:
    """The address of a copy of a PostgreSQL database to which nobody is connected."""
    url = make_url(address)
    admin = create_engine(url.set(database="template1"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE {COPY} TEMPLATE "{url.database}"'))
        try:
            yield url.set(database=COPY).render_as_string(hide_password=False)
        finally:
            connection.execute(text(f"DROP DATABASE {COPY} WITH (FORCE)"))
    admin.dispose()


def recording(database: Database) -> Log:
    """From its next connection on, all that `database` sends is in the log."""
    log = Log()

    class RecordingCursor(psycopg2.extensions.cursor):
        def execute(self, query: Any, values: Any = None) -> None:
            super().execute(query, values)
            log.begun.append(self.query)

    class RecordingConnection(psycopg2.extensions.connection):
        def cursor(self, *args: Any, **options: Any) -> Any:
            return super().cursor(*args, **{"cursor_factory": RecordingCursor, **options})

        def commit(self) -> None:
            super().commit()
            log.end()

    @event.listens_for(database.engine, "do_connect")
    def record(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
        options["connection_factory"] = RecordingConnection

    return log


def sent_again(address: str, operations: Sequence[Operation]) -> Iterator[float]:
    """Send them in one connection; the seconds that each took."""
    connection = psycopg2.connect(address)
    with connection.cursor() as cursor:
        for operation in operations:
            start = time.perf_counter()
            for statement in operation:
                cursor.execute(statement)
            connection.commit()
            yield time.perf_counter() - start
    connection.close()

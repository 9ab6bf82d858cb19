"""Bringing the tables up to date, safely while other processes do the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.engine import Connection

from assignment_engine.domain.errors import ConfigurationError, DatabaseBusyError

_LOCK_NUMBER = 7_265_001
_LOCK_NAME = "md5(concat('assignment_engine ', database()))"
_LOCK_WAIT_SECONDS = 60


def head() -> str:
    """The revision that this code needs."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def current(connection: Connection) -> str | None:
    """The revision of the database; None: it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection) -> None:
    """Migrate to `head()` on `connection`, which is in a (writing) transaction, and commit.

    Raises
    ------
    ConfigurationError
        If the database was migrated by newer code.
    """
    config = _config()
    config.attributes["connection"] = connection
    with _alone(connection):
        try:
            command.upgrade(config, "head")
        except CommandError as exc:
            raise ConfigurationError(f"the database cannot be migrated by this version: {exc}") from exc
        connection.commit()


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Let one process migrate at a time. SQLite's writing transaction does so by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
        yield
    elif connection.dialect.name == "sqlite":
        yield
    else:
        if connection.execute(text(f"SELECT get_lock({_LOCK_NAME}, {_LOCK_WAIT_SECONDS})")).scalar_one() != 1:
            raise DatabaseBusyError
        try:
            yield
        finally:
            connection.execute(text(f"SELECT release_lock({_LOCK_NAME})"))


def _config() -> Config:
    config = Config()
    location = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", location.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config

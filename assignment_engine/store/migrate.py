"""Bringing the tables up to date, safely while other processes do the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, inspect, text
from sqlalchemy.engine import Connection

from assignment_engine.domain.errors import ConfigurationError, DatabaseBusyError

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK_NUMBER = 7_265_001
_LOCK_NAME = "md5(concat('assignment_engine ', database()))"
_LOCK_WAIT_SECONDS = 60
_UNLESS_DONE = (
    (re.compile(r"^\s*CREATE TABLE "), "CREATE TABLE IF NOT EXISTS "),
    (re.compile(r"^\s*CREATE (UNIQUE )?INDEX "), r"CREATE \1INDEX IF NOT EXISTS "),
    (re.compile(r"^\s*ALTER TABLE (\S+) ADD COLUMN "), r"ALTER TABLE \1 ADD COLUMN IF NOT EXISTS "),
    (re.compile(r"^\s*DROP INDEX "), "DROP INDEX IF EXISTS "),
)


def head() -> str:
    """The revision that this code needs: the number that the name of the newest migration begins with."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def current(connection: Connection) -> str | None:
    """The revision of the database; None: it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def upgrade(connection: Connection) -> None:
    """Migrate to `head()` on `connection`, which is in a (writing) transaction, and commit.

    Broken off, it has done nothing on SQLite and PostgreSQL. MariaDB commits each change of a table at once; there the
    next upgrade begins the unfinished revision again, and leaves out what it finds done.

    Raises
    ------
    ConfigurationError
        If the database was migrated by newer code.
    """
    from alembic import command  # noqa: PLC0415  (heavy, and most starts find nothing to migrate)
    from alembic.util import CommandError  # noqa: PLC0415

    config = _config()
    config.attributes["connection"] = connection
    with _alone(connection), _again(connection):
        try:
            command.upgrade(config, "head")
        except CommandError as exc:
            raise ConfigurationError(
                f"the database is of revision {current(connection)}, which this version does not know "
                f"({exc}); use the version that made it, or a newer one"
            ) from exc
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
            if not connection.invalidated:  # the server lets go of what a lost connection held
                connection.execute(text(f"SELECT release_lock({_LOCK_NAME})"))


@contextmanager
def _again(connection: Connection) -> Iterator[None]:
    """Let what changes tables be repeated on MariaDB, which cannot take it back."""
    if not getattr(connection.dialect, "is_mariadb", False):
        yield
        return
    event.listen(connection, "before_cursor_execute", _unless_done, retval=True)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", _unless_done)


def _unless_done(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
    for pattern, repeatable in _UNLESS_DONE:
        statement = pattern.sub(repeatable, statement)
    return statement, parameters


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config

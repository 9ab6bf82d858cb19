"""Errors of the database become errors of the engine, without the values of any statement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Engine, ExceptionContext
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from assignment_engine.domain.errors import DatabaseBusyError, DatabaseError, DatabaseUnavailableError
from assignment_engine.store.away import reason

_POSTGRESQL_BUSY = frozenset({"40001", "40P01", "55P03"})
_POSTGRESQL_AWAY = ("08", "57P0", "53300")
_MARIADB_BUSY = frozenset({1020, 1205, 1213, 1305})  # 1305: a deadlock took the savepoint along
_MARIADB_AWAY = frozenset({1040, 1053, 1927, 2002, 2003, 2006, 2013})
_SQLITE_BUSY = frozenset({5, 6})
_SQLITE_AWAY = frozenset({14})
_LOWEST_BYTE = 0xFF


class ConstraintError(DatabaseError):
    """A row breaks a rule of the database, such as a unique key."""


def translate_errors_of(engine: Engine) -> None:
    """From now on every failing statement and connection of `engine` raises one of the engine's errors."""
    event.listen(engine, "handle_error", _translate_statement_error)


def _translate_statement_error(context: ExceptionContext) -> DatabaseError | None:
    error = context.original_exception
    statement = context.execution_context
    is_expected = statement is not None and statement.execution_options.get("skip_user_error_events", False)
    if is_expected or context.is_pre_ping or not isinstance(error, Exception):
        return None  # SQLAlchemy asks whether a table is there by letting a statement fail
    return translated_error(
        error,
        wrapped=context.sqlalchemy_exception,
        away=context.is_disconnect or context.connection is None,
        url=context.engine.url if context.engine else None,
    )


def translated_error(
    error: Exception, *, wrapped: Exception | None = None, away: bool = False, url: URL | None = None
) -> DatabaseError:
    """The engine's error for `error`, a driver's or SQLAlchemy's; `url` is the address of the database."""
    code = _code(error)
    if _is_busy(error, code):
        return DatabaseBusyError()
    detail = type(error).__name__ if code is None else f"{type(error).__name__} {code}"
    if away or _is_away(code) or isinstance(error, PoolTimeoutError):
        why = reason(error, url)
        return DatabaseUnavailableError(f"the database cannot be reached{f': {why}' if why else ''} ({detail})")
    if isinstance(wrapped, IntegrityError):
        return ConstraintError(f"the database refused the statement ({detail}); nothing was changed")
    return DatabaseError(f"the database refused the statement ({detail}); nothing was changed")


def _code(error: Any) -> str | int | None:
    """PostgreSQL's five letters, MariaDB's number or SQLite's lowest byte."""
    if getattr(error, "pgcode", None):
        return str(error.pgcode)
    if hasattr(error, "sqlite_errorcode"):
        return int(error.sqlite_errorcode) & _LOWEST_BYTE
    first = error.args[0] if error.args else None
    return first if isinstance(first, int) else None


def _is_busy(error: Exception, code: str | int | None) -> bool:
    if hasattr(error, "sqlite_errorcode"):
        return code in _SQLITE_BUSY
    return code in _POSTGRESQL_BUSY or code in _MARIADB_BUSY


def _is_away(code: str | int | None) -> bool:
    if isinstance(code, str):
        return code.startswith(_POSTGRESQL_AWAY)
    return code in _MARIADB_AWAY or code in _SQLITE_AWAY


@contextmanager
def translated() -> Iterator[None]:
    """What SQLAlchemy raises beside a statement (no free connection, a closed transaction) in the engine's words."""
    try:
        yield
    except SQLAlchemyError as exc:
        raise translated_error(exc) from exc

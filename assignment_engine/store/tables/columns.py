"""What all tables share. Names are those of the scheduler document, hours are whole seconds, moments are in UTC."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, MetaData, String, Table, false, text

from assignment_engine.store.dialects import UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def table(name: str, *parts: Any) -> Table:
    # The binary collation keeps `abc` and `ABC` apart on MariaDB.
    return Table(
        name,
        metadata,
        *parts,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


def line(name: str, length: int = 255) -> Column[str]:
    return Column(name, String(length))


def count(name: str, default: int = 0) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=str(default))


def flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=false())


def only_where(condition: str) -> dict[str, Any]:
    """Options of an index over some rows only, where the database has such."""
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


def moment(name: str, *, required: bool = False) -> Column[Any]:
    return Column(name, UtcDateTime(), nullable=not required)

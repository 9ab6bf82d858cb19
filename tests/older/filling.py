"""The tables of an older revision, filled with the rows that its version wrote."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command

from assignment_engine.store import migrate
from assignment_engine.store.database import Database
from assignment_engine.store.tables import metadata

HERE = Path(__file__).parent
REVISIONS = tuple(sorted(path.stem for path in HERE.glob("*.json")))

Rows = dict[str, list[dict[str, Any]]]


def rows_of(revision: str) -> Rows:
    """What was written, with moments and bytes instead of their text."""
    written = json.loads((HERE / f"{revision}.json").read_text("utf-8"))
    return {
        table.name: [_read(table, row) for row in written[table.name]]
        for table in metadata.sorted_tables
        if table.name in written
    }


def bring_to(database: Database, revision: str) -> None:
    """Make the tables of a revision, with its own migrations."""
    with database.unit() as unit:
        config = migrate._config()
        config.attributes["connection"] = unit.connection
        command.upgrade(config, revision)
        unit.commit()


def fill(database: Database, rows: Rows) -> None:
    with database.unit() as unit:
        for name, those in rows.items():
            if those:
                unit.connection.execute(sa.insert(_table(name, those)), those)
        if database.engine.dialect.name == "postgresql":
            _count_on(unit.connection)
        unit.commit()


def read(database: Database, rows: Rows) -> Rows:
    """The same columns of the same tables as they are now."""
    with database.read() as unit:
        return {name: _now(unit.connection, name, those) for name, those in rows.items()}


def _now(connection: sa.Connection, name: str, those: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    key = [column.name for column in metadata.tables[name].primary_key]
    table = _table(name, those) if those else metadata.tables[name]
    found = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
    return sorted(found, key=lambda row: [row[part] for part in key])


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> sa.TableClause:
    columns = metadata.tables[name].columns
    return sa.table(name, *(sa.column(column, columns[column].type) for column in rows[0]))


def _count_on(connection: sa.Connection) -> None:
    """A sequence does not notice rows that came with their numbers."""
    for table, column in (("audit_log", "audit_id"), ("outbox", "id")):
        last = f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) FROM {table}"
        connection.execute(sa.text(last))


def _read(table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(table.columns[name].type, value) for name, value in row.items()}


def _value(kind: sa.types.TypeEngine[Any], value: Any) -> Any:
    if value is None or isinstance(kind, sa.JSON):
        return value
    if kind.python_type is datetime:
        return datetime.fromisoformat(value)
    if kind.python_type is date:
        return date.fromisoformat(value)
    return base64.b64decode(value) if kind.python_type is bytes else value

"""Writes that nobody waits for: sent together in one round trip where the driver can, one by one elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from psycopg2.extensions import encodings
from sqlalchemy import ColumnElement, Table, insert, update
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql import bindparam
from sqlalchemy.sql.dml import UpdateBase

from assignment_engine.store.prepared import prepared_call
from assignment_engine.store.rows import Values, key_of

MOST_AT_ONCE = 64

Write = tuple[UpdateBase, Sequence[Mapping[str, object]]]
Writes = Sequence[Write]


class Batch:
    """Collects writes; `flush` sends them in their order. Statements must be constants with named parameters."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._writes: list[Write] = []

    def add(self, statement: UpdateBase, rows: Sequence[Mapping[str, object]]) -> None:
        """Run `statement` once for each of `rows`."""
        if rows:
            self._writes.append((statement, rows))

    def insert(self, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
        """Insert rows that all have the same columns."""
        if rows:
            self.add(_insert(table, tuple(rows[0])), rows)

    def update(self, table: Table, rows: Sequence[tuple[str, Values]], *extra: tuple[str, ColumnElement[Any]]) -> None:
        """Set the values of each (id, values), all with the same columns; `extra` are expressions for all."""
        if rows:
            named = [{"row_id": key, **{f"new_{n}": v for n, v in values.items()}} for key, values in rows]
            self.add(_update(table, tuple(rows[0][1]), extra), named)

    def flush(self) -> None:
        """Send what was collected."""
        writes, self._writes = self._writes, []
        if sum(len(rows) for _, rows in writes) > MOST_AT_ONCE:
            for statement, rows in writes:
                self._connection.execute(statement, rows)
        elif self._connection.dialect.name == "postgresql" and writes:
            self._together(writes)
        else:
            self._one_by_one(writes)

    def _together(self, writes: Writes) -> None:
        driver: Any = self._connection.connection.driver_connection
        encoding = encodings[driver.encoding]
        with driver.cursor() as cursor:
            parts = [
                cursor.mogrify(call, ready.bound(row)).decode(encoding)
                for statement, rows in writes
                for ready in [_ready(statement, self._connection.dialect)]
                for call in [prepared_call(cursor, self._connection.info, ready.sql, ready.names)]
                for row in rows
            ]
        self._connection.exec_driver_sql(";".join(parts), execution_options={"no_parameters": True})

    def _one_by_one(self, writes: Writes) -> None:
        for statement, rows in writes:
            ready = _ready(statement, self._connection.dialect)
            for row in rows:
                self._connection.exec_driver_sql(ready.sql, ready.placed(row))


@dataclass(frozen=True)
class _Ready:
    """A statement as the driver takes it, and how its values are to be given: by name, or by `places`."""

    sql: str
    names: tuple[str, ...]
    places: Sequence[str] | None
    defaults: Mapping[str, object]
    processors: Mapping[str, Callable[[Any], Any]]

    def bound(self, row: Mapping[str, object]) -> dict[str, object]:
        values = {**self.defaults, **row}
        return {
            name: self.processors[name](value) if name in self.processors else value for name, value in values.items()
        }

    def placed(self, row: Mapping[str, object]) -> dict[str, object] | tuple[object, ...]:
        bound = self.bound(row)
        return bound if self.places is None else tuple(bound[name] for name in self.places)


@lru_cache(maxsize=256)
def _ready(statement: UpdateBase, dialect: Dialect) -> _Ready:
    compiled: Any = statement.compile(dialect=dialect)
    found = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()}
    defaults = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    names = tuple(name for name in compiled.binds if f"%({name})s" in str(compiled))
    processors = {name: process for name, process in found.items() if process is not None}
    return _Ready(str(compiled), names, compiled.positiontup, defaults, processors)


@lru_cache(maxsize=256)
def _insert(table: Table, names: tuple[str, ...]) -> UpdateBase:
    return insert(table).inline().values({name: bindparam(name, type_=table.c[name].type) for name in names})


@lru_cache(maxsize=256)
def _update(table: Table, names: tuple[str, ...], extra: tuple[tuple[str, ColumnElement[Any]], ...]) -> UpdateBase:
    changed = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    return update(table).where(key_of(table) == bindparam("row_id")).values({**dict(extra), **changed})

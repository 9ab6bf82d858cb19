"""Statements over many rows: bounded in parameters, in the order in which rows are always locked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, Row, Select, Table, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlalchemy.sql import bindparam

from assignment_engine.domain.errors import AlreadyExistsError, FieldError, InvalidInputError
from assignment_engine.domain.types import SECONDS_PER_HOUR, whole_seconds
from assignment_engine.store.errors import ConstraintError

T = TypeVar("T")
Values = dict[str, object]

CHUNK = 1000
MAX_HOURS = 1e9


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def rows_in(
    connection: Connection, query: Select[Any], column: Column[str], ids: Collection[str], *, lock: bool = False
) -> list[Row[Any]]:
    """The rows of `query` whose `column` is among `ids`, in its order; with `lock`, locked in that order."""
    found: list[Row[Any]] = []
    if lock:
        query = query.with_for_update(key_share=True)
    for part in chunks(sorted(set(ids))):
        found.extend(connection.execute(query.where(column.in_(part)).order_by(column)))
    return found


def living_ids(connection: Connection, table: Table, ids: Collection[str], *, lock: bool = False) -> set[str]:
    """Which of `ids` exist and are not deleted."""
    key = key_of(table)
    rows = rows_in(connection, select(key).where(table.c.deleted_at.is_(None)), key, ids, lock=lock)
    return {row[0] for row in rows}


def key_of(table: Table) -> Column[Any]:
    return next(iter(table.primary_key))


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert those of `rows` whose key is not there; others may insert the same at once."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(postgresql.insert(table).on_conflict_do_nothing(), rows)
    else:
        connection.execute(
            insert(table).prefix_with("OR IGNORE", dialect="sqlite").prefix_with("IGNORE", dialect="mysql"), rows
        )


def update_rows(
    connection: Connection, table: Table, rows: Iterable[tuple[str, Values]], extra: Mapping[str, object]
) -> None:
    """Set each (id, values) of `rows`; rows with the same columns go together. `extra` are expressions for all."""
    key = key_of(table)
    groups: dict[tuple[str, ...], list[Values]] = {}
    for row_id, values in sorted(rows, key=lambda row: row[0]):
        named = {f"new_{name}": value for name, value in values.items()}
        groups.setdefault(tuple(values), []).append({"row_id": row_id, **named})
    for names, group in groups.items():
        changed = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
        connection.execute(update(table).where(key == bindparam("row_id")).values({**extra, **changed}), group)


def seconds_of(hours: float, field: str) -> int:
    """Hours as whole seconds, the nearest; beyond any real work is refused before the database has to."""
    if hours > MAX_HOURS:
        raise InvalidInputError.at(f"/{field}", f"expected at most {MAX_HOURS:.0e} hours")
    return whole_seconds(hours)


def hours_of(seconds: int) -> float:
    return seconds / SECONDS_PER_HOUR


def add_rows(connection: Connection, table: Table, kind: str, rows: Sequence[Values]) -> None:
    """Insert `rows`. A deleted id may be used again: its row is overwritten and its version counts on.

    Raises
    ------
    AlreadyExistsError
        Naming the first id that is there, or that is given twice.
    """
    key = key_of(table)
    ids = [str(row[key.name]) for row in rows]
    found = {row[0] for row in rows_in(connection, select(key), key, ids, lock=True)}
    _refuse_present(kind, ids, living_ids(connection, table, found))
    try:
        with connection.begin_nested():
            insert_rows(connection, table, [row for row in rows if row[key.name] not in found])
    except ConstraintError as exc:
        raise AlreadyExistsError(kind, next(iter(sorted(living_ids(connection, table, ids))), ids[0])) from exc
    again = [(str(row[key.name]), {**row, "deleted_at": None}) for row in rows if row[key.name] in found]
    update_rows(connection, table, again, {"version": table.c.version + 1})


def _refuse_present(kind: str, ids: Sequence[str], present: set[str]) -> None:
    for row_id in ids:
        if row_id in present:
            raise AlreadyExistsError(kind, row_id)
        present.add(row_id)


def refuse_unchangeable(changes: Iterable[str], changeable: Collection[str], known: Collection[str]) -> None:
    wrong = [name for name in changes if name not in changeable]
    if wrong:
        raise InvalidInputError(
            FieldError(f"/{name}", "this field cannot be changed" if name in known else "unknown field")
            for name in wrong
        )

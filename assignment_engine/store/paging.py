"""Pages of a list: sorted by one key and the id, by page number or onwards from a cursor."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.stored import Page

T = TypeVar("T")

TOTAL_CAP = 10_000
_SORT_VALUE = "sort_value"
_SORT_ID = "sort_id"
_MOST = 2**53


@dataclass(frozen=True)
class _Order:
    """One sort key (`-` in front: falling), ties by id; missing values come last either way."""

    text: str
    column: ColumnElement[Any]
    key: ColumnElement[str]
    complete: bool = False

    @property
    def falling(self) -> bool:
        return self.text.startswith("-")

    def apply(self, query: Select[Any]) -> Select[Any]:
        direction = self.column.desc() if self.falling else self.column.asc()
        missing_last = () if self.complete else (self.column.is_(None),)  # in the way of an index
        return query.order_by(*missing_last, direction, self.key.desc() if self._ties_fall else self.key)

    @property
    def _ties_fall(self) -> bool:
        """An index that is read backwards gives the ids backwards too."""
        return self.complete and self.falling

    def behind(self, value: object, row_id: str) -> ColumnElement[bool]:
        """The rows that come after the one with this value and id."""
        if value is None:
            return and_(self.column.is_(None), self.key > row_id)
        further = self.column < value if self.falling else self.column > value
        next_tie = self.key < row_id if self._ties_fall else self.key > row_id
        behind = or_(further, and_(self.column == value, next_tie))
        return behind if self.complete else or_(behind, self.column.is_(None))


def fetch_page(
    connection: Connection,
    query: Select[Any],
    key: ColumnElement[str],
    sorts: Mapping[str, ColumnElement[Any]],
    read: Callable[[Sequence[Row[Any]]], Sequence[T]],
    *,
    sort: str,
    page: int,
    limit: int,
    after: str | None,
    complete: Collection[str] = (),
) -> Page[T]:
    """One page of `query`, sorted by one of `sorts`, made records by `read`; `after` (a cursor) wins over `page`.

    `complete` names the sort keys that no row of `query` lacks, beside those whose column is never empty.

    Raises
    ------
    InvalidInputError
        If the sort key is unknown or the cursor is not one of this list and sort.
    """
    name = sort.removeprefix("-")
    if name not in sorts:
        raise InvalidInputError.at("/sort", f"unknown sort key {name!r}; expected one of {', '.join(sorted(sorts))}")
    order = _Order(sort, sorts[name], key, name in complete or not getattr(sorts[name], "nullable", True))
    ordered = order.apply(query.add_columns(order.column.label(_SORT_VALUE), key.label(_SORT_ID)))
    if after is None:
        ordered = ordered.offset((page - 1) * limit)
    else:
        ordered = ordered.where(order.behind(*_read_cursor(after, order)))
    rows = connection.execute(ordered.limit(limit + 1)).all()
    total = connection.execute(
        select(func.count()).select_from(_keys_of(query, key).limit(TOTAL_CAP + 1).subquery())
    ).scalar_one()
    return Page(
        items=tuple(read(rows[:limit])),
        total=min(total, TOTAL_CAP),
        total_is_capped=total > TOTAL_CAP,
        page=page,
        limit=limit,
        next_after=_cursor(sort, rows[limit - 1]) if len(rows) > limit else None,
    )


def _keys_of(query: Select[Any], key: ColumnElement[str]) -> Select[Any]:
    """The rows of `query`, of which an index alone often knows the keys."""
    return query.order_by(None).with_only_columns(key, maintain_column_froms=True)


def _cursor(sort: str, row: Row[Any]) -> str:
    value, row_id = row._mapping[_SORT_VALUE], row._mapping[_SORT_ID]  # noqa: SLF001  (SQLAlchemy's public name)
    text = json.dumps([sort, value.isoformat() if isinstance(value, date) else value, row_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(after: str, order: _Order) -> tuple[object, str]:
    try:
        sort, value, row_id = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        value, row_id = _read_value(value, order.column.type.python_type), _read_text(row_id)
    except (binascii.Error, ValueError, TypeError, OverflowError) as exc:
        raise InvalidInputError.at("/after", "expected the next_after of a page with the same sort") from exc
    if sort != order.text:
        raise InvalidInputError.at("/after", f"this cursor belongs to a list sorted by {sort!r}")
    return value, row_id


def _read_value(value: Any, kind: type) -> object:
    if value is None:
        return None
    if issubclass(kind, datetime):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("expected a time with a zone")
        return moment.astimezone(UTC)
    if issubclass(kind, date):
        return date.fromisoformat(value)
    return _read_text(value) if kind is str else _read_number(value, kind)


def _read_text(value: Any) -> str:
    """Text that every database takes."""
    if not isinstance(value, str) or "\0" in value:
        raise TypeError("expected text without NUL")
    value.encode()  # a ValueError where it holds half a surrogate pair
    return value


def _read_number(value: Any, kind: type) -> float:
    """A number that every database takes."""
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else int):
        raise TypeError("expected a value of the sort key's type")
    if not -_MOST <= value <= _MOST:
        raise ValueError("expected a smaller number")
    return value

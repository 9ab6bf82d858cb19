"""Whom work with the same requester, symptom, location or parent was given to, counted when it is given.

A counter is of one person and one id, so that nobody waits for it who has not locked that person anyway. What an
assignment counts for is frozen with it: the task may change later, and what was counted is given back exactly.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    bindparam,
    cast,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.engine import Connection

from assignment_engine.domain.assignments import NEVER_TAKEN, Advance, AssignmentStatus
from assignment_engine.domain.records import ContextIds
from assignment_engine.domain.types import CONTEXT_KINDS
from assignment_engine.store.batch import Batch
from assignment_engine.store.rows import chunks
from assignment_engine.store.tables import context_history

LONGEST_VALUE = 80
MOST_NAMED = 1000  # people; for more the rows of everybody are read
_DIGEST = "sha256:"
_KEY = ("kind", "value", "employee_id")
_MINE = [context_history.c[name] == bindparam(f"key_{name}") for name in _KEY]
_BEGIN_COUNT = insert(context_history).from_select(
    list(_KEY),
    select(*(cast(bindparam(f"key_{name}"), context_history.c[name].type) for name in _KEY)).where(
        ~exists().where(*_MINE)
    ),
)
_COUNT = (
    update(context_history).where(*_MINE).values(given=context_history.c.given + bindparam("added", type_=BigInteger()))
)


def counted(context: Mapping[str, str]) -> dict[str, str] | None:
    """What of a task's context is counted, as it is stored; None where there is nothing."""
    return {kind: _stored(context[kind]) for kind in CONTEXT_KINDS if kind in context} or None


def count_contexts(
    writes: Batch, advances: Sequence[Advance], contexts: Mapping[str, Mapping[str, str] | None]
) -> None:
    """Count what these events give to people and take back from them, who are locked.

    Parameters
    ----------
    contexts : what each assignment, by id, counts for.
    """
    added: Counter[tuple[str, str, str]] = Counter()
    for advance in advances:
        change = _is_taken(advance.assignment.status) - _is_taken(advance.before)
        for kind, value in (contexts[advance.assignment.id] or {}).items() if change else ():
            added[kind, value, advance.assignment.employee_id] += change
    keys = [{f"key_{name}": part for name, part in zip(_KEY, key, strict=True)} for key in sorted(added)]
    writes.add(_BEGIN_COUNT, keys)
    writes.add(_COUNT, [{**key, "added": added[row]} for key, row in zip(keys, sorted(added), strict=True)])


def handled(
    connection: Connection, employee_ids: Collection[str], ids: ContextIds
) -> dict[str, dict[str, dict[str, float]]]:
    """How often each of these people was given work with these ids; those who never were are not in it."""
    people = set(employee_ids)
    found: defaultdict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    columns = (context_history.c.employee_id, context_history.c.given)
    for rows, names in _found(connection, select(*columns).where(context_history.c.given > 0), ids, people):
        for row in rows:
            if row.employee_id in people:
                mine = found[row.employee_id].setdefault(row.kind, {})
                mine[names[row.kind, row.value]] = float(row.given)
    return dict(found)


def totals(connection: Connection, ids: ContextIds) -> dict[str, dict[str, float]]:
    """How often work with these ids was given to anybody; 0 where it never was."""
    total = {kind: dict.fromkeys(sorted(values), 0.0) for kind, values in ids.items()}
    query = select(func.sum(context_history.c.given).label("given"))
    for rows, names in _found(connection, query.group_by(context_history.c.kind, context_history.c.value), ids, ()):
        for row in rows:
            total[row.kind][names[row.kind, row.value]] = float(row.given)
    return total


def _found(
    connection: Connection, query: Select[Any], ids: ContextIds, people: Collection[str]
) -> Iterator[tuple[Sequence[Any], Mapping[tuple[str, str], str]]]:
    """The rows of some of the ids at a time, and what these are called outside."""
    named = {(kind, _stored(value)): value for kind in ids for value in ids[kind]}
    query = query.add_columns(context_history.c.kind, context_history.c.value)
    if people and len(people) <= MOST_NAMED:
        query = query.where(context_history.c.employee_id.in_(sorted(people)))
    for part in chunks(sorted(named)):
        yield connection.execute(query.where(_among(part))).all(), named


def _among(keys: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    values: defaultdict[str, list[str]] = defaultdict(list)
    for kind, value in keys:
        values[kind].append(value)
    return or_(
        *(and_(context_history.c.kind == kind, context_history.c.value.in_(own)) for kind, own in values.items())
    )


def _stored(value: str) -> str:
    """A value that can be part of a key on every database: a long one as its hash.

    MariaDB takes no notice of spaces at the end of a text.
    """
    if len(value) <= LONGEST_VALUE and not value.endswith(" ") and not value.startswith(_DIGEST):
        return value
    return _DIGEST + hashlib.sha256(value.encode()).hexdigest()


def _is_taken(status: AssignmentStatus | None) -> bool:
    return status is not None and status not in NEVER_TAKEN

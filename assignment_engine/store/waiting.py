"""Tasks that wait: their places, and finding those that a person may look at without reading the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.sql import bindparam

from assignment_engine.domain.assignments import AssignmentStatus
from assignment_engine.domain.live import Place, Spot, Stream, TaskFacts, person_key
from assignment_engine.domain.queues import Queue
from assignment_engine.domain.records import StoredTask
from assignment_engine.domain.stored import Page
from assignment_engine.domain.types import TaskStatus
from assignment_engine.store.paging import fetch_page
from assignment_engine.store.prepared import PREPARED
from assignment_engine.store.rows import chunks, insert_missing
from assignment_engine.store.tables import dispatch_keys, queues, task_assignments, task_dependencies, tasks
from assignment_engine.store.tasks import LIVING, task_records

_LISTED: ColumnElement[bool] = literal_column("tasks.status IN ('pending', 'in_progress')")  # as the index says it


@dataclass(frozen=True)
class Slice:
    """The part of one stream that a person may look at: only tasks that wait since `enqueued_before` (None: all)."""

    dispatch_key: str
    enqueued_before: datetime | None = None


_SPOT = [tasks.c[name] for name in ("task_id", "version", "dispatch_key", "rank_at", "enqueued_at")]
_REJECTED = tasks.c.task_id.in_(
    select(task_assignments.c.task_id).where(
        task_assignments.c.employee_id == bindparam("employee"),
        task_assignments.c.status == literal_column(f"'{AssignmentStatus.REJECTED}'"),
    )
)
_TAKE = (
    select(tasks.c.task_id, tasks.c.status, tasks.c.deadline, tasks.c.estimated_seconds)
    .add_columns(tasks.c.category, tasks.c.department, tasks.c.context)
    .where(
        tasks.c.task_id == bindparam("task"),
        tasks.c.version == bindparam("version"),
        tasks.c.dispatch_key == bindparam("key"),
    )
    .with_for_update(key_share=True, skip_locked=True)
    .execution_options(**{PREPARED: True})
)


class Waiting:
    """Places in queues. A task has a dispatch key only while somebody may take it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def place(self, places: Mapping[str, Place], streams: Collection[Stream]) -> None:
        """Put tasks into their places; streams that are new become known first."""
        rows = [
            {"dispatch_key": s.dispatch_key, "queue": s.queue.name, "minimum_levels": dict(s.minimum_levels)}
            for s in {stream.dispatch_key: stream for stream in streams}.values()
        ]
        insert_missing(self._connection, dispatch_keys, sorted(rows, key=lambda row: str(row["dispatch_key"])))
        names = ("rank_at", "dispatch_key", "due_at")
        statement = update(tasks).where(tasks.c.task_id == bindparam("row_id"))
        statement = statement.values({name: bindparam(f"new_{name}", type_=tasks.c[name].type) for name in names})
        changes = [
            {"row_id": task_id, **{f"new_{name}": getattr(place, name) for name in names}}
            for task_id, place in sorted(places.items())
        ]
        if changes:
            self._connection.execute(statement, changes)

    def leave(self, task_ids: Collection[str]) -> None:
        """These tasks wait no more."""
        for part in chunks(sorted(task_ids)):
            gone = update(tasks).where(tasks.c.task_id.in_(part))
            self._connection.execute(gone.values(dispatch_key=None, due_at=None))

    def streams(self) -> tuple[Stream, ...]:
        """Every stream there ever was, with the settings of its queue."""
        query = select(dispatch_keys, queues.c.settings).outerjoin(queues, queues.c.name == dispatch_keys.c.queue)
        return tuple(
            Stream(row.dispatch_key, _queue(row.queue, row.settings), row.minimum_levels)
            for row in self._connection.execute(query)
        )

    def look(
        self, slices: Sequence[Slice], employee_id: str, limit: int, overdue_before: datetime
    ) -> tuple[list[Spot], list[Spot]]:
        """The first tasks of these slices by rank, and the oldest of those that wait since before `overdue_before`.

        At most `limit` of each; what is kept for this person comes in front of the others and is not counted. Without
        what this person has rejected.
        """
        by_rank = _Page(tuple(part.enqueued_before is not None for part in slices), "rank_at", limit)
        by_age = _Page((True,) * len(slices), "enqueued_at", limit)
        aged = [Slice(s.dispatch_key, min(overdue_before, s.enqueued_before or overdue_before)) for s in slices]
        found = self._connection.execute(
            _both(by_rank, by_age),
            {"employee": employee_id, **by_rank.values(slices), **by_age.values(aged)},
        ).all()
        ranked = sorted((_spot(row) for row in found if row.order == by_rank.order), key=by_rank.key)
        overdue = sorted((_spot(row) for row in found if row.order == by_age.order), key=by_age.key)
        kept = [spot for spot in ranked if spot.dispatch_key == person_key(employee_id)]
        others = [spot for spot in ranked if spot.dispatch_key != person_key(employee_id)]
        return [*kept, *others[:limit]], overdue[:limit]

    def look_further(
        self, slices: Sequence[Slice], employee_id: str, limit: int, last: Spot, *, by_age: bool
    ) -> list[Spot]:
        """The tasks after `last`, in the same order."""
        cut = tuple(part.enqueued_before is not None for part in slices)
        page = _Page(cut, "enqueued_at" if by_age else "rank_at", limit, goes_on=True)
        at = last.enqueued_at if by_age else last.rank_at
        values = {"employee": employee_id, "last_at": at, "last_id": last.task_id}
        found = self._connection.execute(_one(page), {**values, **page.values(slices)}).all()
        return sorted((_spot(row) for row in found), key=page.key)[:limit]

    def take(self, task: StoredTask) -> TaskFacts | None:
        """Lock a task that nobody else has locked, if it still waits as it was read."""
        values = {"task": task.task_id, "version": task.version, "key": task.dispatch_key}
        row = self._connection.execute(_TAKE, values).one_or_none()
        if row is None:
            return None
        return TaskFacts(
            TaskStatus(row.status), row.deadline, row.estimated_seconds, row.category, row.department, row.context
        )

    def due(self, now: datetime, limit: int) -> list[str]:
        """Tasks whose place time has changed, or that have none yet."""
        query = select(tasks.c.task_id).where(tasks.c.due_at <= now).order_by(tasks.c.due_at, tasks.c.task_id)
        return list(self._connection.execute(query.limit(limit)).scalars())

    def kept_for(self, employee_id: str) -> list[str]:
        """Tasks for which this person is asked first; locks them, so that their places can be found anew."""
        query = select(tasks.c.task_id).where(tasks.c.dispatch_key == person_key(employee_id))
        locked = query.order_by(tasks.c.task_id).with_for_update(key_share=True)
        return list(self._connection.execute(locked).scalars())

    def in_stream(self, dispatch_key: str, limit: int = 100) -> list[str]:
        """The first tasks of a stream."""
        query = select(tasks.c.task_id).where(tasks.c.dispatch_key == dispatch_key)
        return list(self._connection.execute(query.order_by(tasks.c.rank_at, tasks.c.task_id).limit(limit)).scalars())

    def rejected(self, task_ids: Collection[str] | None = None) -> dict[str, tuple[str, frozenset[str]]]:
        """Waiting tasks (of these, or of all) that somebody rejected: their key, and by whom."""
        query = (
            select(tasks.c.task_id, tasks.c.dispatch_key, task_assignments.c.employee_id)
            .join(task_assignments, task_assignments.c.task_id == tasks.c.task_id)
            .where(tasks.c.dispatch_key.is_not(None), task_assignments.c.status == AssignmentStatus.REJECTED)
        )
        if task_ids is not None:
            query = query.where(tasks.c.task_id.in_(sorted(task_ids)))
        found: dict[str, tuple[str, frozenset[str]]] = {}
        for task_id, key, employee_id in self._connection.execute(query):
            found[task_id] = key, found.get(task_id, (key, frozenset[str]()))[1] | {employee_id}
        return found

    def next_due(self) -> datetime | None:
        """When `due` has something next."""
        found: datetime | None = self._connection.execute(
            select(tasks.c.due_at).where(tasks.c.due_at.is_not(None)).order_by(tasks.c.due_at).limit(1)
        ).scalar_one_or_none()
        return found

    def move_queue(self, queue: str, now: datetime) -> bool:
        """Take the waiting tasks of a queue from their places, to be placed anew; whether there are any."""
        mine = (tasks.c.status == TaskStatus.PENDING, tasks.c.queue == queue, tasks.c.deleted_at.is_(None))
        moved = update(tasks).where(*mine).values(dispatch_key=None, due_at=now)
        return self._connection.execute(moved).rowcount > 0

    def recall(self, task_ids: Collection[str], now: datetime) -> None:
        """Those of these tasks that are pending are to be placed anew."""
        for part in chunks(sorted(task_ids)):
            found = update(tasks).where(tasks.c.task_id.in_(part), tasks.c.status == TaskStatus.PENDING)
            self._connection.execute(found.values(dispatch_key=None, due_at=now))

    def recall_dependents(self, task_ids: Collection[str], now: datetime) -> None:
        """Pending tasks that wait for any of these are to be placed anew."""
        for part in chunks(sorted(task_ids)):
            waits_for = select(task_dependencies.c.task_id).where(task_dependencies.c.depends_on.in_(part))
            found = update(tasks).where(tasks.c.task_id.in_(waits_for), tasks.c.status == TaskStatus.PENDING)
            self._connection.execute(found.values(dispatch_key=None, due_at=now))

    def dependents(self, task_id: str) -> list[str]:
        """Pending tasks that wait for this one; locks them.

        Without the lock two people who finish the last two dependencies of a task at the same instant would each see
        the other's as unfinished, and nobody would ever place it.
        """
        query = select(tasks.c.task_id).join(task_dependencies, tasks.c.task_id == task_dependencies.c.task_id)
        mine = (task_dependencies.c.depends_on == task_id, tasks.c.status == TaskStatus.PENDING)
        locked = query.where(*mine).order_by(tasks.c.task_id).with_for_update(key_share=True, of=tasks)
        return list(self._connection.execute(locked).scalars())

    def list(
        self,
        *,
        page: int = 1,
        limit: int = 50,
        sort: str = "rank_at",
        after: str | None = None,
        queue: str | None = None,
    ) -> Page[StoredTask]:
        """One page of the pending tasks and those in progress, in the order of dispatch."""
        query = LIVING.where(_LISTED)
        if queue is not None:
            query = query.where(tasks.c.queue == queue)
        return fetch_page(
            self._connection,
            query,
            tasks.c.task_id,
            {"rank_at": tasks.c.rank_at},
            task_records,
            sort=sort,
            page=page,
            limit=limit,
            after=after,
            complete=("rank_at",),
        )


@dataclass(frozen=True)
class _Page:
    """The shape of a query for the first tasks of some slices; the values come later, so that it is planned once.

    The limit is no value: PostgreSQL has to know it to plan well.
    """

    cut: tuple[bool, ...]
    order: str
    limit: int
    goes_on: bool = False

    def values(self, slices: Sequence[Slice]) -> dict[str, object]:
        """What the query's parameters stand for."""
        keys: dict[str, object] = {f"{self.order}_key{n}": part.dispatch_key for n, part in enumerate(slices)}
        before = {f"{self.order}_before{n}": s.enqueued_before for n, s in enumerate(slices) if self.cut[n]}
        return {**keys, **before}

    def key(self, spot: Spot) -> tuple[datetime, str]:
        return getattr(spot, self.order), spot.task_id

    def parts(self) -> list[Select[Any]]:
        return [self._part(number) for number in range(len(self.cut))]

    def _part(self, number: int) -> Select[Any]:
        order = tasks.c[self.order]
        query = select(*_SPOT, literal_column(f"'{self.order}'").label("order")).where(
            tasks.c.dispatch_key == bindparam(f"{self.order}_key{number}"), ~_REJECTED
        )
        if self.cut[number]:
            before = bindparam(f"{self.order}_before{number}", type_=tasks.c.enqueued_at.type)
            query = query.where(tasks.c.enqueued_at <= before)
        if self.goes_on:
            at = bindparam("last_at", type_=order.type)
            behind = and_(order == at, tasks.c.task_id > bindparam("last_id", type_=tasks.c.task_id.type))
            query = query.where(or_(order > at, behind))
        return query.order_by(order, tasks.c.task_id).limit(literal_column(str(self.limit)))


@lru_cache(maxsize=64)
def _both(by_rank: _Page, by_age: _Page) -> Select[Any]:
    return _together([*by_rank.parts(), *by_age.parts()])


@lru_cache(maxsize=64)
def _one(page: _Page) -> Select[Any]:
    return _together(page.parts())


def _together(parts: Sequence[Select[Any]]) -> Select[Any]:
    found = select(union_all(*(select(part.subquery()) for part in parts)).subquery())
    return found.execution_options(**{PREPARED: True})


def _spot(row: Row[Any]) -> Spot:
    return Spot._make(row[:-1])


def _queue(name: str, settings: Mapping[str, Any] | None) -> Queue:
    return Queue(name=name) if settings is None else Queue(**settings)

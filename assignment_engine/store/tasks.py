"""Tasks, and who has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, delete, or_, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.dependencies import find_cycle, told_cycle
from assignment_engine.domain.errors import ActiveWorkError, InvalidInputError, NotFoundError, StaleVersionError
from assignment_engine.domain.records import StoredTask, Task, title_from
from assignment_engine.domain.stored import Page
from assignment_engine.domain.types import Priority, ProcessingStatus, TaskStatus
from assignment_engine.store.dialects import database_now
from assignment_engine.store.paging import fetch_page
from assignment_engine.store.rows import (
    Values,
    add_rows,
    chunks,
    hours_of,
    insert_rows,
    living_ids,
    refuse_unchangeable,
    rows_in,
    seconds_of,
    update_rows,
)
from assignment_engine.store.tables import task_assignments, task_dependencies, tasks

_KIND = "task"
_PLAIN = (
    *("title", "description", "required_skills", "minimum_levels", "priority", "deadline", "complexity_score"),
    *("status", "category", "department", "queue", "units", "ticket_number", "scheduled_date", "preferred_employee"),
    "context",
)
_FIELDS = (*_PLAIN, "estimated_hours", "dependencies")
# Whoever changes one of these may change who can take the task: its place in the queue is found anew.
_PLACING = frozenset(
    {"required_skills", "minimum_levels", "priority", "status", "queue", "scheduled_date", "preferred_employee"}
    | {"dependencies", "estimated_hours", "units", "department", "dispatch_mode"}
)
_PROCESSING = ("processing_status", "processing_instance_id", "processed_at", "dispatch_mode")
_SAME = (
    *("task_id", "assigned_to_id", *_PLAIN, *_PROCESSING),
    *("version", "created_at", "updated_at", "enqueued_at", "rank_at", "dispatch_key"),
)
_SORTS = {
    **{name: tasks.c[name] for name in ("task_id", "title", "deadline", "complexity_score", "status", "category")},
    **{name: tasks.c[name] for name in ("department", "queue", "ticket_number", "scheduled_date", "units")},
    **{name: tasks.c[name] for name in ("processing_status", "created_at", "updated_at")},
    "priority": tasks.c.priority_level,
    "estimated_hours": tasks.c.estimated_seconds,
}
_SEARCHED = ("task_id", "title", "description", "ticket_number")
_HAS_SOMEBODY = frozenset({TaskStatus.ASSIGNED, TaskStatus.IN_PROGRESS})
LIVING = (
    select(tasks, task_assignments.c.employee_id.label("assigned_to_id"))
    .outerjoin_from(tasks, task_assignments, task_assignments.c.active_task_id == tasks.c.task_id)
    .where(tasks.c.deleted_at.is_(None))
)


def _all_they_wait_for() -> Select[Any]:
    """What the tasks `changed` wait for, what that waits for, and so on."""
    pairs = select(task_dependencies)
    first = pairs.where(task_dependencies.c.task_id.in_(bindparam("changed", expanding=True))).cte(recursive=True)
    following = pairs.join(first, task_dependencies.c.task_id == first.c.depends_on)
    return select(first.union(following))


_WAITS_FOR = _all_they_wait_for()


class Tasks:
    """Tasks. A deleted id may be used again; `status` follows the assignments."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: Sequence[Task], now: datetime) -> None:
        """Add tasks, or raise AlreadyExistsError naming the first that is there.

        Raises
        ------
        InvalidInputError
            If one claims to be assigned: only an assignment makes it so.
        """
        for row, task in enumerate(new):
            if task.status in _HAS_SOMEBODY:
                raise InvalidInputError.at(f"/tasks/{row}/status", "a new task is not assigned to anybody yet")
        add_rows(self._connection, tasks, _KIND, [_new_row(task, now) for task in new])
        self._keep_dependencies([task for task in new if task.dependencies])

    def put(self, given: Sequence[Task], now: datetime) -> tuple[int, int]:
        """Add those that are new, change the given fields of the others except `status`; how many of each."""
        known = self.lock([task.task_id for task in given])
        self.add([task for task in given if task.task_id not in known], now)
        changes = [
            (task.task_id, _values(task, task.model_fields_set - {"status"})) for task in given if task.task_id in known
        ]
        self._update([(task_id, values) for task_id, values in changes if values], now)
        self._keep_dependencies(
            [task for task in given if task.task_id in known and "dependencies" in task.model_fields_set]
        )
        return len(given) - len(changes), len(changes)

    def get(self, task_id: str) -> StoredTask:
        """The task, or NotFoundError when there is none, or no longer."""
        found = self.get_many([task_id])
        if not found:
            raise NotFoundError(_KIND, task_id)
        return found[0]

    def get_many(self, ids: Collection[str]) -> tuple[StoredTask, ...]:
        """Those of `ids` that exist, by id."""
        return task_records(rows_in(self._connection, LIVING, tasks.c.task_id, ids))

    def pending(self, limit: int | None = None) -> tuple[StoredTask, ...]:
        """Tasks that wait for somebody: by priority, deadline, age and id."""
        query = LIVING.where(tasks.c.status == TaskStatus.PENDING).order_by(
            tasks.c.priority_level.desc(),
            tasks.c.deadline.is_(None),
            tasks.c.deadline,
            tasks.c.created_at,
            tasks.c.task_id,
        )
        return task_records(self._connection.execute(query.limit(limit)).all())

    def completed(self, ids: Collection[str]) -> frozenset[str]:
        """Which of `ids` are done; a task that was deleted since stays done."""
        query = select(tasks.c.task_id).where(tasks.c.status == TaskStatus.COMPLETED)
        return frozenset(row.task_id for row in rows_in(self._connection, query, tasks.c.task_id, ids))

    def change(
        self, task_id: str, changes: Mapping[str, object], now: datetime, expected_version: int | None = None
    ) -> StoredTask:
        """Change the given fields, those of the processing among them.

        Raises
        ------
        StaleVersionError
            If the record no longer has the expected version.
        ActiveWorkError
            If `status` is to change while an assignment is active.
        """
        refuse_unchangeable(changes, (*_FIELDS, *_PROCESSING), StoredTask.model_fields)
        self.lock([task_id])
        current = self.get(task_id)
        if expected_version not in (None, current.version):
            raise StaleVersionError
        if not changes:
            return current
        changed = StoredTask(**{**{name: getattr(current, name) for name in StoredTask.model_fields}, **changes})
        self._refuse_false_status(current, changed)
        self._update([(task_id, _values(changed, changes))], now)
        if "dependencies" in changes:
            self._keep_dependencies([changed])
        return self.get(task_id)

    def fill(self, found: Mapping[str, Mapping[str, object]], now: datetime) -> None:
        """Set what was found out about these tasks, which are locked; the given fields and no others."""
        filled = [(Task(task_id=task_id, **values), values) for task_id, values in found.items() if values]
        self._update([(task.task_id, _values(task, values)) for task, values in filled], now)

    def remove(self, task_id: str) -> None:
        """Delete the task; its assignments and audit stay.

        Raises
        ------
        ActiveWorkError
            While an assignment is active.
        """
        self.lock([task_id])
        if self.get(task_id).assigned_to_id is not None:
            raise ActiveWorkError(_KIND, task_id)
        now = database_now(self._connection)
        self._update([(task_id, {"deleted_at": now, "dispatch_key": None, "due_at": None})], now)

    def list(
        self,
        *,
        page: int = 1,
        limit: int = 50,
        sort: str = "task_id",
        after: str | None = None,
        status: str | None = None,
        priority: str | None = None,
        queue: str | None = None,
        category: str | None = None,
        q: str | None = None,
        ids: Collection[str] | None = None,
    ) -> Page[StoredTask]:
        """One page of tasks, of those with these ids; `q` looks into ids, titles, descriptions and ticket numbers."""
        filters = {"status": status, "priority": priority, "queue": queue, "category": category}
        query = LIVING.where(*(tasks.c[name] == value for name, value in filters.items() if value is not None))
        if q:
            query = query.where(or_(*(tasks.c[name].icontains(q, autoescape=True) for name in _SEARCHED)))
        if ids is not None:
            query = query.where(tasks.c.task_id.in_(ids))
        return fetch_page(
            self._connection,
            query,
            tasks.c.task_id,
            _SORTS,
            task_records,
            sort=sort,
            page=page,
            limit=limit,
            after=after,
        )

    def lock(self, ids: Collection[str]) -> set[str]:
        """Lock these tasks by id until the transaction ends; returns those that exist."""
        return living_ids(self._connection, tasks, ids, lock=True)

    def existing(self, ids: Collection[str]) -> set[str]:
        return living_ids(self._connection, tasks, ids)

    def _refuse_false_status(self, current: StoredTask, changed: StoredTask) -> None:
        if changed.status is current.status:
            return
        if current.assigned_to_id is not None:
            raise ActiveWorkError(_KIND, current.task_id)
        if changed.status in _HAS_SOMEBODY:
            raise InvalidInputError.at("/status", "only an assignment makes a task assigned")

    def _keep_dependencies(self, changed: Sequence[Task]) -> None:
        """What each task waits for, as rows that can be looked up from the other side."""
        for part in chunks([task.task_id for task in changed]):
            self._connection.execute(delete(task_dependencies).where(task_dependencies.c.task_id.in_(part)))
        rows = [{"task_id": t.task_id, "depends_on": d} for t in changed for d in sorted(set(t.dependencies))]
        insert_rows(self._connection, task_dependencies, rows)
        self._refuse_cycles({task.task_id for task in changed})

    def _refuse_cycles(self, changed: Collection[str]) -> None:
        """A circle that is new goes through a task that was changed and that some task waits for."""
        waited_for = select(task_dependencies.c.depends_on).distinct()
        named = rows_in(self._connection, waited_for, task_dependencies.c.depends_on, changed)
        waits_for: defaultdict[str, set[str]] = defaultdict(set)
        for part in chunks([row.depends_on for row in named]):
            for row in self._connection.execute(_WAITS_FOR, {"changed": part}):
                waits_for[row.task_id].add(row.depends_on)
        cycle = find_cycle({task_id: sorted(names) for task_id, names in waits_for.items()})
        if cycle:
            raise InvalidInputError.at("/dependencies", told_cycle(cycle))

    def _update(self, rows: Sequence[tuple[str, Values]], now: datetime) -> None:
        stamped = [(task_id, {**values, **_moved(values, now), "updated_at": now}) for task_id, values in rows]
        update_rows(self._connection, tasks, stamped, {"version": tasks.c.version + 1})


def _moved(values: Values, now: datetime) -> Values:
    """A task whose place may be another now is taken from the queue until somebody has found it."""
    return {"dispatch_key": None, "due_at": now} if values.keys() & _PLACING else {}


def _new_row(task: Task, now: datetime) -> Values:
    waiting_since = min(task.created_at or now, now)
    return {
        "task_id": task.task_id,
        **_values(task, _FIELDS),
        "processing_status": ProcessingStatus.PENDING,
        "processing_instance_id": None,
        "processed_at": None,
        "processing_attempts": 0,
        "processing_due_at": now,
        "processing_error": None,
        "dispatch_mode": None,
        "enqueued_at": waiting_since,
        "rank_at": waiting_since,
        "dispatch_key": None,
        "due_at": now if task.status is TaskStatus.PENDING else None,
        "created_at": task.created_at or now,
        "updated_at": now,
    }


def _values(task: Task, fields: Collection[str]) -> Values:
    """Columns and values of those `fields`."""
    values: Values = {name: getattr(task, name) for name in (*_PLAIN, *_PROCESSING) if name in fields}
    if "priority" in fields:
        values["priority_level"] = task.priority.level
    if "dependencies" in fields:
        values["dependencies"] = list(task.dependencies)
    if "estimated_hours" in fields:
        values["estimated_seconds"] = _estimated_seconds(task.estimated_hours)
    return values


def _estimated_seconds(hours: float | None) -> int | None:
    """An estimate is never nothing: below half a second it counts one."""
    return None if hours is None else max(1, seconds_of(hours, "estimated_hours"))


def task_records(rows: Sequence[Row[Any]]) -> tuple[StoredTask, ...]:
    return tuple(_record(row) for row in rows)


def _record(row: Row[Any]) -> StoredTask:
    """What was checked before it was stored is not checked again."""
    known = {name: value for name in _SAME if (value := getattr(row, name)) is not None}
    known |= {
        "priority": Priority(row.priority),
        "status": TaskStatus(row.status),
        "processing_status": ProcessingStatus(row.processing_status),
        "dependencies": tuple(row.dependencies),
    }
    if row.estimated_seconds is not None:
        known["estimated_hours"] = hours_of(row.estimated_seconds)
    if row.title is None and row.description is not None:
        known["title"] = title_from(row.description)
    return StoredTask.unchecked(**known)

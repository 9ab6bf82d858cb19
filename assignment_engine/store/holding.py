"""Locking a person, a task and the assignment between them, in this order, and reading what is known of them then."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Column, Row, Select, bindparam, exists, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.assignments import Assignment, AssignmentStatus
from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.live import Held, PersonFacts, TakenFacts, TaskFacts
from assignment_engine.domain.queues import Queue
from assignment_engine.domain.types import TaskStatus
from assignment_engine.store.dialects import NOW, moment_of
from assignment_engine.store.prepared import PREPARED
from assignment_engine.store.tables import employees, queues, task_assignments, task_dependencies, tasks

_RENAMED = {"id": "assignment_id", "method": "assignment_method", "score": "assignment_score"}
COLUMNS = {name: task_assignments.c[_RENAMED.get(name, name)] for name in Assignment.model_fields}
"""The columns of an assignment by the names of its fields."""

_KEY: BindParameter[str] = bindparam("key")
_OWN: BindParameter[str] = bindparam("own")
_LOCK_AS_THEY_READ = ("mysql", "mariadb")
_WHO = select(
    task_assignments.c.assignment_id, task_assignments.c.employee_id, task_assignments.c.task_id
).execution_options(**{PREPARED: True})
_TOGETHER = (
    _WHO.select_from(employees)
    .join(task_assignments, task_assignments.c.employee_id == employees.c.employee_id)
    .join(tasks, tasks.c.task_id == task_assignments.c.task_id)
    .with_for_update(key_share=True, of=[employees, tasks, task_assignments])
)
_IN_ORDER = tuple(
    select(column).where(column == _KEY).with_for_update(key_share=True)
    for column in (employees.c.employee_id, tasks.c.task_id, task_assignments.c.assignment_id)
)
_TASK = ("status", "deadline", "estimated_seconds", "category", "department", "context", "deleted_at")
_PERSON = ("external_seconds", "assigned_seconds", "max_seconds", "session_id", "deleted_at")
_READ = (
    select(*(column.label(name) for name, column in COLUMNS.items()))
    .add_columns(task_assignments.c.seconds, task_assignments.c.units, task_assignments.c.context)
    .add_columns(*(tasks.c[name].label(f"task_{name}") for name in _TASK))
    .add_columns(*(employees.c[name].label(f"person_{name}") for name in _PERSON))
    .add_columns(tasks.c.queue, queues.c.settings, NOW.label("now"))
    .add_columns(exists().where(task_dependencies.c.depends_on == tasks.c.task_id).label("waited_for"))
    .join_from(task_assignments, tasks, tasks.c.task_id == task_assignments.c.task_id)
    .join(employees, employees.c.employee_id == task_assignments.c.employee_id)
    .outerjoin(queues, queues.c.name == tasks.c.queue)
    .where(task_assignments.c.assignment_id == _KEY)
    .execution_options(**{PREPARED: True})
)


def assignment_of(row: Row[Any]) -> Assignment:
    """The record of a row with all of `COLUMNS` under their names."""
    fields = {name: getattr(row, name) for name in COLUMNS}
    return Assignment.unchecked(**{**fields, "status": AssignmentStatus(row.status)})


class _Who(NamedTuple):
    assignment_id: str
    employee_id: str
    task_id: str


def hold(connection: Connection, column: Column[str], key: str, employee_id: str | None = None) -> Held | None:
    """The assignment whose `column` is `key`, locked with its person and task; None when there is none.

    Parameters
    ----------
    employee_id : whose it has to be; what is somebody else's is not there, and not locked.

    Raises
    ------
    NotFoundError
        If the person or the task has been deleted.
    """
    found = _locked(connection, column, key, employee_id)
    if found is None:
        return None
    # A statement sees what was there when it began: whoever waited for a lock has to look again.
    row = connection.execute(_READ, {"key": found.assignment_id}).one()
    if row.person_deleted_at is not None:
        raise NotFoundError("employee", found.employee_id)
    if row.task_deleted_at is not None:
        raise NotFoundError("task", found.task_id)
    return _held(connection, row)


def _locked(connection: Connection, column: Column[str], key: str, employee_id: str | None) -> _Who | None:
    """PostgreSQL locks the rows in the order in which the statement names their tables, MariaDB as it meets them."""
    statement = _finding(column, connection.dialect.name, is_own=employee_id is not None)
    own = {} if employee_id is None else {"own": employee_id}
    row = connection.execute(statement, {"key": key, **own}).one_or_none()
    if row is None:
        return None
    found = _Who(*row)
    if connection.dialect.name in _LOCK_AS_THEY_READ:
        for lock, locked in zip(_IN_ORDER, (found.employee_id, found.task_id, found.assignment_id), strict=True):
            connection.execute(lock, {"key": locked})
    return found


@lru_cache
def _finding(column: Column[str], dialect: str, *, is_own: bool) -> Select[Any]:
    found = (_TOGETHER if dialect == "postgresql" else _WHO).where(column == _KEY)
    return found.where(task_assignments.c.employee_id == _OWN) if is_own else found


def _held(connection: Connection, row: Row[Any]) -> Held:
    assignment = assignment_of(row)
    carried = PersonFacts(row.person_external_seconds + row.person_assigned_seconds, row.person_max_seconds)
    return Held(
        assignment=assignment,
        taken=TakenFacts(assignment.status, row.seconds, row.units, row.context),
        task=TaskFacts(
            TaskStatus(row.task_status),
            row.task_deadline,
            row.task_estimated_seconds,
            row.task_category,
            row.task_department,
            row.task_context,
        ),
        carried=carried,
        session_id=row.person_session_id,
        queue=Queue(**row.settings) if row.settings else Queue(name=row.queue),
        is_waited_for=bool(row.waited_for),
        now=moment_of(connection, row.now),
    )

"""What finished work says about its person: the labels of the training log, past assignments and their counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, SmallInteger, bindparam, cast, exists, insert, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.assignments import Advance, Assignment, Event
from assignment_engine.domain.live import TaskFacts
from assignment_engine.domain.outcomes import REOPENED_WITHIN, is_good
from assignment_engine.store.batch import Batch
from assignment_engine.store.rows import Values
from assignment_engine.store.tables import employee_history, ml_training_data, past_assignments

_ACCEPTANCE = {Event.ACCEPT: 1, Event.REJECT: 0, Event.EXPIRE: 0}
_ENDS = (Event.COMPLETE, Event.FAIL)


_LABELS = {
    name: update(ml_training_data)
    .where(ml_training_data.c.assignment_id == bindparam("assignment"))
    .values({name: bindparam("label", type_=SmallInteger())})
    for name in ("acceptance", "outcome")
}
_KEY_COLUMNS = ("employee_id", "category", "department")
_COUNTS = ("completed", "completed_seconds", "good", "judged")
_MINE = [employee_history.c[name] == bindparam(f"key_{name}") for name in _KEY_COLUMNS]
_BEGIN_COUNT = insert(employee_history).from_select(
    list(_KEY_COLUMNS),
    select(*(cast(bindparam(f"key_{name}"), employee_history.c[name].type) for name in _KEY_COLUMNS)).where(
        ~exists().where(*_MINE)
    ),
)
_COUNT = (
    update(employee_history)
    .where(*_MINE)
    .values({name: employee_history.c[name] + bindparam(f"added_{name}", type_=BigInteger()) for name in _COUNTS})
)


class _Key(NamedTuple):
    employee_id: str
    category: str
    department: str


def record_outcomes(writes: Batch, advances: Sequence[Advance], tasks: Mapping[str, TaskFacts]) -> None:
    """Write what these events tell about good work and about acceptance; their people are locked."""
    labels: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    finished = []
    for advance in advances:
        if advance.event in _ACCEPTANCE:
            labels["acceptance", _ACCEPTANCE[advance.event]].append(advance.assignment.id)
        elif advance.event in _ENDS:
            row = _past(advance, tasks[advance.assignment.task_id])
            labels["outcome", int(row["outcome"] == "good")].append(advance.assignment.id)
            finished.append(row)
    for (name, value), assignment_ids in labels.items():
        _label(writes, name, value, assignment_ids)
    writes.insert(past_assignments, finished)
    _count(writes, finished)


def _label(writes: Batch, name: str, value: int, assignment_ids: Sequence[str]) -> None:
    writes.add(_LABELS[name], [{"assignment": key, "label": value} for key in assignment_ids])


def _past(advance: Advance, task: TaskFacts) -> dict[str, Any]:
    after = advance.assignment
    started_at = after.accepted_at or after.assigned_at
    good = after.completed_at is not None and is_good(
        started_at=started_at,
        completed_at=after.completed_at,
        deadline=task.deadline,
        estimated_seconds=task.estimated_seconds,
    )
    worked = None if after.completed_at is None else round((after.completed_at - started_at) / timedelta(seconds=1))
    return {
        "task_id": after.task_id,
        "employee_id": after.employee_id,
        "assigned_at": after.assigned_at,
        "category": task.category,
        "department": task.department,
        "started_at": started_at,
        "completed_at": after.completed_at,
        "worked_seconds": worked,
        "outcome": "good" if good else "bad",
    }


def _count(writes: Batch, finished: Iterable[Mapping[str, Any]]) -> None:
    added: defaultdict[_Key, list[Mapping[str, Any]]] = defaultdict(list)
    for row in finished:
        added[_Key(row["employee_id"], row["category"] or "", row["department"] or "")].append(row)
    for key, rows in sorted(added.items()):
        worked = [row["worked_seconds"] for row in rows if row["worked_seconds"] is not None]
        good = sum(row["outcome"] == "good" for row in rows)
        _add(writes, key, completed=len(worked), completed_seconds=sum(worked), good=good, judged=len(rows))


def _add(
    writes: Batch, key: _Key, completed: int = 0, completed_seconds: int = 0, good: int = 0, judged: int = 0
) -> None:
    """Count for a person, who is locked, in one category and department; both are empty where not known."""
    counts = {"completed": completed, "completed_seconds": completed_seconds, "good": good, "judged": judged}
    named = {f"key_{name}": value for name, value in key._asdict().items()}
    writes.add(_BEGIN_COUNT, [named])
    writes.add(_COUNT, [{**named, **{f"added_{name}": value for name, value in counts.items()}}])


def mark_reopened(connection: Connection, assignment: Assignment, now: datetime) -> None:
    """Work that had to be done again was not good, if that showed soon enough; its person is locked."""
    columns = past_assignments.c
    mine = (
        columns.task_id == assignment.task_id,
        columns.employee_id == assignment.employee_id,
        columns.assigned_at == assignment.assigned_at,
    )
    found = connection.execute(select(past_assignments).where(*mine)).one_or_none()
    soon = assignment.completed_at is not None and now - assignment.completed_at <= REOPENED_WITHIN
    if found is None:
        return
    writes = Batch(connection)
    values: Values = {"completed_at": None}  # the task is not done; the work was
    if soon and found.outcome == "good":
        values["outcome"] = "bad"
        _add(writes, _Key(assignment.employee_id, found.category or "", found.department or ""), good=-1)
    connection.execute(update(past_assignments).where(*mine).values(values))
    if soon:
        _label(writes, "outcome", 0, [assignment.id])
    writes.flush()

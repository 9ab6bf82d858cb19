"""The organisation's own finished work as a log for a replay, on every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.stored import PastAssignment
from assignment_engine.services.replay.own_log import own_work_log
from assignment_engine.store.database import Database

EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)


def at(hours: float) -> datetime:
    return EIGHT + timedelta(hours=hours)


def past(task: str, person: str, began: float, ended: float | None, **fields: object) -> PastAssignment:
    completed = None if ended is None else at(ended)
    return PastAssignment(
        **{"task_id": task, "employee_id": person, "assigned_at": at(began), "completed_at": completed, **fields}
    )


def test_pieces_of_finished_work_are_read_in_their_order(database: Database) -> None:
    """A task comes, waits, is worked on, and sometimes again by somebody else; long waits are no work."""
    tasks = [
        Task(task_id="b", title="x", category="report", priority="high", created_at=at(0), deadline=at(9)),
        Task(task_id="a", title="x", created_at=at(1)),
        Task(task_id="c", title="x", created_at=at(2)),
    ]
    work = [
        past("b", "bo", 1, 3),
        past("b", "ana", 5, 6),
        past("a", "ana", 0, 100, started_at=at(2)),
        past("c", "ana", 3, None),
        past("unknown", "ana", 3, 4),
    ]
    with database.unit() as unit:
        unit.employees.add([Employee(employee_id="ana"), Employee(employee_id="bo")], unit.now())
        unit.tasks.add(tasks, unit.now())
        unit.history.add(work)
        unit.commit()
    with database.read() as unit:
        log = own_work_log(unit, longest_hours=12.0)
        newest = own_work_log(unit, most=1)
    assert (log.people, log.kinds, log.named) == (("ana", "bo"), ("any", "report"), 2)
    rows = [(s.item, log.people[s.person], (s.began - EIGHT.timestamp()) / 3600) for s in log.stretches]
    assert rows == [(0, "bo", 1.0), (1, "ana", 2.0), (0, "ana", 5.0)]
    assert [s.is_first for s in log.stretches] == [True, True, False]
    assert [s.seconds / 3600 for s in log.stretches] == [2.0, 12.0, 1.0]
    first, second = log.items
    assert (first.arrived, first.kind, first.priority, first.deadline) == (
        *(EIGHT.timestamp(), 1, "high", at(9).timestamp()),
    )
    assert (second.arrived, second.person, second.seconds) == (at(1).timestamp(), 0, 12.0 * 3600)
    assert [item.arrived for item in newest.items] == [at(1).timestamp()]


def test_where_nothing_was_finished_there_is_nothing_to_replay(sqlite_database: Database) -> None:
    with sqlite_database.read() as unit, pytest.raises(InvalidInputError, match="nobody has finished"):
        own_work_log(unit)

"""Work that goes on and work that was finished lately: how long it takes, and when it will be complete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.assignments import AssignmentStatus, Expected
from assignment_engine.domain.going import ActiveWork, FinishedWork, LoggedWork, NewEta
from assignment_engine.domain.types import hours_between
from assignment_engine.store.rows import hours_of
from assignment_engine.store.tables import (
    conversations,
    employees,
    ml_training_data,
    past_assignments,
    task_assignments,
    tasks,
)

AT_ONCE = 2000
_A, _T = task_assignments.c, tasks.c
_LAST_WORD = select(func.max(conversations.c.created_at)).where(conversations.c.task_id == _A.task_id).scalar_subquery()
_ACTIVE: Select[Any] = (
    select(
        *(_A[name] for name in ("assignment_id", "task_id", "employee_id", "status", "assigned_at", "updated_at")),
        *(_A[name] for name in ("eta_p50", "eta_p90", "expected_p50", "expected_p90", "paused_seconds")),
        *(_T.deadline, _T.category, _T.estimated_seconds),
        _T.updated_at.label("task_updated_at"),
        _LAST_WORD.label("last_word_at"),
    )
    .join(tasks, _T.task_id == _A.task_id)
    .where(_A.active_task_id > bindparam("after", type_=_A.active_task_id.type))
    .order_by(_A.active_task_id)
)
_SET = ("eta_p50", "eta_p90", "expected_p50", "expected_p90")
_SET_ETA = (
    update(task_assignments)
    .where(_A.assignment_id == bindparam("row_id"), _A.active_task_id.is_not(None))
    .values({name: bindparam(f"new_{name}", type_=_A[name].type) for name in _SET})
)
_PAUSED = select(employees.c.employee_id).where(employees.c.paused)
_LOGGED = (AssignmentStatus.COMPLETED, AssignmentStatus.ACCEPTED, AssignmentStatus.ASSIGNED)


class Going:
    """Active assignments and their expected ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def active(self, after: str = "", limit: int = AT_ONCE) -> tuple[ActiveWork, ...]:
        """The next active assignments behind the task `after`, by task."""
        rows = self._connection.execute(_ACTIVE.limit(limit), {"after": after})
        return tuple(_active(row) for row in rows)

    def still_active(self, assignment_ids: Sequence[str]) -> frozenset[str]:
        """Which of these assignments have not ended meanwhile."""
        query = select(_A.assignment_id).where(_A.assignment_id.in_(assignment_ids), _A.active_task_id.is_not(None))
        return frozenset(self._connection.execute(query).scalars()) if assignment_ids else frozenset()

    def set_etas(self, etas: Sequence[NewEta]) -> None:
        """Write when work will be complete; work that has ended meanwhile keeps what was said last."""
        rows = [
            {
                "row_id": eta.assignment_id,
                "new_eta_p50": eta.eta[0],
                "new_eta_p90": eta.eta[1],
                "new_expected_p50": eta.expected.p50,
                "new_expected_p90": eta.expected.p90,
            }
            for eta in sorted(etas, key=lambda eta: eta.assignment_id)
        ]
        if rows:
            self._connection.execute(_SET_ETA, rows)

    def note_pauses(self, seconds: int) -> None:
        """The people who are paused now have been so for these seconds: what they have in hand went no further."""
        mine = (_A.active_task_id.is_not(None), _A.employee_id.in_(_PAUSED))
        noted = update(task_assignments).where(*mine).values(paused_seconds=_A.paused_seconds + seconds)
        self._connection.execute(noted)

    def finished(self, limit: int) -> tuple[FinishedWork, ...]:
        """The pieces of work that were finished last, imported ones among them."""
        past = past_assignments.c
        query = (
            select(past.employee_id, past.category, past.assigned_at, past.completed_at, _T.estimated_seconds)
            .outerjoin(tasks, _T.task_id == past.task_id)
            .where(past.completed_at.is_not(None))
            .order_by(past.completed_at.desc())
            .limit(limit)
        )
        return tuple(
            FinishedWork(
                max(0.0, hours_between(row.assigned_at, row.completed_at)),
                row.employee_id,
                row.category,
                _hours(row.estimated_seconds),
            )
            for row in self._connection.execute(query)
        )

    def logged(self, limit: int) -> Iterator[LoggedWork]:
        """The newest logged assignments that were finished or go on, the latest first; read as they are asked for."""
        query = (
            select(_A.employee_id, _A.assigned_at, _A.completed_at, _A.paused_seconds, ml_training_data.c.features)
            .add_columns(_T.category, _T.estimated_seconds)
            .join(task_assignments, _A.assignment_id == ml_training_data.c.assignment_id)
            .join(tasks, _T.task_id == _A.task_id)
            .where(_A.status.in_(_LOGGED))
            .order_by(_A.assigned_at.desc(), _A.assignment_id.desc())
            .limit(limit)
        )
        yield from map(_logged, self._connection.execution_options(yield_per=AT_ONCE).execute(query))


def _active(row: Row[Any]) -> ActiveWork:
    known = row.expected_p50 is not None and row.expected_p90 is not None
    shown = row.eta_p50 is not None and row.eta_p90 is not None
    signs = (row.assigned_at, row.updated_at, row.task_updated_at, row.last_word_at)
    return ActiveWork(
        assignment_id=row.assignment_id,
        task_id=row.task_id,
        employee_id=row.employee_id,
        status=AssignmentStatus(row.status),
        assigned_at=row.assigned_at,
        touched_at=max(at for at in signs if at is not None),
        eta=(row.eta_p50, row.eta_p90) if shown else None,
        expected=Expected(row.expected_p50, row.expected_p90) if known else None,
        paused_seconds=row.paused_seconds,
        deadline=row.deadline,
        category=row.category,
        estimated_hours=_hours(row.estimated_seconds),
    )


def _logged(row: Row[Any]) -> LoggedWork:
    return LoggedWork(
        employee_id=row.employee_id,
        category=row.category,
        estimated_hours=_hours(row.estimated_seconds),
        features=row.features,
        assigned_at=row.assigned_at,
        completed_at=row.completed_at,
        paused_seconds=row.paused_seconds,
    )


def _hours(seconds: int | None) -> float | None:
    return None if seconds is None else hours_of(seconds)

"""Logged decisions, from which models learn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, func, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.assignments import ACTIVE, Event
from assignment_engine.domain.sampled import as_rows
from assignment_engine.domain.stored import LoggedDecision, TrainingRow
from assignment_engine.domain.types import Arm
from assignment_engine.store.rows import Values, insert_rows
from assignment_engine.store.tables import audit_log, ml_training_data, task_assignments, tasks

AT_ONCE = 2000
_DECIDES = (Event.COMPLETE, Event.FAIL, "reopen")


class Training:
    """The training log; outcomes are filled in when they are known."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rows: Sequence[TrainingRow]) -> None:
        insert_rows(self._connection, ml_training_data, [training_values(row) for row in rows])

    def decisions(
        self, *, since: datetime | None = None, most: int | None = None, candidates: bool = True
    ) -> Iterator[LoggedDecision]:
        """The newest decisions, at most `most` of them, the latest first; read as they are asked for.

        Parameters
        ----------
        since : only decisions after this moment.
        candidates : whether to read the pairs that were not chosen, by far the largest part of a decision.
        """
        query = _decisions(candidates=candidates)
        if since is not None:
            query = query.where(ml_training_data.c.logged_at > since)
        rows = self._connection.execution_options(yield_per=AT_ONCE).execute(query.limit(most))
        yield from map(_decision, rows)


def training_values(logged: TrainingRow) -> Values:
    """The columns of a logged decision."""
    values: Values = {field.name: getattr(logged, field.name) for field in fields(logged)}
    return {**values, "features": dict(logged.features)}


def _decisions(*, candidates: bool) -> Select[Any]:
    logged = ml_training_data.c
    plain = [c for c in logged if candidates or c.name != "candidates"]
    # Nothing becomes of work that was released or cancelled, so that no deadline counts for it.
    awaited: ColumnElement[Any] = case((task_assignments.c.status.in_(sorted(ACTIVE)), tasks.c.deadline))
    return (
        select(*plain, tasks.c.department, awaited.label("deadline"), _known_at().label("known_at"))
        .join(task_assignments, task_assignments.c.assignment_id == logged.assignment_id)
        .join(tasks, tasks.c.task_id == logged.task_id)
        .order_by(logged.logged_at.desc(), logged.log_id.desc())
    )


def _known_at() -> ColumnElement[Any]:
    """When the outcome became what it is; good work that is reopened becomes bad at that moment."""
    mine = audit_log.c.assignment_id == ml_training_data.c.assignment_id
    latest = select(func.max(audit_log.c.at)).where(mine, audit_log.c.event.in_(_DECIDES))
    return latest.correlate(ml_training_data).scalar_subquery()


def _decision(row: Row[Any]) -> LoggedDecision:
    pairs = as_rows(getattr(row, "candidates", None))
    return LoggedDecision(
        decision_id=row.decision_id,
        decided_at=row.logged_at,
        task_id=row.task_id,
        employee_id=row.employee_id,
        features=row.features,
        candidates=tuple(p for p in pairs if (p["task_id"], p["employee_id"]) != (row.task_id, row.employee_id)),
        method=row.method,
        propensity=row.propensity,
        arm=None if row.arm is None else Arm(row.arm),
        outcome=row.outcome,
        acceptance=row.acceptance,
        known_at=None if row.outcome is None else row.known_at,
        deadline=row.deadline,
        department=row.department,
    )

"""Putting tasks up for triage by hand."""

from __future__ import annotations

from assignment_engine.domain.conversations import Triage
from assignment_engine.domain.errors import NotFoundError
from assignment_engine.store.unit import UnitOfWork


def triage_again(unit: UnitOfWork, task_id: str) -> Triage:
    """Have a task read again, also after all attempts failed.

    Raises
    ------
    NotFoundError
    """
    if not unit.tasks.lock([task_id]):
        raise NotFoundError("task", task_id)
    unit.triage_claims.put_up([task_id], unit.now())
    return unit.triage.get(task_id)

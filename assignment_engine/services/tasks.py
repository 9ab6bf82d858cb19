"""Use cases around tasks."""

from __future__ import annotations

from collections.abc import Mapping

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.records import StoredTask, Task
from assignment_engine.store.unit import UnitOfWork


def add_task(unit: UnitOfWork, task: Task) -> StoredTask:
    """Store a new task, pending.

    Raises
    ------
    AlreadyExistsError
    InvalidInputError
        If it has neither title nor description.
    """
    require_title(task)
    unit.tasks.add([task], unit.now())
    return unit.tasks.get(task.task_id)


def require_title(task: Task, pointer: str = "") -> None:
    if not task.title:
        raise InvalidInputError.at(f"{pointer}/title", "title or description is required")


def change_task(
    unit: UnitOfWork, task_id: str, changes: Mapping[str, object], expected_version: int | None = None
) -> StoredTask:
    """Change the given fields.

    Raises
    ------
    NotFoundError, StaleVersionError
    """
    return unit.tasks.change(task_id, changes, unit.now(), expected_version)


def remove_task(unit: UnitOfWork, task_id: str) -> None:
    """Delete a task softly: it is not found afterwards, its assignments, audit and training log stay.

    Raises
    ------
    NotFoundError
    ActiveWorkError
        While it has an active assignment.
    """
    unit.tasks.remove(task_id)

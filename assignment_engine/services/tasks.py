"""Use cases around tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from assignment_engine.domain.conversations import NewConversation
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.records import StoredTask, Task
from assignment_engine.services.conversations import add_conversations
from assignment_engine.store.unit import UnitOfWork

TEXTS = frozenset({"title", "description"})


def add_task(unit: UnitOfWork, task: Task, conversations: Sequence[NewConversation] = ()) -> StoredTask:
    """Store a new task, pending, with what was said about it.

    Raises
    ------
    AlreadyExistsError
    InvalidInputError
        If it has neither title nor description.
    """
    require_title(task)
    unit.tasks.add([task], unit.now())
    if conversations:
        add_conversations(unit, task.task_id, conversations)
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
    changed = unit.tasks.change(task_id, changes, unit.now(), expected_version)
    note_changes(unit, {task_id: frozenset(changes)})
    return changed


def note_changes(unit: UnitOfWork, changed: Mapping[str, Iterable[str]]) -> None:
    """A person set these fields of these tasks: triage leaves them alone, and reads texts that are new."""
    fields = {task_id: frozenset(names) for task_id, names in changed.items()}
    unit.triage.give_to_person(fields)
    unit.triage_claims.put_up([task_id for task_id, names in fields.items() if names & TEXTS], unit.now())


def remove_task(unit: UnitOfWork, task_id: str) -> None:
    """Delete a task softly, with its conversations; its assignments, audit and training log stay.

    Of tasks that wait for it the loop says that they wait in vain, unless it was done.

    Raises
    ------
    NotFoundError
    ActiveWorkError
        While it has an active assignment.
    """
    unit.tasks.remove(task_id)
    unit.waiting.recall_dependents([task_id], unit.now())
    unit.conversations.remove_of(task_id)
    unit.triage.forget([task_id])
    unit.triage_claims.withdraw([task_id])

"""Tasks that come in or change, and people who change: all may make a pair possible."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from assignment_engine.domain.conversations import NewConversation
from assignment_engine.domain.intake import CsvContent
from assignment_engine.domain.queues import AutoAction
from assignment_engine.domain.records import StoredEmployee, StoredTask, Task
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.services.imports import ImportKind, ImportMode, ImportResult, store_content
from assignment_engine.services.people import change_employee
from assignment_engine.services.tasks import add_task, change_task
from assignment_engine.store.unit import UnitOfWork


def submit_task(
    unit: UnitOfWork, dispatcher: Dispatcher, task: Task, conversations: Sequence[NewConversation] = ()
) -> StoredTask:
    """Store a new task and give it to somebody who is free.

    Raises
    ------
    AlreadyExistsError
    InvalidInputError
        If it has neither title nor description.
    """
    add_task(unit, task, conversations)
    dispatcher.settle(unit, unit.now(), tasks=[task.task_id])
    return unit.tasks.get(task.task_id)


def submit_ticket(unit: UnitOfWork, dispatcher: Dispatcher, task: Task) -> StoredTask:
    """The same for a ticket from elsewhere, by the rules of its queue.

    Raises
    ------
    AlreadyExistsError
    InvalidInputError
        If it has neither title nor description.
    """
    rule = unit.queues.named([task.queue])[task.queue].action(task.category, task.priority)
    if rule is not None and rule.queue is not None:
        task = task.model_copy(update={"queue": rule.queue})
    add_task(unit, task)
    if rule is not None and rule.action in (AutoAction.PUSH, AutoAction.OFFER):
        unit.tasks.change(task.task_id, {"dispatch_mode": rule.action.value}, unit.now())
    dispatcher.settle(unit, unit.now(), tasks=[task.task_id])
    return unit.tasks.get(task.task_id)


def amend_task(
    unit: UnitOfWork,
    dispatcher: Dispatcher,
    task_id: str,
    changes: Mapping[str, object],
    expected_version: int | None = None,
) -> StoredTask:
    """Change the given fields of a task, which may open it to somebody who is free.

    Raises
    ------
    NotFoundError, StaleVersionError
    """
    change_task(unit, task_id, changes, expected_version)
    task_was_changed(unit, dispatcher, task_id)
    return unit.tasks.get(task_id)


def task_was_changed(unit: UnitOfWork, dispatcher: Dispatcher, task_id: str) -> None:
    """Find the place of a task anew, and those of the tasks that wait for it."""
    dispatcher.settle(unit, unit.now(), tasks=[task_id, *unit.waiting.dependents(task_id)])


def amend_employee(
    unit: UnitOfWork,
    dispatcher: Dispatcher,
    employee_id: str,
    changes: Mapping[str, object],
    expected_version: int | None = None,
) -> StoredEmployee:
    """Change the given fields of a person, who may be able to take more now.

    Raises
    ------
    NotFoundError, StaleVersionError
    """
    changed = change_employee(unit, employee_id, changes, expected_version)
    if changed.free_at is not None:
        dispatcher.settle(unit, unit.now(), people=[employee_id])
    return unit.employees.get(employee_id)


def import_content(
    unit: UnitOfWork, dispatcher: Dispatcher, kind: ImportKind, mode: ImportMode, content: CsvContent[Any]
) -> ImportResult:
    """Store the good rows of a file or list; the loop gives out what came with them.

    Raises
    ------
    ImportRefusedError
        In mode `all`, if any row is bad.
    """
    result = store_content(unit, kind, mode, content)
    if kind is ImportKind.HISTORY:
        unit.waiting.recall_dependents({record.task_id for record in content.records}, unit.now())
    unit.after_commit(dispatcher.wake)
    return result


def tasks_were_triaged(dispatcher: Dispatcher, unit: UnitOfWork, task_ids: Collection[str]) -> None:
    """What triage has read waits for it no longer; the loop gives it out at once."""
    unit.waiting.recall(task_ids, unit.now())
    unit.after_commit(dispatcher.wake)

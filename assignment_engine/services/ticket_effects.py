"""What events about tickets do to our work."""

from __future__ import annotations

from dataclasses import dataclass

from assignment_engine.domain.actors import Actor
from assignment_engine.domain.assignments import AssignmentStatus, Event
from assignment_engine.domain.errors import TransitionError
from assignment_engine.domain.records import Task
from assignment_engine.domain.types import TaskStatus
from assignment_engine.services.dispatch import work
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.services.dispatch.intake import submit_ticket, task_was_changed
from assignment_engine.store.unit import UnitOfWork

ACTOR = Actor("ticket-service")


@dataclass(frozen=True)
class TicketEffects:
    """Each method is one change, in a transaction of the caller's; what raises had no effect."""

    dispatcher: Dispatcher

    def create(self, unit: UnitOfWork, task: Task) -> None:
        """There is work to do; the rules of its queue say whether it is given to somebody at once.

        Raises
        ------
        AlreadyExistsError
        InvalidInputError
            If it has neither title nor description.
        """
        submit_ticket(unit, self.dispatcher, task)

    def complete(self, unit: UnitOfWork, task_id: str) -> None:
        """The ticket is done: so is its assignment; an offer that nobody took is withdrawn.

        Raises
        ------
        NotFoundError
        TransitionError
            If the task failed or was cancelled.
        """
        for assignment in unit.assignments.active([task_id]):
            if assignment.status is AssignmentStatus.OFFERED:
                work.withdraw(unit, self.dispatcher, assignment.id, ACTOR)
            else:
                work.complete(unit, self.dispatcher, assignment.id, ACTOR)
        self._end(unit, task_id, TaskStatus.COMPLETED, Event.COMPLETE)

    def cancel(self, unit: UnitOfWork, task_id: str) -> None:
        """The ticket is not to be done: neither is its assignment.

        Raises
        ------
        NotFoundError
        TransitionError
            If the task is completed or failed.
        """
        for assignment in unit.assignments.active([task_id]):
            work.cancel(unit, self.dispatcher, assignment.id, ACTOR)
        self._end(unit, task_id, TaskStatus.CANCELLED, Event.CANCEL)

    def _end(self, unit: UnitOfWork, task_id: str, status: TaskStatus, event: Event) -> None:
        """Give a task that nobody has this status; nothing when it has it already."""
        task = unit.tasks.get(task_id)
        if task.status is status:
            return
        if task.status is not TaskStatus.PENDING:
            raise TransitionError(event, task.status)
        unit.tasks.change(task_id, {"status": status}, unit.now())
        task_was_changed(unit, self.dispatcher, task_id)

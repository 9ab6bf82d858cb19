"""What people do with their assignments, and what that sets free."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from assignment_engine.domain.actors import ENGINE, Actor
from assignment_engine.domain.assignments import (
    Advance,
    Assignment,
    AssignmentStatus,
    Event,
    Expected,
    NewAssignment,
    advance,
)
from assignment_engine.domain.errors import (
    DatabaseBusyError,
    FieldError,
    InvalidInputError,
    NotFoundError,
    SessionClosedError,
    TransitionError,
)
from assignment_engine.domain.live import Completed, Held
from assignment_engine.domain.records import StoredTask
from assignment_engine.domain.types import DEFAULT_ESTIMATED_HOURS, TaskStatus, new_id, whole_seconds
from assignment_engine.services.dispatch.alerts import alert_if_nobody_is_left
from assignment_engine.services.dispatch.by_hand import decision_by_hand
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.services.eta import expect_pair
from assignment_engine.store.unit import UnitOfWork

MANUAL = "manual"


def assign(
    unit: UnitOfWork,
    task_id: str,
    employee_id: str,
    actor: Actor,
    *,
    allow_overload: bool = False,
    dispatcher: Dispatcher | None = None,
) -> Assignment:
    """Give a task to a person by hand: it skips score, skills, department, presence and an earlier rejection.

    Parameters
    ----------
    dispatcher : what says when it will be done, and what the choice is logged with; None: nobody says so before the
        detector does, and it is not logged.

    Raises
    ------
    InvalidInputError
        If there is no such task or person.
    TaskTakenError, TransitionError
        If somebody has the task, or it is closed.
    CapacityExceededError
        If it does not fit and `allow_overload` does not say that it may.
    """
    employees, tasks = unit.employees.lock([employee_id]), unit.tasks.lock([task_id])
    unknown = [
        FieldError(f"/{field}", f"there is no {kind} {given!r}")
        for field, kind, given, found in (
            ("ticket_id", "ticket", task_id, tasks),
            ("technician_id", "technician", employee_id, employees),
        )
        if given not in found
    ]
    if unknown:
        raise InvalidInputError(unknown)
    task, now = unit.tasks.get(task_id), unit.now()
    new = NewAssignment(
        id=new_id(),
        task_id=task_id,
        employee_id=employee_id,
        assigned_by=actor.subject,
        method=MANUAL,
        seconds=seconds_of(task),
        units=task.units,
        allow_overload=allow_overload,
        expected=None if dispatcher is None else _expected(unit, dispatcher, task, employee_id, now),
    )
    step = advance(new, Event.ASSIGN, now)
    decision = None if dispatcher is None else decision_by_hand(unit, dispatcher, new, task, now)
    unit.assignments.record([step], actor.subject, [] if decision is None else [decision])
    return step.assignment


def _expected(
    unit: UnitOfWork, dispatcher: Dispatcher, task: StoredTask, employee_id: str, now: datetime
) -> Expected | None:
    return expect_pair(unit, dispatcher.core, dispatcher.eta, task, unit.employees.get(employee_id), now)


def seconds_of(task: StoredTask) -> int:
    """What a task takes from a person's capacity."""
    return max(1, whole_seconds(DEFAULT_ESTIMATED_HOURS if task.estimated_hours is None else task.estimated_hours))


def accept(unit: UnitOfWork, dispatcher: Dispatcher, assignment_id: str, actor: Actor) -> Assignment:
    """Accept an offer or an assigned job; begin to work.

    Raises
    ------
    NotFoundError
        If there is no such assignment, or it is not theirs.
    TransitionError, SessionClosedError
    """
    return _happens(unit, dispatcher, assignment_id, Event.ACCEPT, actor)


def reject(unit: UnitOfWork, dispatcher: Dispatcher, assignment_id: str, actor: Actor, reason: str) -> Assignment:
    """Refuse it: it goes back to its queue with its age and never comes to this person again by itself.

    Raises
    ------
    NotFoundError, TransitionError, SessionClosedError
    """
    return _happens(unit, dispatcher, assignment_id, Event.REJECT, actor, reason)


def complete(unit: UnitOfWork, dispatcher: Dispatcher, assignment_id: str, actor: Actor) -> Assignment:
    """Finish it; again by the same person changes nothing.

    Raises
    ------
    NotFoundError, TransitionError, SessionClosedError
    """
    return _completed(unit, dispatcher, unit.assignments.hold(assignment_id, actor.employee_id), actor).completed


def fail(unit: UnitOfWork, dispatcher: Dispatcher, assignment_id: str, actor: Actor, reason: str) -> Assignment:
    """Give up: the task has failed.

    Raises
    ------
    NotFoundError, TransitionError, SessionClosedError
    """
    return _happens(unit, dispatcher, assignment_id, Event.FAIL, actor, reason)


def release(
    unit: UnitOfWork, dispatcher: Dispatcher, assignment_id: str, actor: Actor, reason: str | None = None
) -> Assignment:
    """Take it back into its queue, for others first: only if nobody else is free its person may get it again.

    Raises
    ------
    NotFoundError, TransitionError
    """
    return _happens(unit, dispatcher, assignment_id, Event.RELEASE, actor, reason)


def withdraw(unit: UnitOfWork, dispatcher: Dispatcher, assignment_id: str, actor: Actor) -> Assignment:
    """Take back what somebody was offered or has, without giving it to anybody else; its person may get other work.

    Raises
    ------
    NotFoundError, TransitionError
    """
    assignment, now = unit.assignments.get(assignment_id), unit.now()
    step = advance(assignment, Event.RELEASE, now)
    unit.assignments.record([step], actor.subject)
    unit.waiting.leave([assignment.task_id])
    dispatcher.settle(unit, now, people=[assignment.employee_id])
    return step.assignment


def cancel(
    unit: UnitOfWork, dispatcher: Dispatcher, assignment_id: str, actor: Actor, reason: str | None = None
) -> Assignment:
    """The task is not wanted any more.

    Raises
    ------
    NotFoundError, TransitionError
    """
    return _happens(unit, dispatcher, assignment_id, Event.CANCEL, actor, reason)


def complete_task(unit: UnitOfWork, dispatcher: Dispatcher, task_id: str, actor: Actor) -> Completed:
    """Finish the task that somebody has, who gets the next one in the same transaction.

    Raises
    ------
    NotFoundError
        If there is no such task, or it is not theirs.
    TransitionError
        If nobody has it.
    SessionClosedError
        If the caller's session is an older one.
    """
    held = unit.assignments.hold_active_on(task_id, actor.employee_id)
    if held is not None:
        return _completed(unit, dispatcher, held, actor)
    last = unit.assignments.last_of(task_id)
    if actor.employee_id is not None and (last is None or last.employee_id != actor.employee_id):
        raise NotFoundError("task", task_id)
    if last is None:
        raise TransitionError(Event.COMPLETE, unit.tasks.get(task_id).status)
    return _completed(unit, dispatcher, unit.assignments.hold(last.id), actor)


def _completed(unit: UnitOfWork, dispatcher: Dispatcher, held: Held, actor: Actor) -> Completed:
    _require_session(held, actor)
    if held.assignment.status is AssignmentStatus.COMPLETED:
        return Completed(completed=held.assignment, next=_given_since(unit, held.assignment))
    step, given = _advanced(unit, dispatcher, held, Event.COMPLETE, actor)
    mine = [following for following in given if following.employee_id == held.assignment.employee_id]
    return Completed(completed=step.assignment, next=mine[0] if mine else None)


def _given_since(unit: UnitOfWork, done: Assignment) -> Assignment | None:
    """What the engine gave a person next, as long as they have it: a repeated call gets the answer that was lost."""
    active = unit.assignments.active_of([done.employee_id])
    later = [
        a
        for a in active
        if a.assigned_by == ENGINE.subject and done.completed_at and a.assigned_at >= done.completed_at
    ]
    return later[0] if later else None


def _happens(
    unit: UnitOfWork,
    dispatcher: Dispatcher,
    assignment_id: str,
    event: Event,
    actor: Actor,
    reason: str | None = None,
) -> Assignment:
    held = unit.assignments.hold(assignment_id, actor.employee_id)
    _require_session(held, actor)
    step, _ = _advanced(unit, dispatcher, held, event, actor, reason)
    if event is Event.REJECT:
        alert_if_nobody_is_left(unit, dispatcher.core.matcher, step.assignment.task_id, step.assignment.updated_at)
    return step.assignment


def _advanced(
    unit: UnitOfWork, dispatcher: Dispatcher, held: Held, event: Event, actor: Actor, reason: str | None = None
) -> tuple[Advance, list[Assignment]]:
    """Let the event happen, and give out what it sets free."""
    now, person = held.now, held.assignment.employee_id
    step = advance(held.assignment, event, now, reason=reason)
    if actor.employee_id is not None:
        unit.sessions.note(actor.employee_id, now)
    unit.assignments.record([step], actor.subject, locked=held.locked)
    if step.assignment.status.active:
        return step, []
    if event in (Event.COMPLETE, Event.FAIL) and held.queue.wrap_up_seconds:
        unit.sessions.wrap_up(person, now + timedelta(seconds=held.queue.wrap_up_seconds))
    waiting = _waiting_now(unit, held, step)
    if event is not Event.RELEASE:
        return step, dispatcher.settle(unit, now, people=[person], tasks=waiting)
    given = dispatcher.settle(unit, now, tasks=waiting, others_than=person)  # it was taken back from them
    return step, [*given, *dispatcher.settle(unit, now, people=[person])]


def _waiting_now(unit: UnitOfWork, held: Held, step: Advance) -> Collection[str]:
    """The task itself when it waits again, or those that wait for it, which it lets go or keeps for ever."""
    if step.task_status is TaskStatus.PENDING:
        return [step.assignment.task_id]
    return unit.waiting.dependents(step.assignment.task_id) if held.is_waited_for else []


def _require_session(held: Held, actor: Actor) -> None:
    """Whoever touches what is theirs does so in the present session."""
    if actor.employee_id is not None and actor.session not in (None, held.session_id):
        raise SessionClosedError


def reopen(unit: UnitOfWork, dispatcher: Dispatcher, task_id: str, actor: Actor) -> StoredTask:
    """The work was not good: the task waits again, and its old outcome counts as bad.

    Raises
    ------
    NotFoundError
    TransitionError
        If the task is not completed.
    """
    seen = unit.assignments.last_of(task_id)
    if seen is not None:
        unit.employees.lock([seen.employee_id])
    unit.tasks.lock([task_id])
    task, last, now = unit.tasks.get(task_id), unit.assignments.last_of(task_id), unit.now()
    if task.status is not TaskStatus.COMPLETED:
        raise TransitionError("reopen", task.status)
    if last is not None and (seen is None or seen.employee_id != last.employee_id):
        raise DatabaseBusyError  # somebody else finished it meanwhile, whose row is not locked: all of it again
    unit.assignments.reopen(task, last, now, actor.subject)
    dispatcher.settle(unit, now, tasks=[task_id, *unit.waiting.dependents(task_id)])
    return unit.tasks.get(task_id)

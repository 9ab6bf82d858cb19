"""Who is there: log-in, signs of life, pauses, log-out."""

from __future__ import annotations

from datetime import datetime

from assignment_engine.domain.actors import Actor
from assignment_engine.domain.assignments import Assignment, Event, advance
from assignment_engine.domain.errors import NotFoundError, SessionClosedError
from assignment_engine.domain.live import OpenSession, PersonStatus, Presence, Released, Session
from assignment_engine.domain.worklists import MyJob
from assignment_engine.services.assignments import with_tickets
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.store.unit import UnitOfWork

HEARTBEATS_PER_TIMEOUT = 3


def login(unit: UnitOfWork, dispatcher: Dispatcher, employee_id: str) -> Presence:
    """Open a session and give the person work. An older session ends; its work belongs to the new one.

    Raises
    ------
    NotFoundError
    """
    _lock(unit, employee_id)
    now = unit.now()
    session = unit.sessions.open(employee_id, now)
    dispatcher.settle(unit, now, people=[employee_id])
    return _presence(unit, dispatcher, session)


def heartbeat(unit: UnitOfWork, dispatcher: Dispatcher, employee_id: str, session_id: str | None) -> Presence:
    """A sign of life.

    Raises
    ------
    SessionClosedError
        If the person has no open session, or another one than `session_id`.
    """
    require_session(unit, employee_id, session_id, unit.now())
    session = unit.sessions.current(employee_id)
    if session is None:
        raise SessionClosedError
    return _presence(unit, dispatcher, session)


def open_session(unit: UnitOfWork, dispatcher: Dispatcher, employee_id: str) -> OpenSession:
    """The session of a person, without being a sign of life.

    Raises
    ------
    NotFoundError
    """
    session = unit.sessions.current(employee_id)
    if session is None:
        unit.employees.get(employee_id)
        return OpenSession(person_id=employee_id)
    return OpenSession(person_id=employee_id, session=_presence(unit, dispatcher, session))


def require_session(unit: UnitOfWork, employee_id: str, session_id: str | None, now: datetime) -> None:
    """Note a sign of life.

    Raises
    ------
    SessionClosedError
        If the person has no open session, or another one than `session_id`.
    """
    if not unit.sessions.seen(employee_id, session_id, now):
        raise SessionClosedError


def note_reading(unit: UnitOfWork, actor: Actor, now: datetime) -> None:
    """The same for a call that changes nothing, which is answered whichever session it names."""
    if actor.employee_id is not None:
        unit.sessions.seen(actor.employee_id, actor.session, now)


def logout(
    unit: UnitOfWork, dispatcher: Dispatcher, employee_id: str, session_id: str | None, actor: Actor
) -> Released:
    """End the session and give back the work that it got live.

    Raises
    ------
    SessionClosedError
        If the person has no open session, or another one than `session_id`.
    """
    _lock(unit, employee_id)
    now = unit.now()
    require_session(unit, employee_id, session_id, now)
    return Released(released=end_session(unit, dispatcher, employee_id, "logout", actor.subject, now))


def end_session(
    unit: UnitOfWork, dispatcher: Dispatcher, employee_id: str, reason: str, actor: str, now: datetime
) -> tuple[Assignment, ...]:
    """Close the session of a locked person; its live work goes back to its queues and to others."""
    session_id = unit.sessions.close(employee_id, reason, now)
    if session_id is None:
        return ()
    live = unit.assignments.of_session(employee_id, session_id)
    steps = [advance(assignment, Event.RELEASE, now, reason=reason) for assignment in live]
    unit.assignments.record(steps, actor)
    kept_for_them = unit.waiting.kept_for(employee_id)
    dispatcher.settle(unit, now, tasks=[*(assignment.task_id for assignment in live), *kept_for_them])
    return tuple(step.assignment for step in steps)


def pause(unit: UnitOfWork, dispatcher: Dispatcher, employee_id: str, session_id: str | None) -> Presence:
    """No new work until the person resumes; what they have stays.

    Raises
    ------
    SessionClosedError
    """
    return _set_paused(unit, dispatcher, employee_id, session_id, paused=True)


def resume(unit: UnitOfWork, dispatcher: Dispatcher, employee_id: str, session_id: str | None) -> Presence:
    """New work may come again, and does at once.

    Raises
    ------
    SessionClosedError
    """
    return _set_paused(unit, dispatcher, employee_id, session_id, paused=False)


def _set_paused(
    unit: UnitOfWork, dispatcher: Dispatcher, employee_id: str, session_id: str | None, *, paused: bool
) -> Presence:
    _lock(unit, employee_id)
    now = unit.now()
    require_session(unit, employee_id, session_id, now)
    unit.sessions.pause(employee_id, now, paused=paused)
    kept_for_them = unit.waiting.kept_for(employee_id) if paused else []
    dispatcher.settle(unit, now, people=[] if paused else [employee_id], tasks=kept_for_them)
    session = unit.sessions.current(employee_id)
    if session is None:
        raise SessionClosedError
    return _presence(unit, dispatcher, session)


def status(unit: UnitOfWork) -> tuple[PersonStatus, ...]:
    """Everybody who is logged in, with what they have."""
    rows = unit.sessions.open_sessions()
    current: dict[str, list[MyJob]] = {row.employee_id: [] for row in rows}
    for job in with_tickets(unit, unit.assignments.active_of(current)):
        current[job.employee_id].append(job)
    return tuple(
        PersonStatus(
            person_id=row.employee_id,
            name=row.name,
            is_logged_in=True,
            is_busy=bool(current[row.employee_id]),
            last_heartbeat=row.last_seen_at,
            paused=row.paused,
            load=_load(row.external_seconds + row.assigned_seconds, row.max_seconds),
            current=tuple(current[row.employee_id]),
        )
        for row in rows
    )


def _load(seconds: int, capacity: int) -> float:
    return min(1.0, seconds / capacity) if capacity else 1.0


def _lock(unit: UnitOfWork, employee_id: str) -> None:
    if employee_id not in unit.employees.lock([employee_id]):
        raise NotFoundError("employee", employee_id)


def _presence(unit: UnitOfWork, dispatcher: Dispatcher, session: Session) -> Presence:
    timeout = dispatcher.session_timeout.total_seconds()
    return Presence(
        person_id=session.employee_id,
        session=session.session_id,
        fence=session.fence,
        heartbeat_seconds=timeout / HEARTBEATS_PER_TIMEOUT,
        timeout_seconds=timeout,
        paused=session.paused,
        assignments=unit.assignments.active_of([session.employee_id]),
    )

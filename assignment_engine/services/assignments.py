"""Reading assignments: one, a person's jobs, and what happened to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from assignment_engine.domain.actors import Actor
from assignment_engine.domain.assignments import Assignment, AssignmentStatus
from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.stored import Page
from assignment_engine.domain.worklists import HistoryEntry, MyJob
from assignment_engine.store.unit import UnitOfWork

Change = Callable[[UnitOfWork], Assignment]


def assignment_for(unit: UnitOfWork, assignment_id: str, actor: Actor) -> Assignment:
    """The assignment, if the actor may see it.

    Raises
    ------
    NotFoundError
        If there is none, or it is somebody else's.
    """
    found = unit.assignments.get(assignment_id)
    if actor.employee_id not in (None, found.employee_id):
        raise NotFoundError("assignment", assignment_id)
    return found


def history_for(unit: UnitOfWork, assignment_id: str, actor: Actor) -> tuple[HistoryEntry, ...]:
    """What happened to the assignment, the first first.

    Raises
    ------
    NotFoundError
        If there is none, or it is somebody else's.
    """
    return unit.assignments.history(assignment_for(unit, assignment_id, actor).id)


def jobs_of(unit: UnitOfWork, employee_id: str, **listing: Any) -> Page[MyJob]:
    """One page of a person's assignments with their tickets, the latest first by default."""
    found = unit.assignments.list(employee_id=employee_id, **listing)
    return Page(
        with_tickets(unit, found.items), found.total, found.total_is_capped, found.page, found.limit, found.next_after
    )


def with_tickets(unit: UnitOfWork, found: Sequence[Assignment]) -> tuple[MyJob, ...]:
    """These assignments with what lists of jobs show of their tickets."""
    tickets = unit.assignments.tickets({assignment.task_id for assignment in found})
    ends = unit.assignments.offer_ends({a.id for a in found if a.status is AssignmentStatus.OFFERED})
    return tuple(MyJob(**dict(a), ticket=tickets[a.task_id], offer_expires_at=ends.get(a.id)) for a in found)

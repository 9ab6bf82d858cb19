"""What requests and answers about assignments hold."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from assignment_engine.domain.assignments import Assignment, AssignmentStatus
from assignment_engine.domain.types import Flag, Id, Reason
from assignment_engine.domain.worklists import HistoryEntry, MyJob
from webapp.schemas import MAX_LIMIT, MAX_PAGE, Body, Parameters, Query, SearchText, page_of

AssignmentPage = page_of(Assignment, "AssignmentPage")
MyJobPage = page_of(MyJob, "MyJobPage")
HistoryPage = page_of(HistoryEntry, "HistoryPage")


class NewAssignmentBody(Body):
    """Who gets which ticket; with `allow_overload` even above the capacity, which is recorded."""

    ticket_id: Id
    technician_id: Id
    allow_overload: Flag = False


class RejectBody(Body):
    """Why a job is refused."""

    rejection_reason: Reason


class FailBody(Body):
    """Why a job failed."""

    reason: Reason


class OptionalReason(Body):
    """Why, if anybody wants to say."""

    reason: Reason | None = None


class AssignmentPath(Parameters):
    assignment_id: str


class JobListing(Query):
    """One's own jobs."""

    status: AssignmentStatus | None = None
    page: int = Field(1, ge=1, le=MAX_PAGE)
    limit: int = Field(50, ge=1, le=MAX_LIMIT)
    sort: SearchText | None = Field(None, description="a field, or -field for falling order")
    after: SearchText | None = Field(None, description="`next_after` of the page before; wins over `page`")

    def given(self) -> dict[str, Any]:
        """The arguments of the list, by their names."""
        return self.model_dump(exclude_none=True)


class AssignmentListing(JobListing):
    """Everybody's jobs."""

    employee_id: SearchText | None = Field(None, alias="technician_id")
    task_id: SearchText | None = Field(None, alias="ticket_id")

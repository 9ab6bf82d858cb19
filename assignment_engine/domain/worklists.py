"""Assignments as those see them who do the work or look back at it."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from assignment_engine.domain.assignments import Assignment
from assignment_engine.domain.records import Record


class Ticket(Record):
    """What a person's list of jobs shows of a task."""

    id: str
    ticket_number: str | None = None
    title: str | None = None
    priority: str
    scheduled_date: date | None = None


class MyJob(Assignment):
    """An assignment together with its ticket."""

    ticket: Ticket
    offer_expires_at: datetime | None = Field(None, description="when an offer goes on to somebody else")


class HistoryEntry(Record):
    """One thing that happened to an assignment; score and scorer say why it came about."""

    at: datetime
    actor: str
    event: str
    before: str | None = Field(None, serialization_alias="from")
    after: str | None = Field(None, serialization_alias="to")
    reason: str | None = None
    score: float | None = None
    scorer: str | None = None

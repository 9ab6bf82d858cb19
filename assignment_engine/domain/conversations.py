"""What is said about a task, and what triage reads out of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from assignment_engine.domain.records import Record
from assignment_engine.domain.types import Count, Id, Instant, Line, ProcessingStatus, Share, Text


class ConversationStatus(StrEnum):
    """`active` until triage has read it."""

    ACTIVE = "active"
    PROCESSED = "processed"


def _refuse_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("expected text that is not blank")
    return value


Content = Annotated[Text, AfterValidator(_refuse_blank)]


class NewConversation(Record):
    """What somebody says about a task."""

    content: Content
    status: ConversationStatus = ConversationStatus.ACTIVE


class Conversation(Record):
    """The same as it is stored."""

    id: Id
    task_id: Id
    content: Text
    status: ConversationStatus
    created_at: Instant
    updated_at: Instant
    version: Count = 1


class TriagedField(StrEnum):
    """The fields of a task that triage may fill."""

    REQUIRED_SKILLS = "required_skills"
    CATEGORY = "category"
    COMPLEXITY = "complexity_score"
    HOURS = "estimated_hours"


class TicketFinding(Record):
    """One value read out of a ticket, with how sure that is, and the words it came from.

    `applied` says that the task has the value from here; a value that a person set is never replaced.
    """

    field: TriagedField
    value: Any
    confidence: Share
    words: tuple[Text, ...] = Field((), description="as they stand in the ticket")
    source: Line
    applied: bool = False


class Triage(Record):
    """What triage found out about a task so far; `note` says what could not be asked."""

    task_id: Id
    processing_status: ProcessingStatus
    attempts: Count = 0
    error: str | None = None
    findings: tuple[TicketFinding, ...] = ()
    note: str | None = None
    runs: Count = Field(0, description="how often a result was accepted")
    triaged_at: Instant | None = None

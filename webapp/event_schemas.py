"""What requests and answers about events hold."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from assignment_engine.domain.events import Published, Received, ReceivedStatus
from webapp.schemas import MAX_LIMIT, Parameters, Query, SearchText, page_of

MAX_POSITION = 2**63 - 1
ReceivedPage = page_of(Received, "ReceivedPage")


class FeedQuery(Query):
    after: int = Field(0, ge=0, le=MAX_POSITION, description="`next_after` of the answer before; 0 for the beginning")
    limit: int = Field(50, ge=1, le=MAX_LIMIT)


class FeedPage(BaseModel):
    """Events in order, and where to read on, also when there are none yet."""

    items: tuple[Published, ...]
    next_after: int


class EventQuery(Query):
    after: int | None = Field(None, ge=0, le=MAX_POSITION, description="a position; without one, what comes next")


class EventHeaders(Parameters):
    last_event_id: int | None = Field(
        None, alias="Last-Event-ID", ge=0, le=MAX_POSITION, description="the last position seen; wins over `after`"
    )


class ReceivedListing(Query):
    page: int = Field(1, ge=1, le=1_000_000)
    limit: int = Field(50, ge=1, le=MAX_LIMIT)
    sort: SearchText | None = Field(None, description="a field, or -field for falling order")
    after: SearchText | None = Field(None, description="`next_after` of the page before; wins over `page`")
    status: ReceivedStatus | None = None

    def given(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True)

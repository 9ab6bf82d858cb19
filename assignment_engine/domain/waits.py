"""How long pending tasks will wait, and what that is estimated from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from assignment_engine.domain.records import Record


class ExpectedWait(Record):
    """Seconds until a pending task is given to somebody."""

    p50: float = Field(ge=0, description="at even odds")
    p90: float = Field(ge=0, description="with 90 % safety")


@dataclass(frozen=True)
class PresentPerson:
    """Somebody who is logged in and not paused. `is_busy`: has work in hand, or rests after some."""

    employee_id: str
    skills: Mapping[str, float]
    queues: tuple[str, ...]
    opened_at: datetime
    is_busy: bool

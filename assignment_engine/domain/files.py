"""Files that are checked: the agents, the files that others are compared with, and what the work took."""

from __future__ import annotations

from enum import StrEnum

from assignment_engine.domain.records import Record
from assignment_engine.domain.types import Instant


class UseCase(StrEnum):
    """The two agents: UC1 finds and fills what is sparse, UC4 finds and merges what is double."""

    UC1 = "UC1"
    UC4 = "UC4"


class FileProcessingMetrics(Record):
    """What processing one file took."""

    file_size_bytes: int
    rows: int
    issues_found: int
    processing_time_seconds: float


class ReferenceFile(Record):
    """A file that others are compared with; at most one of each agent is active."""

    id: str
    uc_type: UseCase
    file_path: str
    is_active: bool
    created_at: Instant

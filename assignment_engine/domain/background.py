"""Durable jobs as clients see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from assignment_engine.domain.records import Record
from assignment_engine.domain.types import Count, Id, Instant, Share

FILES_DELETED_AT = "files_deleted_at"
"""In the results of a job on a file: since when its upload and its results are gone, kept long enough."""


class Lane(StrEnum):
    """Jobs that share one limit of how many run at once, over all machines."""

    FILES = "files"
    PIPELINES = "pipelines"
    TRAINING = "training"


class JobKind(StrEnum):
    """What a job does."""

    PIPELINE = "pipeline"
    FILE = "file"
    IMPORT = "import"
    TRAINING = "training"

    @property
    def lane(self) -> Lane:
        """The limit that the job counts toward."""
        return _LANES.get(self, Lane.FILES)


_LANES = {JobKind.PIPELINE: Lane.PIPELINES, JobKind.TRAINING: Lane.TRAINING}


class JobStatus(StrEnum):
    """`pending`: written down; `queued`: waits for its turn; `processing`: runs."""

    PENDING = "pending"
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in (JobStatus.COMPLETED, JobStatus.FAILED)


class ErrorCategory(StrEnum):
    """Whose fault it was: the file's, the work's, the machine's or the settings'."""

    FILE = "file"
    PROCESSING = "processing"
    SYSTEM = "system"
    CONFIGURATION = "configuration"


class JobProblem(Record):
    """Why a job failed."""

    category: ErrorCategory
    detail: str


class Job(Record):
    """A job. `attempts` counts how often it was begun anew, `progress` is the share that is done."""

    id: Id
    kind: JobKind
    status: JobStatus
    progress: Share = 0.0
    file_path: str | None = None
    selected_ucs: str | None = None
    results: dict[str, Any] | None = None
    error: JobProblem | None = None
    attempts: Count = 1
    created_by: str
    created_at: Instant
    started_at: Instant | None = None
    completed_at: Instant | None = None
    metrics: dict[str, Any] | None = None


@dataclass(frozen=True)
class NewJob:
    """What somebody wants done."""

    kind: JobKind
    request: Mapping[str, Any]
    created_by: str
    file_path: str | None = None
    selected_ucs: str | None = None
    reference_file_path: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Run:
    """One run of a job; what an older run of the same job writes is refused."""

    job_id: str
    attempt: int
    kind: JobKind

    @property
    def workflow_id(self) -> str:
        return f"{self.job_id}.{self.attempt}"


@dataclass(frozen=True)
class Executor:
    """One process that runs jobs."""

    executor_id: str
    engine: str
    started_at: datetime
    last_seen_at: datetime

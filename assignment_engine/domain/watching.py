"""What is counted for those who watch the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Waiting:
    """Pending tasks of one queue and priority, and since when the oldest waits."""

    queue: str
    priority: str
    tasks: int
    oldest_at: datetime | None


@dataclass(frozen=True)
class Unsent:
    """Events that have no position yet, and when the oldest was written."""

    events: int
    oldest_at: datetime | None


@dataclass(frozen=True)
class SeenWorker:
    """One loop of a worker and when it was last seen."""

    worker_id: str
    instance_id: str
    kind: str
    busy_with: str | None
    last_seen: datetime


@dataclass(frozen=True)
class Counts:
    """Tasks by status and by how far they are processed."""

    tasks: Mapping[str, int]
    processing: Mapping[str, int]

    def __add__(self, other: Counts) -> Counts:
        return Counts(Counter(self.tasks) + Counter(other.tasks), Counter(self.processing) + Counter(other.processing))


@dataclass(frozen=True)
class Ended:
    """How many tasks and assignments have ended, which is nearly all of them after a while."""

    tasks: Counts
    assignments: Mapping[str, int]

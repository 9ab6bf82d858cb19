"""A small log of events for tests of replays: who did what when, in hours of one day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from assignment_engine.learning.logs.adapter import Adapter
from assignment_engine.services.replay.log import WorkLog, read_work_log

DAY = datetime(2025, 3, 3, tzinfo=UTC)
EVENTS: dict[str, Any] = {
    "name": "office",
    "kind": "events",
    "case": {"id": "case", "at": "at"},
    "fields": {"person": "who", "category": "kind"},
    "work": {
        "arrives": [{"column": "step", "equals": "come"}],
        "begins": [{"column": "step", "equals": "begin"}],
        "ends": [{"column": "step", "equals": "end"}],
    },
}


def adapter(**changes: Any) -> Adapter:
    return Adapter(**{**EVENTS, **changes})


def at(hour: float) -> float:
    """Seconds since 1970 of this hour of the day."""
    return (DAY + timedelta(hours=hour)).timestamp()


@dataclass
class Diary:
    """Writes a log, line by line."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def line(self, hour: float, case: str, step: str, who: str | None = None, **more: Any) -> Diary:
        moment = (DAY + timedelta(hours=hour)).isoformat()
        self.rows.append({"case": case, "kind": "call", "step": step, "who": who, "at": moment, **more})
        return self

    def task(self, case: str, comes: float, who: str | None, *work: tuple[float, float], **more: Any) -> Diary:
        """A task that came and on which somebody worked in these hours."""
        self.line(comes, case, "come", **more)
        for begin, end in work:
            self.line(begin, case, "begin", who, **more)
            self.line(end, case, "end", who, **more)
        return self

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows)

    def read(self, **changes: Any) -> WorkLog:
        return read_work_log(self.frame(), adapter(**changes))


def newest_first() -> Diary:
    """Three calls came before Ana did; she took the newest first. Waits: 150, 80 and 40 minutes."""
    diary = Diary()
    diary.task("c1", 8, "ana", (10.5, 11))
    diary.task("c2", 8 + 10 / 60, "ana", (9.5, 10.5))
    diary.task("c3", 8 + 20 / 60, "ana", (9, 9.5))
    return diary

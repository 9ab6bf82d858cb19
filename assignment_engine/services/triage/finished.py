"""The organisation's own finished tasks as a frame to learn triage from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from assignment_engine.domain.stored import FinishedTask
from assignment_engine.learning.finished import Finished, read_finished
from assignment_engine.services.triage.tickets import Ticket
from assignment_engine.store.unit import UnitOfWork

if TYPE_CHECKING:
    import pandas as pd

MOST_TASKS = 100_000
AT_ONCE = 2000
_COLUMNS = ("task_id", "text", "category", "complexity_score", "hours", "created_at", "completed_at")


def finished_frame(unit: UnitOfWork, *, most: int = MOST_TASKS) -> pd.DataFrame:
    """The newest `most` finished tasks, the oldest first, in the form of `docs/triage.md`.

    The text is what triage would have read before anybody was given the task: what was said later often tells how it
    went. A value that triage filled in itself is not there.
    """
    import pandas as pd  # noqa: PLC0415  (takes a second to import)

    found = unit.finished.newest(most)
    rows = [row for start in range(0, len(found), AT_ONCE) for row in _rows(unit, found[start : start + AT_ONCE])]
    frame = pd.DataFrame(rows[::-1], columns=list(_COLUMNS))
    times = {name: pd.to_datetime(frame[name], utc=True) for name in ("created_at", "completed_at")}
    numbers = {name: frame[name].astype("float64") for name in ("complexity_score", "hours")}
    return frame.assign(**times, **numbers)


def finished_tasks(unit: UnitOfWork, *, most: int = MOST_TASKS) -> Finished:
    """The same as triage learns from it."""
    return read_finished(finished_frame(unit, most=most))


def _rows(unit: UnitOfWork, batch: Sequence[FinishedTask]) -> Iterator[dict[str, Any]]:
    said = unit.conversations.of_tasks({task.task_id for task in batch})
    for task in batch:
        early = tuple(c.content for c in said.get(task.task_id, ()) if c.created_at <= task.given_at)
        yield {
            "task_id": task.task_id,
            "text": Ticket(task.task_id, task.title, task.description, early).text,
            "category": task.category,
            "complexity_score": task.complexity,
            "hours": task.hours,
            "created_at": task.created_at,
            "completed_at": task.completed_at,
        }

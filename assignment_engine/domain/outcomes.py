"""What counts as a good outcome of finished work."""

from __future__ import annotations

from datetime import datetime, timedelta

REOPENED_WITHIN = timedelta(days=14)


def is_good(
    *, started_at: datetime, completed_at: datetime, deadline: datetime | None, estimated_seconds: int | None
) -> bool:
    """Completed by the deadline; without one, within the estimate; with neither, completed at all."""
    if deadline is not None:
        return completed_at <= deadline
    if estimated_seconds is not None:
        return completed_at - started_at <= timedelta(seconds=estimated_seconds)
    return True

"""Pictures of what was learned; needs matplotlib (the extra `reports`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.features.arrays import Floats
from assignment_engine.learning.rounds import Course

SMOOTHED_DAYS = 10
_LINES = (("full_knowledge", "full knowledge"), ("champion", "champion of the day"), ("fallback", "weighted fallback"))


def plot_courses(courses: Sequence[Course], path: Path) -> None:
    """Mean true success of the plans over all seeds, day by day, with the band of one standard error.

    Raises
    ------
    ConfigurationError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (an extra)
    except ImportError as exc:
        raise ConfigurationError("plots need matplotlib: pip install 'assignment-engine[reports]'") from exc
    figure = Figure(figsize=(8.0, 4.5))
    axes = figure.subplots()
    for name, label in _LINES:
        values = np.array([_smoothed([getattr(day, name) for day in course.days]) for course in courses])
        days, mean = np.arange(values.shape[1]), values.mean(axis=0)
        error = values.std(axis=0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.zeros(len(mean))
        axes.plot(days, mean, label=label)
        axes.fill_between(days, mean - error, mean + error, alpha=0.2)
    axes.set_xlabel("day")
    axes.set_ylabel("probability that an assignment goes well")
    axes.set_title(f"Plans of a simulated organisation, {len(courses)} seeds, mean over {SMOOTHED_DAYS} days")
    axes.legend()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _smoothed(values: Sequence[float]) -> Floats:
    """Mean of each day and the nine before it, of fewer at the start."""
    total = np.cumsum(np.concatenate([[0.0], values]))
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - SMOOTHED_DAYS, 0)
    return np.asarray((total[end] - total[start]) / (end - start))

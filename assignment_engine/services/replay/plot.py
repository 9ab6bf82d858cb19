"""A comparison as a picture."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.services.replay.compare import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHORTEST_HOURS = 0.01


def require_matplotlib() -> None:
    """Refuse before a long replay what could not be drawn after it.

    Raises
    ------
    ConfigurationError
        If matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise ConfigurationError("plots need matplotlib: install assignment-engine[reports]")


def draw(found: Comparison, path: Path) -> None:
    """The picture of `figure_of` as an SVG file, the same for the same comparison.

    Raises
    ------
    ConfigurationError
        If matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib import rc_context  # noqa: PLC0415  (an extra, and slow to import)

    with rc_context({"svg.hashsalt": "replay", "svg.fonttype": "none"}):
        figure_of(found).savefig(path, format="svg", metadata={"Date": None})


def figure_of(found: Comparison) -> Figure:
    """How long tasks waited, and how busy people were, under each policy.

    Raises
    ------
    ConfigurationError
        If matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    waiting, busy = figure.subplots(1, 2)
    _waits(found, waiting)
    _busy(found, busy)
    return figure


def _waits(found: Comparison, axes: Axes) -> None:
    for row in found.rows:
        waits = np.sort(row.outcome.waits())
        shares = np.arange(1, len(waits) + 1) / len(waits)
        steps = np.unique(np.linspace(0, len(waits) - 1, 500).astype(int))
        axes.plot(np.maximum(waits[steps], SHORTEST_HOURS), shares[steps], label=row.policy)
    axes.set(xscale="log", ylim=(0, 1), xlabel="hours until somebody began", ylabel="share of tasks", title="Waiting")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="lower right")


def _busy(found: Comparison, axes: Axes) -> None:
    for row in found.rows:
        worked, present = row.outcome.worked(), row.outcome.present()
        shares = sorted((worked.get(person, 0.0) / hours for person, hours in present.items()), reverse=True)
        axes.plot(range(1, len(shares) + 1), shares, label=row.policy)
    axes.set(ylim=(0, 1.02), xlabel="people, the busiest first", ylabel="share of the time there", title="At work")
    axes.grid(visible=True, alpha=0.3)

"""Finished tasks to learn triage from, as a frame or a CSV file in the documented form (`docs/triage.md`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.features.arrays import Bools, Floats, Ints, floats
from assignment_engine.learning.dataset import Instants, cells_of
from assignment_engine.learning.train import small_split

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("text", "created_at", "completed_at")


@dataclass(frozen=True)
class Finished:
    """k finished tasks in the order in which they came: their words, what is known of them (None and NaN where it is
    not), when they came and when they were finished. Complexity is 0–1."""

    texts: Sequence[str]
    category: Sequence[str | None]
    complexity: Floats
    hours: Floats
    created_at: Instants
    known_at: Instants

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Bools | Ints) -> Finished:
        """These tasks, in this order."""
        kept = np.arange(len(self))[rows].tolist()
        return Finished(
            [self.texts[i] for i in kept],
            [self.category[i] for i in kept],
            self.complexity[rows],
            self.hours[rows],
            self.created_at[rows],
            self.known_at[rows],
        )

    def split(self) -> tuple[Finished, Finished]:
        """Those to learn from and later ones to measure on, 75 / 25 % by the time at which they came.

        Each part holds only what was finished when it ended, and lacks its newest days, of which only quick work has
        been finished.
        """
        parts = small_split(self.created_at, self.known_at)
        return self.take(parts.train), self.take(parts.test)


def read_finished(source: Path | pd.DataFrame) -> Finished:
    """Finished tasks from a CSV file or a frame; those without words are left out.

    Raises
    ------
    InvalidInputError
        If a column is missing or a value is not what its column holds.
    """
    frame = cells_of(source) if isinstance(source, Path) else source
    for name in COLUMNS:
        if name not in frame:
            raise InvalidInputError.at(f"/{name}", f"expected a column; finished tasks have {', '.join(COLUMNS)}")
    frame = frame[frame["text"].notna()]
    frame = frame[frame["text"].astype(str).str.strip() != ""]
    complexity = _numbers(frame, "complexity_score")
    _refuse("complexity_score", (complexity < 0.0) | (complexity > 1.0), "a number from 0 to 1, or nothing")
    hours = _numbers(frame, "hours")
    _refuse("hours", hours < 0.0, "hours, or nothing")
    finished = Finished(
        texts=frame["text"].astype(str).tolist(),
        category=_names(frame),
        complexity=complexity,
        hours=hours,
        created_at=_instants(frame, "created_at"),
        known_at=_instants(frame, "completed_at"),
    )
    return finished.take(np.argsort(finished.created_at, kind="stable"))


def _names(frame: pd.DataFrame) -> list[str | None]:
    if "category" not in frame:
        return [None] * len(frame)
    return [
        str(name) if known else None for name, known in zip(frame["category"], frame["category"].notna(), strict=True)
    ]


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    import pandas as pd  # noqa: PLC0415

    if name not in frame:
        return np.full(len(frame), np.nan)
    values = floats(pd.to_numeric(frame[name], errors="coerce"))
    _refuse(name, np.isnan(values) & frame[name].notna().to_numpy(dtype=bool), "a number or nothing")
    return values


def _instants(frame: pd.DataFrame, name: str) -> Instants:
    import pandas as pd  # noqa: PLC0415

    moments = pd.to_datetime(frame[name], utc=True, errors="coerce", format=_format_of(frame[name]))
    values = moments.dt.tz_localize(None).to_numpy(dtype="datetime64[s]")
    _refuse(name, np.isnat(values), "a time as ISO 8601")
    return values


def _format_of(column: pd.Series[Any]) -> str | None:
    return None if column.dtype.kind == "M" else "ISO8601"


def _refuse(name: str, wrong: Bools, expected: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InvalidInputError.at(f"/rows/{row}/{name}", f"expected {expected}; {int(wrong.sum())} rows have not")

"""An ETA model from the database's own log of assignments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from assignment_engine.domain.errors import BundleError, TrainingError
from assignment_engine.domain.going import FinishedWork, LoggedWork
from assignment_engine.domain.types import SECONDS_PER_HOUR, hours_between, utc_text
from assignment_engine.features.arrays import Ints, floats
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.eta import KIND, EtaModel, Work, slices, train_eta
from assignment_engine.learning.seats import Seat
from assignment_engine.learning.shape import Two
from assignment_engine.learning.train import libraries
from assignment_engine.learning.usual import UsualHours
from assignment_engine.store.unit import UnitOfWork

MOST_LOGGED = 200_000
PLAIN_RULE = "the plain rule"


@dataclass(frozen=True)
class LoggedHours:
    """Assignments in the order in which they were made: `work` for the model, `pieces` for the plain rule."""

    work: Work
    pieces: Sequence[FinishedWork]
    assigned_at: Sequence[datetime]

    def by_rule(self) -> Two:
        """p50 and p90 of each by the plain rule, which knows only what is older than the newest slice."""
        newest = slices(len(self.pieces))[2]
        seen = [p for p, new, ended in zip(self.pieces, newest, self.work.ended, strict=True) if ended and not new]
        rule = UsualHours.of(seen)
        found = [rule.hours(p.employee_id, p.category, p.estimated_hours) for p in self.pieces]
        known = rule.everything
        if known is None:
            raise TrainingError(f"{len(seen)} finished assignments are too few to learn how long work takes")
        hours = floats([known if hours is None else hours for hours in found])
        return hours[:, 0], hours[:, 1]


def logged_hours(unit: UnitOfWork, most: int = MOST_LOGGED) -> LoggedHours:
    """What the log says about how long work takes: finished work, and what goes on, without the time of pauses.

    What failed, was released, cancelled or never taken says nothing about it and is left out.
    """
    now = unit.now()
    logged = list(unit.going.logged(most))[::-1]
    hours = [_hours(row, now) for row in logged]
    return LoggedHours(
        work=Work(
            features=floats([[row.features.get(name) for name in FEATURE_NAMES] for row in logged]).reshape(
                len(logged), len(FEATURE_NAMES)
            ),
            hours=floats(hours),
            ended=np.array([row.completed_at is not None for row in logged], dtype=np.bool_),
            kind=_codes([row.category for row in logged]),
        ),
        pieces=[
            FinishedWork(took, row.employee_id, row.category, row.estimated_hours)
            for took, row in zip(hours, logged, strict=True)
        ],
        assigned_at=[row.assigned_at for row in logged],
    )


def train_logged(
    logged: LoggedHours, model_dir: Path, *, seed: int = 1, created_at: datetime | None = None
) -> EtaModel:
    """Learn how long work takes, measured on the newest work against what is in use: the champion, or the plain rule.

    A champion that may have learned from that work is no measure of it; the plain rule is taken then.

    Raises
    ------
    TrainingError
        If too little work has ended.
    """
    if not logged.pieces:
        raise TrainingError("no assignment is logged yet")
    newest = logged.assigned_at[int(np.flatnonzero(slices(len(logged.pieces))[2])[0])]
    champion = _champion(model_dir, newest)
    about: dict[str, Any] = {
        "created_at": utc_text(created_at or datetime.now(UTC)),
        "start": utc_text(logged.assigned_at[0]),
        "end": utc_text(logged.assigned_at[-1]),
        "against": PLAIN_RULE if champion is None else champion[0],
        "libraries": libraries(),
    }
    rule = logged.by_rule() if champion is None else champion[1].hours(logged.work.features)
    return train_eta(logged.work, seed=seed, rule=rule, about=about)


def _champion(model_dir: Path, newest: datetime) -> tuple[str, EtaModel] | None:
    """The model in use, if all it learned from is older than the work it would be measured on."""
    try:
        name = Seat(model_dir, KIND).holder()
        if name is None:
            return None
        model = EtaModel.load(model_dir / name)
    except BundleError:
        return None
    end = model.about.get("end")
    return (name, model) if isinstance(end, str) and datetime.fromisoformat(end) < newest else None


def _hours(row: LoggedWork, now: datetime) -> float:
    taken = hours_between(row.assigned_at, row.completed_at or now) - row.paused_seconds / SECONDS_PER_HOUR
    return max(0.0, taken)


def _codes(categories: Sequence[str | None]) -> Ints:
    """A number for each category, −1 where there is none."""
    numbers = {name: number for number, name in enumerate(sorted({c for c in categories if c is not None}))}
    return np.array([-1 if name is None else numbers[name] for name in categories], dtype=np.int64)

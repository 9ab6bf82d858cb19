"""The training log of the database as decisions to learn from, in the documented form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment_engine.domain.stored import LoggedDecision
from assignment_engine.domain.types import Arm
from assignment_engine.features.definition import declared_sets, feature_names
from assignment_engine.learning.dataset import ENGINE, HUMAN, Dataset, read_dataset
from assignment_engine.services.dispatch.work import MANUAL
from assignment_engine.store.unit import UnitOfWork

if TYPE_CHECKING:
    import pandas as pd

MOST_DECISIONS = 1_000_000
AT_ONCE = 2000
_OUTCOMES = {None: None, 1: "good", 0: "bad"}
_COLUMNS = (
    *("decision_id", "decided_at", "task_id", "employee_id", "chosen", "outcome", "acceptance", "known_at"),
    *("deadline", "propensity", "control", "decided_by", "department"),
)
_NUMBERS = ("acceptance", "propensity", "control")
_CONTROL = {None: None, Arm.CONTROL: 1, Arm.ENGINE: 0}
_TIMES = ("decided_at", "known_at", "deadline")


def training_frame(
    unit: UnitOfWork,
    *,
    since: datetime | None = None,
    most: int = MOST_DECISIONS,
    candidates: bool = True,
) -> pd.DataFrame:
    """The newest `most` decisions, the oldest first: the pair that was made and after it the others of its sample.

    Only finished work has an outcome, with the time at which it was known; `deadline` is that of work still going on.
    The columns are those of `docs/learning.md`, besides `task_id`, `employee_id` and `acceptance` of an offer.
    """
    import pandas as pd  # noqa: PLC0415  (takes a second to import)

    found = unit.training.decisions(since=since, most=most, candidates=candidates)
    parts = [_part(batch) for batch in _batches(found)] or [_part(())]
    frame = pd.concat(parts[::-1], ignore_index=True) if len(parts) > 1 else parts[0]
    return frame[[*_COLUMNS, *feature_names(declared_sets(tuple(map(str, frame.columns))))]]


def logged_dataset(
    unit: UnitOfWork, *, since: datetime | None = None, most: int = MOST_DECISIONS, candidates: bool = True
) -> Dataset:
    """The same as a dataset; unfinished work has no outcome in it before its deadline, and a bad one after that."""
    return read_dataset(training_frame(unit, since=since, most=most, candidates=candidates), now=unit.now())


def drawn(data: Dataset) -> Dataset:
    """The decisions in which lots were drawn, each with the candidates that could be drawn.

    What the others would have been worth was never tried, so an estimate of another policy is about these alone. Where
    no lots were drawn at all the data stay as they are, and an estimate refuses them.
    """
    known = np.isfinite(data.propensity)
    by_lot = np.bincount(data.decision, weights=known & data.chosen) > 0
    return data.take(known & by_lot[data.decision]) if by_lot.any() else data


def _batches(found: Iterator[LoggedDecision]) -> Iterator[list[LoggedDecision]]:
    """Decisions are held as objects for a short while only: as columns they take a tenth of the memory."""
    while batch := list(islice(found, AT_ONCE)):
        yield batch


def _part(latest_first: Sequence[LoggedDecision]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415

    logged = {name for decision in latest_first for name in decision.features}
    columns = [*_COLUMNS, *feature_names(declared_sets(logged))]
    frame = pd.DataFrame([*_pairs(latest_first[::-1])], columns=columns)
    times = {name: pd.to_datetime(frame[name], utc=True) for name in _TIMES}
    numbers = {name: frame[name].astype("float64") for name in (*columns[len(_COLUMNS) :], *_NUMBERS)}
    return frame.assign(**times, **numbers)


def _pairs(found: Iterable[LoggedDecision]) -> Iterator[Mapping[str, Any]]:
    for decision in found:
        told = {
            "decision_id": decision.decision_id,
            "decided_at": decision.decided_at,
            "control": _CONTROL[decision.arm],
            "decided_by": HUMAN if decision.method == MANUAL else ENGINE,
            "department": decision.department,
        }
        yield {
            **told,
            **decision.features,
            "task_id": decision.task_id,
            "employee_id": decision.employee_id,
            "chosen": 1,
            "outcome": _OUTCOMES[decision.outcome],
            "acceptance": decision.acceptance,
            "known_at": decision.known_at,
            "deadline": decision.deadline,
            "propensity": decision.propensity,
        }
        for other in decision.candidates:
            ids = {"task_id": other["task_id"], "employee_id": other["employee_id"]}
            yield {**told, **other["features"], **ids, "chosen": 0, "propensity": other.get("propensity")}

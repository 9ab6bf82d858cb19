"""Decisions to learn from, as a frame or a CSV file in the documented form (`docs/learning.md`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.features.arrays import Bools, Floats, Ints, floats
from assignment_engine.features.definition import FEATURE_NAMES, declared_sets, feature_names

if TYPE_CHECKING:
    import pandas as pd

Instants = NDArray[np.datetime64]
_GOOD = {"good": 1.0, "bad": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0, "true": 1.0, "false": 0.0}
_TRUE = {"1": True, "0": False, "true": True, "false": False, "1.0": True, "0.0": False}
ENGINE, HUMAN = "engine", "human"


@dataclass(frozen=True)
class Dataset:
    """k pairs of decisions, those of one decision together, in the order of time.

    `decision` (k,) numbers the decisions; `features` (k, f) has the columns `names`, the 17 first. `good` is 1, 0 or
    NaN where there is no outcome; `known_at` is when it was known (NaT: never). `propensity` is the probability with
    which the pair was chosen, NaN where it was not logged. `randomised` marks decisions made while a part of the tasks
    was held out, `control` those of them about tasks that were. `by_human` says who decided.
    """

    names: tuple[str, ...]
    decision: Ints
    chosen: Bools
    good: Floats
    decided_at: Instants
    known_at: Instants
    propensity: Floats
    randomised: Bools
    control: Bools
    by_human: Bools
    department: NDArray[np.object_] = field(repr=False)
    features: Floats = field(repr=False)

    def __len__(self) -> int:
        return len(self.decision)

    def take(self, rows: Bools | Ints) -> Dataset:
        """These pairs, in this order."""
        own = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "names"}
        return replace(self, **own)

    def columns(self, names: Sequence[str]) -> Floats:
        """Some features by name, shape (k, len(names)); those that the data lack are missing."""
        missing = np.full(len(self), np.nan)
        at = {name: position for position, name in enumerate(self.names)}
        return np.column_stack([self.features[:, at[name]] if name in at else missing for name in names])

    @property
    def judged(self) -> Dataset:
        """The pairs that were chosen and have an outcome."""
        return self.take(self.chosen & np.isfinite(self.good) & ~np.isnat(self.known_at))


def read_dataset(source: Path | pd.DataFrame, *, now: datetime | None = None) -> Dataset:
    """Decisions from a CSV file or a frame in the documented form.

    Parameters
    ----------
    now : when the data were taken; work without an outcome whose `deadline` had passed by then counts as bad.

    Raises
    ------
    InvalidInputError
        If a column is missing or a value is not what its column holds.
    """
    frame = cells_of(source) if isinstance(source, Path) else source
    names = _feature_columns(frame)
    decided_at = _instants(frame, "decided_at", required=True)
    good, known_at = _outcomes(frame, decided_at, now)
    data = Dataset(
        names=names,
        decision=_decisions(frame),
        chosen=_flags(frame, "chosen", default=True),
        good=good,
        decided_at=decided_at,
        known_at=known_at,
        propensity=_share(frame, "propensity"),
        randomised=_given(frame, "control"),
        control=_flags(frame, "control", default=False, missing=False),
        by_human=_text(frame, "decided_by", ENGINE) == HUMAN,
        department=_text(frame, "department", ""),
        features=np.column_stack([_numbers(frame, name) for name in names]),
    )
    return data.take(np.lexsort((data.decision, decided_at)))


def cells_of(path: Path) -> pd.DataFrame:
    """The cells of a CSV file as texts; empty ones are missing.

    Raises
    ------
    InvalidInputError
        If it cannot be read, or is not CSV in UTF-8.
    """
    import pandas as pd  # noqa: PLC0415  (takes a second to import)

    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except OSError as exc:
        raise InvalidInputError.at("", f"cannot read {path.name}: {exc.strerror or exc}") from exc
    except ValueError as exc:
        raise InvalidInputError.at("", f"{path.name} is not CSV in UTF-8: {exc}") from exc


def _feature_columns(frame: pd.DataFrame) -> tuple[str, ...]:
    missing = [name for name in FEATURE_NAMES if name not in frame]
    if missing:
        raise InvalidInputError.at(f"/{missing[0]}", "expected a column for each of the 17 features")
    return feature_names(declared_sets(tuple(map(str, frame.columns))))


def _decisions(frame: pd.DataFrame) -> Ints:
    import pandas as pd  # noqa: PLC0415

    if "decision_id" not in frame:
        raise InvalidInputError.at("/decision_id", "expected a column; pairs of one decision have the same id")
    return np.asarray(pd.factorize(frame["decision_id"].astype(str))[0], dtype=np.int64)


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    import pandas as pd  # noqa: PLC0415

    if name not in frame:
        return np.full(len(frame), np.nan)
    column = frame[name]
    values = floats(pd.to_numeric(column, errors="coerce"))
    _refuse(name, np.isnan(values) & column.notna().to_numpy(dtype=bool), "a number or nothing")
    return values


def _share(frame: pd.DataFrame, name: str) -> Floats:
    values = _numbers(frame, name)
    _refuse(name, (values <= 0.0) | (values > 1.0), "a probability above 0 and at most 1, or nothing")
    return values


def _given(frame: pd.DataFrame, name: str) -> Bools:
    return frame[name].notna().to_numpy(dtype=bool) if name in frame else np.zeros(len(frame), dtype=np.bool_)


def _flags(frame: pd.DataFrame, name: str, *, default: bool, missing: bool | None = None) -> Bools:
    """A column of 1 and 0, and nothing too where `missing` says what that means."""
    if name not in frame:
        return np.full(len(frame), default)
    there = _given(frame, name)
    found = frame[name].map(lambda value: _TRUE.get(str(value).lower())).to_numpy(dtype=object, copy=True)
    if missing is not None:
        found[~there] = missing
    _refuse(name, np.array([value is None or value != value for value in found]), "1 or 0")  # noqa: PLR0124  (NaN)
    return found.astype(np.bool_)


def _text(frame: pd.DataFrame, name: str, default: str) -> Any:
    if name not in frame:
        return np.full(len(frame), default, dtype=object)
    return frame[name].fillna(default).astype(str).to_numpy(dtype=object)


def _instants(frame: pd.DataFrame, name: str, *, required: bool = False) -> Instants:
    import pandas as pd  # noqa: PLC0415

    if name not in frame:
        if required:
            raise InvalidInputError.at(f"/{name}", "expected a column of times")
        return np.full(len(frame), np.datetime64("NaT"), dtype="datetime64[s]")
    try:
        moments = pd.to_datetime(frame[name], utc=True, format=None if _is_time(frame[name]) else "ISO8601")
    except ValueError as exc:
        raise InvalidInputError.at(f"/{name}", "expected times as ISO 8601") from exc
    values = moments.dt.tz_localize(None).to_numpy(dtype="datetime64[s]")
    if required:
        _refuse(name, np.isnat(values), "a time")
    return values


def _is_time(column: pd.Series[Any]) -> bool:
    return column.dtype.kind == "M"


def _outcomes(frame: pd.DataFrame, decided_at: Instants, now: datetime | None) -> tuple[Floats, Instants]:
    known_at, deadline = _instants(frame, "known_at"), _instants(frame, "deadline")
    if "outcome" not in frame:
        raise InvalidInputError.at("/outcome", "expected a column with good, bad or nothing")
    given = frame["outcome"].notna().to_numpy(dtype=bool)
    found = frame["outcome"].map(lambda value: _GOOD.get(str(value).lower()))
    good = floats(found.to_numpy(dtype=object))
    _refuse("outcome", given & np.isnan(good), "good, bad or nothing")
    _refuse("known_at", given & np.isnat(known_at), "the time at which the outcome was known")
    if now is not None:
        overdue = ~given & (deadline < np.datetime64(int(now.timestamp()), "s"))
        good = np.where(overdue, 0.0, good)
        known_at = np.where(overdue, np.maximum(deadline, decided_at), known_at)
    return good, known_at


def _refuse(name: str, wrong: Bools, expected: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InvalidInputError.at(f"/rows/{row}/{name}", f"expected {expected}; {int(wrong.sum())} rows have not")

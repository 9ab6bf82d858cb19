"""From rows of a log to cases, by the rules of an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.learning.logs.adapter import Adapter
from assignment_engine.learning.logs.cases import NEVER, Cases
from assignment_engine.learning.logs.columns import Notes, check_columns, holds, joined, numbers, read_rows, seconds
from assignment_engine.learning.logs.rows import SECONDS_PER_HOUR, LogRows

if TYPE_CHECKING:
    import pandas as pd


def read_log(log: Path | pd.DataFrame, adapter: Adapter) -> tuple[Cases, Notes]:
    """The cases of a CSV file or a frame of texts, and what was left out.

    Raises
    ------
    InvalidInputError
        If the log lacks what the adapter names, or holds no decision at all.
    """
    rows = read_rows(log, adapter) if isinstance(log, Path) else check_columns(_as_text(log), adapter)
    found = LogRows.of(rows, adapter)
    cases, notes = _Cases(found, adapter).build(len(rows))
    if not cases.is_decision.any():
        raise InvalidInputError.at("/decision", f"no case has a decision to judge: {notes!r}")
    return cases, notes


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype("str").where(frame.notna())


class _Cases:
    """Everything about each case, from its rows."""

    def __init__(self, rows: LogRows, adapter: Adapter) -> None:
        self._all, self._rows, self._adapter = rows, rows.with_decision(), adapter
        self._count = len(self._rows.decision)

    def build(self, read: int) -> tuple[Cases, Notes]:
        fields, decided_at = self._adapter.fields, self._decided_at()
        left_at = self._left_at(decided_at)
        hours, hours_known_at = self._hours(decided_at, left_at)
        good, outcome_known_at = self._outcome(left_at)
        names: dict[str, tuple[str, ...]] = {}
        cases = Cases(
            case_id=joined([self._column(c) for c in self._adapter.case.id]).to_numpy(dtype=object),
            decided_at=decided_at,
            is_decision=self._is_decision(decided_at),
            person=self._codes("person", (fields.person,), names),
            department=self._codes("department", _one(fields.department), names),
            category=self._codes("category", fields.category, names),
            subcategory=self._codes("subcategory", fields.subcategory or fields.category, names),
            priority=self._priority(),
            estimated_hours=_positive(self._numbers(fields.estimated_hours)),
            created_at=self._time(fields.created_at, "/fields/created_at"),
            deadline=self._time(fields.deadline, "/fields/deadline"),
            dependencies=np.nan_to_num(self._numbers(fields.dependencies)),
            complexity=self._numbers(fields.complexity),
            left_at=left_at,
            hours=hours,
            hours_known_at=hours_known_at,
            good=good,
            outcome_known_at=outcome_known_at,
            title=self._text(fields.title),
            context={kind: self._codes(kind, (column,), names) for kind, column in self._adapter.context.items()},
            names=names,
        )
        kept = np.flatnonzero(~np.isnan(decided_at))
        order = kept[np.argsort(decided_at[kept], kind="stable")]
        return cases.take(order), self._notes(read, cases)

    def _notes(self, read: int, cases: Cases) -> Notes:
        first = self._all.first
        return Notes(
            rows=read,
            rows_not_kept=read - len(self._all.rows),
            cases=len(first),
            without_decision=int((self._all.decision < 0).sum()) + int(np.isnan(cases.decided_at).sum()),
            history_only=int((~cases.is_decision).sum()),
        )

    def _column(self, name: str) -> pd.Series[Any]:
        return self._rows.at_row(name, "decision")

    def _numbers(self, name: str | None) -> Floats:
        return np.full(self._count, np.nan) if name is None else numbers(self._column(name))

    def _time(self, name: str | None, pointer: str) -> Floats:
        if name is None:
            return np.full(self._count, np.nan)
        return seconds(self._column(name), self._adapter.reading, pointer)

    def _text(self, name: str | None) -> Any:
        if name is None:
            return np.full(self._count, "", dtype=object)
        return self._column(name).fillna("").to_numpy(dtype=object)

    def _codes(self, kind: str, columns: tuple[str, ...], names: dict[str, tuple[str, ...]]) -> Ints:
        import pandas as pd  # noqa: PLC0415

        if not columns:
            return np.full(self._count, -1, dtype=np.int64)
        codes, words = pd.factorize(joined([self._column(column) for column in columns]), sort=True)
        names[kind] = tuple(str(word).replace("\x1f", " / ") for word in words)
        return np.asarray(codes, dtype=np.int64)

    def _priority(self) -> Floats:
        """Levels 1 (low) to 4 (critical); 2, the engine's default, where nothing is known."""
        column = self._adapter.fields.priority
        if column is None:
            return np.full(self._count, 2.0)
        values = self._column(column)
        levels = values.map(self._adapter.priorities) if self._adapter.priorities else values
        return np.clip(np.nan_to_num(numbers(levels), nan=2.0), 1.0, 4.0)

    def _decided_at(self) -> Floats:
        if self._adapter.decision.at is not None or self._rows.at is None:
            return self._time(self._adapter.decision.at, "/decision/at")
        return self._rows.at[self._rows.decision]

    def _is_decision(self, decided_at: Floats) -> Bools:
        history = self._adapter.decision.history_only
        judged = np.ones(self._count, dtype=np.bool_)
        if history:
            judged = ~holds(history, self._rows.at_row, self._count)
        if self._adapter.start is not None:
            judged &= decided_at >= np.datetime64(self._adapter.start, "s").astype(np.int64)
        return judged

    def _left_at(self, decided_at: Floats) -> Floats:
        if self._adapter.left is None:
            return np.full(self._count, NEVER)
        left = self._rows.moment(self._adapter.left, "/left")
        return np.where(np.isnan(left), NEVER, np.maximum(left, decided_at))

    def _hours(self, decided_at: Floats, left_at: Floats) -> tuple[Floats, Floats]:
        rule = self._adapter.hours
        until = left_at if rule.until is None else self._rows.moment(rule.until, "/hours/until")
        until = np.where(np.isnan(until), NEVER, until)
        hours = (until - decided_at) / SECONDS_PER_HOUR if rule.column is None else self._numbers(rule.column)
        there = holds(rule.only, self._rows.at_row, self._count) & np.isfinite(hours) & (hours >= 0.0)
        return np.where(there, hours, np.nan), np.where(there, np.maximum(until, decided_at), NEVER)

    def _outcome(self, left_at: Floats) -> tuple[Floats, Floats]:
        rule = self._adapter.outcome
        if rule is None:
            return np.full(self._count, np.nan), np.full(self._count, NEVER)
        known = left_at if rule.known is None else self._rows.moment(rule.known, "/outcome/known")
        known = np.where(np.isnan(known), NEVER, known)
        there = holds(rule.only, self._rows.at_row, self._count) & np.isfinite(known)
        good = holds(rule.good, self._rows.at_row, self._count)
        return np.where(there, good.astype(np.float64), np.nan), np.where(there, known, NEVER)


def _one(column: str | None) -> tuple[str, ...]:
    return () if column is None else (column,)


def _positive(hours: Floats) -> Floats:
    return np.where(hours > 0.0, hours, np.nan)

"""The rows of a log by case: which are its first, its deciding and its last one, and what time a rule names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.learning.logs.adapter import Adapter, Condition, Moment
from assignment_engine.learning.logs.columns import holds, joined, numbers, seconds

if TYPE_CHECKING:
    import pandas as pd

SECONDS_PER_HOUR = 3600.0
SECONDS_PER_DAY = 86400.0


@dataclass(frozen=True)
class LogRows:
    """Rows in order of case and time; `first`, `decision` and `last` are row numbers of each case (−1: none)."""

    rows: pd.DataFrame
    adapter: Adapter
    case: Ints
    at: Floats | None
    first: Ints
    last: Ints
    decision: Ints

    @classmethod
    def of(cls, rows: pd.DataFrame, adapter: Adapter) -> LogRows:
        rows = rows[holds(adapter.case.keep, lambda column, _row: rows[column], len(rows))]
        rows = rows[rows[adapter.case.id[0]].notna()]
        at = None
        if adapter.case.at is not None:
            at = seconds(rows[adapter.case.at], adapter.reading, "/case/at")
            order = np.argsort(at, kind="stable")  # those without a time come last and are left out
            order = order[: int((~np.isnan(at)).sum())]
            rows, at = rows.iloc[order], at[order]
        else:
            rows = rows.drop_duplicates(list(adapter.case.id))
        rows = rows.reset_index(drop=True)
        case = _cases_of(rows, adapter)
        first, last = _ends(case)
        return cls(rows, adapter, case, at, first, last, _decisions(rows, adapter, case, last))

    def at_row(self, column: str, row: str) -> pd.Series[Any]:
        """One column of each case at its first, deciding or last row."""
        return self.rows[column].take(getattr(self, row)).reset_index(drop=True)

    def with_decision(self) -> LogRows:
        """Only the cases that have one."""
        kept = self.decision >= 0
        number = np.where(kept, np.cumsum(kept) - 1, -1)
        return LogRows(
            self.rows, self.adapter, number[self.case], self.at, self.first[kept], self.last[kept], self.decision[kept]
        )

    def moment(self, moment: Moment | str, pointer: str) -> Floats:
        """The time of each case, NaN where it has none."""
        if isinstance(moment, str):
            moment = Moment(column=moment)
        result = self._source(moment, pointer)
        if moment.plus is None:
            return result
        worked = numbers(self.at_row(moment.plus.hours, "decision"))
        if moment.plus.per_day is None:
            return np.asarray(result + worked * SECONDS_PER_HOUR * 7.0 / moment.plus.days_per_week)
        days = np.ceil(worked / moment.plus.per_day) * 7.0 / moment.plus.days_per_week
        return np.asarray(result + days * SECONDS_PER_DAY)

    def _source(self, moment: Moment, pointer: str) -> Floats:
        if moment.column is not None:
            return seconds(self.at_row(moment.column, moment.row), self.adapter.reading, pointer)
        if moment.first_event is not None:
            return self._first_event(moment.first_event)
        parts, choose = (moment.earliest, np.fmin) if moment.earliest else (moment.latest or (), np.fmax)
        return np.asarray(choose.reduce([self.moment(part, pointer) for part in parts]))

    def _first_event(self, conditions: tuple[Condition, ...]) -> Floats:
        found = np.full(len(self.first), np.nan)
        if self.at is None:
            return found
        mask = holds(conditions, lambda column, _row: self.rows[column], len(self.rows)) & (self.case >= 0)
        rows = np.flatnonzero(mask)[::-1]  # backwards, so that the earliest is written last
        found[self.case[rows]] = self.at[rows]
        return found


def _cases_of(rows: pd.DataFrame, adapter: Adapter) -> Ints:
    """The number of the case that each row belongs to; −1 before the first start, where cases have one."""
    import pandas as pd  # noqa: PLC0415

    key = joined([rows[column] for column in adapter.case.id])
    if not adapter.case.starts:
        return np.asarray(pd.factorize(key)[0], dtype=np.int64)
    starts = pd.Series(holds(adapter.case.starts, lambda column, _row: rows[column], len(rows)).astype(np.int64))
    number = starts.groupby(key.to_numpy()).cumsum()
    codes = np.asarray(pd.factorize(key + "\x1f" + number.astype(str))[0], dtype=np.int64)
    codes[number.to_numpy() == 0] = -1
    return np.asarray(pd.factorize(np.where(codes < 0, np.nan, codes))[0], dtype=np.int64)


def _ends(case: Ints) -> tuple[Ints, Ints]:
    """The first and the last row of each case."""
    count = int(case.max(initial=-1)) + 1
    rows = np.flatnonzero(case >= 0)
    first, last = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    last[case[rows]] = rows
    first[case[rows[::-1]]] = rows[::-1]
    return first, last


def _decisions(rows: pd.DataFrame, adapter: Adapter, case: Ints, last: Ints) -> Ints:
    """The row at which each case was decided, −1 where none is."""
    decision = adapter.decision
    mask = holds(decision.where, lambda column, _row: rows[column], len(rows)) & (case >= 0)
    for column in decision.first_with_final:
        codes = rows[column].fillna("").to_numpy(dtype=object)
        mask &= (codes == codes[last][case]) & (codes != "")
    mask &= rows[adapter.fields.person].notna().to_numpy(dtype=bool)
    found = np.full(len(last), -1, dtype=np.int64)
    chosen = np.flatnonzero(mask)[::-1]
    found[case[chosen]] = chosen
    return found

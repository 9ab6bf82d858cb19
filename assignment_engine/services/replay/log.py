"""A log as a queue: which tasks came when, and who was at them from when to when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.types import Priority
from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.learning.logs.adapter import Adapter, Condition, Work
from assignment_engine.learning.logs.columns import check_columns, holds, joined, numbers, read_rows, seconds

if TYPE_CHECKING:
    import pandas as pd

NO_ITEM = -1
SECONDS_PER_HOUR = 3600.0
_NAMELESS = -1
_PRIORITIES = {priority.level: priority for priority in Priority}


@dataclass(frozen=True)
class Stretch:
    """Somebody at work on one task without a break; seconds since 1970 UTC.

    `is_first` marks the work for which the task waited in its queue; all other work on it is later.
    """

    item: int
    person: int
    began: float
    ended: float
    is_first: bool = True

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(frozen=True)
class Item:
    """A task that waited in the queue: when it came (seconds since 1970 UTC), who began it, and how long that took."""

    number: int
    arrived: float
    kind: int
    person: int
    seconds: float
    priority: Priority = Priority.MEDIUM
    deadline: float | None = None


@dataclass(frozen=True)
class WorkLog:
    """Items by arrival, numbered as they stand; stretches by their begin.

    `people` and `kinds` are names; after the first `named` people come those without a name in the log.
    """

    name: str
    items: tuple[Item, ...]
    stretches: tuple[Stretch, ...] = field(repr=False)
    people: tuple[str, ...]
    named: int
    kinds: tuple[str, ...]
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def end(self) -> float:
        """When the last work of the log ended."""
        return max(stretch.ended for stretch in self.stretches)

    def between(self, start: float, end: float) -> WorkLog:
        """The items that arrived in that time. Work on others that was done then counts as later work.

        Raises
        ------
        InvalidInputError
            If no item arrived then.
        """
        kept = [item for item in self.items if start <= item.arrived < end]
        if not kept:
            raise InvalidInputError.at("", "no task of the log arrived in that time")
        numbers_kept = {item.number: number for number, item in enumerate(kept)}
        items = tuple(replace(item, number=number) for number, item in enumerate(kept))
        stretches = tuple(
            replace(
                s,
                item=numbers_kept.get(s.item, NO_ITEM),
                ended=min(s.ended, end),
                is_first=s.is_first and s.item in numbers_kept,
            )
            for s in self.stretches
            if start <= s.began < end
        )
        return replace(self, items=items, stretches=stretches)


def read_work_log(log: Path | pd.DataFrame, adapter: Adapter) -> WorkLog:
    """The queue in a CSV file or a frame of texts, by the entry `work` of its adapter.

    Raises
    ------
    InvalidInputError
        If the adapter has no such entry, the log lacks what it names, or nobody ever worked on anything.
    """
    if adapter.work is None:
        raise InvalidInputError.at("/work", "the adapter does not say when a task came and when people were at it")
    rows = read_rows(log, adapter) if isinstance(log, Path) else check_columns(log, adapter)
    kept = holds(adapter.case.keep, lambda column, _row: rows[column], len(rows))
    kept &= rows[adapter.case.id[0]].notna().to_numpy(dtype=bool)
    rows = rows[kept].reset_index(drop=True)
    found = _of_events(rows, adapter, adapter.work) if adapter.kind == "events" else _of_tasks(rows, adapter)
    found.left_out["rows that the adapter does not keep"] += int((~kept).sum())
    return found.joined(rows, adapter)


@dataclass
class _Found:
    """Row numbers and times of arrivals, and stretches that refer to arrivals by their number here."""

    rows: list[int]
    arrived: list[float]
    stretches: list[Stretch]
    people: tuple[str, ...]
    left_out: Counter[str]

    def joined(self, rows: pd.DataFrame, adapter: Adapter) -> WorkLog:
        """Items with everything about them, those that nobody ever worked on left out."""
        work: dict[int, list[Stretch]] = {}
        for stretch in self._with_nameless():
            work.setdefault(stretch.item, []).append(stretch)
        self.left_out["tasks that nobody worked on"] += len(self.rows) - len(work)
        if not work:
            raise InvalidInputError.at("/work", "nobody worked on any task of the log")
        taken = rows.iloc[self.rows].reset_index(drop=True)
        kinds, names = _codes([taken[column] for column in adapter.fields.category])
        priorities, deadlines = _priorities(taken, adapter), _deadlines(taken, adapter)
        order = sorted(work, key=lambda number: (self.arrived[number], number))
        items = [
            Item(
                number=new,
                arrived=self.arrived[old],
                kind=int(kinds[old]),
                person=work[old][0].person,
                seconds=work[old][0].seconds,
                priority=priorities[old],
                deadline=None if np.isnan(deadlines[old]) else float(deadlines[old]),
            )
            for new, old in enumerate(order)
        ]
        stretches = [
            replace(stretch, item=new, is_first=stretch is work[old][0])
            for new, old in enumerate(order)
            for stretch in work[old]
        ]
        stretches.sort(key=lambda s: (s.began, s.item))
        left_out = {reason: count for reason, count in self.left_out.items() if count}
        people = (*self.people, *(f"nameless {number}" for number in range(1, self._nameless(stretches) + 1)))
        return WorkLog(adapter.name, tuple(items), tuple(stretches), people, len(self.people), names, left_out)

    def _nameless(self, stretches: Sequence[Stretch]) -> int:
        return max(0, max(stretch.person for stretch in stretches) + 1 - len(self.people))

    def _with_nameless(self) -> list[Stretch]:
        """Stretches by their begin; those without a name are given to as few nameless people as could have done them.

        Of those who could, whoever ended last takes the next one.
        """
        until: list[float] = []
        found: list[Stretch] = []
        for stretch in sorted(self.stretches, key=lambda s: s.began):
            if stretch.person != _NAMELESS:
                found.append(stretch)
                continue
            able = [lane for lane, ended in enumerate(until) if ended <= stretch.began]
            lane = max(able, key=lambda number: until[number], default=len(until))
            until[lane : lane + 1] = [stretch.ended]
            found.append(replace(stretch, person=len(self.people) + lane))
        return found


def _of_events(rows: pd.DataFrame, adapter: Adapter, work: Work) -> _Found:
    """Events of each case in their order: a task arrives, work begins, work ends."""
    at = seconds(rows[adapter.case.at or ""], adapter.reading, "/case/at")
    people, names = _codes([rows[adapter.fields.person]])
    cases, _ = _codes([rows[column] for column in adapter.case.id])
    arrives, begins, ends = (_rows_where(rows, rule) for rule in (work.arrives, work.begins, work.ends))
    found = _Found([], [], [], names, Counter())
    newest: dict[int, int] = {}
    begun: dict[int, tuple[int, int, float]] = {}
    for row in np.argsort(at, kind="stable").tolist():
        case, moment, person = int(cases[row]), float(at[row]), int(people[row])
        if np.isnan(moment):
            found.left_out["rows without a time"] += 1
        elif arrives[row]:
            newest[case] = len(found.rows)
            found.rows.append(row)
            found.arrived.append(moment)
        elif begins[row]:
            found.left_out["begins without an end"] += case in begun
            found.left_out["begins of nothing that had come"] += case not in newest
            if case in newest:
                begun[case] = newest[case], person, moment
        elif ends[row]:
            found.left_out["ends without a begin"] += case not in begun
            if case in begun:
                item, who, began = begun.pop(case)
                ended = min(moment, began + work.longest_hours * SECONDS_PER_HOUR)
                found.stretches.append(Stretch(item, who if who != _NAMELESS else person, began, ended))
    found.left_out["begins without an end"] += len(begun)
    return found


def _of_tasks(rows: pd.DataFrame, adapter: Adapter) -> _Found:
    """A row for each task, which somebody was at once."""
    work = adapter.work
    rules = () if work is None else (work.arrives, work.begins, work.ends)
    columns = [rule if isinstance(rule, str) else "" for rule in rules]
    arrived, began, ended = (
        seconds(rows[column], adapter.reading, f"/work/{name}")
        for name, column in zip(("arrives", "begins", "ends"), columns, strict=True)
    )
    longest = 0.0 if work is None else work.longest_hours * SECONDS_PER_HOUR
    people, names = _codes([rows[adapter.fields.person]])
    there = np.flatnonzero(~np.isnan(arrived))
    found = _Found(there.tolist(), arrived[there].tolist(), [], names, Counter())
    found.left_out["tasks without an arrival"] += len(rows) - len(there)
    for number, row in enumerate(there.tolist()):
        start = max(float(began[row]), float(arrived[row]))
        if ended[row] > start:
            stretch = Stretch(number, int(people[row]), start, min(float(ended[row]), start + longest))
            found.stretches.append(stretch)
    return found


def _rows_where(rows: pd.DataFrame, rule: str | tuple[Condition, ...]) -> Bools:
    conditions = () if isinstance(rule, str) else rule
    return holds(conditions, lambda column, _row: rows[column], len(rows))


def _codes(columns: Sequence[pd.Series[Any]]) -> tuple[Ints, tuple[str, ...]]:
    import pandas as pd  # noqa: PLC0415  (takes a second to import)

    codes, words = pd.factorize(joined(list(columns)), sort=True)
    return np.asarray(codes, dtype=np.int64), tuple(str(word).replace("\x1f", " / ") for word in words)


def _priorities(rows: pd.DataFrame, adapter: Adapter) -> list[Priority]:
    """Medium where nothing is known; a level between two is rounded."""
    column = adapter.fields.priority
    if column is None:
        return [Priority.MEDIUM] * len(rows)
    levels = numbers(rows[column].map(adapter.priorities) if adapter.priorities else rows[column])
    bounded = np.clip(np.nan_to_num(levels, nan=float(Priority.MEDIUM.level)), 1.0, 4.0)
    return [_PRIORITIES[int(level + 0.5)] for level in bounded]


def _deadlines(rows: pd.DataFrame, adapter: Adapter) -> Floats:
    column = adapter.fields.deadline
    if column is None:
        return np.full(len(rows), np.nan)
    return seconds(rows[column], adapter.reading, "/fields/deadline")

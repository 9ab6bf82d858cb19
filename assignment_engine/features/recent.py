"""Arrays of what people were given lately and for whom, which the feature sets `recency` and `context` come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime

import numpy as np

from assignment_engine.domain.records import Employee, Priors, Recent, RecentWork, Task
from assignment_engine.domain.types import CONTEXT_KINDS, RECENT_HALF_LIFE_HOURS, hours_between
from assignment_engine.features.arrays import Bools, Floats, Ints, floats

_SHARED = ("category", "department", "context", "context_total")
_LAST = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Counts:
    """How often each of m people had work with each of `ids` ids. Most of them never met: only the others are kept.

    `keys` (q + 1,) ascend and are id · `people` + person of those who did, `values` (q + 1,) how often; the last one
    is a guard. `known` (people,) says whose work is known at all. `person` (m,) are the people, who may repeat; None:
    all of them, in their order.
    """

    ids: int
    people: int
    keys: Ints
    values: Floats
    known: Bools
    person: Ints | None = None

    @classmethod
    def of(cls, ids: int, known: Bools, column: Ints, person: Ints, times: Floats) -> Counts:
        """From who (q,) had work with which id (q,) how often (q,), each pair once; whose work is `known` (m,)."""
        keys = column * known.size + person
        order = np.argsort(keys)
        return cls(
            ids=ids,
            people=known.size,
            keys=np.append(keys[order], _LAST),
            values=np.append(times[order], 0.0),
            known=known,
        )

    def read(self, employee: Ints, column: Ints) -> Floats:
        """For broadcastable indices; NaN where the id or the person's work is not known."""
        person = employee if self.person is None else self.person[employee]
        keys = column * self.people + person
        at = np.searchsorted(self.keys, keys)
        found = np.where(self.keys[at] == keys, self.values[at], 0.0)
        return np.where((column >= self.ids) | ~self.known[person], np.nan, found)

    def of_id(self, column: int) -> tuple[Ints, Floats]:
        """The people who had work with one id, and how often."""
        if self.person is not None:
            times = np.nan_to_num(self.read(np.arange(self.person.size), np.asarray(column)))
            met = times.nonzero()[0]
            return met, times[met]
        first, last = np.searchsorted(self.keys[:-1], [column * self.people, (column + 1) * self.people])
        return self.keys[first:last] - column * self.people, self.values[first:last]

    def of_employees(self, rows: Ints) -> Counts:
        """The same of these people."""
        return replace(self, person=rows if self.person is None else self.person[rows])

    @property
    def is_known(self) -> Bools:
        """Whose work is known, shape (m,)."""
        return self.known if self.person is None else self.known[self.person]


@dataclass(frozen=True)
class RecentArrays:
    """n tasks × m employees at one moment; the last column of every table stands for *not known* and is NaN.

    `since…` are hours, (m,) and (m, columns); `count…` decayed counts of assignments; `hour_share` (m,) the share of
    a person's assignments that were made at this hour of the day. `handled` holds, for each kind of context, how often
    a person had work with each id; `context_total` (n,) how often anybody had. `category`, `department` and `context`
    are the columns of each task, (n,).
    """

    since: Floats
    since_category: Floats
    since_department: Floats
    count: Floats
    count_category: Floats
    count_department: Floats
    hour_share: Floats
    handled: Mapping[str, Counts]
    category: Ints
    department: Ints
    context: Mapping[str, Ints]
    context_total: Mapping[str, Floats]

    def of_employees(self, rows: Ints) -> RecentArrays:
        """The same tasks with these employees."""
        own = [f.name for f in fields(RecentArrays) if f.name not in {*_SHARED, "handled"}]
        handled = {kind: counts.of_employees(rows) for kind, counts in self.handled.items()}
        return replace(self, handled=handled, **{name: getattr(self, name)[rows] for name in own})


def build_recent(
    tasks: Sequence[Task], employees: Sequence[Employee], now: datetime, priors: Priors | None
) -> RecentArrays | None:
    """The arrays, or None where nobody's recent work is known."""
    works = [e.history.recent if e.history else None for e in employees]
    if not any(works):
        return None
    categories, departments = _index(t.category for t in tasks), _index(t.department for t in tasks)
    by_category = [work.by_category if work else None for work in works]
    by_department = [work.by_department if work else None for work in works]
    since_category, count_category = _tables(by_category, categories, now)
    since_department, count_department = _tables(by_department, departments, now)
    overall = [{"": work.overall} if work and work.overall else ({} if work else None) for work in works]
    since, count = _tables(overall, {"": 0}, now)
    ids = {kind: _index(task.context.get(kind) for task in tasks) for kind in CONTEXT_KINDS}
    totals = priors.handled if priors and priors.handled else _handled_by_anybody(works)
    return RecentArrays(
        since=since[:, 0],
        since_category=since_category,
        since_department=since_department,
        count=count[:, 0],
        count_category=count_category,
        count_department=count_department,
        hour_share=floats([_hour_share(work, now) for work in works]),
        handled={kind: _handled(works, kind, ids[kind]) for kind in CONTEXT_KINDS},
        category=_columns([t.category for t in tasks], categories),
        department=_columns([t.department for t in tasks], departments),
        context={kind: _columns([t.context.get(kind) for t in tasks], ids[kind]) for kind in CONTEXT_KINDS},
        context_total={
            kind: floats([_total(totals, kind, task.context.get(kind)) for task in tasks]) for kind in CONTEXT_KINDS
        },
    )


def decayed(count: float, hours: float, half_life_hours: float = RECENT_HALF_LIFE_HOURS) -> float:
    """What is left of a count after that many hours."""
    return float(count * 0.5 ** (hours / half_life_hours))


def _index(names: object) -> dict[str, int]:
    known: set[str] = {name for name in names if name is not None}  # type: ignore[attr-defined]
    return {name: column for column, name in enumerate(sorted(known))}


def _columns(names: Sequence[str | None], index: Mapping[str, int]) -> Ints:
    return np.array([len(index) if name is None else index[name] for name in names], dtype=np.int64)


def _tables(
    works: Sequence[Mapping[str, Recent] | None], index: Mapping[str, int], now: datetime
) -> tuple[Floats, Floats]:
    """Hours since the last assignment (NaN: none), and its decayed count (0: none, NaN: nothing known)."""
    since = np.full((len(works), len(index) + 1), np.nan)
    count = np.full((len(works), len(index) + 1), np.nan)
    for row, work in enumerate(works):
        if work is None:
            continue
        count[row, :-1] = 0.0
        for name in index.keys() & work.keys():
            hours = hours_between(work[name].last_at, now)
            since[row, index[name]] = hours
            count[row, index[name]] = decayed(work[name].count, hours)
    return since, count


def _hour_share(work: RecentWork | None, now: datetime) -> float | None:
    total = sum(work.by_hour) if work else 0.0
    return work.by_hour[now.astimezone(UTC).hour] / total if work and total else None


def _handled(works: Sequence[RecentWork | None], kind: str, index: Mapping[str, int]) -> Counts:
    met = [
        (index[name], person, times)
        for person, work in enumerate(works)
        for name, times in (work.handled.get(kind, {}) if work else {}).items()
        if name in index
    ]
    columns, people, times = zip(*met, strict=True) if met else ((), (), ())
    known = np.array([work is not None for work in works], dtype=np.bool_)
    return Counts.of(
        len(index), known, np.array(columns, dtype=np.int64), np.array(people, dtype=np.int64), floats(times)
    )


def _handled_by_anybody(works: Sequence[RecentWork | None]) -> dict[str, Counter[str]]:
    totals: dict[str, Counter[str]] = {kind: Counter() for kind in CONTEXT_KINDS}
    for work in works:
        for kind, done in (work.handled if work else {}).items():
            totals[kind].update(done)
    return totals


def _total(totals: Mapping[str, Mapping[str, float]], kind: str, name: str | None) -> float | None:
    """None where it is not known, which is so where nothing of any kind was ever counted."""
    return None if name is None or not any(totals.values()) else float(totals.get(kind, {}).get(name, 0.0))

"""What came of a log under one policy, in numbers; the log itself is measured the same way."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from assignment_engine.allocation.report import gini
from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Floats
from assignment_engine.services.replay.log import SECONDS_PER_HOUR, Item, Stretch
from assignment_engine.services.replay.staff import Shift


class Waits(Record):
    """Hours from the arrival of tasks until somebody began them; those not begun count until the end."""

    mean: float
    median: float
    p90: float
    longest: float


class Measures(Record):
    """One row of the table. Shares are 0 to 1; what cannot be said is None.

    `utilisation` is the time at work among the time that people were there, `gini_hours` and `gini_utilisation` say
    how uneven hours and busy shares of people are, `late` is the share of tasks with a deadline of which the first work
    ended after it.
    """

    tasks: int
    not_begun: int
    waits: Waits
    hours_worked: float
    utilisation: float | None
    gini_hours: float
    gini_utilisation: float | None
    same_person: float | None
    late: float | None = None
    mean_hours_late: float | None = None


@dataclass(frozen=True)
class Outcome:
    """Everything that is measured: who worked on what and who was there; `named` people have a name in the log.

    `finished` are the tasks of which the first work was ended (None: all that were begun).
    """

    items: Sequence[Item]
    stretches: Sequence[Stretch]
    shifts: Sequence[Shift]
    end: float
    named: int
    finished: Collection[int] | None = None

    def waits(self) -> Floats:
        """Hours from the arrival of each item until somebody began it."""
        begun = self._first()
        arrived = np.array([item.arrived for item in self.items])
        at = np.array([begun[item.number].began if item.number in begun else self.end for item in self.items])
        return np.asarray(np.maximum(at - arrived, 0.0) / SECONDS_PER_HOUR)

    def waits_by_kind(self) -> dict[int, Floats]:
        """The same for each kind of work that came."""
        waits, kinds = self.waits(), np.array([item.kind for item in self.items])
        return {int(kind): waits[kinds == kind] for kind in np.unique(kinds)}

    def _first(self) -> dict[int, Stretch]:
        """The stretch that began each item."""
        ordered = sorted(self.stretches, key=lambda s: s.began, reverse=True)
        return {stretch.item: stretch for stretch in ordered if stretch.is_first}

    def worked(self) -> dict[int, float]:
        """Hours of each person, those on several tasks at once counted once."""
        ordered = sorted(self.stretches, key=lambda s: (s.person, s.began))
        groups = groupby(ordered, key=lambda s: s.person)
        return {person: _union(list(group)) / SECONDS_PER_HOUR for person, group in groups}

    def present(self) -> dict[int, float]:
        """Hours of each person."""
        hours: dict[int, float] = {}
        for shift in self.shifts:
            hours[shift.person] = hours.get(shift.person, 0.0) + (shift.end - shift.start) / SECONDS_PER_HOUR
        return hours

    def measured(self) -> Measures:
        first, waits = self._first(), self.waits()
        worked, present = self.worked(), self.present()
        hours = np.array([worked.get(person, 0.0) for person in sorted(present)])
        there = np.array([present[person] for person in sorted(present)])
        late = self._hours_late()
        return Measures(
            tasks=len(self.items),
            not_begun=sum(item.number not in first for item in self.items),
            waits=Waits(
                mean=float(waits.mean()),
                median=float(np.median(waits)),
                p90=float(np.quantile(waits, 0.9)),
                longest=float(waits.max()),
            ),
            hours_worked=sum(worked.values()),
            utilisation=float(hours.sum() / there.sum()) if there.size else None,
            gini_hours=gini(hours),
            gini_utilisation=gini(hours / there) if there.size else None,
            same_person=_share([first[i.number].person == i.person for i in self._named(first)]),
            late=_share([hours > 0.0 for hours in late]),
            mean_hours_late=float(np.mean([max(0.0, hours) for hours in late])) if late else None,
        )

    def _named(self, first: dict[int, Stretch]) -> list[Item]:
        """Items that began, of which the log says who began them."""
        return [item for item in self.items if item.person < self.named and item.number in first]

    def _hours_late(self) -> list[float]:
        """Of each item with a deadline, those that are not finished counted until the end."""
        first = (stretch for stretch in self.stretches if stretch.is_first)
        last = {stretch.item: stretch.ended for stretch in sorted(first, key=lambda s: s.ended)}
        done = last.keys() if self.finished is None else self.finished
        ends = ((item.deadline, last[item.number] if item.number in done else self.end) for item in self.items)
        return [(end - deadline) / SECONDS_PER_HOUR for deadline, end in ends if deadline is not None]


def _union(stretches: Sequence[Stretch]) -> float:
    """Seconds covered by stretches that stand in the order of their begin."""
    total, until = 0.0, -np.inf
    for stretch in stretches:
        total += max(0.0, stretch.ended - max(stretch.began, until))
        until = max(until, stretch.ended)
    return float(total)


def _share(holds: Sequence[bool]) -> float | None:
    return sum(holds) / len(holds) if holds else None

"""What a log shows of its people: when they were there, what they can do, and how long it takes them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from assignment_engine.services.replay.log import SECONDS_PER_HOUR, Item, Stretch, WorkLog

ENOUGH = 20.0  # so many stretches make half of the highest level of skill
APPOINTMENT_GAP = 60.0  # seconds
PRIOR = 10.0  # stretches that everybody's mean counts beside a person's own


@dataclass(frozen=True)
class Shift:
    """Somebody was there, without a break; seconds since 1970 UTC."""

    person: int
    start: float
    end: float


def shifts_of(stretches: Sequence[Stretch], longest_gap: float) -> tuple[Shift, ...]:
    """Who was there when: from the begin of a stretch to the end of the last one that follows within `longest_gap`.

    Parameters
    ----------
    longest_gap : seconds without any work of a person who is still taken to be there.
    """
    found: list[Shift] = []
    now: dict[int, Shift] = {}
    for stretch in sorted(stretches, key=lambda s: s.began):
        before = now.get(stretch.person)
        if before is not None and stretch.began - before.end <= longest_gap:
            now[stretch.person] = Shift(stretch.person, before.start, max(before.end, stretch.ended))
        else:
            found += [] if before is None else [before]
            now[stretch.person] = Shift(stretch.person, stretch.began, stretch.ended)
    found += now.values()
    return tuple(sorted((shift for shift in found if shift.end > shift.start), key=lambda s: (s.start, s.person)))


def appointments_of(stretches: Sequence[Stretch]) -> tuple[Shift, ...]:
    """When people are busy with later work; what follows within a minute is one piece."""
    return shifts_of([stretch for stretch in stretches if not stretch.is_first], APPOINTMENT_GAP)


@dataclass
class _Total:
    count: float = 0.0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1.0
        self.seconds += seconds

    def mean(self, prior: float, weight: float) -> float:
        return (self.seconds + weight * prior) / max(self.count + weight, 1.0)


@dataclass(frozen=True)
class Staff:
    """What a whole log says about its people.

    Parameters
    ----------
    least : who worked on a kind of task so often can do it; who did less often cannot.
    """

    log: WorkLog
    least: int = 5
    _counts: Counter[tuple[int, int]] = field(default_factory=Counter, repr=False)
    _usual: dict[int, _Total] = field(default_factory=lambda: defaultdict(_Total), repr=False)
    _of_person: dict[tuple[int, int], _Total] = field(default_factory=lambda: defaultdict(_Total), repr=False)
    _of_items: dict[int, _Total] = field(default_factory=lambda: defaultdict(_Total), repr=False)

    def __post_init__(self) -> None:
        for stretch in self.log.stretches:
            kind = self.log.items[stretch.item].kind
            self._counts[stretch.person, kind] += 1
            self._usual[kind].add(stretch.seconds)
            self._of_person[stretch.person, kind].add(stretch.seconds)
        for item in self.log.items:
            self._of_items[item.kind].add(item.seconds)

    def needed(self, kind: int) -> int:
        """How often somebody must have done this kind; less than `least` where nobody did it so often."""
        return min(self.least, max((n for (_, k), n in self._counts.items() if k == kind), default=0))

    def levels(self, person: int) -> dict[int, float]:
        """The kinds that a person can do, with a level of skill: n / (n + 20) after n stretches of work."""
        counts = {kind: self._counts[person, kind] for kind in range(len(self.log.kinds))}
        return {kind: level(n) for kind, n in counts.items() if n and n >= self.needed(kind)}

    def usual_hours(self, kind: int) -> float:
        """What a task of this kind takes in the mean."""
        return max(1.0, self._of_items[kind].mean(0.0, 0.0)) / SECONDS_PER_HOUR

    def pace(self, item: Item, person: int) -> float:
        """How much longer this person takes than whoever did it; 1 for the same one.

        Mean lengths of a stretch of this kind of work are compared, each drawn towards everybody's as if by ten more.
        """
        if item.person == person:
            return 1.0
        return self._mean(person, item.kind) / self._mean(item.person, item.kind)

    def _mean(self, person: int, kind: int) -> float:
        usual = self._usual[kind].mean(1.0, 1.0)
        known = self._of_person.get((person, kind))
        return usual if known is None else known.mean(usual, PRIOR)


def level(count: float) -> float:
    """The level of skill after so many stretches of work."""
    return count / (count + ENOUGH)

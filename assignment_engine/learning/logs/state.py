"""What is known about people and kinds of work at one moment of a replay."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from assignment_engine.domain.types import RECENT_HALF_LIFE_HOURS
from assignment_engine.features.arrays import Floats, Ints

SECONDS_PER_HOUR = 3600.0
SMALLEST_PEAK_ITEMS = 5.0
SMALLEST_CAPACITY_HOURS = 40.0
USUAL_LOG_HOURS = math.log1p(8.0)
PRIOR = 5.0
GOOD_PRIOR = 2.5
ANYBODY = -2


class DecayedCounts:
    """Counts by key and person that halve every `half_life` seconds; remembers when each was last added to."""

    def __init__(self, half_life: float) -> None:
        self._half_life = half_life
        self.of: defaultdict[Hashable, dict[int, tuple[float, float]]] = defaultdict(dict)

    def add(self, key: Hashable, person: int, at: float) -> None:
        count, last = self.of[key].get(person, (0.0, at))
        self.of[key][person] = (count * 0.5 ** ((at - last) / self._half_life) + 1.0, at)

    def read(self, key: Hashable, people: list[int], at: float) -> tuple[Floats, Floats]:
        """Counts (0 where there is none) and times of the last one (NaN), shape (k,)."""
        known = self.of.get(key, {})
        found = [known.get(person, (0.0, math.nan)) for person in people]
        values = np.array(found, dtype=np.float64).reshape(len(people), 2)
        age = np.nan_to_num(at - values[:, 1])
        return values[:, 0] * 0.5 ** (age / self._half_life), values[:, 1]


@dataclass
class Mean:
    """A running mean that can be drawn towards a prior."""

    total: float = 0.0
    count: float = 0.0

    def add(self, value: float) -> None:
        self.total += value
        self.count += 1.0

    def smoothed(self, prior: float, weight: float = PRIOR) -> float:
        return (self.total + weight * prior) / (self.count + weight)


@dataclass
class State:
    """Counts of everything that has happened so far. Arrays have an entry for each person."""

    people: int
    half_life: float
    items: Floats = field(init=False)
    hours: Floats = field(init=False)
    peak_items: Floats = field(init=False)
    peak_hours: Floats = field(init=False)
    assigned: Floats = field(init=False)
    by_hour: Floats = field(init=False)
    good: Floats = field(init=False)
    judged: Floats = field(init=False)
    log_hours: Floats = field(init=False)
    finished: Floats = field(init=False)

    def __post_init__(self) -> None:
        for name in ("items", "hours", "peak_items", "peak_hours", "assigned", "good", "judged", "log_hours",
                     "finished"):  # fmt: skip
            setattr(self, name, np.zeros(self.people))
        self.by_hour = np.zeros((self.people, 24))
        self.everyone_good, self.everyone_hours = Mean(), Mean()
        self.category_good: defaultdict[int, dict[int, Mean]] = defaultdict(dict)
        self.subcategory_good: defaultdict[int, Mean] = defaultdict(Mean)
        self.category_hours: defaultdict[int, Mean] = defaultdict(Mean)
        self.subcategory_hours: defaultdict[int, Mean] = defaultdict(Mean)
        recent = RECENT_HALF_LIFE_HOURS * SECONDS_PER_HOUR
        self.overall = DecayedCounts(self.half_life)
        self.by_category = DecayedCounts(self.half_life)
        self.by_subcategory = DecayedCounts(self.half_life)
        self.by_department = DecayedCounts(self.half_life)
        self.recent, self.recent_kind, self.recent_department = (DecayedCounts(recent) for _ in range(3))
        self.handled: defaultdict[tuple[str, int], dict[int, float]] = defaultdict(dict)
        self.handled_total: defaultdict[tuple[str, int], float] = defaultdict(float)

    @property
    def share_good(self) -> float:
        """Good outcomes of everybody, drawn towards a half."""
        return (self.everyone_good.total + GOOD_PRIOR) / (self.everyone_good.count + PRIOR)

    @property
    def usual_log_hours(self) -> float:
        return self.everyone_hours.smoothed(USUAL_LOG_HOURS)

    def expected_log_hours(self, category: int, subcategory: int) -> float:
        """Mean log(1 + hours) of this kind of work, backing off to the category and to all work."""
        wide = _read(self.category_hours, category).smoothed(self.usual_log_hours)
        return _read(self.subcategory_hours, subcategory).smoothed(wide)

    def tally(self, category: int, people: list[int]) -> tuple[Floats, Floats]:
        """Good and judged outcomes of people in a category."""
        known = self.category_good.get(category, {})
        means = [known.get(person) for person in people]
        return (
            np.array([mean.total if mean else 0.0 for mean in means]),
            np.array([mean.count if mean else 0.0 for mean in means]),
        )

    def give(self, person: int, hours: float, at: float) -> None:
        """One more task in a person's hands."""
        self.items[person] += 1.0
        self.hours[person] += hours
        self.peak_items[person] = max(self.peak_items[person], self.items[person])
        self.peak_hours[person] = max(self.peak_hours[person], self.hours[person])
        self.assigned[person] += 1.0
        self.by_hour[person, int(at % 86400.0 // 3600.0)] += 1.0

    def take(self, person: int, hours: float) -> None:
        self.items[person] -= 1.0
        self.hours[person] = max(0.0, self.hours[person] - hours)

    def note_hours(self, person: int, category: int, subcategory: int, hours: float) -> None:
        value = math.log1p(hours)
        self.log_hours[person] += value
        self.finished[person] += 1.0
        for mean in (self.everyone_hours, self.category_hours[category], self.subcategory_hours[subcategory]):
            mean.add(value)

    def note_outcome(self, person: int, category: int, subcategory: int, good: float) -> None:
        self.good[person] += good
        self.judged[person] += 1.0
        self.everyone_good.add(good)
        self.subcategory_good[subcategory].add(good)
        self.category_good[category].setdefault(person, Mean()).add(good)

    def candidates(self, group: int, at: float, oldest: float, cap: int) -> list[int]:
        """People of the department `group` (or ANYBODY) with work after `oldest`, the latest `cap`, by number."""
        known = self.overall.of.get(0, {}) if group == ANYBODY else self.by_department.of.get(group, {})
        found = sorted((-last, person) for person, (_, last) in known.items() if last > oldest)
        return sorted(person for _, person in found[:cap])

    def capacity(self, people: Ints) -> Floats:
        """The most hours that each person ever carried, at least a week's work."""
        return np.maximum(self.peak_hours[people], SMALLEST_CAPACITY_HOURS)

    def most_items(self, people: Ints) -> Floats:
        return np.maximum(self.peak_items[people], SMALLEST_PEAK_ITEMS)


def _read(table: dict[int, Mean], key: int) -> Mean:
    return table.get(key, Mean())

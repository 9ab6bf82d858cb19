"""Counts what each person has done so far, one event at a time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from assignment_engine.domain.records import EmployeeHistory, Priors, Tally
from assignment_engine.domain.stored import PastAssignment


@dataclass
class Count:
    """Good outcomes among judged ones, while they are being counted."""

    good: int = 0
    total: int = 0

    def add(self, good: bool) -> None:
        self.good += good
        self.total += 1

    def tally(self) -> Tally:
        return Tally(good=self.good, total=self.total)


@dataclass
class WorkRecord:
    """One person's work so far; becomes an `EmployeeHistory` at any moment."""

    active: int = 0
    completed: int = 0
    hours: float = 0.0
    outcomes: Count = field(default_factory=Count)
    by_category: defaultdict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    by_department: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def end(self, past: PastAssignment) -> None:
        """Count work that has ended; departments are counted in tasks."""
        self.completed += 1
        self.hours += past.hours or 0.0
        if past.department is not None:
            self.by_department[past.department] += 1
        if past.outcome is None:
            return
        self.outcomes.add(past.outcome == "good")
        if past.category is not None:
            self.by_category[past.category].add(past.outcome == "good")

    def history(self) -> EmployeeHistory:
        return EmployeeHistory(
            active_tasks=self.active,
            completed=self.completed,
            completed_hours=self.hours,
            outcomes=self.outcomes.tally(),
            by_category={name: count.tally() for name, count in self.by_category.items()},
            by_department={name: float(count) for name, count in self.by_department.items()},
        )


def priors_of(everyone: Count) -> Priors:
    return Priors(version=f"{everyone.good}/{everyone.total}", everyone=everyone.tally())

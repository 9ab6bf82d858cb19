"""One log under several policies, beside what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from pydantic import Field

from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.domain.records import Record
from assignment_engine.services.replay.log import WorkLog
from assignment_engine.services.replay.measures import Measures, Outcome
from assignment_engine.services.replay.office import Policy
from assignment_engine.services.replay.simulation import Course, simulate
from assignment_engine.services.replay.staff import Shift, Staff, shifts_of

HAPPENED = "as it happened"
SECONDS_PER_MINUTE = 60.0


class Assumptions(Record):
    """What is taken for granted, because a log does not say it.

    `gap_minutes`: who does nothing for longer is not there. `least`: who worked on a kind of task less often cannot.
    """

    gap_minutes: Annotated[float, Field(ge=0)] = 60.0
    least: Annotated[int, Field(ge=1)] = 5


@dataclass(frozen=True)
class Replayed:
    """One policy: what came of it, and how the engine fared (None for what happened)."""

    policy: str
    outcome: Outcome = field(repr=False)
    measures: Measures
    course: Course | None = None


@dataclass(frozen=True)
class Comparison:
    """What happened in front, then each policy."""

    log: WorkLog
    shifts: tuple[Shift, ...] = field(repr=False)
    assumptions: Assumptions
    rows: tuple[Replayed, ...]
    is_part: bool = False

    @property
    def nameless(self) -> float:
        """The share of the work of which the log does not say whose it was."""
        whole = sum(stretch.seconds for stretch in self.log.stretches)
        return sum(s.seconds for s in self.log.stretches if s.person >= self.log.named) / whole


Progress = Callable[[int, str, int], Callable[[], object]]
"""Given the number and name of a policy and how many tasks there are: what is to be called with each task."""


def silent(_number: int, _policy: str, _tasks: int) -> Callable[[], object]:
    """No progress is shown."""
    return int


def compare(
    log: WorkLog,
    policies: Sequence[Policy],
    *,
    between: tuple[float, float] | None = None,
    assumptions: Assumptions | None = None,
    databases: Path | None = None,
    processes: int = 1,
    progress: Progress = silent,
) -> Comparison:
    """Work `log` off by each policy, on the same people at the same times.

    Parameters
    ----------
    between : tasks that arrived in this time only, seconds since 1970 UTC.
    databases : a directory that keeps the database of each policy; by default they are thrown away.
    processes : how many policies are worked at once; with more than one, all arguments must be picklable.

    Raises
    ------
    ConfigurationError
        If a database of that name is there already.
    """
    taken = assumptions or Assumptions()
    staff = Staff(log, taken.least)
    part = log if between is None else log.between(*between)
    shifts = shifts_of(part.stretches, taken.gap_minutes * SECONDS_PER_MINUTE)
    with _directory(databases) as directory:
        runs = [
            _Run(number, policy, part, shifts, staff, _fresh(directory / f"{policy.name}.db"), progress)
            for number, policy in enumerate(policies)
        ]
        courses = _worked_off(runs, processes)
    happened = _row(HAPPENED, Outcome(part.items, part.stretches, shifts, part.end, part.named))
    rows = [
        _row(policy.name, Outcome(part.items, course.stretches, shifts, part.end, part.named, course.finished), course)
        for policy, course in zip(policies, courses, strict=True)
    ]
    return Comparison(part, shifts, taken, (happened, *rows), is_part=between is not None)


@dataclass(frozen=True)
class _Run:
    """One policy at work, in this process or another."""

    number: int
    policy: Policy
    log: WorkLog
    shifts: tuple[Shift, ...]
    staff: Staff
    database: Path
    progress: Progress

    def __call__(self) -> Course:
        url = f"sqlite:///{self.database}"
        arrived = self.progress(self.number, self.policy.name, len(self.log.items))
        return simulate(self.log, self.shifts, self.policy, self.staff, url, arrived)


def _worked_off(runs: Sequence[_Run], processes: int) -> list[Course]:
    if min(processes, len(runs)) <= 1:
        return [run() for run in runs]
    with ProcessPoolExecutor(min(processes, len(runs)), mp_context=get_context("spawn")) as pool:
        return list(pool.map(_call, runs))


def _call(run: _Run) -> Course:
    return run()


def _row(name: str, outcome: Outcome, course: Course | None = None) -> Replayed:
    return Replayed(name, outcome, outcome.measured(), course)


@contextmanager
def _directory(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with TemporaryDirectory(prefix="assignment-engine-replay-") as name:
        yield Path(name)


def _fresh(path: Path) -> Path:
    if path.exists():
        raise ConfigurationError(f"{path} is there already; a replay needs an empty database")
    return path

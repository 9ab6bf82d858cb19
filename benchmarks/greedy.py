"""Whole plans through the compiled forest, against the same algorithm through LightGBM's own predictor.

    python -m benchmarks.greedy [--tasks 2000] [--employees 2000] [--method greedy] [--json]

Measured from arrays to choices and report: every eligible pair is scored on the loads of its moment, and once more on
the first ones, for value and bound, where a person's load has changed since. Building the arrays and explaining the
chosen pairs are shown apart. LightGBM is measured on as many tasks as fit into a minute, all employees; its time for
all of them is in proportion to the pairs that are scored.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import click
import numpy as np

from assignment_engine.allocation.allocators import Allocation
from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.problem import AllocationProblem, build_problem
from assignment_engine.allocation.report import report_of
from assignment_engine.domain.plans import Report
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.pairs import Loads, Pairs
from assignment_engine.scoring.lightgbm_scorer import BoosterRows, LightGbmScorer, LightGbmScores, RawRows
from benchmarks.problems import NOW, people, scorer_of, work
from benchmarks.timing import Row, show

BOOSTER_PAIRS = 3_000_000
Result = TypeVar("Result")


@dataclass
class Tally:
    """Pairs that were scored."""

    pairs: int = 0


@dataclass(frozen=True)
class CountedRows:
    """Raw scores, with a tally of how many were asked for."""

    rows: RawRows
    tally: Tally

    def raw(self, task: int, employees: Ints) -> Floats:
        self.tally.pairs += employees.size
        return self.rows.raw(task, employees)

    def employee_changed(self, employee: int) -> None:
        self.rows.employee_changed(employee)


@dataclass(frozen=True)
class Counted(LightGbmScorer):
    """The same scorer with a tally."""

    tally: Tally = field(default_factory=Tally)

    def prepare(self, pairs: Pairs, loads: Loads) -> LightGbmScores:
        scores = super().prepare(pairs, loads)
        return replace(scores, rows=CountedRows(scores.rows, self.tally))


@dataclass(frozen=True)
class ByBooster(Counted):
    """The same scorer without the compiled forest."""

    def prepare(self, pairs: Pairs, loads: Loads) -> LightGbmScores:
        rows = BoosterRows(self.bundle.predictor, pairs, loads, threads=self.threads)
        return LightGbmScores(self, CountedRows(rows, self.tally), pairs.shape)


def timed(call: Callable[[], Result]) -> tuple[float, Result]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def planned(problem: AllocationProblem, method: str) -> tuple[Allocation, Report]:
    """Choices and report, without the explanations."""
    allocation = allocator(method).allocate(problem)
    return allocation, report_of(problem, allocation)


def pairs_scored(problem: AllocationProblem, scorer: LightGbmScorer, method: str) -> int:
    """How many scores the whole plan takes."""
    counted = Counted(scorer.bundle, scorer.threads)
    planned(replace(problem, scorer=counted), method)
    return counted.tally.pairs


def measurement(scorer: LightGbmScorer, tasks: int, employees: int, method: str) -> Row:
    rng = np.random.default_rng(2)
    staff = people(employees, rng)
    problem = build_problem(work(tasks, employees, rng), staff, now=NOW, scorer=scorer)
    arrays, _ = timed(lambda: problem.pairs)
    loading, _ = timed(lambda: scorer.prepare(problem.pairs, problem.pairs.initial))
    seconds, (allocation, report) = timed(lambda: planned(problem, method))
    scored = pairs_scored(problem, scorer, method)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    fewer = problem.tasks[: max(1, min(tasks, BOOSTER_PAIRS // employees))]
    by_booster = ByBooster(scorer.bundle, scorer.threads)
    small = build_problem(fewer, staff, now=NOW, scorer=by_booster)
    slow, (choices, _) = timed(lambda: planned(small, method))
    same = planned(replace(small, scorer=scorer), method)[0]
    booster_seconds = slow * scored / by_booster.tally.pairs
    explaining, _ = timed(lambda: solve(replace(small, scorer=scorer), allocator(method)))
    return {
        "tasks": tasks,
        "employees": employees,
        "threads": scorer.threads,
        "arrays s": arrays,
        "prepare s": loading,
        "plan s": seconds,
        "M scored": scored / 1e6,
        "M pairs/s": scored / seconds / 1e6,
        "Booster s": booster_seconds,
        "ratio": booster_seconds / seconds,
        "same choices": str([c[:2] for c in choices.choices] == [c[:2] for c in same.choices]),
        "peak MiB": peak,
        "assigned": len(allocation.choices),
        "explain ms/task": 1000 * (explaining - seconds * len(fewer) / tasks) / len(fewer),
        "gap": report.gap,
    }


@click.command(help=__doc__)
@click.option(
    "--model", type=click.Path(exists=True, path_type=Path), help="LightGBM text; default: the shipped bundle"
)
@click.option("--tasks", default=2000, show_default=True)
@click.option("--employees", default=2000, show_default=True)
@click.option("--method", default="greedy", show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(model: Path | None, tasks: int, employees: int, method: str, threads: int, *, as_json: bool) -> None:
    show([measurement(scorer_of(model, threads), tasks, employees, method)], as_json=as_json)


if __name__ == "__main__":
    main()

"""Whole plans with the weighted fallback: from records to assignments, reasons and report.

    python -m benchmarks.fallback [--tasks 10000] [--employees 1000] [--json]

Everything is measured, the reasons and smallest relaxations of the unassigned tasks and the independent check included.
"""

from __future__ import annotations

import resource
import time

import click
import numpy as np

from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.problem import build_problem
from assignment_engine.allocation.verify import verify
from assignment_engine.scoring.fallback import WeightedFallback
from benchmarks.problems import NOW, people, work
from benchmarks.timing import Row, show


def measurement(tasks: int, employees: int, method: str) -> Row:
    rng = np.random.default_rng(2)
    staff, jobs = people(employees, rng), work(tasks, employees, rng)
    start = time.perf_counter()
    problem = build_problem(jobs, staff, now=NOW, scorer=WeightedFallback())
    plan, _ = solve(problem, allocator(method))
    planned = time.perf_counter()
    violations = verify(problem, plan)
    return {
        "method": method,
        "tasks": tasks,
        "employees": employees,
        "plan s": planned - start,
        "verify s": time.perf_counter() - planned,
        "violations": len(violations),
        "assigned": len(plan.assignments),
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


@click.command(help=__doc__)
@click.option("--tasks", default=10_000, show_default=True)
@click.option("--employees", default=1_000, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(tasks: int, employees: int, *, as_json: bool) -> None:
    show([measurement(tasks, employees, method) for method in ("greedy", "balanced")], as_json=as_json)


if __name__ == "__main__":
    main()

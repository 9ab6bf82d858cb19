"""Plans made in parts on a Dask cluster, beside the same method on one machine.

    python -m benchmarks.distributed [--tasks 10000] [--employees 1000] [--kind none] [--method greedy] [--kill]

Each line is one problem planned both ways: `ratio` is the value in parts over the value on one machine, `gap` that of
the plan in parts against its own bound. The cluster is two processes of one thread on this machine, so that `seconds`
say what parting costs, not what more machines gain. With `--kill`, one of them is killed in the middle of a second
run; `same` says whether its plan is the first one, record by record. `worker s` and `client s` are CPU seconds.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.distributed.planning import plan_distributed
from assignment_engine.domain.plans import Plan
from assignment_engine.domain.types import Method
from benchmarks.kinds import KINDS
from benchmarks.timing import Row, show

WORKERS = 2


@dataclass(frozen=True)
class Timed:
    """A plan, and the seconds by the clock, of the workers' processors and of our own."""

    plan: Plan
    seconds: float
    of_workers: float
    of_client: float


@contextmanager
def local_cluster(workers: int = WORKERS) -> Iterator[Any]:
    """A client of workers that are processes of this machine."""
    import distributed  # noqa: PLC0415  (the extra)

    shape = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "memory_limit": 0}
    with distributed.LocalCluster(dashboard_address=":0", **shape) as cluster, distributed.Client(cluster) as client:
        yield client


def in_parts(client: Any, problem: AllocationProblem, method: str, parts: int | None, explain: bool) -> Timed:
    before, own, begun = used(client), time.process_time(), time.monotonic()
    plan = plan_distributed(problem, client, method=method, parts=parts, explain=explain)
    seconds, own = time.monotonic() - begun, time.process_time() - own
    return Timed(plan, seconds, used(client) - before, own)


def used(client: Any) -> float:
    """CPU seconds of all workers since they were started."""
    return float(sum(client.run(time.process_time).values()))


def kill_after(client: Any, seconds: float) -> threading.Thread:
    """End one worker in so many seconds."""
    pid = next(iter(client.run(os.getpid).values()))
    killer = threading.Timer(seconds, os.kill, (pid, signal.SIGKILL))
    killer.start()
    return killer


def measurement(
    client: Any, kind: str, tasks: int, employees: int, method: str, parts: int | None, explain: bool, kill: bool
) -> Row:
    problem = KINDS[kind](tasks, employees, np.random.default_rng(2))
    begun = time.monotonic()
    whole = solve(problem, allocator(method))[0].report
    alone = time.monotonic() - begun
    timed = in_parts(client, problem, method, parts, explain)
    report = timed.plan.report
    row: dict[str, str | int | float | None] = {
        "kind": kind,
        "tasks": tasks,
        "employees": employees,
        "method": method,
        "ratio": report.value / whole.value,
        "gap": report.gap,
        "undone": len(timed.plan.unassigned),
        "gini": report.load_after.gini,
        "gini alone": whole.load_after.gini,
        "seconds": timed.seconds,
        "alone s": alone,
        "worker s": timed.of_workers,
        "client s": timed.of_client,
    }
    if kill:
        killer = kill_after(client, timed.seconds / 2)
        row["same"] = str(in_parts(client, problem, method, parts, explain).plan == timed.plan)
        killer.join()
    return row


@click.command(help=__doc__)
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="default: all")
@click.option("--method", "methods", multiple=True, type=click.Choice([m.value for m in Method]), help="default: all")
@click.option("--tasks", multiple=True, type=int, default=(2000, 10000), show_default=True)
@click.option("--employees", type=int, help="default: a tenth of the tasks")
@click.option("--parts", type=int, help="default: 8")
@click.option("--explain", is_flag=True, help="with explanations, as the plan on one machine has them")
@click.option("--kill", is_flag=True, help="once more, while a worker is killed")
@click.option("--json", "as_json", is_flag=True)
def main(
    kinds: tuple[str, ...],
    methods: tuple[str, ...],
    tasks: tuple[int, ...],
    employees: int | None,
    parts: int | None,
    explain: bool,
    kill: bool,
    as_json: bool,
) -> None:
    rows = []
    with local_cluster() as client:
        for n in tasks:
            for kind in kinds or tuple(KINDS):
                for method in methods or tuple(m.value for m in Method):
                    m = employees or max(1, n // 10)
                    rows.append(measurement(client, kind, n, m, method, parts or 8, explain, kill))
    show(rows, as_json=as_json)


if __name__ == "__main__":
    main()

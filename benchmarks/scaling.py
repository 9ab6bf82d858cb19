"""What planning in parts costs: unit costs from small pieces, predictions from them, and how far those hold.

    python -m benchmarks.scaling [--check 4000x400 --check 12000x1200] [--target 10000000x1000000]

Unit costs are CPU seconds of the functions that workers run, fitted to pieces of some hundreds to thousands of records
on this machine, and of the coordinating process for one task of a small plan. The model adds them up for any size
(docs/scaling.md has its terms). `--check` plans that size on a cluster of two local workers and prints what was
measured beside what the model says; `--target` only has the model.
"""

from __future__ import annotations

import pickle
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, NamedTuple

import click
import numpy as np

from assignment_engine.distributed.allocating import Recipe, allocated
from assignment_engine.distributed.asking import PEOPLE_AT_ONCE, TASKS_AT_ONCE
from assignment_engine.distributed.bids import NOBODY, Asked, Bids, Goal, bids
from assignment_engine.distributed.partition import PAIRS_PER_PART
from assignment_engine.distributed.planning import BEST, DRAWN, plan_distributed
from assignment_engine.distributed.slices import Slicer, Terms
from assignment_engine.distributed.telling import moments, told
from assignment_engine.domain.types import Method
from benchmarks.distributed import WORKERS, local_cluster, used
from benchmarks.kinds import KINDS
from benchmarks.timing import Row, show

ASKED_SHAPES = ((200, 400), (1000, 400), (200, 4000), (1000, 4000), (2000, 2000))
PART_SHAPES = ((200, 20), (1000, 100), (2000, 200), (1000, 800))
TOLD = 500
CALIBRATED_AT = (3000, 300)
REPEATS = 3
LARGE = 10**9  # so that pieces are scored by the compiled forest, as those of a large problem are
BID_BYTES = (BEST + DRAWN) * 16 + BEST * 8 + 16


class Size(NamedTuple):
    """n tasks × m people, of which `share` of the pairs lie in one component and are looked at."""

    tasks: int
    people: int
    share: float = 1.0

    @property
    def parts(self) -> int:
        return max(1, ceil((self.tasks * self.people / PAIRS_PER_PART) ** 0.5))


@dataclass(frozen=True)
class Units:
    """CPU seconds: `asked` and `part` for one record, one row and one pair; one pair told; one task coordinated.

    `again` is how often a task is asked about in all rounds together; the rest are bytes that travel.
    """

    asked: tuple[float, float, float]
    part: tuple[float, float, float]
    told: float
    explained: float
    coordinated: float
    again: float
    task_bytes: float
    person_bytes: float
    told_bytes: float


class Counted:
    """A Dask client that weighs what goes through it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.sent = self.received = self.rows = 0
        self.weighing = 0.0

    def submit(self, function: Callable[..., object], *arguments: object, pure: bool) -> Any:
        self.sent += self._weight(arguments)
        return self._client.submit(function, *arguments, pure=pure)

    def gather(self, futures: list[Any]) -> list[Any]:
        found: list[Any] = self._client.gather(futures)
        self.received += self._weight(found)
        self.rows += sum(each.rest.size for each in found if isinstance(each, Bids))
        return found

    def _weight(self, values: Iterable[object]) -> int:
        begun = time.process_time()
        weight = sum(_size(value) for value in values)
        self.weighing += time.process_time() - begun
        return weight


def _size(value: object) -> int:
    """Bytes of what is sent itself; futures only name what lies on the cluster."""
    if type(value).__name__ == "Future" or (isinstance(value, list) and type(value[0]).__name__ == "Future"):
        return 0
    return len(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


def cpu(call: Callable[[], object]) -> float:
    """The least CPU seconds of several runs."""
    times = []
    for _ in range(REPEATS):
        begun = time.process_time()
        call()
        times.append(time.process_time() - begun)
    return min(times)


def unit_costs(client: Any) -> Units:
    asked = _fit([_asked(*shape) for shape in ASKED_SHAPES])
    part = _fit([_part(*shape) for shape in PART_SHAPES])
    short, long, weights = _told()
    whole = planned(client, Size(*CALIBRATED_AT), explain=False)
    n = CALIBRATED_AT[0]
    return Units(asked, part, short, long, whole["client s"] / n, whole["rows"] / n, *weights)


def _problem(tasks: int, people: int) -> tuple[Any, Terms, Slicer]:
    problem = KINDS["none"](tasks, people, np.random.default_rng(3))
    return problem, replace(Terms.of(problem), pairs=LARGE), Slicer(problem, np.ones(tasks))


def _asked(tasks: int, people: int) -> tuple[int, int, float]:
    _, terms, slicer = _problem(tasks, people)
    work, staff = slicer.tasks(np.arange(tasks)), slicer.people(np.arange(people))
    zero, none = np.zeros(people), np.zeros(people, dtype=np.int64)
    asked, goal = Asked(zero, zero, zero, none, none), Goal(0.0, BEST, DRAWN, 0)
    return tasks, people, cpu(lambda: bids(terms, work, staff, asked, goal, (0, 0)))


def _part(tasks: int, people: int) -> tuple[int, int, float]:
    _, terms, slicer = _problem(tasks, people)
    work, staff = slicer.tasks(np.arange(tasks)), slicer.people(np.arange(people))
    nobody, recipe = np.full(tasks, NOBODY, dtype=np.int64), Recipe(Method.GREEDY, 0.3, 1.0, 0)
    return tasks, people, cpu(lambda: allocated(terms, work, staff, nobody, recipe))


def _told() -> tuple[float, float, tuple[float, float, float]]:
    problem, terms, slicer = _problem(TOLD, TOLD)
    work, staff = slicer.tasks(np.arange(TOLD)), slicer.people(np.arange(TOLD))
    order = np.arange(TOLD)
    pairs, _ = moments(order, order, problem.seconds, problem.pairs.initial, Method.GREEDY)
    times = [cpu(lambda explain=explain: told(terms, work, staff, pairs, explain)) for explain in (False, True)]
    answer = len(pickle.dumps(told(terms, work, staff, pairs, False), pickle.HIGHEST_PROTOCOL))
    return times[0] / TOLD, times[1] / TOLD, (len(work) / TOLD, len(staff) / TOLD, answer / TOLD)


def _fit(measured: list[tuple[int, int, float]]) -> tuple[float, float, float]:
    """Seconds for a record, a row and a pair, none below 0, that explain the measurements best in proportion."""
    from scipy.optimize import nnls  # noqa: PLC0415  (slow to import)

    terms = np.array([[n + m, n, n * m] for n, m, _ in measured], dtype=float)
    seconds = np.array([second for _, _, second in measured])
    found, _ = nnls(terms / seconds[:, None], np.ones(len(measured)))
    return float(found[0]), float(found[1]), float(found[2])


def predicted(size: Size, units: Units, *, explain: bool) -> dict[str, float]:
    """CPU seconds of workers and of the coordinating process, and bytes between them."""
    n, m, share, parts = *size, size.parts
    asked = units.again * n
    pieces = ceil(n / min(TASKS_AT_ONCE, ceil(n / parts))) * units.again
    groups = ceil(m / PEOPLE_AT_ONCE)
    record, row, pair = units.asked
    asking = (
        record * share * (pieces * m + asked * groups)
        + row * asked * max(1.0, share * groups)
        + pair * share * asked * m
    )
    record, row, pair = units.part
    allocating = record * (n + m) + row * n + pair * n * m / parts
    telling = n * (units.explained if explain else units.told)
    return {
        "asking s": asking,
        "parts s": allocating,
        "telling s": telling,
        "worker s": asking + allocating + telling,
        "client s": units.coordinated * n,
        "sent MB": ((asked + 2 * n) * units.task_bytes + 3 * m * units.person_bytes) / 1e6,
        "received MB": (asked * BID_BYTES + n * (16 + units.told_bytes)) / 1e6,
    }


def planned(client: Any, size: Size, *, explain: bool) -> dict[str, float]:
    """The same, measured."""
    problem = KINDS["none"](size.tasks, size.people, np.random.default_rng(4))
    counted = Counted(client)
    before, own, begun = used(client), time.process_time(), time.monotonic()
    plan_distributed(problem, counted, parts=size.parts, explain=explain)  # type: ignore[arg-type]
    seconds, own = time.monotonic() - begun, time.process_time() - own - counted.weighing
    peak = max(client.run(lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss).values()) / 1024
    return {
        "worker s": used(client) - before,
        "client s": own,
        "sent MB": counted.sent / 1e6,
        "received MB": counted.received / 1e6,
        "seconds": seconds,
        "worker MiB": peak,
        "rows": counted.rows,
    }


def checked(client: Any, size: Size, units: Units, *, explain: bool) -> list[Row]:
    """A line for each number of the model: what it says, and what was measured."""
    said, found = predicted(size, units, explain=explain), planned(client, size, explain=explain)
    return [
        {
            "tasks": size.tasks,
            "people": size.people,
            "what": what,
            "model": said[what],
            "measured": found[what],
            "measured / model": found[what] / said[what],
        }
        for what in ("worker s", "client s", "sent MB", "received MB")
    ] + [
        {"tasks": size.tasks, "people": size.people, "what": what, "model": None, "measured": found[what]}
        | {"measured / model": None}
        for what in ("seconds", "worker MiB")
    ]


def target(size: Size, units: Units, *, explain: bool) -> Row:
    """What the model says of a size that nobody has run."""
    said = predicted(size, units, explain=explain)
    hours = {what.replace(" s", " core h"): seconds / 3600 for what, seconds in said.items() if what.endswith(" s")}
    moved = {what.replace(" MB", " GB"): size / 1000 for what, size in said.items() if what.endswith(" MB")}
    return {"tasks": size.tasks, "people": size.people, "share": size.share, "parts": size.parts, **hours, **moved}


class Sizes(click.ParamType):
    """`TASKSxPEOPLE`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Size:
        tasks, by, people = str(value).partition("x")
        if not (by and tasks.isdigit() and people.isdigit()):
            self.fail(f"expected TASKSxPEOPLE (got {value!r})", param, ctx)
        return Size(int(tasks), int(people))


@click.command(help=__doc__)
@click.option("--check", "checks", multiple=True, type=Sizes(), default=("4000x400", "12000x1200"), show_default=True)
@click.option("--target", "targets", multiple=True, type=Sizes(), default=("10000000x1000000",), show_default=True)
@click.option("--share", "shares", multiple=True, type=float, default=(1.0, 0.01), show_default=True)
@click.option("--explain", is_flag=True, help="with an explanation for each pair")
@click.option("--json", "as_json", is_flag=True)
def main(
    checks: tuple[Size, ...], targets: tuple[Size, ...], shares: tuple[float, ...], explain: bool, as_json: bool
) -> None:
    with local_cluster(WORKERS) as client:
        planned(client, Size(1000, 300), explain=explain)  # imports and compiles
        units = unit_costs(client)
        rows = [row for size in checks for row in checked(client, size, units, explain=explain)]
    for name, value in vars(units).items():
        click.echo(f"{name}: {value if isinstance(value, tuple) else f'{value:.4g}'}", err=True)
    show(rows, as_json=as_json)
    show(
        [target(size._replace(share=share), units, explain=explain) for size in targets for share in shares],
        as_json=as_json,
    )


if __name__ == "__main__":
    main()

"""A plan made in parts by the workers of a Dask cluster; the same `Plan` as on one machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment_engine.allocation.allocators import DEFAULT_BALANCE_WEIGHT, Allocation, greedy_order
from assignment_engine.allocation.measure import Measured
from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import read_constraints, solve
from assignment_engine.allocation.problem import AllocationProblem, build_problem
from assignment_engine.allocation.report import report_of
from assignment_engine.allocation.verify import verify
from assignment_engine.distributed.allocating import Recipe, allocated
from assignment_engine.distributed.asking import Asking, pieces
from assignment_engine.distributed.bids import NOBODY, Given, Goal
from assignment_engine.distributed.cluster import Cluster, connected
from assignment_engine.distributed.exchange import Exchange
from assignment_engine.distributed.hindrances import explained, hindered
from assignment_engine.distributed.market import Market, Supply
from assignment_engine.distributed.partition import members, partition
from assignment_engine.distributed.repair import Repair
from assignment_engine.distributed.slices import Slicer, Terms, required
from assignment_engine.distributed.telling import Moments, Told, moments, told
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.errors import InvalidInputError, InvalidPlanError
from assignment_engine.domain.intake import read_employees, read_tasks
from assignment_engine.domain.plans import Plan, PlannedAssignment, Report, ScorerInfo, Unassigned
from assignment_engine.domain.types import InputNotes, Method, Objective
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.pairs import Loads
from assignment_engine.scoring.protocol import Scorer
from assignment_engine.scoring.registry import load_scorer

if TYPE_CHECKING:
    from distributed import Client

ROUNDS = 4
BEST, DRAWN = 12, 12
TOLD_AT_ONCE = 1_000
LEAST_SHARE = 1e-6


@dataclass(frozen=True)
class Way:
    """How a problem is planned in parts; see `plan_distributed`."""

    method: Method
    weight: float
    objective: Objective
    parts: int | None
    rounds: int
    effort: float
    seed: int
    explain: bool


def plan_distributed(
    work: AllocationProblem | tuple[object, object],
    client: Client | str,
    *,
    method: Method | str = Method.GREEDY,
    weight: float | None = None,
    objective: Objective | str | None = None,
    parts: int | None = None,
    rounds: int = ROUNDS,
    effort: float = 1.0,
    seed: int = 0,
    explain: bool = True,
    constraints: Constraints | dict[str, Any] | None = None,
    scorer: Scorer | None = None,
    now: datetime | None = None,
    time_zone: str = "UTC",
    progress: bool = False,
) -> Plan:
    """Decide who should do what on a cluster, for problems that are too large for one process.

    Tasks and people are cut into parts. In rounds the parts bid for people at prices of their capacity; then each part
    is planned on its own by the method asked for, and what is left undone looks for room in all parts. The bound of the
    report holds for the whole problem. No process ever holds a score for each pair.

    The same problem, seed and number of parts give the same plan, whatever the cluster looks like and whichever of its
    workers die meanwhile.

    Parameters
    ----------
    work : a problem, or tasks and employees as records, dicts or frames; then `constraints`, `scorer`, `now` and
        `time_zone` are those of `plan`.
    client : a Dask client, or the address of a scheduler.
    weight : for "balanced", how much load counts against score, 0 to 1 (0.3).
    objective : for "optimal", "weighted" or "score".
    parts : by default so many that none has much more than a million pairs.
    rounds : the most rounds of bids; fewer are made where prices have settled.
    effort : for "optimal", how long each part is searched: 1 takes seconds, and grows in proportion.
    explain : whether each pair comes with its explanation, which takes longer than choosing it.

    Raises
    ------
    ConfigurationError
        If Dask is not installed.
    InvalidInputError
        If the problem has hours or costs for each pair, or is one of live dispatch, or the options do not fit.
    ClusterError
        If the cluster gives up.
    """
    chosen = allocator(method, weight=weight, objective=objective)
    way = Way(
        method=chosen.method,
        weight=DEFAULT_BALANCE_WEIGHT if weight is None else weight,
        objective=Objective(objective or Objective.WEIGHTED),
        parts=parts,
        rounds=rounds,
        effort=effort,
        seed=seed,
        explain=explain,
    )
    problem = work if isinstance(work, AllocationProblem) else _read(work, constraints, scorer, now, time_zone)
    _check(problem, way)
    with connected(client) as connection:
        return _Planning(problem, way, Cluster(connection, progress)).plan()


def _read(
    work: tuple[object, object],
    constraints: Constraints | dict[str, Any] | None,
    scorer: Scorer | None,
    now: datetime | None,
    time_zone: str,
) -> AllocationProblem:
    notes = InputNotes(time_zone)
    tasks, people = read_tasks(work[0], notes), read_employees(work[1], notes)
    loaded, warning = (scorer, None) if scorer is not None else load_scorer(None)
    return build_problem(
        tasks,
        people,
        now=now or datetime.now(UTC),
        scorer=loaded,
        constraints=read_constraints(constraints),
        warnings=(*notes.warnings, *([warning] if warning else [])),
    )


def _check(problem: AllocationProblem, way: Way) -> None:
    for name, wrong, expected in (
        ("hours", problem.seconds.ndim != 1, "no hours for each pair: they are as many as there are pairs"),
        ("costs", problem.costs is not None or way.objective is Objective.COST, "no costs of pairs, for that reason"),
        ("live", problem.live is not None, "a problem of planning, not of live dispatch"),
        ("parts", way.parts is not None and way.parts < 1, "1 or more"),
        ("rounds", way.rounds < 1, "1 or more"),
        ("effort", not way.effort > 0.0, "a number above 0"),
    ):
        if wrong:
            raise InvalidInputError.at(f"/{name}", f"expected {expected}")


class _Planning:
    def __init__(self, problem: AllocationProblem, way: Way, cluster: Cluster) -> None:
        self._problem, self._way, self._cluster = problem, way, cluster
        self._bare = replace(problem, tasks=(), seconds=problem.seconds[:0])
        self._order = order_of(problem, way.method)

    def plan(self) -> Plan:
        if not self._problem.tasks or not self._problem.employees:
            return solve(self._problem, allocator(self._way.method))[0]
        exchange = self._exchange()
        exchange.run(self._way.rounds)
        repair = Repair.of(exchange, *self._parts(exchange), turn=self._way.rounds)
        repair.run(self._way.method, self._way.seed)
        plan = self._told(exchange, repair.at)
        violations = verify(self._problem, plan)
        if violations:
            raise InvalidPlanError(f"{len(violations)} violations, the first one: {violations[0]}")
        return plan

    def _exchange(self) -> Exchange:
        problem, way = self._problem, self._way
        weight = np.array([float(task.priority.weight) for task in problem.tasks])
        weight = np.ones_like(weight) if way.objective is Objective.SCORE else weight
        supply = Supply.of(problem, self._bare.pairs.initial)
        goal = Goal(pull_of(way), BEST, DRAWN, way.seed)
        asking = Asking(
            self._cluster,
            Slicer(problem, weight),
            Terms.of(problem),
            partition(problem, supply.seconds[:-1], way.parts),
            goal,
        )
        market = Market.empty(problem.seconds, weight, supply, required(problem.tasks, problem.constraints))
        return Exchange.begin(asking, market, self._order)

    def _parts(self, exchange: Exchange) -> tuple[Ints, Floats]:
        """Each part planned on its own: whom each task gets, and what that is worth, shape (n,)."""
        asking, parts, way = exchange.asking, exchange.parts, self._way
        recipe = Recipe(way.method, way.weight, way.effort, way.seed)
        both = zip(members(parts.of_task, parts.count), members(parts.of_person, parts.count), strict=True)
        groups = [(tasks, people) for tasks, people in both if tasks.size and people.size]
        futures = [
            self._cluster.submit(
                allocated,
                asking.terms,
                self._cluster.held(asking.slicer.tasks(tasks)),
                self._cluster.held(asking.slicer.people(people)),
                exchange.at[tasks],
                recipe,
            )
            for tasks, people in groups
        ]
        at, value = np.full(exchange.at.size, NOBODY, dtype=np.int64), np.zeros(exchange.at.size)
        for (tasks, _), (found, worth) in zip(groups, self._cluster.answers(futures, "parts"), strict=True):
            at[tasks], value[tasks] = found, worth
        return at, value

    def _told(self, exchange: Exchange, at: Ints) -> Plan:
        problem, way, initial = self._problem, self._way, self._bare.pairs.initial
        pairs, loads = moments(self._order, at, problem.seconds, initial, way.method)
        planned: list[PlannedAssignment | None] = [None] * pairs.rows.size
        value, total = 0.0, 0.0
        for which, found in self._telling(exchange, pairs):
            value, total = value + found.value, total + found.total
            for place, record in zip(which.tolist(), found.planned, strict=True):
                planned[place] = record
        measured = Measured(value, max(value, exchange.bound))  # sums in another order may differ in the last digit
        return Plan(
            method=way.method,
            scorer=ScorerInfo(name=problem.scorer.name, version=problem.scorer.version),
            assignments=tuple(record for record in planned if record is not None),
            unassigned=tuple(self._undone(exchange.asking, at, loads)),
            report=self._report(loads, measured, total),
        )

    def _report(self, loads: Loads, measured: Measured, total: float) -> Report:
        """That of an allocation whose choices nobody has in one place."""
        found = report_of(self._bare, Allocation((), loads, measured, self._way.objective))
        return found.model_copy(update={"total_score": total})

    def _telling(self, exchange: Exchange, pairs: Moments) -> Iterator[tuple[Ints, Told]]:
        """The pairs of one part after the other, with everything that is said of them."""
        asking, explain = exchange.asking, self._way.explain
        groups = list(pieces(np.argsort(exchange.parts.of_person[pairs.columns], kind="stable"), TOLD_AT_ONCE))
        futures = [
            self._cluster.submit(
                told,
                asking.terms,
                asking.slicer.tasks(np.sort(pairs.rows[which])),
                asking.slicer.people(np.unique(pairs.columns[which])),
                pairs.take(which),
                explain,
            )
            for which in groups
        ]
        return zip(groups, self._cluster.answers(futures, "explaining"), strict=True)

    def _undone(self, asking: Asking, at: Ints, loads: Loads) -> Iterator[Unassigned]:
        """Why tasks have nobody, judged at the loads of the end."""
        initial = self._bare.pairs.initial
        given = [
            Given(
                loads.seconds[g.columns] - initial.seconds[g.columns], loads.count[g.columns] - initial.count[g.columns]
            )
            for g in asking.groups
        ]
        given_to = [self._cluster.held(each) for each in given]
        futures = []
        for rows in pieces(np.flatnonzero(at == NOBODY), TOLD_AT_ONCE):
            tasks = self._cluster.held(asking.slicer.tasks(rows))
            looked = [
                self._cluster.submit(hindered, asking.terms, tasks, group.people, each)
                for group, each in zip(asking.groups, given_to, strict=True)
            ]
            futures.append(self._cluster.submit(explained, looked))
        for found in self._cluster.answers(futures, "reasons"):
            yield from found


def order_of(problem: AllocationProblem, method: Method) -> Ints:
    """In which order tasks are given out: what must go to one person comes before what has a choice."""
    rows = range(len(problem.tasks))
    if method is Method.BALANCED:
        order = sorted(rows, key=lambda row: (-problem.tasks[row].priority.level, problem.tasks[row].task_id))
    else:
        order = greedy_order(problem)
    firm = required(problem.tasks, problem.constraints)
    return np.array(sorted(order, key=lambda row: not firm[row]), dtype=np.int64)


def pull_of(way: Way) -> float:
    """How much a person's whole load counts against a score of theirs; what balanced weighs, in units of the score."""
    return way.weight / max(1.0 - way.weight, LEAST_SHARE) if way.method is Method.BALANCED else 0.0

"""From a problem to a plan, and the one function that does everything from records to plan."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from pydantic import ValidationError

from assignment_engine.allocation.allocators import Allocation, Allocator, Onlooker
from assignment_engine.allocation.explain import unassigned_of
from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.problem import AllocationProblem, build_problem
from assignment_engine.allocation.report import report_of
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.intake import read_employees, read_tasks
from assignment_engine.domain.plans import Explanation, Plan, PlannedAssignment, ScorerInfo
from assignment_engine.domain.types import SECONDS_PER_HOUR, InputNotes, Method, Objective
from assignment_engine.features.arrays import Floats, floats
from assignment_engine.features.definition import feature_matrix
from assignment_engine.features.pairs import Loads
from assignment_engine.scoring.held_out import scorer_of
from assignment_engine.scoring.protocol import Scorer
from assignment_engine.scoring.registry import load_scorer


def plan(
    tasks: object,
    employees: object,
    *,
    constraints: Constraints | dict[str, Any] | None = None,
    method: Method | str = Method.GREEDY,
    weight: float | None = None,
    time_budget_seconds: float | None = None,
    objective: Objective | str | None = None,
    mandatory: bool | Collection[str] = False,
    hours: Floats | None = None,
    costs: Floats | None = None,
    scorer: Scorer | None = None,
    now: datetime | None = None,
    time_zone: str = "UTC",
    progress: bool = False,
) -> Plan:
    """Decide who should do what, with no database.

    Parameters
    ----------
    tasks, employees : records, dicts with their field names, or pandas frames.
    method : "greedy", "balanced" or "optimal".
    weight : for "balanced", how much load counts against score, 0 to 1 (0.3).
    time_budget_seconds : for "optimal", when to answer with the best plan so far (10).
    objective : for "optimal", what counts: "weighted" (Σ priority weight · score, the default), "score" (Σ score) or
        "cost" (the smallest Σ of `costs`, with every task done).
    mandatory : for "optimal", tasks to be done at the price of a lower total: all (True), or those with these ids.
    hours : what each task takes from each person, shape (n, m) in the order given; by default the task's estimate.
    costs : what each pair costs, same shape, for the objective "cost"; NaN where the pair must not be chosen.
    scorer : by default the champion model that ships with the package.
    time_zone : zone of times that come without one; using it is counted in the plan's warnings.
    now : the moment ages and deadlines are measured from; by default this one.

    Raises
    ------
    InvalidInputError
        With every bad field of the input.
    """
    chosen = allocator(
        method, weight=weight, time_budget_seconds=time_budget_seconds, objective=objective, mandatory=mandatory
    )
    if costs is not None and objective != Objective.COST:
        raise InvalidInputError.at("/costs", 'expected costs only with the objective "cost"')
    notes = InputNotes(time_zone)
    people, work = read_employees(employees, notes), read_tasks(tasks, notes)
    warning = None
    if scorer is None:
        scorer, warning = load_scorer(None)
    problem = build_problem(
        work,
        people,
        now=now or datetime.now(UTC),
        scorer=scorer,
        constraints=read_constraints(constraints),
        hours=hours,
        costs=costs,
        warnings=(*notes.warnings, *([warning] if warning else [])),
    )
    return solve(problem, chosen, progress=progress)[0]


def read_constraints(given: Constraints | dict[str, Any] | None) -> Constraints:
    """Constraints from a record or a dict; errors point below `/constraints`."""
    try:
        return Constraints.model_validate(given or {})
    except ValidationError as exc:
        raise InvalidInputError.from_pydantic(exc, "/constraints") from exc


def solve(
    problem: AllocationProblem, chosen: Allocator, *, progress: bool = False, onlooker: Onlooker | None = None
) -> tuple[Plan, Floats]:
    """The plan, and the features of its pairs as they were when chosen, shape (k, f), as the scorer takes them.

    `onlooker` sees the choices in the order of the plan's assignments.
    """
    allocation = chosen.allocate(problem, progress=progress, onlooker=onlooker)
    features = chosen_features(problem, allocation)
    made = Plan(
        method=chosen.method,
        scorer=ScorerInfo(name=problem.scorer.name, version=problem.scorer.version),
        assignments=_planned(problem, allocation, features),
        unassigned=unassigned_of(problem, allocation),
        report=report_of(problem, allocation),
    )
    return made, features


def chosen_features(problem: AllocationProblem, allocation: Allocation) -> Floats:
    """Features of the chosen pairs at the loads of their moment, shape (k, f), as the scorer takes them."""
    choices = allocation.choices
    employees = np.array([choice.employee for choice in choices], dtype=np.int64)
    loads = Loads(
        hours=floats([choice.hours for choice in choices]),
        seconds=np.zeros(len(choices), dtype=np.int64),
        active=floats([choice.active for choice in choices]),
        count=np.zeros(len(choices), dtype=np.int64),
    )
    tasks = np.array([choice.task for choice in choices], dtype=np.int64)
    pairs = problem.pairs.of_employees(employees)
    return feature_matrix(pairs, loads, tasks, np.arange(len(choices)), problem.scorer.features)


def _planned(problem: AllocationProblem, allocation: Allocation, features: Floats) -> tuple[PlannedAssignment, ...]:
    scorers = [scorer_of(problem.scorer, problem.tasks[choice.task].task_id) for choice in allocation.choices]
    explanations = _explained(scorers, features)
    return tuple(
        PlannedAssignment(
            task_id=problem.tasks[choice.task].task_id,
            employee_id=problem.employees[choice.employee].employee_id,
            score=choice.score,
            confidence=scorer.confidence,
            hours=problem.needed_by(choice.task, choice.employee) / SECONDS_PER_HOUR,
            explanation=explanation,
        )
        for choice, scorer, explanation in zip(allocation.choices, scorers, explanations, strict=True)
    )


def _explained(scorers: Sequence[Scorer], features: Floats) -> list[Explanation]:
    """Why each pair: by the scorer of its task, all pairs of one scorer at once."""
    found: dict[int, Explanation] = {}
    for scorer in {id(scorer): scorer for scorer in scorers}.values():
        rows = [row for row, own in enumerate(scorers) if own is scorer]
        found.update(zip(rows, scorer.explain(features[rows]), strict=True))
    return [found[row] for row in range(len(scorers))]

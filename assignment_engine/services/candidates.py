"""Who could take this task, how well, and why the others could not."""

from __future__ import annotations

import numpy as np

from assignment_engine.allocation.allocators import load_ratio, rounded
from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.plans import Obstacle, Reason, ScorerInfo
from assignment_engine.domain.records import Record
from assignment_engine.domain.types import TaskStatus
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.definition import feature_matrix
from assignment_engine.scoring.held_out import scorer_of
from assignment_engine.scoring.protocol import ScoreRow
from assignment_engine.scoring.service import Candidate
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.dispatch.choice import live_problem
from assignment_engine.store.unit import UnitOfWork


class Ineligible(Record):
    """A person who cannot take the task, with every reason."""

    employee_id: str
    reasons: tuple[Reason, ...]


class Candidates(Record):
    """The best people for a task, and who is ruled out."""

    task_id: str
    scorer: ScorerInfo
    candidates: tuple[Candidate, ...]
    ineligible: tuple[Ineligible, ...]


def candidates(unit: UnitOfWork, core: DecisionCore, task_id: str, top_k: int = 5, *, live: bool = False) -> Candidates:
    """The `top_k` best under the planning constraints, or the live ones, judged as if the task came alone now.

    Raises
    ------
    NotFoundError
    """
    task = unit.tasks.get(task_id)
    employees = unit.employees.get_many(None)
    pending = task.model_copy(update={"status": TaskStatus.PENDING})
    now = unit.now()
    if live:
        problem = live_problem(unit, core, pending, employees, now)
    else:
        problem = core.problem(unit, [pending], employees, Constraints(), now)
    scorer = scorer_of(problem.scorer, task_id)
    eligible = Eligibility.of(problem).candidates(0, problem.pairs.initial)
    row = problem.scorer.prepare(problem.pairs, problem.pairs.initial).row(0, eligible)
    scored = ~np.isnan(row.scores)
    return Candidates(
        task_id=task_id,
        scorer=ScorerInfo(name=scorer.name, version=scorer.version),
        candidates=_best(problem, eligible[scored], ScoreRow(row.scores[scored], row.raw[scored]), top_k),
        ineligible=tuple(_ineligible(problem, eligible, eligible[~scored])),
    )


def _best(problem: AllocationProblem, eligible: Ints, row: ScoreRow, top_k: int) -> tuple[Candidate, ...]:
    loads = load_ratio(problem.pairs.initial, problem.capacity, eligible)
    order = np.lexsort((eligible, loads, -rounded(row.raw), -rounded(row.scores)))[:top_k]
    scorer = scorer_of(problem.scorer, problem.tasks[0].task_id)
    explanations = scorer.explain(_features(problem, eligible[order])) if order.size else ()
    return tuple(
        Candidate(
            employee_id=problem.employees[eligible[position]].employee_id,
            score=float(row.scores[position]),
            confidence=scorer.confidence,
            load=float(loads[position]),
            explanation=explanation,
        )
        for position, explanation in zip(order, explanations, strict=True)
    )


def _features(problem: AllocationProblem, employees: Ints) -> Floats:
    first = np.zeros_like(employees)
    return feature_matrix(problem.pairs, problem.pairs.initial, first, employees, problem.scorer.features)


def _ineligible(problem: AllocationProblem, eligible: Ints, unscored: Ints) -> list[Ineligible]:
    loads = problem.pairs.initial
    obstacles = Eligibility.of(problem).obstacles(0, loads)
    blocked = np.setdiff1d(np.arange(len(problem.employees)), eligible)
    reasons = {
        int(row): [
            Reason(code=rule.code, detail=rule.detail(0, int(row), loads)) for rule, mask in obstacles if mask[row]
        ]
        for row in blocked
    }
    nothing_known = Reason(code=Obstacle.NO_DATA, detail="has nothing known that could be scored")
    reasons |= {int(row): [nothing_known] for row in unscored}
    return [
        Ineligible(employee_id=problem.employees[row].employee_id, reasons=tuple(reasons[row]))
        for row in sorted(reasons)
    ]

"""What the choices of a plan were compared with, as the training log keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.allocation.sample import Comparison, Sampler
from assignment_engine.domain.sampled import as_columns
from assignment_engine.domain.stored import JsonText, PlannedDecision


def planned_decisions(sampler: Sampler) -> Iterator[list[PlannedDecision]]:
    """The choices in their order, some at a time; candidates are written as those of live decisions are."""
    for part in sampler.comparisons():
        yield [_decision(sampler.problem, comparison) for comparison in part]


def _decision(problem: AllocationProblem, comparison: Comparison) -> PlannedDecision:
    compared, names = comparison.compared, problem.scorer.features
    people = [problem.employees[employee].employee_id for employee in compared.employees.tolist()]
    logged = as_columns(
        {
            "task_id": [problem.tasks[compared.task].task_id] * len(people),
            "employee_id": people,
            "score": compared.scores.tolist(),
        },
        dict(zip(names, comparison.features.T.tolist(), strict=True)),
    )
    return PlannedDecision(compared.decision_id, compared.rank, JsonText(json.dumps(logged, ensure_ascii=False)))

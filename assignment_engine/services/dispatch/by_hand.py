"""What somebody who gave a task by hand could have chosen from: choices of people are what a ranking learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from random import Random

import numpy as np

from assignment_engine.allocation.allocators import load_ratio, rounded
from assignment_engine.allocation.problem import AllocationProblem
from assignment_engine.domain.assignments import NewAssignment
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.holdout import NOTHING_HELD_OUT
from assignment_engine.domain.records import StoredEmployee, StoredTask
from assignment_engine.domain.stored import TrainingRow
from assignment_engine.domain.types import TaskStatus
from assignment_engine.features.definition import feature_matrix
from assignment_engine.services.dispatch.candidates import Candidate, candidates_of, training_row
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.store.unit import UnitOfWork

MOST_COMPARED = 200


def decision_by_hand(
    unit: UnitOfWork, dispatcher: Dispatcher, new: NewAssignment, task: StoredTask, now: datetime
) -> TrainingRow | None:
    """The choice beside others whom the rules of planning allow: of at most 200 people, drawn by the assignment's id.

    The person who was chosen is there whatever the rules say. None where the task cannot be given or scoring breaks
    off: work that is given by hand does not wait for a model.
    """
    if task.status is not TaskStatus.PENDING:
        return None
    found = dispatcher.decided(unit, now, lambda: _compared(unit, dispatcher, new, task, now))
    chosen = next((candidate for candidate in found if candidate.employee.employee_id == new.employee_id), None)
    return None if chosen is None else training_row(new, chosen, found, dispatcher.core.scorer, now)


def _compared(
    unit: UnitOfWork, dispatcher: Dispatcher, new: NewAssignment, task: StoredTask, now: datetime
) -> list[Candidate]:
    others = [employee_id for employee_id in unit.employees.ids() if employee_id != new.employee_id]
    lots = Random(new.id)  # noqa: S311  (a sample, not a secret)
    some = lots.sample(others, min(MOST_COMPARED - 1, len(others)))
    people = unit.employees.get_many([new.employee_id, *some])
    core = replace(dispatcher.core, holdout=NOTHING_HELD_OUT)
    problem = core.problem(unit, [task], people, Constraints(), now)
    found = candidates_of(problem, [task], people)
    if any(candidate.employee.employee_id == new.employee_id for candidate in found):
        return found
    return [*found, _against_the_rules(problem, task, people, new.employee_id)]


def _against_the_rules(
    problem: AllocationProblem, task: StoredTask, people: Sequence[StoredEmployee], employee_id: str
) -> Candidate:
    place = np.array([[person.employee_id for person in problem.employees].index(employee_id)])
    loads = problem.pairs.initial
    features = feature_matrix(problem.pairs, loads, np.zeros(1, dtype=np.int64), place, problem.scorer.features)
    score = float(rounded(np.nan_to_num(problem.scorer.score(features).scores))[0])
    return Candidate(
        task=task,
        employee=next(person for person in people if person.employee_id == employee_id),
        score=score,
        raw=score,
        load=float(load_ratio(loads, problem.capacity, place)[0]),
        seconds=problem.needed_by(0, int(place[0])),
        features=features[0],
        names=problem.scorer.features,
    )

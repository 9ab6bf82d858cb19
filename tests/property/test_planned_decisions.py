"""What each choice of a plan was compared with is kept as it was at that moment."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment_engine.allocation.allocators import load_ratio, rounded
from assignment_engine.allocation.eligibility import Eligibility
from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.sample import SAMPLE_BEST, SAMPLE_OTHERS, Sampler
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.sampled import as_rows
from assignment_engine.scoring.protocol import scored
from assignment_engine.services.planned_decisions import planned_decisions
from tests.builders import World, world
from tests.property.strategies import worlds


def decisions(found: World, method: str):
    """The plan, its decisions in its order, and the sampler."""
    problem = found.problem()
    sampler = Sampler(problem)
    plan, features = solve(problem, allocator(method), onlooker=sampler)
    return problem, plan, features, sampler, [d for part in planned_decisions(sampler) for d in part]


@given(worlds(), st.sampled_from(["greedy", "balanced", "optimal"]))
@settings(settings.get_profile("ci"), max_examples=60)
def test_candidates_have_the_scores_and_features_of_that_moment(found, method):
    """Everything is computed again from the loads that the plan had led to by then."""
    problem, plan, features, _, logged = decisions(found, method)
    assert len(logged) == len(plan.assignments)
    loads, eligibility = problem.pairs.initial.copy(), Eligibility.of(problem)
    task_at = {task.task_id: row for row, task in enumerate(problem.tasks)}
    person_at = {person.employee_id: row for row, person in enumerate(problem.employees)}
    for number, (made, decision) in enumerate(zip(plan.assignments, logged, strict=True)):
        task, chosen = task_at[made.task_id], person_at[made.employee_id]
        then = problem.pairs.initial if method == "optimal" else loads
        everyone, row = scored(problem.scorer.prepare(problem.pairs, then), task, eligibility.candidates(task, then))
        ratios = load_ratio(then, problem.capacity, everyone)
        merit = sorted(range(everyone.size), key=lambda i: (-rounded(row.scores)[i], -rounded(row.raw)[i], ratios[i]))
        ranked = [problem.employees[everyone[i]].employee_id for i in merit]
        candidates = as_rows(json.loads(decision.candidates))
        names = [candidate["employee_id"] for candidate in candidates]
        assert decision.rank == 1 + ranked.index(made.employee_id)
        assert names[:SAMPLE_BEST] == ranked[:SAMPLE_BEST]
        assert len(set(names)) == len(names) == min(len(ranked), SAMPLE_BEST + SAMPLE_OTHERS)
        assert set(names) <= set(ranked)
        values = np.array([list(candidate["features"].values()) for candidate in candidates], dtype=float)
        again = rounded(problem.scorer.score(values).scores)
        np.testing.assert_allclose(again, [candidate["score"] for candidate in candidates], atol=2e-9)
        if made.employee_id in names:
            np.testing.assert_array_equal(values[names.index(made.employee_id)], features[number])
        loads.add(chosen, problem.needed_by(task, chosen))


@pytest.mark.parametrize("people", [1, SAMPLE_BEST, 40])
def test_of_many_candidates_the_best_and_five_others_are_kept(people):
    """The others are drawn by the id of the decision, so that two decisions seldom have the same."""
    staff = [Employee(employee_id=f"e{n:02}", skills={"sql": (n + 1) / people}) for n in range(people)]
    tasks = [Task(task_id=f"t{n}", required_skills={"sql": 1.0}, estimated_hours=0.5) for n in range(6)]
    _, _, _, sampler, logged = decisions(world(*staff, *tasks), "greedy")
    kept = [as_rows(json.loads(decision.candidates)) for decision in logged]
    assert {len(candidates) for candidates in kept} == {min(people, SAMPLE_BEST + SAMPLE_OTHERS)}
    others = {tuple(candidate["employee_id"] for candidate in candidates[SAMPLE_BEST:]) for candidates in kept}
    assert len(others) == (1 if people <= SAMPLE_BEST else len(tasks))
    assert len({decision.decision_id for decision in logged}) == len(tasks)
    assert sum(choice.employees.size for choice in sampler.choices) <= len(tasks) * (SAMPLE_BEST + SAMPLE_OTHERS)

"""The simulated organisation is deterministic, leaks nothing from the future, and behaves by its stated truth."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from numpy.random import default_rng

from assignment_engine.domain.records import EmployeeHistory
from assignment_engine.domain.types import TaskStatus
from assignment_engine.features.definition import FEATURE_NAMES, FEATURES
from assignment_engine.learning.behaviour import choose, match, success_probability
from assignment_engine.learning.organisation import NOW, simulate
from assignment_engine.learning.people import draw_people
from assignment_engine.learning.work import draw_job


@pytest.fixture(scope="module")
def organisation():
    return simulate(2, people=20, decisions=1200)


@pytest.fixture(scope="module")
def people():
    return draw_people(default_rng(8), 30)


@pytest.fixture
def job():
    drawn = draw_job(default_rng(9), 50, NOW)
    return replace(drawn, hours=3.0, complexity=0.5, deadline=None)


def test_the_same_seed_gives_the_same_organisation():
    one, two = (simulate(4, people=8, decisions=120) for _ in range(2))
    assert (one.employees, one.open_tasks, one.history) == (two.employees, two.open_tasks, two.history)
    np.testing.assert_array_equal(one.decisions.features, two.decisions.features)
    np.testing.assert_array_equal(one.decisions.good, two.decisions.good)


def test_another_seed_gives_another(organisation):
    assert simulate(3, people=20, decisions=50).employees != organisation.employees


def test_outcomes_follow_the_truth(organisation):
    """In each fifth of the stated probability the share of good outcomes is that probability, within 4 errors."""
    decisions = organisation.decisions
    for rows in np.array_split(np.argsort(decisions.truth), 5):
        truth = decisions.truth[rows]
        error = np.sqrt(np.sum(truth * (1 - truth))) / len(rows)
        assert abs(decisions.good[rows].mean() - truth.mean()) < 4 * error


def in_order_of_decision(organisation):
    return sorted(organisation.history, key=lambda past: (past.assigned_at, past.task_id))


def test_features_know_only_what_had_ended_before(organisation):
    """Counted again from the history, by hand: mean hours of work that ended before each decision."""
    column = organisation.decisions.features[:, FEATURE_NAMES.index("avg_completion_hours")]
    of_person = defaultdict(list)
    compared = 0
    for past in organisation.history:
        of_person[past.employee_id].append(past)
    for value, past in zip(column, in_order_of_decision(organisation), strict=True):
        before = [p.hours for p in of_person[past.employee_id] if p.completed_at < past.assigned_at]
        if before and not np.isnan(value):
            assert value == pytest.approx(np.mean(before))
            compared += 1
        elif not before:
            assert np.isnan(value)
    assert compared > 800


def test_histories_count_what_has_ended(organisation):
    employee = organisation.employees[0]
    mine = [past for past in organisation.history if past.employee_id == employee.employee_id]
    assert employee.history.completed == len(mine)
    assert employee.history.outcomes.good == sum(past.outcome == "good" for past in mine)
    assert sum(employee.history.by_department.values()) == sum(past.department is not None for past in mine)


def test_active_work_is_the_present_load(organisation):
    for employee in organisation.employees:
        assert employee.current_workload >= 0
        assert (employee.current_workload > 0) == (employee.history.active_tasks > 0)


def test_everything_in_the_history_has_happened(organisation):
    for past in organisation.history:
        assert past.assigned_at <= past.started_at < past.completed_at < organisation.now


def test_open_tasks_wait_and_are_not_overdue(organisation):
    assert len(organisation.open_tasks) == 60
    for task in organisation.open_tasks:
        assert task.status is TaskStatus.PENDING
        assert task.created_at is None or task.created_at <= organisation.now
        assert task.deadline is None or task.deadline > organisation.now


def test_every_feature_that_can_be_missing_sometimes_is(organisation):
    missing = np.isnan(organisation.decisions.features).any(axis=0)
    assert {f.name for f, gap in zip(FEATURES, missing, strict=True) if gap} <= {
        f.name for f in FEATURES if f.missing != "never"
    }
    assert missing[FEATURE_NAMES.index("success_rate")]
    assert missing[FEATURE_NAMES.index("skill_match")]


def test_skill_experience_and_time_help(people, job):
    idle = np.zeros(30)
    base = success_probability(people, job, idle, 0)
    masters = replace(people, levels=np.ones_like(people.levels), years=np.full(30, 30.0))
    assert np.all(success_probability(masters, job, idle, 0) >= base)
    assert np.all(success_probability(people, job, people.capacity, 0) < base)
    assert np.all(success_probability(people, job, idle, 2) < base)
    hurried = replace(job, deadline=job.decided_at + (NOW - NOW.replace(hour=4)))
    assert np.all(success_probability(people, hurried, idle, 0) < base)


def test_log_odds_are_the_stated_ones(people, job):
    """Of the first person at no load, by hand."""
    experience = min(1.0, people.years[0] / 5.5)
    overload = max(0.0, 3.0 / people.capacity[0] - 0.6)
    log_odds = (
        1.2
        + 3.5 * (match(people, job)[0] - 0.8)
        + 1.5 * (experience - 0.6)
        - 2.5 * overload
        - 0.4
        + 0.5 * (people.department[0] == job.department)
        - 0.6 * (1 - people.availability[0])
        + people.quality[0]
        + people.affinity[0, job.kind]
    )
    probability = success_probability(people, job, np.zeros(30), 1)[0]
    assert np.log(probability / (1 - probability)) == pytest.approx(log_odds)


def test_the_past_preferred_the_skilled_but_tried_everybody(people, job):
    dice = default_rng(0)
    chosen = [choose(dice, people, job, np.zeros(30)) for _ in range(3000)]
    assert len(set(chosen)) == 30
    assert match(people, job)[chosen].mean() > match(people, job).mean() + 0.1


def test_people_without_history_are_possible():
    organisation = simulate(1, people=5, decisions=1, open_tasks=2)
    assert sum(e.history != EmployeeHistory() for e in organisation.employees) <= 1
    assert organisation.decisions.features.shape[1] == len(FEATURE_NAMES)

"""The weighted fallback against the document: 40 % skill match, 30 % experience, 30 % free workload."""

from __future__ import annotations

import numpy as np
import pytest

from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.organisation import simulate
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.service import MLService


def scalar_fallback(employee, task):
    """One pair at a time, by the words of the document; missing terms are dropped and the weights scaled up."""
    weighted = [(0.3, 1.0 - min(1.0, employee.current_workload / employee.max_workload))]
    if task.required_skills is not None and (employee.skills is not None or not task.required_skills):
        shares = [min(1.0, (employee.skills or {}).get(s, 0.0) / level) for s, level in task.required_skills.items()]
        weighted.append((0.4, sum(shares) / len(shares) if shares else 1.0))
    if employee.experience_years is not None and task.complexity_score is not None:
        weighted.append((0.3, min(1.0, employee.experience_years / (1 + 9 * task.complexity_score))))
    return sum(weight * term for weight, term in weighted) / sum(weight for weight, _ in weighted)


def features(**given):
    return np.array([[given.get(name, np.nan) for name in FEATURE_NAMES]])


def test_equals_the_scalar_formula_on_real_looking_records():
    organisation = simulate(11, people=12, decisions=150, open_tasks=30)
    service = MLService()
    for task in organisation.open_tasks:
        for employee in organisation.employees:
            score, confidence = service.fallback_score(employee, task, now=organisation.now)
            assert score == pytest.approx(scalar_fallback(employee, task), abs=1e-12)
            assert confidence == 0.6


def test_weights_are_40_30_30():
    row = features(skill_match=0.5, experience_years=2.0, complexity=1 / 3, workload_ratio=0.25)
    assert WeightedFallback().score(row).scores[0] == pytest.approx(0.4 * 0.5 + 0.3 * 0.5 + 0.3 * 0.75)


def test_a_missing_term_is_dropped_and_named():
    row = features(skill_match=0.5, workload_ratio=0.25)
    assert WeightedFallback().score(row).scores[0] == pytest.approx((0.4 * 0.5 + 0.3 * 0.75) / 0.7)
    (explanation,) = WeightedFallback().explain(row)
    assert "experience_match" in explanation.note


def test_without_any_term_there_is_no_score():
    assert np.isnan(WeightedFallback().score(features()).scores[0])

"""The table of features, row by row, with numbers worked out by hand."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from assignment_engine.domain.records import EmployeeHistory, Priors, Tally
from assignment_engine.features.definition import FEATURES, feature_matrix
from assignment_engine.features.pairs import build_pairs
from assignment_engine.features.skills import SkillMatcher
from tests.builders import ALIASES, NOW, employee, task

HISTORY = EmployeeHistory(
    active_tasks=2,
    completed=4,
    completed_hours=10,
    outcomes=Tally(good=6, total=8),
    by_category={"repair": Tally(good=3, total=3)},
    by_department={"north": 3, "south": 1},
)
PERSON = employee(
    skills={"python": 0.4},
    experience_years=8,
    current_workload=10,
    max_workload=40,
    performance_rating=4,
    department="east",
    history=HISTORY,
)
WORK = task(
    required_skills={"python": 0.8},
    priority="high",
    estimated_hours=6,
    deadline=NOW + timedelta(hours=24),
    complexity_score=0.5,
    category="repair",
    department="north",
    dependencies=["a", "b"],
    created_at=NOW - timedelta(hours=48),
)


def features(person=PERSON, work=WORK, **options) -> dict[str, float]:
    pairs = build_pairs([work], [person], NOW, matcher=SkillMatcher(ALIASES), **options)
    row = np.array([0])
    values = feature_matrix(pairs, pairs.initial, row, row)[0]
    return dict(zip((f.name for f in FEATURES), values.tolist(), strict=True))


def changed(record, **fields):
    """The record made anew with these fields, None for *not given*."""
    return type(record)(**{**dict(record), **fields})


def test_seventeen_features_in_three_groups():
    groups = [feature.group for feature in FEATURES]
    assert groups == ["employee"] * 6 + ["task"] * 6 + ["pair"] * 5


def test_by_hand():
    everyone = (6 + 2.5) / (8 + 5)
    own = (6 + 10 * everyone) / (8 + 10)
    assert features() == pytest.approx(
        {
            "experience_years": 8,
            "workload_ratio": 0.25,
            "availability": 1,
            "performance": 0.8,
            "active_tasks": 2,
            "avg_completion_hours": 2.5,
            "priority": 3,
            "complexity": 0.5,
            "estimated_hours": 6,
            "time_pressure": 0.25,
            "dependencies": 2,
            "task_age_hours": 48,
            "skill_match": 0.5,
            "experience_complexity_ratio": 8 / 5.5,
            "capacity_fit": 0.8,
            "department_match": 0.75,
            "success_rate": (3 + 5 * own) / (3 + 5),
        }
    )


@pytest.mark.parametrize(
    ("record", "field", "lost"),
    [
        ("person", "skills", {"skill_match"}),
        ("person", "experience_years", {"experience_years", "experience_complexity_ratio"}),
        ("person", "performance_rating", {"performance"}),
        ("person", "history", {"active_tasks", "avg_completion_hours", "department_match", "success_rate"}),
        ("person", "department", set()),
        ("work", "required_skills", {"skill_match"}),
        ("work", "estimated_hours", {"estimated_hours", "time_pressure", "capacity_fit"}),
        ("work", "deadline", set()),
        ("work", "complexity_score", {"complexity", "experience_complexity_ratio"}),
        ("work", "category", set()),
        ("work", "department", {"department_match"}),
        ("work", "created_at", {"task_age_hours"}),
    ],
)
def test_a_gap_stays_a_gap(record, field, lost):
    """What is not given makes exactly the features that need it NaN, and no number is put in its place."""
    values = features(**{record: changed({"person": PERSON, "work": WORK}[record], **{field: None})})
    assert {name for name, value in values.items() if np.isnan(value)} == lost


@pytest.mark.parametrize(
    ("status", "expected"), [("available", 1), ("partial", 0.5), ("busy", 0), ("away", 0), ("offline", 0)]
)
def test_availability(status, expected):
    assert features(changed(PERSON, availability_status=status))["availability"] == expected


@pytest.mark.parametrize(
    ("current", "maximum", "ratio", "fit"),
    [
        (0, 40, 0, 0.85),
        (40, 40, 1, 0),
        (50, 40, 1, 0),
        (0, 0, 1, 0),
        (5, 0, 1, 0),
        (34, 40, 0.85, 0),
        (28, 40, 0.7, 0.5),
    ],
)
def test_load_and_capacity(current, maximum, ratio, fit):
    """No capacity counts as fully loaded, with no free time."""
    values = features(changed(PERSON, current_workload=current, max_workload=maximum))
    assert values["workload_ratio"] == pytest.approx(ratio)
    assert values["capacity_fit"] == pytest.approx(fit)


@pytest.mark.parametrize(
    ("hours_left", "estimate", "pressure"),
    [(24, 6, 0.25), (3, 6, 1), (0, 6, 1), (-5, 6, 1), (-5, None, 1), (None, 6, 0), (None, None, 0)],
)
def test_time_pressure(hours_left, estimate, pressure):
    """1 when overdue, 0 without a deadline, whatever the estimate."""
    deadline = None if hours_left is None else NOW + timedelta(hours=hours_left)
    assert features(work=changed(WORK, deadline=deadline, estimated_hours=estimate))["time_pressure"] == pressure


def test_time_pressure_ahead_of_a_deadline_without_an_estimate_is_not_known():
    assert np.isnan(features(work=changed(WORK, estimated_hours=None))["time_pressure"])


def test_experience_per_complexity_is_capped_at_ten():
    work = changed(WORK, complexity_score=0.0)
    assert features(changed(PERSON, experience_years=30), work)["experience_complexity_ratio"] == 10


def test_dependencies_count_unfinished_tasks_once():
    work = changed(WORK, dependencies=["a", "b", "b", "c"])
    assert features(work=work)["dependencies"] == 3
    assert features(work=work, completed=frozenset({"b"}))["dependencies"] == 2


def test_dependencies_completed_in_the_plan_itself_do_not_count():
    done = task("a", status="completed")
    pairs = build_pairs([WORK, done], [PERSON], NOW, matcher=SkillMatcher(ALIASES))
    row = np.array([0])
    assert feature_matrix(pairs, pairs.initial, row, row, names=["dependencies"])[0, 0] == 1


def test_a_task_of_the_future_has_a_negative_age():
    assert features(work=changed(WORK, created_at=NOW + timedelta(hours=2)))["task_age_hours"] == -2


@pytest.mark.parametrize(
    ("own", "of_task", "expected"),
    [("north", "north", 1), ("east", "north", 0.75), (None, "south", 0.25), ("east", "west", 0)],
)
def test_department_match(own, of_task, expected):
    assert features(changed(PERSON, department=own), changed(WORK, department=of_task))["department_match"] == expected


def test_success_rate_backs_off_from_category_to_person_to_everyone():
    priors = Priors(everyone=Tally(good=30, total=40))
    everyone = 32.5 / 45
    own = (6 + 10 * everyone) / 18
    assert features(work=changed(WORK, category="new"), priors=priors)["success_rate"] == pytest.approx(own)
    assert features(employee(), priors=priors)["success_rate"] == pytest.approx(everyone)
    assert features(priors=priors)["success_rate"] == pytest.approx((3 + 5 * own) / 8)


def test_success_rate_without_any_outcome_is_not_known():
    assert np.isnan(features(employee(history=EmployeeHistory()))["success_rate"])


def test_no_finished_work_is_no_average():
    """Also where hours were noted without a finished task."""
    assert np.isnan(features(employee(history=EmployeeHistory(completed_hours=3)))["avg_completion_hours"])


@pytest.mark.parametrize(("tasks", "people"), [([], [PERSON]), ([WORK], []), ([], [])])
def test_nothing_gives_an_empty_matrix(tasks, people):
    pairs = build_pairs(tasks, people, NOW, matcher=SkillMatcher(ALIASES))
    none = np.array([], dtype=np.int64)
    assert feature_matrix(pairs, pairs.initial, none, none).shape == (0, 17)

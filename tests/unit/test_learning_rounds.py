"""A simulated organisation that plans, learns and promotes."""

from __future__ import annotations

import numpy as np
import pytest

from assignment_engine.learning.plots import plot_courses
from assignment_engine.learning.promotion import changes
from assignment_engine.learning.rounds import Attempt, Course, Day, run_rounds


def test_days_start_with_the_fallback_and_full_knowledge_is_the_most(tmp_path):
    course = run_rounds(5, tmp_path, people=12, days=8, retrain_days=4)
    assert {day.scorer for day in course.days} == {"weighted-fallback 1"}
    assert all(day.champion == day.fallback for day in course.days)
    assert np.mean([day.full_knowledge - day.fallback for day in course.days]) > 0.02
    assert [attempt.note for attempt in course.attempts] == ["too few outcomes"] * 2


@pytest.mark.slow
def test_plans_get_better_with_what_was_learned(tmp_path):
    course = run_rounds(1, tmp_path, days=80)
    promoted = [attempt for attempt in course.attempts if attempt.promoted]
    assert [change.bundle for change in changes(tmp_path)] == [f"day-{attempt.day + 1}" for attempt in promoted]
    after = course.days[promoted[0].day + 1 :]
    gap = np.mean([day.full_knowledge - day.fallback for day in after])
    gained = np.mean([day.champion - day.fallback for day in after])
    assert 0.2 * gap < gained <= gap


def test_a_picture_is_drawn(tmp_path):
    days = tuple(
        Day(day=i, scorer="s", tasks=3, assigned=3, champion=0.6 + i / 100, fallback=0.6, full_knowledge=0.8)
        for i in range(20)
    )
    course = Course(seed=1, days=days, attempts=(Attempt(day=3, outcomes=5, promoted=False, note=""),))
    plot_courses([course, course], tmp_path / "course.svg")
    assert "<svg" in (tmp_path / "course.svg").read_text()
    assert days[10].share_of_gap == pytest.approx(0.5)

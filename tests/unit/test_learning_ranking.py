"""Measures of candidate sets, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from assignment_engine.learning.ranking import Sets, choice_measures, relative

SETS = Sets(np.array([3, 2, 4]))
CHOSEN = np.array([True, False, False, False, True, False, False, False, False])


def test_ties_count_as_if_broken_by_lot():
    """First set: the chosen one ties with one other for the top. Second: it is last of two. Third: not in the set."""
    score = np.array([5.0, 5.0, 1.0, 2.0, 1.0, 9.0, 8.0, 7.0, 6.0])
    found = choice_measures(score, CHOSEN, SETS)
    assert found["top1"] == pytest.approx((0.5 + 0 + 0) / 3)
    assert found["top3"] == pytest.approx((1 + 1 + 0) / 3)
    assert found["mrr"] == pytest.approx(((1 + 1 / 2) / 2 + 1 / 2 + 0) / 3)


def test_chance_is_one_over_the_size():
    found = choice_measures(np.zeros(9), CHOSEN, SETS)
    assert found["top1"] == pytest.approx((1 / 3 + 1 / 2 + 0) / 3)
    assert found["mrr"] == pytest.approx(((1 + 1 / 2 + 1 / 3) / 3 + (1 + 1 / 2) / 2) / 3)


def test_a_missing_score_is_the_lowest():
    assert choice_measures(np.array([np.nan, -5.0]), np.array([True, False]), Sets(np.array([2])))["top1"] == 0.0


def test_sets_are_neighbours_with_the_same_key():
    assert Sets.of(np.array([7, 7, 3, 3, 3, 9])).sizes.tolist() == [2, 3, 1]
    assert Sets.of(np.array([], dtype=np.int64)).sizes.tolist() == []


def test_relative_features_are_rank_and_ratio_within_the_set():
    features = np.array([[1.0, 5.0], [4.0, 5.0], [2.0, 5.0], [3.0, 6.0], [np.nan, 6.0]])
    values, names = relative(features, ("skill", "task"), Sets(np.array([3, 2])))
    assert names == ("skill_rank", "skill_ratio")
    assert values[:, 0] == pytest.approx([0.0, 1.0, 0.5, 1.0, np.nan], nan_ok=True)
    assert values[:, 1] == pytest.approx([0.25, 1.0, 0.5, 1.0, np.nan], nan_ok=True)

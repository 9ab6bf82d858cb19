"""Quantiles with unfinished work: they hit the truth that ignoring it misses."""

from __future__ import annotations

import numpy as np
import pytest

from assignment_engine.learning.quantiles import (
    conformal_shift,
    coverage,
    pinball,
    share_ended,
    survival,
    with_unfinished,
)


def weighted_quantile(values, weight, quantile):
    order = np.argsort(values)
    return values[order][np.searchsorted(np.cumsum(weight[order]), quantile * weight.sum())]


def test_pinball_by_hand():
    """Too low by 2 costs 0.9 · 2, too high by 1 costs 0.1 · 1."""
    assert pinball(np.array([5.0, 2.0]), np.array([3.0, 3.0]), 0.9) == pytest.approx([1.8, 0.1])


def test_kaplan_meier_by_hand():
    """Ends at 1 and 3, one row leaves unfinished at 2: 3/4 go on after 1, and half of those after 3."""
    times, going = survival(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, False]))
    assert times.tolist() == [1, 2, 3, 4]
    assert going == pytest.approx([3 / 4, 3 / 4, 3 / 8, 3 / 8])
    assert share_ended(np.array([0.5, 1.0, 3.5]), times, going) == pytest.approx([0.0, 0.25, 0.625])


@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_unfinished_work_does_not_pull_quantiles_down(quantile):
    dice = np.random.default_rng(5)
    true = dice.exponential(10.0, 20_000)
    seen_for = dice.uniform(0.0, 40.0, 20_000)
    ended = true <= seen_for
    value = np.minimum(true, seen_for)
    rows = with_unfinished(np.zeros((20_000, 1)), value, ended, np.zeros(20_000, dtype=np.int64), quantile)
    expected = -10.0 * np.log(1 - quantile)
    naive = np.quantile(value[ended], quantile)
    assert weighted_quantile(rows.target, rows.weight, quantile) == pytest.approx(expected, rel=0.05)
    assert naive < 0.85 * expected


def test_work_that_nobody_closed_is_left_out():
    """Open for a year where nothing ever took longer than three hours."""
    value, ended = np.array([1.0, 2.0, 3.0, 9000.0]), np.array([True, True, True, False])
    rows = with_unfinished(np.zeros((4, 1)), value, ended, np.zeros(4, dtype=np.int64), 0.9)
    assert rows.target.tolist() == [1.0, 2.0, 3.0]


def test_finished_rows_alone_stay_as_they_are():
    value = np.arange(40.0)
    rows = with_unfinished(np.zeros((40, 1)), value, np.ones(40, dtype=bool), np.zeros(40, dtype=np.int64), 0.9)
    assert rows.target.tolist() == value.tolist()
    assert rows.weight.tolist() == [1.0] * 40


def test_a_conformal_shift_covers_what_it_promises():
    dice = np.random.default_rng(6)
    seen, unseen = dice.exponential(5.0, 3000), dice.exponential(5.0, 20_000)
    guess = 2.0
    shift = conformal_shift(seen, np.full(3000, guess), 0.9)
    assert coverage(unseen, np.full(20_000, guess + shift)) == pytest.approx(0.9, abs=0.02)

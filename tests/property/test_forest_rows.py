"""The compiled forest gives the raw scores of LightGBM for whole problems, while loads change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment_engine.features.definition import FEATURE_NAMES, feature_matrix
from assignment_engine.scoring.forest import rows
from assignment_engine.scoring.forest.rows import ForestRows
from assignment_engine.scoring.forest.tables import compile_forest
from tests.property.forests import MODELS, problem, train, trees_of


def predicted(booster, pairs, loads, task, employees):
    return booster.predict(feature_matrix(pairs, loads, np.asarray(task), employees), raw_score=True)


@given(parameters=MODELS, people=st.integers(1, 40), gap=st.sampled_from([0.0, 0.1, 0.9]))
@settings(max_examples=60, deadline=None)
def test_rows_are_the_raw_scores_of_lightgbm(parameters, people, gap):
    booster = train(parameters)
    rng = np.random.default_rng(parameters["seed"])
    pairs = problem(rng, 6, people, gap)
    loads = pairs.initial.copy()
    forest = ForestRows.of(compile_forest(trees_of(booster)), pairs, loads)
    for task in range(6):
        some = rng.permutation(people)[: rng.integers(0, people + 1)]
        for chosen in (np.arange(people), some, some[:0]):
            expected = predicted(booster, pairs, loads, task, chosen) if chosen.size else np.empty(0)
            np.testing.assert_allclose(forest.raw(task, chosen), expected, rtol=0.0, atol=1e-12)
        changed = int(rng.integers(people))
        loads.add(changed, int(rng.integers(1, 40_000)))
        forest.employee_changed(changed)


@pytest.fixture(scope="module")
def booster():
    return train({"objective": "binary", "num_leaves": 31, "min_data_in_leaf": 5, "seed": 5}, rounds=30)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_give_the_same_row(booster, monkeypatch, threads):
    monkeypatch.setattr(rows, "PAIRS_PER_THREAD", 50)
    pairs = problem(np.random.default_rng(8), 3, 777)
    forest = ForestRows.of(compile_forest(trees_of(booster)), pairs, pairs.initial.copy(), threads)
    everyone = np.arange(777)
    np.testing.assert_allclose(
        forest.raw(1, everyone), predicted(booster, pairs, pairs.initial, 1, everyone), rtol=0.0, atol=1e-12
    )


def test_a_load_that_is_not_announced_does_not_count(booster):
    """Masks are kept from row to row: only the announced employee is computed anew."""
    pairs = problem(np.random.default_rng(9), 2, 30, gap=0.0)
    loads = pairs.initial.copy()
    forest = ForestRows.of(compile_forest(trees_of(booster)), pairs, loads)
    everyone = np.arange(30)
    before = forest.raw(0, everyone)
    for employee in everyone:
        loads.add(employee, 36_000)
    np.testing.assert_array_equal(forest.raw(0, everyone), before)
    forest.employee_changed(4)
    assert np.flatnonzero(forest.raw(0, everyone) != before).tolist() in ([], [4])
    for employee in everyone:
        forest.employee_changed(employee)
    np.testing.assert_allclose(
        forest.raw(0, everyone), predicted(booster, pairs, loads, 0, everyone), rtol=0.0, atol=1e-12
    )


def test_more_than_one_block_of_people(booster):
    pairs = problem(np.random.default_rng(10), 2, 1030)
    forest = ForestRows.of(compile_forest(trees_of(booster)), pairs, pairs.initial.copy())
    for people in (np.arange(1030), np.arange(0, 1030, 3), np.arange(257), np.arange(1029)):
        np.testing.assert_allclose(
            forest.raw(1, people), predicted(booster, pairs, pairs.initial, 1, people), rtol=0.0, atol=1e-12
        )


def test_a_model_that_splits_on_nothing():
    booster = train({"objective": "binary", "num_leaves": 2, "min_data_in_leaf": 600, "seed": 2})
    pairs = problem(np.random.default_rng(2), 1, 5)
    forest = ForestRows.of(compile_forest(trees_of(booster)), pairs, pairs.initial.copy())
    expected = booster.predict(np.zeros((5, len(FEATURE_NAMES))), raw_score=True)
    np.testing.assert_allclose(forest.raw(0, np.arange(5)), expected, rtol=0.0, atol=1e-12)

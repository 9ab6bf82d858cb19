"""The mask tables lead every feature vector to the leaves that LightGBM leads it to."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings

from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.scoring.forest.kernels import _rows_of
from assignment_engine.scoring.forest.tables import Forest, compile_forest, not_covered
from tests.property.forests import MODELS, WIDTH, mixed, near_thresholds, train, trees_of


def raw_scores(forest: Forest, features: np.ndarray) -> np.ndarray:
    """What the tables mean, with nothing of the compiled code."""
    masks = forest.tables.rows[forest.rows_of(0, features[:, 0])]
    for feature in range(1, WIDTH):
        masks = masks & forest.tables.rows[forest.rows_of(feature, features[:, feature])]
    total = np.zeros(len(features))
    for tree, leaves in enumerate(forest.tables.leaves):
        total += leaves[[(int(mask) & -int(mask)).bit_length() - 1 for mask in masks[:, tree]]]
    return total


@given(parameters=MODELS)
@settings(max_examples=60, deadline=None)
def test_tables_give_the_raw_scores_of_lightgbm(parameters):
    booster = train(parameters)
    trees = trees_of(booster)
    rng = np.random.default_rng(parameters["seed"])
    for features in (near_thresholds(trees, rng, 200), mixed(rng, 200)):
        expected = booster.predict(features, raw_score=True)
        np.testing.assert_allclose(raw_scores(compile_forest(trees), features), expected, rtol=0.0, atol=1e-12)


@given(parameters=MODELS)
@settings(max_examples=20, deadline=None)
def test_compiled_code_finds_the_same_rows(parameters):
    trees = trees_of(train(parameters))
    forest = compile_forest(trees)
    features = near_thresholds(trees, np.random.default_rng(parameters["seed"]), 100)
    for feature in range(WIDTH):
        values, found = features[:, feature].copy(), np.empty(100, dtype=np.int32)
        _rows_of(values, feature, forest.tables, found)
        assert found.tolist() == forest.rows_of(feature, values).tolist()


def test_early_stopping_keeps_the_iterations_of_the_text():
    rng = np.random.default_rng(3)
    features = mixed(rng, 400)
    data = lightgbm.Dataset(features[:200], features[:200, 1] > 0.3, feature_name=list(FEATURE_NAMES))
    valid = data.create_valid(features[200:], rng.random(200) > 0.5)
    stop = lightgbm.early_stopping(3, verbose=False)
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, data, 50, [valid], callbacks=[stop])
    trees = trees_of(booster)
    assert len(trees) == booster.best_iteration < 50
    np.testing.assert_allclose(
        raw_scores(compile_forest(trees), features), booster.predict(features, raw_score=True), rtol=0.0, atol=1e-12
    )


@pytest.mark.parametrize(("leaves", "reason"), [(64, None), (65, "65 leaves")])
def test_more_than_64_leaves_are_not_covered(leaves, reason):
    parameters = {"objective": "regression", "num_leaves": leaves, "min_data_in_leaf": 1, "seed": 1}
    found = not_covered(trees_of(train(parameters)))
    assert found is None if reason is None else reason in found

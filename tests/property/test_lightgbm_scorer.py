"""The scorer gives LightGBM's raw scores for models of every kind, and damaged texts of them are refused."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment_engine.domain.errors import BundleError
from assignment_engine.features.definition import feature_matrix
from assignment_engine.scoring import lightgbm_scorer
from assignment_engine.scoring.bundle import Bundle, load_bundle, save_bundle
from assignment_engine.scoring.forest.rows import ForestRows
from assignment_engine.scoring.lightgbm_scorer import BoosterRows, LightGbmScorer
from tests.property.forests import BEYOND_THE_FOREST, MODELS, WIDTH, bundle_of, mixed, problem, train

CATEGORICAL = {
    "objective": "binary",
    "categorical_feature": list(range(WIDTH)),
    "min_data_per_group": 1,
    "cat_smooth": 0.0,
    "num_leaves": 15,
    "seed": 1,
}
LINEAR = {"objective": "regression", "linear_tree": True, "num_leaves": 7, "seed": 2}
KINDS = {
    "categorical": CATEGORICAL,
    "linear": LINEAR,
    "both": {**CATEGORICAL, "linear_tree": True},
    "many leaves": {"objective": "binary", "num_leaves": 200, "min_data_in_leaf": 1, "seed": 3},
}


@given(parameters=st.one_of(MODELS, BEYOND_THE_FOREST), people=st.integers(1, 30))
@settings(max_examples=100, deadline=None)
def test_raw_scores_are_those_of_lightgbm(parameters, people):
    booster = train(parameters)
    pairs = problem(np.random.default_rng(parameters["seed"]), 4, people)
    loads = pairs.initial.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lightgbm_scorer, "pays", lambda *_: True)
        scores = LightGbmScorer(bundle_of(booster)).prepare(pairs, loads)
    for task in range(4):
        vectors = feature_matrix(pairs, loads, np.asarray(task), np.arange(people))
        expected = booster.predict(vectors, raw_score=True)
        np.testing.assert_allclose(scores.row(task, np.arange(people)).raw, expected, rtol=0.0, atol=1e-12)
        loads.add(task % people, 36_000)
        scores.employee_changed(task % people)


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param, bundle_of(train(KINDS[request.param]))


def test_a_bundle_beyond_the_forest_is_served_by_lightgbm_and_says_why(kind, tmp_path):
    reasons = {"categorical": "categorical splits", "many leaves": "leaves"}
    name, bundle = kind
    save_bundle(bundle, tmp_path / "random")
    scorer = LightGbmScorer(load_bundle(tmp_path / "random"))
    pairs = problem(np.random.default_rng(0), 2, 3)
    assert isinstance(scorer.prepare(pairs, pairs.initial).rows, BoosterRows)
    assert scorer.describe().startswith("Booster.predict: ")
    assert reasons.get(name, "linear trees") in scorer.describe()


def test_a_plain_model_is_for_the_forest(monkeypatch):
    monkeypatch.setattr(lightgbm_scorer, "pays", lambda *_: True)
    pairs = problem(np.random.default_rng(0), 2, 3)
    scorer = LightGbmScorer(bundle_of(train({"objective": "binary", "seed": 4})))
    assert isinstance(scorer.prepare(pairs, pairs.initial).rows, ForestRows)


def test_explanations_add_up_to_the_log_odds(kind):
    _, bundle = kind
    scorer, features = LightGbmScorer(bundle), mixed(np.random.default_rng(7), 20)
    expected = scorer.score(features).raw
    explained = [e.base + sum(term.contribution for term in e.terms) for e in scorer.explain(features)]
    np.testing.assert_allclose(explained, expected, atol=1e-9)


def test_what_cannot_be_explained_says_so():
    (explanation,) = LightGbmScorer(bundle_of(train(LINEAR))).explain(np.zeros((1, WIDTH)))
    assert explanation.terms == ()
    assert "linear trees" in explanation.note


def damaged(text: str, dice: random.Random) -> str:
    """The text with one small change; half of them in a line that says what a categorical or linear tree does."""
    marks = ["cat_boundaries=", "cat_threshold=", "leaf_const=", "num_features=", "leaf_features=", "leaf_coeff="]
    marks += ["num_cat=", "is_linear=", "decision_type=", "threshold=", "feature_infos=", "left_child="]
    at = dice.randrange(len(text))
    near = text.find(f"\n{dice.choice(marks)}", at)
    if near > 0 and dice.random() < 0.7:
        at = near + dice.randrange(1, min(60, len(text) - near))
    drop = dice.choice([0, 0, 1, 1, 2, 40])
    return (
        text[:at] + dice.choice(["", "9", "-", " ", "\n", "=", "nan", "e1", "e0", "0", "_", "1 "]) + text[at + drop :]
    )


def test_no_damage_reaches_lightgbm(kind):
    """LightGBM ends the process on a text that does not fit together, so this test would not even fail."""
    _, bundle = kind
    dice, rows, refused = random.Random(1), mixed(np.random.default_rng(1), 50), 0
    for _ in range(150):
        try:
            assert Bundle(bundle.manifest, damaged(bundle.model_text, dice)).predictor.raw(rows).shape == (50,)
        except BundleError:
            refused += 1
    assert refused > 75


def replaced(text: str, name: str, change: Callable[[str], str], tree: int = 0) -> str:
    """The text with another value in the line of that name of one tree; the sizes of the trees follow."""
    start = text.index(f"\n{name}=", text.index(f"\nTree={tree}\n")) + len(name) + 2
    end = text.index("\n", start)
    return resized(text[:start] + change(text[start:end]) + text[end:])


def resized(text: str) -> str:
    blocks = text[text.index("\nTree=0\n") + 1 : text.index("end of trees\n")].split("Tree=")[1:]
    head, mark, rest = text.partition("\ntree_sizes=")
    return f"{head}{mark}{' '.join(str(len(block) + 5) for block in blocks)}{rest[rest.index(chr(10)) :]}"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("num_cat", lambda v: str(int(v) + 1)),
        ("num_cat", lambda _: "0"),
        ("cat_boundaries", lambda v: "1" + v[1:]),
        ("cat_boundaries", lambda v: v + "9"),
        ("cat_boundaries", lambda v: "0 0" + v[3:]),
        ("cat_threshold", lambda v: v + " 1"),
        ("cat_threshold", lambda v: "4294967296" + v[v.index(" ") :]),
        ("cat_threshold", lambda v: "-1" + v[v.index(" ") :]),
        ("cat_threshold", lambda v: "1e3" + v[v.index(" ") :]),
        ("decision_type", lambda v: "0" + v[1:]),
        ("decision_type", lambda v: "3" + v[1:]),
        ("is_linear", lambda _: "1"),
    ],
)
def test_a_categorical_tree_that_does_not_fit_together_is_refused(name, change):
    bundle = bundle_of(train(CATEGORICAL))
    with pytest.raises(BundleError, match="damaged"):
        _ = Bundle(bundle.manifest, replaced(bundle.model_text, name, change)).trees


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("leaf_const", lambda v: v + " 1"),
        ("leaf_const", lambda v: "inf" + v[v.index(" ") :]),
        ("num_features", lambda v: "18" + v[1:]),
        ("num_features", lambda v: "-1" + v[1:]),
        ("leaf_features", lambda v: "17" + v[v.index(" ") :]),
        ("leaf_features", lambda v: v.replace("  ", " ", 1)),
        ("leaf_features", lambda v: v[:-1]),
        ("leaf_coeff", lambda v: "nan" + v[v.index(" ") :]),
        ("leaf_coeff", lambda v: "1e999" + v[v.index(" ") :]),
        ("leaf_coeff", lambda v: "1 " + v),
        ("is_linear", lambda _: "0"),
    ],
)
def test_a_linear_tree_that_does_not_fit_together_is_refused(name, change):
    bundle = bundle_of(train(LINEAR))
    assert Bundle(bundle.manifest, replaced(bundle.model_text, name, str, tree=1)).trees[1].linear
    with pytest.raises(BundleError, match="damaged"):
        _ = Bundle(bundle.manifest, replaced(bundle.model_text, name, change, tree=1)).trees


@pytest.mark.parametrize("tail", ["nul", "{}", "1", "[", "null\nmore"])
def test_a_tail_that_lightgbm_cannot_read_is_refused(tail):
    bundle = bundle_of(train(CATEGORICAL))
    text = bundle.model_text.replace("pandas_categorical:null", f"pandas_categorical:{tail}")
    with pytest.raises(BundleError, match="pandas_categorical"):
        _ = Bundle(bundle.manifest, text).trees

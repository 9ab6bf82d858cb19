"""The LightGBM scorer picks the compiled forest where it covers the model and pays, and scores the same."""

from __future__ import annotations

import numpy as np
import pytest

from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.problem import build_problem
from assignment_engine.scoring import lightgbm_scorer
from assignment_engine.scoring.bundle import Bundle, load_bundle
from assignment_engine.scoring.forest.rows import ForestRows
from assignment_engine.scoring.lightgbm_scorer import BoosterRows, LightGbmScorer
from assignment_engine.scoring.registry import shipped_models
from benchmarks.problems import NOW, people, work
from tests.property.forests import problem, train


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(shipped_models() / "default")


def compiled_from_the_first_pair(monkeypatch, use):
    monkeypatch.setattr(lightgbm_scorer, "pays", lambda *_: use)


@pytest.mark.parametrize("method", ["greedy", "balanced"])
def test_plans_are_the_same_with_and_without_the_compiled_forest(bundle, monkeypatch, method):
    rng = np.random.default_rng(4)
    staff, tasks = people(60, rng), work(150, 60, rng)
    plans = []
    for use in (True, False):
        compiled_from_the_first_pair(monkeypatch, use)
        given = build_problem(tasks, staff, now=NOW, scorer=LightGbmScorer(bundle))
        plans.append(solve(given, allocator(method))[0])
    forest, booster = plans
    assert len(forest.assignments) > 100
    chosen = [[(a.task_id, a.employee_id, round(a.score, 9)) for a in plan.assignments] for plan in plans]
    assert chosen[0] == chosen[1]
    assert forest.report.value == pytest.approx(booster.report.value, abs=1e-9)
    assert forest.report.bound == pytest.approx(booster.report.bound, abs=1e-9)
    assert forest.unassigned == booster.unassigned


def test_a_small_problem_goes_to_lightgbm(bundle):
    pairs = problem(np.random.default_rng(0), 3, 4)
    assert isinstance(LightGbmScorer(bundle).prepare(pairs, pairs.initial).rows, BoosterRows)


def test_a_big_problem_goes_to_the_compiled_forest(bundle, monkeypatch):
    compiled_from_the_first_pair(monkeypatch, True)
    pairs = problem(np.random.default_rng(0), 3, 4)
    scorer = LightGbmScorer(bundle)
    assert isinstance(scorer.prepare(pairs, pairs.initial).rows, ForestRows)
    assert scorer.describe().startswith("compiled forest")


def test_a_model_that_is_not_covered_goes_to_lightgbm_and_says_why(bundle, monkeypatch):
    compiled_from_the_first_pair(monkeypatch, True)
    booster = train({"objective": "binary", "num_leaves": 70, "min_data_in_leaf": 1, "seed": 1}, rounds=2)
    scorer = LightGbmScorer(Bundle(bundle.manifest, booster.model_to_string()))
    pairs = problem(np.random.default_rng(0), 3, 4)
    assert isinstance(scorer.prepare(pairs, pairs.initial).rows, BoosterRows)
    assert scorer.describe() == "Booster.predict: a tree has 70 leaves, the compiled forest reaches 64"


@pytest.mark.parametrize("use", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_score_matrix_is_all_rows(bundle, monkeypatch, use, dtype):
    compiled_from_the_first_pair(monkeypatch, use)
    pairs = problem(np.random.default_rng(3), 7, 30)
    scores = LightGbmScorer(bundle).prepare(pairs, pairs.initial)
    matrix = scores.score_matrix(dtype)
    assert (matrix.shape, matrix.dtype) == ((7, 30), dtype)
    for task in range(7):
        np.testing.assert_array_equal(matrix[task], scores.row(task, np.arange(30)).scores.astype(dtype))

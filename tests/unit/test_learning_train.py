"""Training gives a bundle that is better than knowing nothing, and refuses what cannot be learned from."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from assignment_engine.domain.errors import TrainingError
from assignment_engine.features.definition import FEATURE_NAMES, FEATURES
from assignment_engine.learning.default import in_order, train_default
from assignment_engine.learning.metrics import auc, calibration_error, log_loss, measures
from assignment_engine.learning.organisation import simulate
from assignment_engine.learning.train import MONOTONE, platt, temporal_split, train_success
from assignment_engine.scoring.bundle import load_bundle, save_bundle
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from assignment_engine.scoring.registry import load_scorer, shipped_models

CREATED = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def decisions():
    return in_order([simulate(seed, people=15, decisions=1500).decisions for seed in (21, 22)])


def train(decisions, seed=1):
    return train_success(
        decisions.features,
        decisions.good,
        decisions.decided_at,
        decisions.known_at,
        seed=seed,
        version="test",
        data="simulated",
        created_at=CREATED,
    )


@pytest.fixture(scope="module")
def bundle(decisions):
    return train(decisions)


def test_the_model_is_better_than_a_constant_and_than_the_fallback(bundle):
    metrics = bundle.manifest.metrics
    assert metrics["model"]["auc"] > metrics["fallback"]["auc"] > 0.6
    assert metrics["model"]["log_loss"] < metrics["constant"]["log_loss"] - 0.05
    assert metrics["model"]["brier"] < metrics["constant"]["brier"]
    assert metrics["constant"]["auc"] == 0.5


@pytest.mark.slow
def test_probabilities_of_another_organisation_can_be_taken_at_their_word(bundle):
    other = simulate(77, people=25, decisions=1500).decisions
    probability = LightGbmScorer(bundle).score(other.features).scores
    assert calibration_error(probability, other.good) < 0.1
    assert auc(probability, other.good) > 0.75


def test_a_trained_bundle_can_be_saved_and_served(bundle, tmp_path):
    save_bundle(bundle, tmp_path / "v1")
    assert load_bundle(tmp_path / "v1") == bundle


@pytest.mark.parametrize("name", MONOTONE)
def test_the_response_is_monotone(bundle, decisions, name):
    features = np.repeat(decisions.features[:50], 11, axis=0)
    features[:, FEATURE_NAMES.index(name)] = np.tile(np.linspace(0, 1, 11), 50)
    scores = LightGbmScorer(bundle).score(features).scores.reshape(50, 11)
    assert np.all(np.diff(scores, axis=1) * MONOTONE[name] >= -1e-12)


def test_the_same_seed_gives_the_same_text(bundle, decisions):
    assert train(decisions).model_text == bundle.model_text


def test_another_seed_gives_another(bundle, decisions):
    assert train(decisions, seed=2).model_text != bundle.model_text


def test_outcomes_that_were_not_known_in_time_change_nothing(bundle, decisions):
    split = temporal_split(decisions.decided_at, decisions.known_at)
    end = decisions.decided_at[split.calibrate].min()
    late = decisions.known_at >= end
    assert late.sum() > 100
    changed = replace(decisions, good=np.where(late & ~split.calibrate & ~split.test, ~decisions.good, decisions.good))
    again = train(changed)
    assert again.model_text == bundle.model_text
    assert again.manifest.calibration == bundle.manifest.calibration


def test_slices_follow_each_other_and_hold_only_known_outcomes(decisions):
    split = temporal_split(decisions.decided_at, decisions.known_at)
    for earlier, later in ((split.train, split.calibrate), (split.calibrate, split.test)):
        assert decisions.known_at[earlier].max() < decisions.decided_at[later].min()
    assert not np.any(split.train & split.calibrate | split.calibrate & split.test)


def test_missing_values_never_count_as_zero(bundle):
    """A split whose missing type is 0 takes NaN for 0."""
    can_be_missing = {i for i, feature in enumerate(FEATURES) if feature.missing != "never"}
    for tree in bundle.trees:
        for feature, kind in zip(tree.feature, tree.missing_type, strict=True):
            assert kind == 2 or int(feature) not in can_be_missing


def test_too_few_decisions_are_refused(decisions):
    few = type(decisions)(*(getattr(decisions, name)[:80] for name in vars(decisions)))
    with pytest.raises(TrainingError, match="too few"):
        train(few)


def test_outcomes_that_are_all_alike_are_refused(decisions):
    with pytest.raises(TrainingError, match="ended alike"):
        train(replace(decisions, good=np.ones_like(decisions.good)))


def test_a_model_that_later_outcomes_contradict_is_refused(decisions):
    split = temporal_split(decisions.decided_at, decisions.known_at)
    with pytest.raises(TrainingError, match="slope"):
        train(replace(decisions, good=np.where(split.train, decisions.good, ~decisions.good)))


def test_platt_finds_the_calibration_that_outcomes_were_drawn_with():
    dice = np.random.default_rng(0)
    raw = dice.normal(size=40_000)
    good = dice.random(40_000) < 1 / (1 + np.exp(-(1.7 * raw - 0.4)))
    found = platt(raw, good)
    assert found.slope == pytest.approx(1.7, abs=0.06)
    assert found.intercept == pytest.approx(-0.4, abs=0.05)


def test_auc_counts_pairs_in_order():
    """Pairs (good, bad): 0.9 > 0.4, 0.9 > 0.5, 0.5 > 0.4, and 0.5 = 0.5 counts half."""
    score, good = np.array([0.9, 0.4, 0.5, 0.5]), np.array([True, False, True, False])
    assert auc(score, good) == pytest.approx(3.5 / 4)


def test_log_loss_of_certainty_that_was_wrong_is_finite():
    assert log_loss(np.array([0.0]), np.array([True])) == pytest.approx(-np.log(1e-15))


def test_measures_by_hand():
    found = measures(np.array([0.8, 0.8, 0.2, 0.2]), np.array([True, False, False, False]))
    assert found["brier"] == pytest.approx((0.04 + 0.64 + 0.04 + 0.04) / 4)
    assert found["ece"] == pytest.approx((abs(1.6 - 1) + abs(0.4 - 0)) / 4)
    assert found["log_loss"] == pytest.approx(-np.log([0.8, 0.2, 0.8, 0.8]).mean())


@pytest.mark.slow
def test_the_default_bundle_comes_with_its_card_and_is_the_champion(tmp_path):
    trained = train_default(tmp_path, seed=3, progress=False, organisations=1, created_at=CREATED)
    scorer, warning = load_scorer(tmp_path)
    assert warning is None
    assert scorer.bundle == trained
    card = (tmp_path / "README.md").read_text("utf-8")
    for said in ("**Not real.**", "Do not use it to judge", "train-default --seed 3", *FEATURE_NAMES):
        assert said in card


def test_the_shipped_card_is_that_of_the_shipped_bundle():
    manifest = load_bundle(shipped_models() / "default").manifest
    card = (shipped_models() / "README.md").read_text("utf-8")
    assert f"**{manifest.version}**" in card
    for name in ("auc", "log_loss", "brier", "ece"):
        assert f"{manifest.metrics['model'][name]:.3f}" in card


@pytest.mark.slow
@pytest.mark.skipif("REPRODUCE_MODEL" not in os.environ, reason="REPRODUCE_MODEL is not set; it takes half a minute")
def test_the_shipped_model_can_be_reproduced(tmp_path):
    """Byte for byte, with the library versions that its manifest names."""
    shipped = load_bundle(shipped_models() / "default")
    again = train_default(tmp_path, seed=shipped.manifest.training.seed, progress=False)
    if again.manifest.libraries != shipped.manifest.libraries:
        pytest.skip("trained with other library versions")
    assert again.model_text == shipped.model_text

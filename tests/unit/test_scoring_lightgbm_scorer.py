"""The LightGBM scorer gives calibrated probabilities, and the shipped model responds the way it must."""

from __future__ import annotations

import math

import numpy as np
import pytest
from lightgbm.basic import LightGBMError

from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.organisation import simulate
from assignment_engine.learning.train import MONOTONE
from assignment_engine.scoring.bundle import Bundle, Calibration, load_bundle
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer, sigmoid
from assignment_engine.scoring.registry import shipped_models


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(shipped_models() / "default")


@pytest.fixture(scope="module")
def features():
    return simulate(3, people=15, decisions=250).decisions.features


def test_the_score_is_the_calibrated_raw_score(bundle, features):
    calibration = Calibration(slope=2.0, intercept=-0.5)
    scorer = LightGbmScorer(Bundle(bundle.manifest.model_copy(update={"calibration": calibration}), bundle.model_text))
    row = scorer.score(features)
    raw = bundle.predictor.booster.predict(features, raw_score=True, num_threads=1)
    np.testing.assert_array_equal(row.raw, raw)
    np.testing.assert_allclose(row.scores, [1 / (1 + math.exp(0.5 - 2.0 * value)) for value in raw], rtol=1e-12)


def test_confidence_and_version(bundle):
    scorer = LightGbmScorer(bundle)
    assert (scorer.name, scorer.version, scorer.confidence) == ("lightgbm", "default-1", 0.85)


@pytest.mark.parametrize("name", MONOTONE)
def test_the_shipped_model_is_monotone(bundle, features, name):
    """More skill never hurts, more load never helps, everything else being equal."""
    position = FEATURE_NAMES.index(name)
    sweep = []
    for value in np.linspace(0.0, 1.0, 21):
        changed = features.copy()
        changed[:, position] = value
        sweep.append(LightGbmScorer(bundle).score(changed).scores)
    steps = np.diff(np.array(sweep), axis=0) * MONOTONE[name]
    assert steps.min() >= -1e-12
    assert steps.sum() > 0.0


@pytest.mark.parametrize(("log_odds", "probability"), [(0.0, 0.5), (1000.0, 1.0), (-1000.0, 0.0), (math.log(3), 0.75)])
def test_sigmoid_does_not_overflow(log_odds, probability):
    assert sigmoid(np.array([log_odds]))[0] == pytest.approx(probability)


def test_an_exception_while_scoring_is_an_error(bundle):
    with pytest.raises(LightGBMError):
        LightGbmScorer(bundle).score(np.zeros((2, 5)))

"""Triage learned from finished tasks, and how long work takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assignment_engine.domain.errors import TrainingError
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.eta import EtaModel, Work, train_eta
from assignment_engine.learning.triage import TriageModel, train_triage
from tests.worded import finished


@pytest.fixture(scope="module")
def model() -> TriageModel:
    return train_triage(finished(400, 1))


def test_words_tell_category_hours_and_complexity(model):
    unseen = finished(300, 2)
    guesses = model.guess(unseen.texts)
    assert np.mean([g["category"].value == name for g, name in zip(guesses, unseen.category, strict=True)]) > 0.97
    hours = np.array([g["hours"].value for g in guesses])
    median = np.full(300, np.median(unseen.hours))
    errors = [np.mean(np.abs(np.log(guessed / unseen.hours))) for guessed in (hours, median)]
    assert errors[0] < 0.5 * errors[1]
    assert all(0.0 <= g["complexity"].value <= 1.0 for g in guesses)
    assert all(0.0 < told.confidence <= 1.0 for g in guesses for told in g.values())


def test_words_that_were_never_seen_are_guessed_with_less_confidence(model):
    known, unknown = model.guess(["please look at the Router again", "zzz qqq"])
    for name in ("category", "hours"):
        assert known[name].confidence > 0.8
        assert unknown[name].confidence < known[name].confidence
    assert "Router" in known["category"].words
    assert unknown["category"].words == ()


def test_words_are_shown_as_they_stand_in_the_text(model):
    (guess,) = model.guess(["Störung: the Pässwörd, TÓKEN expired"])
    assert set(guess["category"].words) >= {"Pässwörd", "TÓKEN"}


def test_no_text_gives_no_guess(model):
    assert model.guess([]) == ()


def test_only_what_tasks_have_is_learned():
    rows = finished(300, 4)
    nothing = np.full(300, np.nan)
    (found,) = train_triage(replace(rows, category=[None] * 300, complexity=nothing)).guess(["the vpn today"])
    assert set(found) == {"hours"}
    assert found["hours"].value > 2.0


def test_a_rare_category_is_not_named():
    rows = finished(400, 5)
    rare = ["rare" if i % 80 == 0 else name for i, name in enumerate(rows.category)]
    nothing = np.full(400, np.nan)
    model = train_triage(replace(rows, category=rare, complexity=nothing, hours=nothing))
    assert "rare" not in {guess["category"].value for guess in model.guess(rows.texts) if "category" in guess}


def test_tasks_that_share_no_words_are_refused():
    rows = finished(300, 4)
    with pytest.raises(TrainingError, match="no word"):
        train_triage(replace(rows, texts=[f"word{i}" for i in range(300)]))


def test_a_handful_of_tasks_is_refused():
    with pytest.raises(TrainingError, match="too few"):
        train_triage(finished(50, 6))


def drawn_work(count: int = 3000, *, seed: int = 8, seen_for: float | None = None) -> tuple[Work, np.ndarray]:
    """Hours grow with the estimate; with `seen_for`, work was watched for so many hours at most."""
    rng = np.random.default_rng(seed)
    features = rng.random((count, len(FEATURE_NAMES)))
    estimate = features[:, FEATURE_NAMES.index("estimated_hours")] = rng.uniform(1.0, 9.0, count)
    true = estimate * rng.lognormal(0.0, 0.5, count)
    limit = np.full(count, np.inf if seen_for is None else seen_for)
    return Work(features, np.minimum(true, limit), true <= limit, np.zeros(count, dtype=np.int64)), true


@pytest.fixture(scope="module")
def eta() -> EtaModel:
    return train_eta(drawn_work()[0])


def test_p50_and_p90_are_what_they_say(eta):
    work, true = drawn_work(seed=9)
    half, most = eta.hours(work.features)
    assert np.mean(true <= half) == pytest.approx(0.5, abs=0.05)
    assert np.mean(true <= most) == pytest.approx(0.9, abs=0.04)
    assert np.all(half <= most)


def test_unfinished_work_does_not_make_estimates_short():
    """A fifth of the work takes longer than it was watched: leaving it out makes the median too low."""
    work, _ = drawn_work(seen_for=8.0)
    unseen, true = drawn_work(seed=9)
    half, _ = train_eta(work).hours(unseen.features)
    left_out, _ = train_eta(work.take(work.ended)).hours(unseen.features)
    assert np.mean(true <= left_out) < 0.45
    assert 0.45 < np.mean(true <= half) < 0.65


def test_the_estimate_moves_as_work_goes_on(eta):
    features = drawn_work(5)[0].features
    half, most = eta.hours(features)
    for elapsed in (0.0, 5.0, 50.0):
        still_half, still_most = eta.hours(features, np.full(5, elapsed))
        assert np.all(still_half >= np.maximum(half - 1e-9, elapsed))
        assert np.all(still_most >= still_half)
        assert np.all(still_most >= np.minimum(most, still_most))
    assert np.all(np.isfinite(eta.hours(features, np.full(5, 1e6))[1]))


def test_a_saved_eta_says_the_same(eta, tmp_path):
    eta.save(tmp_path / "eta")
    features = drawn_work(5)[0].features
    assert np.array_equal(EtaModel.load(tmp_path / "eta").hours(features), eta.hours(features))


def test_too_little_finished_work_is_refused():
    with pytest.raises(TrainingError, match="too few"):
        train_eta(drawn_work(100)[0])

"""What the notebooks show of decisions and bundles, on a log of which the truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.dataset import Dataset, read_dataset
from assignment_engine.learning.exploring import by_feature, by_week, features_of, policy_value, reliability
from assignment_engine.learning.judging import probability
from assignment_engine.scoring.bundle import Bundle
from assignment_engine.scoring.registry import load_champion, shipped_models

MONDAY = pd.Timestamp("2027-03-01", tz="UTC")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_champion(shipped_models())


def log(bundle: Bundle, decisions: int = 900) -> pd.DataFrame:
    """Each decision drew one of three by even lots; outcomes follow the probabilities of the bundle itself."""
    rng = np.random.default_rng(3)
    pairs = 3 * decisions
    frame = pd.DataFrame(rng.random((pairs, len(FEATURE_NAMES))), columns=FEATURE_NAMES)
    times = MONDAY + pd.to_timedelta(np.repeat(np.arange(decisions), 3), unit="h")
    frame = frame.assign(
        decision_id=np.repeat(np.arange(decisions), 3),
        decided_at=times,
        known_at=times + pd.Timedelta(hours=1),
        outcome="bad",
        chosen=(np.arange(pairs) % 3 == np.repeat(rng.integers(0, 3, decisions), 3)).astype(int),
        propensity=1.0 / 3.0,
    )
    good = rng.random(pairs) < probability(bundle, read_dataset(frame))
    return frame.assign(outcome=np.where(good, "good", "bad"))


@pytest.fixture(scope="module")
def frame(bundle: Bundle) -> pd.DataFrame:
    return log(bundle)


@pytest.fixture(scope="module")
def data(frame: pd.DataFrame) -> Dataset:
    return read_dataset(frame)


def test_weeks_begin_on_monday_and_count_decisions_once(frame: pd.DataFrame) -> None:
    open_ = frame.assign(outcome=frame["outcome"].where(frame["decision_id"] >= 100), known_at=frame["known_at"])
    weeks = by_week(read_dataset(open_))
    assert [str(week.date()) for week in weeks.index[:2]] == ["2027-03-01", "2027-03-08"]
    assert weeks["decisions"].tolist()[:2] == [168, 168]
    assert weeks["with_outcome"].tolist()[:2] == [68, 168]
    assert weeks["share_good"].between(0.0, 1.0).all()


def test_good_outcomes_are_counted_by_ranges_of_a_feature(frame: pd.DataFrame) -> None:
    chosen = frame["chosen"] == 1
    hidden = frame.assign(skill_match=frame["skill_match"].where(frame["decision_id"] >= 100))
    ranges = by_feature(read_dataset(hidden), "skill_match", bins=4)
    assert ranges["decisions"].tolist() == [200, 200, 200, 200, 100]
    last = frame[chosen & (frame["decision_id"] < 100)]
    assert ranges["share_good"].iloc[4] == pytest.approx((last["outcome"] == "good").mean())
    assert np.isnan(ranges["from"].iloc[4])
    assert ranges["share_good"].iloc[3] > ranges["share_good"].iloc[0]


def test_features_of_chosen_pairs(frame: pd.DataFrame) -> None:
    hidden = frame.assign(performance=frame["performance"].where(frame["decision_id"] >= 90))
    table = features_of(read_dataset(hidden))
    assert table.index[:17].tolist() == list(FEATURE_NAMES)
    assert table.loc["performance", "missing"] == pytest.approx(0.1)
    assert table.loc["skill_match", "missing"] == 0.0


def test_probabilities_that_are_true_agree_with_outcomes(bundle: Bundle, data: Dataset) -> None:
    points = reliability(bundle, data, bins=4)
    assert (abs(points["probability"] - points["share_good"]) < 3.5 * points["standard_error"]).all()
    assert points["probability"].is_monotonic_increasing
    assert points["decisions"].max() - points["decisions"].min() <= 1


def test_the_value_of_a_policy_is_estimated_or_refused(bundle: Bundle, frame: pd.DataFrame, data: Dataset) -> None:
    best = pd.Series(probability(bundle, data)).groupby(data.decision).max().mean()
    found = policy_value(bundle, data)
    assert found.index.tolist() == ["logged", "ips", "snips", "doubly_robust"]
    for name in ("ips", "snips", "doubly_robust"):
        assert abs(found["value"][name] - best) < 4.0 * found["standard_error"][name]
    assert found["value"]["snips"] > found["value"]["logged"]
    (refused,) = policy_value(bundle, read_dataset(frame.drop(columns="propensity")))["refused"]
    assert "without the probability of their choice" in refused

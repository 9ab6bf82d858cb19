"""Off-policy estimates: exact where counted by hand, honest on average, and refused without propensities."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.crossed import coverage_of
from assignment_engine.learning.dataset import read_dataset
from assignment_engine.learning.offpolicy import Logged, estimate, estimate_policy, policy
from assignment_engine.learning.ranking import Sets

DATA = os.environ.get("EVALUATION_DATA")


def test_the_logging_policy_itself_is_worth_what_was_seen():
    reward = np.tile([1.0, 0.0, 1.0, 1.0], 20)
    share = np.tile([0.5, 0.25, 0.5, 0.5], 20)
    found = estimate(Logged(reward, share, share))
    assert found.ips == found.logged
    assert found.snips.value == pytest.approx(0.75)
    assert found.effective == pytest.approx(80)


def test_estimates_by_hand():
    """Half of the choices were made with 1/2 and were good; the target would always make them: 80 · 2 / 160 = 1."""
    reward = np.tile([1.0, 0.0], 80)
    found = estimate(
        Logged(
            reward,
            np.full(160, 0.5),
            np.tile([1.0, 0.0], 80),
            expected=np.tile([0.8, 0.3], 80),
            expected_target=np.full(160, 0.8),
        )
    )
    assert found.ips.value == pytest.approx(1.0)
    assert found.snips.value == pytest.approx(1.0)
    assert found.doubly_robust.value == pytest.approx(0.8 + np.mean([2 * (1 - 0.8), 0.0]))
    assert (found.effective, found.largest_weight) == (80.0, 2.0)


def test_a_policy_takes_the_best_and_shares_ties():
    sets = Sets(np.array([3, 2]))
    found = policy(np.array([1.0, 3.0, 3.0, np.nan, 0.0]), sets)
    assert found.tolist() == [0.0, 0.5, 0.5, 0.0, 1.0]
    soft = policy(np.array([0.0, np.log(3.0), 0.0, 0.0, 0.0]), sets, temperature=1.0)
    assert soft == pytest.approx([0.2, 0.6, 0.2, 0.5, 0.5])


def logged_frame(count=3000, seed=4) -> pd.DataFrame:
    """Three candidates; the one of highest skill was taken with 1/2, the others with 1/4. Skill is the truth."""
    rng, rows = np.random.default_rng(seed), []
    for decision in range(count):
        skill = rng.random(3)
        share = np.where(skill == skill.max(), 0.5, 0.25)
        person = int(rng.choice(3, p=share))
        for i in range(3):
            values = dict.fromkeys(FEATURE_NAMES, 0.5) | {"skill_match": skill[i]}
            good = ("good" if rng.random() < skill[i] else "bad") if i == person else None
            times = {
                "decided_at": pd.Timestamp("2025-01-01", tz="UTC"),
                "known_at": pd.Timestamp("2025-01-02", tz="UTC"),
            }
            rows.append({**values, **times, "decision_id": decision, "chosen": int(i == person), "outcome": good,
                         "propensity": share[i]})  # fmt: skip
    return pd.DataFrame(rows)


def skill(data):
    return data.features[:, FEATURE_NAMES.index("skill_match")]


def test_the_value_of_another_policy_is_found():
    """The best of three uniform skills is worth 3/4 on average."""
    found = estimate_policy(read_dataset(logged_frame()), skill, expected=skill)
    for part in (found.ips, found.snips, found.doubly_robust):
        assert part.low < 0.75 < part.high
    assert found.logged.value == pytest.approx(0.5 * 0.75 + 0.5 * (0.5 + 0.25) / 2, abs=0.04)
    assert found.doubly_robust.standard_error < found.ips.standard_error


def test_without_propensities_nothing_is_estimated():
    data = read_dataset(logged_frame(200).drop(columns="propensity"))
    with pytest.raises(InvalidInputError, match="without the probability"):
        estimate_policy(data, skill)


def test_a_policy_that_has_nothing_in_common_with_the_log_is_refused():
    with pytest.raises(InvalidInputError, match="seldom"):
        estimate(Logged(np.ones(100), np.full(100, 0.5), np.r_[1.0, np.zeros(99)]))


def check_coverage(outcomes, logs):
    """An interval of 95 % may miss by what chance allows for that many logs, and a little for skewness."""
    found = coverage_of(outcomes, logs=logs)
    assert found.target_value > found.logging_value
    for row in found.rows:
        assert row.coverage == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / logs) + 0.01), row
        assert abs(row.bias) < 0.01


def test_intervals_hold_the_truth_as_often_as_they_claim():
    rng = np.random.default_rng(7)
    check_coverage((rng.random((30, 100)) < rng.uniform(0.3, 0.9, (30, 1))).astype(float), logs=400)


@pytest.mark.skipif(not DATA, reason="EVALUATION_DATA names no directory")
def test_they_do_on_a_public_log_in_which_everybody_did_everything():
    log = pd.read_csv(Path(str(DATA), "crowd-bluebirds", "bluebirds.csv.gz"))
    check_coverage(log.pivot(index="worker_id", columns="task_id", values="correct").to_numpy(dtype=float), logs=400)

"""The arms of the hold-out, compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.dataset import read_dataset
from assignment_engine.learning.holdout import NO_HOLDOUT, _difference, holdout


def log(good: list[bool], control: list[object] | None = None) -> pd.DataFrame:
    """A decision for each outcome, in the documented form."""
    at = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(len(good)), unit="h")
    frame = pd.DataFrame(np.zeros((len(good), len(FEATURE_NAMES))), columns=FEATURE_NAMES)
    outcome = np.where(good, "good", "bad")
    frame = frame.assign(decision_id=np.arange(len(good)), decided_at=at, known_at=at, outcome=outcome)
    return frame if control is None else frame.assign(control=control)


def arms(engine: tuple[int, int], control: tuple[int, int], before: int = 0):
    """So many good ones of so many in each arm, and bad ones from before anything was held out."""
    good = [i < engine[0] for i in range(engine[1])] + [i < control[0] for i in range(control[1])]
    told = [0] * engine[1] + [1] * control[1] + [None] * before
    return holdout(read_dataset(log(good + [False] * before, told)))


def test_the_engine_is_compared_with_the_control_policy():
    """Newcombe (1998), table II, example a: 56 of 70 against 48 of 80, .0524 to .3339."""
    found = arms((56, 70), (48, 80))
    assert found["gain"] == pytest.approx(0.2)
    assert found["interval"] == pytest.approx([0.0524, 0.3339], abs=5e-5)
    assert found["note"] == "the engine's decisions end better than those of the control policy"
    assert found["control"] == {"decisions": 80, "share_good": 0.6}


def test_what_was_decided_before_anything_was_held_out_is_in_no_arm():
    assert arms((56, 70), (48, 80), before=500) == arms((56, 70), (48, 80))


def test_a_worse_engine_and_no_difference_are_told_as_what_they_are():
    assert "worse" in arms((48, 80), (56, 70))["note"]
    assert arms((40, 80), (35, 70))["note"] == "no difference between the arms is shown"


def test_without_a_holdout_there_is_no_number_but_a_note():
    assert holdout(read_dataset(log([True, False] * 50))) == {"note": NO_HOLDOUT}
    few = arms((20, 40), (3, 5))
    assert "too few" in few["note"]
    assert "gain" not in few
    assert few["control"]["decisions"] == 5


def test_a_column_that_is_neither_is_refused():
    with pytest.raises(InvalidInputError, match="/rows/0/control"):
        read_dataset(log([True], ["perhaps"]))


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """2,000 logs of 60 and 40 decisions, whose true difference is .15; within four standard errors of .95."""
    rng, logs, held = np.random.default_rng(7), 2000, 0
    for _ in range(logs):
        engine, control = rng.binomial(60, 0.9), rng.binomial(40, 0.75)
        found = interval(int(engine), 60, int(control), 40)
        held += found[0] <= 0.15 <= found[1]
    assert abs(held / logs - 0.95) <= 4 * (0.95 * 0.05 / logs) ** 0.5


def interval(good: int, decisions: int, other: int, others: int) -> tuple[float, float]:
    low, high = _difference(np.arange(decisions) < good, np.arange(others) < other)["interval"]
    return low, high

"""A replayed log: the features of a decision are those of everything that had happened before it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from assignment_engine.learning.logs.evaluate import leak_test
from assignment_engine.learning.logs.read import read_log
from assignment_engine.learning.logs.replay import replay
from tests.logs import adapter, small_log

HALF_LIFE = 30 * 86400.0


@pytest.fixture(scope="module")
def cases():
    return read_log(small_log(3), adapter())[0]


@pytest.fixture(scope="module")
def replayed(cases):
    return replay(cases, adapter())


def earlier(cases, decision, person=None):
    """Cases given before a decision, to one person or to all."""
    mask = cases.decided_at < cases.decided_at[decision]
    return mask if person is None else mask & (cases.person == person)


def decayed(cases, mask, decision):
    return float(np.sum(0.5 ** ((cases.decided_at[decision] - cases.decided_at[mask]) / HALF_LIFE)))


def rows_to_check(replayed):
    return range(0, len(replayed.decision), 37)


def feature(replayed, row, name):
    return replayed.features[row, replayed.names.index(name)]


def test_candidates_had_work_in_the_last_days(cases, replayed):
    for decision in range(0, len(cases), 11):
        now = cases.decided_at[decision]
        lately = earlier(cases, decision) & (cases.decided_at > now - 20 * 86400)
        found = replayed.person[(replayed.decision == decision) & replayed.candidate]
        assert set(found) == set(cases.person[lately])


def test_only_colleagues_of_the_department_where_the_log_says_so(cases):
    found = replay(cases, adapter(candidates={"days": 20, "same_department": True}))
    departments = {p: set(cases.department[cases.person == p]) for p in set(cases.person)}
    for decision, person in zip(found.decision[found.candidate], found.person[found.candidate], strict=True):
        assert cases.department[decision] in departments[person]


def test_a_cap_keeps_those_with_the_latest_work(cases):
    found = replay(cases, adapter(candidates={"days": 20, "cap": 2}))
    decision = len(cases) - 1
    before = cases.take(earlier(cases, decision))
    latest = list(dict.fromkeys(before.person[np.argsort(-before.decided_at, kind="stable")]))[:2]
    assert set(found.person[(found.decision == decision) & found.candidate]) == set(latest)


def test_the_person_who_was_chosen_is_there_once_for_each_decision(cases, replayed):
    assert np.bincount(replayed.decision[replayed.chosen], minlength=len(cases)).tolist() == [1] * len(cases)


def test_skill_is_decayed_work_of_the_same_kind(cases, replayed):
    for row in rows_to_check(replayed):
        decision, person = replayed.decision[row], replayed.person[row]
        own = earlier(cases, decision, person)
        a = decayed(cases, own & (cases.subcategory == cases.subcategory[decision]), decision)
        b = decayed(cases, own & (cases.category == cases.category[decision]), decision)
        expected = 0.7 * a / (a + 2) + 0.3 * b / (b + 5)
        assert feature(replayed, row, "skill_match") == pytest.approx(expected, abs=1e-12)


def test_success_rate_backs_off_from_category_to_person_to_everyone(cases, replayed):
    for row in rows_to_check(replayed):
        decision, person = replayed.decision[row], replayed.person[row]
        known = cases.outcome_known_at < cases.decided_at[decision]
        own, alike = cases.person == person, cases.category == cases.category[decision]
        everyone = (cases.good[known].sum() + 2.5) / (known.sum() + 5)
        mine = (cases.good[known & own].sum() + 10 * everyone) / ((known & own).sum() + 10)
        expected = (cases.good[known & own & alike].sum() + 5 * mine) / ((known & own & alike).sum() + 5)
        assert feature(replayed, row, "success_rate") == pytest.approx(expected)
        assert feature(replayed, row, "performance") == pytest.approx(mine)


def test_load_counts_what_was_given_and_has_not_left(cases, replayed):
    for row in rows_to_check(replayed):
        decision, person = replayed.decision[row], replayed.person[row]
        now = cases.decided_at[decision]
        held = earlier(cases, decision, person) & (cases.left_at >= now)
        assert feature(replayed, row, "active_tasks") == held.sum()
        peak = max((int(np.sum(earlier(cases, d, person) & (cases.left_at >= cases.decided_at[d])) + 1)
                    for d in np.flatnonzero(earlier(cases, decision, person))), default=0)  # fmt: skip
        assert feature(replayed, row, "workload_ratio") == pytest.approx(held.sum() / max(5, peak))
        hours = cases.estimated_hours[held].sum()
        assert feature(replayed, row, "capacity_fit") >= max(0.0, 1 - cases.estimated_hours[decision] / (40 - hours))


def test_experience_counts_assignments_two_hundred_as_ten_years(cases, replayed):
    for row in rows_to_check(replayed):
        count = earlier(cases, replayed.decision[row], replayed.person[row]).sum()
        expected = 10 * math.log1p(count) / math.log1p(200)
        assert feature(replayed, row, "experience_years") == pytest.approx(expected)


def test_expected_hours_back_off_where_no_estimate_is_given(cases):
    found = replay(replace(cases, estimated_hours=np.full(len(cases), np.nan)), adapter())
    for row in rows_to_check(found):
        decision = found.decision[row]
        known = cases.hours_known_at < cases.decided_at[decision]

        def mean(mask, prior, known=known):
            return (np.log1p(cases.hours[known & mask]).sum() + 5 * prior) / ((known & mask).sum() + 5)

        everything = mean(np.ones(len(cases), dtype=bool), math.log1p(8))
        wide = mean(cases.category == cases.category[decision], everything)
        fine = mean(cases.subcategory == cases.subcategory[decision], wide)
        assert feature(found, row, "estimated_hours") == pytest.approx(math.expm1(fine))


def test_recency_and_context_are_those_of_the_person_and_the_id(cases, replayed):
    for row in rows_to_check(replayed):
        decision, person = replayed.decision[row], replayed.person[row]
        own = earlier(cases, decision, person)
        now = cases.decided_at[decision]
        last = cases.decided_at[own].max() if own.any() else np.nan
        assert feature(replayed, row, "hours_since_work") == pytest.approx((now - last) / 3600, nan_ok=True)
        same = earlier(cases, decision) & (cases.context["raised_by"] == cases.context["raised_by"][decision])
        share = (same & own).sum() / same.sum() if same.any() else np.nan
        assert feature(replayed, row, "raised_by_share") == pytest.approx(share, nan_ok=True)
        assert feature(replayed, row, "raised_by_history") == same.sum()
        assert math.isnan(feature(replayed, row, "location_share"))


def test_work_given_at_the_same_time_is_not_seen(cases):
    together = replace(cases, decided_at=np.full(len(cases), cases.decided_at[0]))
    found = replay(together, adapter())
    assert not found.candidate.any()
    assert np.all(found.features[:, found.names.index("active_tasks")] == 0)


def test_what_was_not_known_yet_changes_nothing(cases, replayed):
    for share in (0.3, 0.8):
        moment = float(cases.decided_at[int(share * len(cases))])
        found = leak_test(cases, adapter(), replayed, moment)
        assert found["changed_pairs"] == 0
        assert found["pairs"] > 0
        assert found["exchanged_outcomes"] > 0


def test_the_leak_test_finds_a_leak(cases):
    """Hours that are known when the work is given, instead of when it has ended."""
    leaking = replace(cases, hours_known_at=cases.decided_at + 1.0)
    moment = float(cases.decided_at[150])
    assert leak_test(cases, adapter(), replay(leaking, adapter()), moment)["changed_pairs"] > 0


def test_parts_make_no_difference(cases, replayed, monkeypatch):
    monkeypatch.setattr("assignment_engine.learning.logs.replay.CHUNK_PAIRS", 17)
    assert np.array_equal(replay(cases, adapter()).features, replayed.features, equal_nan=True)

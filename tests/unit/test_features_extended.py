"""The feature sets `recency` and `context`: one definition for planning, live and training."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from assignment_engine.allocation.plan import plan
from assignment_engine.domain.records import Employee, EmployeeHistory, Priors, Recent, RecentWork, Task
from assignment_engine.domain.types import RECENT_HALF_LIFE_HOURS
from assignment_engine.features.definition import FEATURE_NAMES, declared_sets, feature_matrix, feature_names
from assignment_engine.features.pairs import build_pairs
from assignment_engine.features.recent import decayed
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.learning.logs.read import read_log
from assignment_engine.learning.logs.replay import replay
from assignment_engine.learning.recipes import Recipe, Rows, fit
from assignment_engine.scoring.bundle import Bundle, Calibration, Manifest, TrainingRun, text_sha256
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from tests.logs import adapter, small_log

NAMES = feature_names(("recency", "context"))
NEW = NAMES[len(FEATURE_NAMES) :]
NOW = datetime(2025, 6, 2, 9, 30, tzinfo=UTC)


def work(hours_ago: float = 6.0, **fields: object) -> RecentWork:
    last = Recent(last_at=NOW - timedelta(hours=hours_ago), count=2.0)
    return RecentWork(overall=last, by_category={"disk": last}, by_department={"ops": last}, **fields)


def person(name: str, recent: RecentWork | None) -> Employee:
    return Employee(employee_id=name, skills={"linux": 1.0}, history=EmployeeHistory(recent=recent))


def vector(employees, task, priors=None, employee=0):
    pairs = build_pairs([task], employees, NOW, matcher=SkillMatcher(), priors=priors)
    values = feature_matrix(pairs, pairs.initial, np.zeros(1, int), np.array([employee]), NAMES)[0]
    return dict(zip(NAMES, values.tolist(), strict=True))


DISK = Task(task_id="t", category="disk", department="ops", context={"raised_by": "eve", "location": "oslo"})


def test_hours_and_counts_since_the_last_work():
    found = vector([person("ann", work())], DISK)
    assert found["hours_since_work"] == found["hours_since_category"] == found["hours_since_department"] == 6.0
    assert found["recent_category"] == pytest.approx(2.0 * 0.5 ** (6.0 / RECENT_HALF_LIFE_HOURS))
    other = vector([person("ann", work())], DISK.model_copy(update={"category": "net"}))
    assert np.isnan(other["hours_since_category"])
    assert other["recent_category"] == 0.0
    assert other["hours_since_work"] == 6.0


def test_the_share_of_this_hour_of_the_day():
    by_hour = tuple(3.0 if hour == 9 else 1.0 if hour == 10 else 0.0 for hour in range(24))
    assert vector([person("ann", work(by_hour=by_hour))], DISK)["hour_share"] == 0.75


def test_shares_of_an_id_are_of_everybody_given_or_of_the_priors():
    handled = ({"raised_by": {"eve": 3.0}}, {"raised_by": {"eve": 1.0, "mo": 5.0}})
    people = [person(f"p{i}", work(handled=own)) for i, own in enumerate(handled)]
    assert vector(people, DISK)["raised_by_share"] == 0.75
    assert vector(people, DISK)["raised_by_history"] == 4.0
    assert vector(people, DISK, Priors(handled={"raised_by": {"eve": 30.0}}))["raised_by_share"] == 0.1
    assert vector(people, DISK)["location_history"] == 0.0
    assert np.isnan(vector(people, DISK)["location_share"])
    assert np.isnan(vector(people, DISK)["symptom_history"])


def test_nothing_known_is_missing_and_not_zero():
    found = vector([person("ann", None)], DISK)
    assert all(np.isnan(found[name]) for name in NEW)
    beside = vector([person("ann", None), person("bob", work())], DISK)
    assert all(np.isnan(beside[name]) for name in NEW if not name.endswith("_history"))


def test_the_17_come_first_and_sets_are_recognised():
    assert NAMES[:17] == FEATURE_NAMES
    assert declared_sets(NAMES) == ("recency", "context")
    assert declared_sets(FEATURE_NAMES) == ()


def recent_of(cases, decision, employee) -> RecentWork:
    """The record that a live system would have kept of a person by the moment of a decision."""
    before = (cases.decided_at < cases.decided_at[decision]) & (cases.person == employee)
    by_hour = np.bincount((cases.decided_at[before] % 86400 // 3600).astype(int), minlength=24).astype(float)
    kinds = [f"k{code}" for code in cases.subcategory]
    teams = [f"d{code}" for code in cases.department]

    def recents(keys):
        found: dict[str, Recent] = {}
        for row in np.flatnonzero(before):
            at, old = datetime.fromtimestamp(cases.decided_at[row], UTC), found.get(keys[row])
            count = decayed(old.count, (at - old.last_at) / timedelta(hours=1)) if old else 0.0
            found[keys[row]] = Recent(last_at=at, count=count + 1.0)
        return found

    codes = cases.context["raised_by"][before]
    handled = {"raised_by": {f"c{code}": float(np.sum(codes == code)) for code in set(codes.tolist())}}
    overall = recents(["all"] * len(kinds)).get("all")
    return RecentWork(
        overall=overall,
        by_category=recents(kinds),
        by_department=recents(teams),
        by_hour=tuple(by_hour),
        handled=handled,
    )


def test_records_give_live_what_the_replay_gives_in_training():
    cases, _ = read_log(small_log(8, 120), adapter())
    replayed = replay(cases, adapter())
    for decision in range(40, 120, 13):
        rows = np.flatnonzero(replayed.decision == decision)
        everybody = range(len(cases.names["person"]))
        people = [person(f"p{i}", recent_of(cases, decision, i)) for i in everybody]
        task = Task(
            task_id="t",
            category=f"k{cases.subcategory[decision]}",
            department=f"d{cases.department[decision]}",
            context={"raised_by": f"c{cases.context['raised_by'][decision]}"},
        )
        now = datetime.fromtimestamp(cases.decided_at[decision], UTC)
        pairs = build_pairs([task], people, now, matcher=SkillMatcher())
        live = feature_matrix(pairs, pairs.initial, np.zeros(1, int), replayed.person[rows], NEW)
        assert live == pytest.approx(replayed.features[rows, len(FEATURE_NAMES) :], nan_ok=True), decision


@pytest.fixture
def scorer() -> LightGbmScorer:
    """Learned that whoever worked for the same customer before does it well."""
    rng = np.random.default_rng(3)
    features = rng.random((2000, len(NAMES)))
    good = features[:, NAMES.index("raised_by_share")] > 0.5
    recipe = Recipe(objective="binary", rounds=20, patience=0)
    text = str(fit(recipe, Rows(features, good.astype(float)), NAMES, seed=1).model_to_string())
    manifest = Manifest(
        format=1,
        name="wide",
        version="wide",
        kind="success",
        features=NAMES,
        objective="binary sigmoid:1",
        calibration=Calibration(slope=1.0, intercept=0.0),
        training=TrainingRun(start=NOW, end=NOW, rows=2000, seed=1, data="drawn"),
        metrics={},
        libraries={},
        sha256=text_sha256(text),
        created_at=NOW,
    )
    return LightGbmScorer(Bundle(manifest, text))


def test_a_bundle_with_sets_plans_explains_and_says_who_computes_it(scorer):
    people = [person("knows", work(handled={"raised_by": {"eve": 9.0}})), person("other", work(handled={}))]
    made = plan([DISK.model_copy(update={"estimated_hours": 1.0})], people, scorer=scorer, now=NOW)
    (chosen,) = made.assignments
    assert chosen.employee_id == "knows"
    assert len(chosen.explanation.terms) == len(NAMES)
    assert scorer.describe() == "compiled forest (20 trees); Booster.predict for small problems"

"""What every scorer must do, whatever it is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from assignment_engine.features.arrays import Floats
from assignment_engine.features.definition import FEATURE_NAMES, feature_matrix
from assignment_engine.features.pairs import Pairs, build_pairs
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.learning.organisation import simulate
from assignment_engine.scoring.bundle import load_bundle
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from assignment_engine.scoring.protocol import Scorer
from assignment_engine.scoring.registry import shipped_models

SCORERS = {
    "fallback": WeightedFallback,
    "lightgbm": lambda: LightGbmScorer(load_bundle(shipped_models() / "default")),
}


@dataclass(frozen=True)
class Problem:
    pairs: Pairs
    features: Floats  # all pairs, task by task

    @property
    def people(self):
        return np.arange(self.pairs.shape[1])


@pytest.fixture(scope="module", params=SCORERS)
def scorer(request) -> Scorer:
    return SCORERS[request.param]()


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Records with gaps, people with and without history and load."""
    organisation = simulate(5, people=15, decisions=300, open_tasks=25)
    strangers = [person.model_copy(update={"history": None}) for person in organisation.employees[:3]]
    people = (*strangers, *organisation.employees[3:])
    pairs = build_pairs(organisation.open_tasks, people, organisation.now, matcher=SkillMatcher())
    tasks, columns = np.divmod(np.arange(pairs.shape[0] * pairs.shape[1]), pairs.shape[1])
    return Problem(pairs, feature_matrix(pairs, pairs.initial, tasks, columns))


def test_says_who_it_is(scorer):
    assert scorer.name
    assert scorer.version
    assert 0.0 <= scorer.confidence <= 1.0


def test_scores_lie_between_0_and_1(scorer, problem):
    row = scorer.score(problem.features)
    assert row.scores.shape == row.raw.shape == (len(problem.features),)
    assert np.all((row.scores >= 0.0) & (row.scores <= 1.0))


def test_scores_tell_pairs_apart(scorer, problem):
    assert len(np.unique(np.round(scorer.score(problem.features).scores, 6))) > 50


def test_raw_scores_have_the_order_of_the_scores(scorer, problem):
    row = scorer.score(problem.features)
    assert np.all(np.diff(row.scores[np.argsort(row.raw)]) >= 0.0)


@pytest.mark.parametrize("missing", [[name] for name in FEATURE_NAMES] + [list(FEATURE_NAMES)], ids="+".join)
def test_missing_values_give_a_score_or_none(scorer, problem, missing):
    features = problem.features.copy()
    features[:, [FEATURE_NAMES.index(name) for name in missing]] = np.nan
    scores = scorer.score(features).scores
    assert np.all(np.isnan(scores) | ((scores >= 0.0) & (scores <= 1.0)))
    assert len(scorer.explain(features[:3])) == 3


def test_the_whole_batch_equals_one_by_one(scorer, problem):
    batch = scorer.score(problem.features[:60])
    singly = [scorer.score(problem.features[i : i + 1]) for i in range(60)]
    np.testing.assert_allclose(batch.scores, np.concatenate([row.scores for row in singly]), rtol=0, atol=1e-12)
    np.testing.assert_allclose(batch.raw, np.concatenate([row.raw for row in singly]), rtol=0, atol=1e-12)


def test_twice_the_same_is_the_same(scorer, problem):
    np.testing.assert_array_equal(scorer.score(problem.features).scores, scorer.score(problem.features).scores)


def test_rows_are_the_scores_of_the_features(scorer, problem):
    scores = scorer.prepare(problem.pairs, problem.pairs.initial.copy())
    for task in range(problem.pairs.shape[0]):
        row = scores.row(task, problem.people)
        expected = scorer.score(feature_matrix(problem.pairs, problem.pairs.initial, np.asarray(task), problem.people))
        np.testing.assert_allclose(row.scores, expected.scores, rtol=0, atol=1e-12)
        np.testing.assert_allclose(row.raw, expected.raw, rtol=0, atol=1e-12)


def test_a_row_may_ask_for_some_people_in_any_order(scorer, problem):
    scores = scorer.prepare(problem.pairs, problem.pairs.initial.copy())
    everybody = scores.row(0, problem.people).scores
    some = np.array([7, 2, 11])
    np.testing.assert_allclose(scores.row(0, some).scores, everybody[some], rtol=0, atol=1e-12)


def test_a_row_of_nobody_is_empty(scorer, problem):
    row = scorer.prepare(problem.pairs, problem.pairs.initial.copy()).row(0, np.array([], dtype=np.int64))
    assert row.scores.shape == row.raw.shape == (0,)


def test_a_new_load_counts_once_it_is_announced(scorer, problem):
    """Rows after `employee_changed` equal those of a scorer that starts with the new loads; nobody else changes."""
    loads = problem.pairs.initial.copy()
    scores = scorer.prepare(problem.pairs, loads)
    before = scores.row(3, problem.people).scores
    for employee in (1, 6):
        loads.add(employee, 9 * 3600)
        scores.employee_changed(employee)
    after = scores.row(3, problem.people).scores
    fresh = scorer.prepare(problem.pairs, loads.copy()).row(3, problem.people).scores
    np.testing.assert_allclose(after, fresh, rtol=0, atol=1e-12)
    changed = {int(i) for i in np.flatnonzero(after != before)}
    assert changed
    assert changed <= {1, 6}


def test_explanations_add_up_to_the_score(scorer, problem):
    scores = scorer.score(problem.features).scores
    for score, explanation in zip(scores, scorer.explain(problem.features), strict=True):
        total = explanation.base + sum(term.contribution for term in explanation.terms)
        expected = score if explanation.unit == "score" else math.log(score / (1.0 - score))
        assert total == pytest.approx(expected, abs=1e-9)


def test_explanations_of_nothing_are_none(scorer):
    assert scorer.explain(np.empty((0, len(FEATURE_NAMES)))) == ()


def test_explanations_hold_no_nan(scorer, problem):
    """They are stored as JSON, which has no NaN: a missing value is None."""
    for explanation in scorer.explain(problem.features[np.isnan(problem.features).any(axis=1)][:20]):
        assert all(term.value is None or math.isfinite(term.value) for term in explanation.terms)
        assert all(math.isfinite(term.contribution) for term in explanation.terms)

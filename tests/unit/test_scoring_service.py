"""MLService keeps the methods of the scheduler document."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from assignment_engine.domain.errors import ConfigurationError, InvalidInputError
from assignment_engine.domain.records import Employee, Task
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.scoring.bundle import Bundle, load_bundle, save_bundle
from assignment_engine.scoring.registry import load_scorer, promote, shipped_models
from assignment_engine.scoring.service import MLService

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANA = {"employee_id": "ana", "skills": {"python": 0.8}, "experience_years": 5.0, "current_workload": 10.0}
TASK = {
    "task_id": "t1",
    "title": "Import",
    "required_skills": {"python": 0.8},
    "estimated_hours": 3.0,
    "complexity_score": 0.5,
    "deadline": NOW + timedelta(hours=6),
}


@pytest.fixture(scope="module")
def service():
    return MLService()


@pytest.fixture(scope="module")
def without_model(tmp_path_factory):
    return MLService(str(tmp_path_factory.mktemp("no_models")))


def test_predict_proba_is_the_score_of_the_features(service):
    features = service.extract_features(ANA, TASK, now=NOW)
    score, confidence = service.predict_proba(ANA, TASK, now=NOW)
    scorer, _ = load_scorer()
    assert score == scorer.score(np.array([list(features.values())])).scores[0]
    assert confidence == 0.85


def test_features_come_in_table_order_with_nan_where_missing(service):
    features = service.extract_features(ANA, TASK, now=NOW)
    assert tuple(features) == FEATURE_NAMES
    assert features["workload_ratio"] == 0.25
    assert features["time_pressure"] == 0.5
    assert features["skill_match"] == 1.0
    assert math.isnan(features["performance"])


def test_records_and_dicts_are_the_same(service):
    assert service.predict_proba(Employee(**ANA), Task(**TASK), now=NOW) == service.predict_proba(ANA, TASK, now=NOW)


def test_now_is_the_present_by_default(service):
    later = {**TASK, "deadline": datetime.now(UTC) - timedelta(hours=1)}
    assert service.extract_features(ANA, later)["time_pressure"] == 1.0


def test_a_wrong_field_is_an_error_that_names_it(service):
    with pytest.raises(InvalidInputError, match="performance_rating"):
        service.predict_proba({**ANA, "performance_rating": 7}, TASK)


def test_without_a_model_the_fallback_scores_and_says_why(without_model):
    assert without_model.predict_proba(ANA, TASK, now=NOW) == without_model.fallback_score(ANA, TASK, now=NOW)
    description = without_model.describe()
    assert description.scorer.name == "weighted-fallback"
    assert "champion.json" in description.warning


def test_with_a_model_there_is_nothing_to_warn_about(service):
    assert service.describe().scorer.name == "lightgbm"
    assert service.describe().warning is None


def test_the_fallback_score_is_there_beside_a_model(service):
    """0.4 · 1 + 0.3 · min(1, 5 / 5.5) + 0.3 · 0.75."""
    expected = 0.4 + 0.3 * 5 / 5.5 + 0.3 * 0.75
    assert service.fallback_score(ANA, TASK, now=NOW) == (pytest.approx(expected), 0.6)
    assert service._fallback_score(ANA, TASK, now=NOW) == service.fallback_score(ANA, TASK, now=NOW)


def test_gemini_needs_cached_embeddings(service):
    with pytest.raises(ConfigurationError, match="include_gemini needs cached embeddings"):
        service.predict_proba(ANA, TASK, include_gemini=True)


def test_gemini_asks_the_matcher_with_embeddings(tmp_path):
    wider = MLService(tmp_path, embedding_matcher=SkillMatcher({"python": ["snakes"]}))
    snakes = {**ANA, "skills": ["snakes"]}
    with_embeddings, _ = wider.predict_proba(snakes, TASK, include_gemini=True, now=NOW)
    without, _ = wider.predict_proba(snakes, TASK, now=NOW)
    assert with_embeddings == pytest.approx(without + 0.4)


def test_candidates_come_best_first(without_model):
    people = [
        {"employee_id": name, "skills": {"python": level}} for name, level in (("a", 0.2), ("b", 0.8), ("c", 0.4))
    ]
    found = without_model.score_candidates(TASK, people, now=NOW)
    assert [candidate.employee_id for candidate in found] == ["b", "c", "a"]
    assert [candidate.score for candidate in found] == sorted((c.score for c in found), reverse=True)
    assert without_model.score_candidates(TASK, people, top_k=1, now=NOW) == found[:1]


def test_equal_scores_go_to_the_lower_load_then_the_smaller_id(without_model):
    """Bea has half the load that she would need to lose 0.3 · 0.5, and as much more skill."""
    people = [
        {"employee_id": "late", "skills": {"python": 1.0}, "current_workload": 20.0, "experience_years": 0.0},
        {"employee_id": "bea", "skills": {"python": 1.0}, "current_workload": 0.0, "experience_years": 0.0},
        {"employee_id": "abe", "skills": {"python": 1.0}, "current_workload": 0.0, "experience_years": 0.0},
        {"employee_id": "free", "skills": {"python": 0.5}, "current_workload": 0.0, "experience_years": 0.0},
    ]
    task = {**TASK, "required_skills": {"python": 0.8}}
    # late: 0.4 · 1 + 0.3 · 0.5 = 0.55; free: 0.4 · 0.625 + 0.3 · 1 = 0.55
    found = without_model.score_candidates(task, people, now=NOW)
    assert [candidate.employee_id for candidate in found] == ["abe", "bea", "free", "late"]
    assert found[2].score == pytest.approx(found[3].score)
    assert (found[2].load, found[3].load) == (0.0, 0.5)


def test_candidates_are_explained(service):
    (candidate,) = service.score_candidates(TASK, [ANA], now=NOW)
    log_odds = candidate.explanation.base + sum(term.contribution for term in candidate.explanation.terms)
    assert 1 / (1 + math.exp(-log_odds)) == pytest.approx(candidate.score)
    assert candidate.confidence == 0.85


def test_no_employees_give_no_candidates(service):
    assert service.score_candidates(TASK, [], now=NOW) == []


def test_a_promoted_bundle_is_used_after_the_next_look(tmp_path):
    """The service is made once and lives on."""
    bundle = load_bundle(shipped_models() / "default")
    for name in ("one", "two"):
        manifest = bundle.manifest.model_copy(update={"version": name})
        save_bundle(Bundle(manifest, bundle.model_text), tmp_path / name)
    promote(tmp_path, "one")
    service = MLService(tmp_path, look_seconds=0.0)
    assert service.describe().scorer.version == "one"
    promote(tmp_path, "two")
    assert service.describe().scorer.version == "two"

"""Scores for backends that ask about people and tasks one by one; it never plans."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.domain.intake import read_employees, read_tasks
from assignment_engine.domain.plans import Explanation, ScorerInfo
from assignment_engine.domain.records import Employee, Priors, Record, Task
from assignment_engine.features.arrays import Floats
from assignment_engine.features.definition import FEATURE_NAMES, feature_matrix
from assignment_engine.features.pairs import Pairs, build_pairs
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from assignment_engine.scoring.protocol import DECIMALS, Scorer
from assignment_engine.scoring.registry import shipped_models
from assignment_engine.scoring.served import LOOK_SECONDS, ServedScorer

EmployeeLike = Employee | Mapping[str, Any]
TaskLike = Task | Mapping[str, Any]
_FIRST = np.zeros(1, dtype=np.int64)


class Candidate(Record):
    """A person considered for a task; `load` is the workload ratio before it."""

    employee_id: str
    score: float
    confidence: float
    load: float
    explanation: Explanation


class ServiceDescription(Record):
    """Which scorer gives the scores, why it is the fallback if it is, and what computes a model's scores."""

    scorer: ScorerInfo
    confidence: float
    features: tuple[str, ...]
    warning: str | None = None
    predictor: str | None = None


class MLService:
    """Scores, features and explanations of pairs, by the champion bundle of `model_dir` or the weighted fallback.

    Parameters
    ----------
    model_dir : directory with `champion.json` and bundles; by default the bundles that come with the engine.
    matcher : how skills are compared.
    embedding_matcher : the same with cached embeddings, asked when a call says `include_gemini`.
    look_seconds : how often it looks whether another bundle was promoted.

    Notes
    -----
    People and tasks are records or dicts with the same fields. `now` is what ages and deadlines are measured from,
    the present moment by default; `priors` are the outcomes of everybody, by default those of the people given.
    """

    def __init__(
        self,
        model_dir: Path | str | None = None,
        *,
        matcher: SkillMatcher | None = None,
        embedding_matcher: SkillMatcher | None = None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        directory = shipped_models() if model_dir is None else Path(model_dir)
        self._served = ServedScorer(directory, seconds=look_seconds)
        self._matcher = matcher or SkillMatcher()
        self._embedding_matcher = embedding_matcher

    @property
    def scorer(self) -> Scorer:
        """The scorer in use; another one soon after another bundle was promoted."""
        return self._served.now().scorer

    def describe(self) -> ServiceDescription:
        """What gives the scores at the moment, and why."""
        served = self._served.now()
        scorer = served.scorer
        return ServiceDescription(
            scorer=ScorerInfo(name=scorer.name, version=scorer.version),
            confidence=scorer.confidence,
            features=scorer.features,
            warning=served.warning,
            predictor=scorer.describe() if isinstance(scorer, LightGbmScorer) else None,
        )

    def predict_proba(
        self,
        employee: EmployeeLike,
        task: TaskLike,
        include_gemini: bool = False,
        *,
        now: datetime | None = None,
        priors: Priors | None = None,
    ) -> tuple[float, float]:
        """(score, confidence); the score is NaN where too little is known to give one.

        Raises
        ------
        ConfigurationError
            If `include_gemini` is asked for and there are no cached embeddings to ask.
        """
        matcher, scorer = self._matcher_for(include_gemini), self.scorer
        return _single(scorer, _features(employee, task, now, priors, matcher, scorer.features))

    def score_candidates(
        self,
        task: TaskLike,
        employees: object,
        top_k: int = 5,
        *,
        now: datetime | None = None,
        priors: Priors | None = None,
    ) -> list[Candidate]:
        """The `top_k` best of `employees` (records, dicts or a frame), best first; ties: lower load, then id.

        People of whom too little is known for a score are left out.
        """
        scorer = self.scorer
        pairs = build_pairs(
            read_tasks([task]),
            read_employees(employees),
            now or datetime.now(UTC),
            matcher=self._matcher,
            priors=priors,
        )
        people = np.arange(pairs.shape[1])
        features = feature_matrix(pairs, pairs.initial, _FIRST, people, scorer.features)
        chosen = _best(scorer, pairs, features)[:top_k]
        scores = scorer.score(features[chosen]).scores
        loads = features[chosen, FEATURE_NAMES.index("workload_ratio")]
        return [
            Candidate(
                employee_id=pairs.employee_ids[i],
                score=float(score),
                confidence=scorer.confidence,
                load=float(load),
                explanation=explanation,
            )
            for i, score, load, explanation in zip(chosen, scores, loads, scorer.explain(features[chosen]), strict=True)
        ]

    def extract_features(
        self, employee: EmployeeLike, task: TaskLike, *, now: datetime | None = None, priors: Priors | None = None
    ) -> dict[str, float]:
        """Feature name → value in table order; NaN where missing."""
        names = self.scorer.features
        features = _features(employee, task, now, priors, self._matcher, names)
        return dict(zip(names, features[0].tolist(), strict=True))

    def fallback_score(
        self, employee: EmployeeLike, task: TaskLike, *, now: datetime | None = None
    ) -> tuple[float, float]:
        """(score, confidence) of the weighted fallback, whatever the scorer in use is."""
        return _single(WeightedFallback(), _features(employee, task, now, None, self._matcher, FEATURE_NAMES))

    _fallback_score = fallback_score

    def _matcher_for(self, include_gemini: bool) -> SkillMatcher:
        if not include_gemini:
            return self._matcher
        if self._embedding_matcher is None:
            raise ConfigurationError("include_gemini needs cached embeddings, and none are configured")
        return self._embedding_matcher


def _features(
    employee: EmployeeLike,
    task: TaskLike,
    now: datetime | None,
    priors: Priors | None,
    matcher: SkillMatcher,
    names: tuple[str, ...],
) -> Floats:
    pairs = build_pairs(
        read_tasks([task]), read_employees([employee]), now or datetime.now(UTC), matcher=matcher, priors=priors
    )
    return feature_matrix(pairs, pairs.initial, _FIRST, _FIRST, names)


def _single(scorer: Scorer, features: Floats) -> tuple[float, float]:
    return float(scorer.score(features).scores[0]), scorer.confidence


def _best(scorer: Scorer, pairs: Pairs, features: Floats) -> list[int]:
    """Indices of the people with a score, best first: score, raw score, lower load, id."""
    scores, raw = (np.round(values, DECIMALS) for values in scorer.score(features))
    loads = features[:, FEATURE_NAMES.index("workload_ratio")]
    known = [int(i) for i in np.flatnonzero(~np.isnan(scores))]
    return sorted(known, key=lambda i: (-scores[i], -raw[i], loads[i], pairs.employee_ids[i]))

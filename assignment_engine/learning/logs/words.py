"""Triage learned from a log with titles, measured on its last tasks beside simpler ways."""

from __future__ import annotations

from typing import Any

import numpy as np

from assignment_engine.features.arrays import Bools, Floats, floats
from assignment_engine.learning.dataset import Instants
from assignment_engine.learning.finished import Finished
from assignment_engine.learning.logs.cases import Cases
from assignment_engine.learning.logs.slices import Slices
from assignment_engine.learning.triage import FIELDS, Answers, train_triage
from assignment_engine.learning.triage_bundle import known_of, right_of

FEWEST = 100
THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8)
LONGEST_USUAL = 100.0


def triage_tables(cases: Cases, slices: Slices, *, seed: int = 1) -> dict[str, dict[str, Any]]:
    """Accuracy of the category and errors of hours and complexity, against majority, median and linear models; and
    how many answers are right among those of at least some confidence.

    Learned on the first 80 % of the decisions with a title, from what was known when the others began. Complexity is
    that of the log, or where it has none, how hard the task turned out: half the logarithm of its hours on a scale to
    100 hours, half whether it went badly.
    """
    known_at = np.where(np.isfinite(cases.hours), cases.hours_known_at, np.inf)
    titled = np.array([bool(title.strip()) for title in cases.title])
    train = (slices.train | slices.stop) & titled & (known_at < slices.test_start)
    test = slices.test & titled & np.isfinite(cases.hours)
    if min(train.sum(), test.sum()) < FEWEST:
        return {"triage": {"n": int(test.sum()), "rows": {}}}
    everything = _finished(cases)
    seen, unseen = everything.take(train), everything.take(test)
    model = train_triage(seen, seed=seed)
    usual = _usual(seen, len(unseen.texts))
    linear = _linear(seen, unseen)
    answers = {name: model.answers(name, unseen.texts) for name in model.readers}
    category, complexity, hours = (answers[name][0] if name in answers else usual[at] for at, name in enumerate(FIELDS))
    rows = {"majority, median": usual, "linear on TF-IDF": linear, "TF-IDF + LightGBM": (category, complexity, hours)}
    triage = {
        "n": len(unseen),
        "learned_from": len(seen),
        "categories": len(set(unseen.category)),
        "rows": {name: _measured(*found, unseen) for name, found in rows.items()},
    }
    sure = {
        f"{name}, confidence ≥ {threshold}": row
        for name, found in answers.items()
        for threshold in THRESHOLDS
        if (row := _where_sure(name, *found, threshold, unseen))
    }
    return {"triage": triage, "triage_sure": {"n": len(unseen), "rows": sure}}


_Found = tuple[Answers, Answers, Answers]


def _finished(cases: Cases) -> Finished:
    names = cases.names["category"]
    hard = 0.5 * np.minimum(1.0, np.log1p(cases.hours) / np.log1p(LONGEST_USUAL)) + 0.5 * (1.0 - cases.good)
    return Finished(
        texts=[str(title) for title in cases.title],
        category=[names[code] if code >= 0 else None for code in cases.category],
        complexity=np.where(np.isnan(cases.complexity), hard, cases.complexity),
        hours=cases.hours,
        created_at=_instants(cases.decided_at),
        known_at=_instants(cases.hours_known_at),
    )


def _instants(seconds: Floats) -> Instants:
    return np.array([np.datetime64("NaT") if not np.isfinite(s) else np.datetime64(int(s), "s") for s in seconds])


def _usual(seen: Finished, count: int) -> _Found:
    words, counts = np.unique([name or "" for name in seen.category], return_counts=True)
    return (
        np.full(count, words[np.argmax(counts)]),
        np.full(count, np.nanmedian(seen.complexity)),
        np.full(count, np.nanmedian(seen.hours)),
    )


def _linear(seen: Finished, unseen: Finished) -> _Found:
    """Logistic and ridge regression on the weights of words and pairs of words."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415  (takes seconds to import)
    from sklearn.linear_model import LogisticRegression, Ridge  # noqa: PLC0415

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    weights, later = vectorizer.fit_transform(seen.texts), vectorizer.transform(unseen.texts)
    category = LogisticRegression(C=10.0, max_iter=1000).fit(weights, [name or "" for name in seen.category])

    def ridge(values: Floats) -> Floats:
        there: Bools = np.isfinite(values)
        return floats(Ridge(alpha=1.0).fit(weights[there], values[there]).predict(later))

    hours = np.maximum(np.expm1(ridge(np.log1p(seen.hours))), 0.0)
    return category.predict(later), np.clip(ridge(seen.complexity), 0.0, 1.0), floats(hours)


def _measured(category: Answers, complexity: Answers, hours: Answers, truth: Finished) -> dict[str, float]:
    known = np.isfinite(truth.complexity)
    ratio = np.abs(np.log1p(hours) - np.log1p(truth.hours))
    return {
        "category_accuracy": float(np.mean(category == np.array([name or "" for name in truth.category]))),
        "hours_mae": float(np.mean(np.abs(hours - truth.hours))),
        "hours_log_mae": float(np.mean(ratio)),
        "complexity_mae": float(np.mean(np.abs(complexity[known] - truth.complexity[known]))),
    }


def _where_sure(name: str, answers: Answers, confidence: Floats, threshold: float, truth: Finished) -> dict[str, float]:
    """How many texts have an answer of at least this confidence, and how many of these are right; empty without any."""
    known = known_of(truth, name)
    sure = confidence >= threshold
    right = right_of(name, answers[known], truth.take(known))[sure[known]]
    return {"answered": float(sure.mean()), "right": float(right.mean())} if len(right) else {}

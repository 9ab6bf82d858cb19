"""Triage learned from a log with titles, measured on its last tasks beside simpler ways."""

from __future__ import annotations

from typing import Any

import numpy as np

from assignment_engine.features.arrays import Bools, Floats, floats
from assignment_engine.learning.logs.cases import Cases
from assignment_engine.learning.logs.slices import Slices
from assignment_engine.learning.triage import Finished, train_triage

FEWEST = 100
LONGEST_USUAL = 100.0


def triage_table(cases: Cases, slices: Slices, *, seed: int = 1) -> dict[str, Any]:
    """Accuracy of the category and errors of hours and complexity, against majority, median and linear models.

    Learned on the first 80 % of the decisions with a title, from what was known when the others began. Complexity is
    that of the log, or where it has none, how hard the task turned out: half the logarithm of its hours on a scale to
    100 hours, half whether it went badly.
    """
    known_at = np.where(np.isfinite(cases.hours), cases.hours_known_at, np.inf)
    titled = np.array([bool(title.strip()) for title in cases.title])
    train = (slices.train | slices.stop) & titled & (known_at < slices.test_start)
    test = slices.test & titled & np.isfinite(cases.hours)
    if min(train.sum(), test.sum()) < FEWEST:
        return {"n": int(test.sum()), "rows": {}}
    everything = _finished(cases)
    seen, unseen = everything.take(train), everything.take(test)
    guesses = train_triage(seen, seed=seed).guess(unseen.texts)
    usual = _usual(seen, len(unseen.texts))
    linear = _linear(seen, unseen)
    learned = (
        np.array([guess.category or "" for guess in guesses]),
        floats([guess.hours for guess in guesses]),
        floats([guess.complexity for guess in guesses]),
    )
    rows = {"majority, median": usual, "linear on TF-IDF": linear, "TF-IDF + LightGBM": learned}
    return {
        "n": len(unseen.texts),
        "learned_from": len(seen.texts),
        "categories": len(set(unseen.category)),
        "rows": {name: _measured(found, unseen) for name, found in rows.items()},
    }


_Found = tuple[Any, Floats, Floats]


def _finished(cases: Cases) -> Finished:
    names = cases.names["category"]
    hard = 0.5 * np.minimum(1.0, np.log1p(cases.hours) / np.log1p(LONGEST_USUAL)) + 0.5 * (1.0 - cases.good)
    return Finished(
        texts=[str(title) for title in cases.title],
        category=[names[code] if code >= 0 else None for code in cases.category],
        complexity=np.where(np.isnan(cases.complexity), hard, cases.complexity),
        hours=cases.hours,
    )


def _usual(seen: Finished, count: int) -> _Found:
    words, counts = np.unique([name or "" for name in seen.category], return_counts=True)
    return (
        np.full(count, words[np.argmax(counts)]),
        np.full(count, np.nanmedian(seen.hours)),
        np.full(count, np.nanmedian(seen.complexity)),
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
    return category.predict(later), floats(hours), np.clip(ridge(seen.complexity), 0.0, 1.0)


def _measured(found: _Found, truth: Finished) -> dict[str, float]:
    category, hours, complexity = found
    known = np.isfinite(truth.complexity)
    ratio = np.abs(np.log1p(hours) - np.log1p(truth.hours))
    return {
        "category_accuracy": float(np.mean(category == np.array([name or "" for name in truth.category]))),
        "hours_mae": float(np.mean(np.abs(hours - truth.hours))),
        "hours_log_mae": float(np.mean(ratio)),
        "complexity_mae": float(np.mean(np.abs(complexity[known] - truth.complexity[known]))),
    }

"""Category, complexity and hours of a task from its words, learned on an organisation's own finished tasks.

Words and pairs of words are weighted by TF-IDF. LightGBM learns from the weights of the common ones and from what a
linear model makes of all of them; for learning, the linear model has never seen the row it speaks about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment_engine.domain.errors import TrainingError
from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Bools, Floats, Ints, floats
from assignment_engine.learning.keeping import booster, keep, kept

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

KIND = "triage"
FEWEST = 200
FEWEST_OF_CATEGORY = 20
OTHER = "other"
SEEN_IN, MOST_TERMS = 3, 4000
COMMON_IN = 25
STRENGTH, RIDGE = 10.0, 1.0
FOLDS = 4
_SHARED: dict[str, object] = {
    "min_data_in_leaf": 10, "feature_fraction": 0.5, "num_threads": 1, "deterministic": True, "force_row_wise": True,
    "verbose": -1,
}  # fmt: skip
CATEGORY = {**_SHARED, "objective": "multiclass", "learning_rate": 0.1, "num_leaves": 7, "feature_fraction": 0.3}
NUMBER = {**_SHARED, "objective": "regression_l1", "learning_rate": 0.05, "num_leaves": 31}
ROUNDS = {"category": 50, "number": 200}


class Guess(Record):
    """What the words of one task say; None where the model has not learned it. `confidence` is the category's."""

    category: str | None = None
    confidence: float = 0.0
    complexity: float | None = None
    hours: float | None = None


@dataclass(frozen=True)
class Finished:
    """k finished tasks: their words, category, complexity 0–1 and hours; NaN and None where not known."""

    texts: Sequence[str]
    category: Sequence[str | None]
    complexity: Floats
    hours: Floats

    def take(self, rows: Bools) -> Finished:
        kept_rows = np.flatnonzero(rows).tolist()
        return Finished(
            [self.texts[i] for i in kept_rows],
            [self.category[i] for i in kept_rows],
            self.complexity[rows],
            self.hours[rows],
        )


@dataclass(frozen=True)
class TriageModel:
    """`terms` are the words in the order of the columns with their weights `idf`, `common` the columns that LightGBM
    sees; `linear` has for each LightGBM model of `texts` a matrix (outputs, terms + 1), the last column a constant."""

    terms: tuple[str, ...] = field(repr=False)
    idf: Floats = field(repr=False)
    common: Ints = field(repr=False)
    categories: tuple[str, ...]
    linear: Mapping[str, Floats] = field(repr=False)
    texts: Mapping[str, str] = field(repr=False)

    def guess(self, texts: Sequence[str]) -> tuple[Guess, ...]:
        """One guess for each text, in their order."""
        if not texts:
            return ()
        weights = _vectorizer(self.terms, self.idf).transform(texts)
        found = {name: self._predicted(name, weights) for name in self.texts}
        return tuple(self._guess({name: values[row] for name, values in found.items()}) for row in range(len(texts)))

    def _predicted(self, name: str, weights: csr_matrix) -> Any:
        inputs = _inputs(weights[:, self.common], _linear_scores(weights, self.linear[name]))
        return booster(self.texts[name]).predict(inputs, num_threads=1)

    def _guess(self, found: Mapping[str, Any]) -> Guess:
        values: dict[str, Any] = {}
        if "category" in found:
            best = int(np.argmax(found["category"]))
            named = self.categories[best] if self.categories[best] != OTHER else None
            values |= {"category": named, "confidence": float(found["category"][best])}
        if "complexity" in found:
            values["complexity"] = float(np.clip(found["complexity"], 0.0, 1.0))
        if "hours" in found:
            values["hours"] = float(max(np.expm1(found["hours"]), 0.0))
        return Guess(**values)

    def save(self, directory: Path) -> None:
        content = {
            "terms": list(self.terms),
            "idf": self.idf.tolist(),
            "categories": list(self.categories),
            "common": self.common.tolist(),
            "linear": {name: matrix.tolist() for name, matrix in self.linear.items()},
        }
        keep(directory, KIND, content, self.texts)

    @classmethod
    def load(cls, directory: Path) -> TriageModel:
        """
        Raises
        ------
        BundleError
            If the directory does not hold what was saved.
        """
        manifest, texts = kept(directory, KIND)
        return cls(
            tuple(manifest["terms"]),
            floats(manifest["idf"]),
            np.array(manifest["common"], dtype=np.int64),
            tuple(manifest["categories"]),
            {name: floats(matrix) for name, matrix in manifest["linear"].items()},
            texts,
        )


def train_triage(finished: Finished, *, seed: int = 1) -> TriageModel:
    """Learn whatever the tasks have: a category, complexity and hours, each from the tasks that have it.

    Rare categories are learned as one, of which nothing is said.

    Raises
    ------
    TrainingError
        If fewer than 200 tasks have words.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415  (takes seconds to import)

    if sum(bool(text.strip()) for text in finished.texts) < FEWEST:
        raise TrainingError(f"{len(finished.texts)} tasks with words are too few to learn triage from")
    vectorizer = TfidfVectorizer(**_OPTIONS, min_df=SEEN_IN, max_features=MOST_TERMS)
    weights = vectorizer.fit_transform(finished.texts).tocsr()
    learner = _Learner(weights, np.flatnonzero(weights.getnnz(axis=0) >= COMMON_IN), seed)
    codes, categories = _coded(finished.category)
    if len(categories) > 1 and (codes >= 0).sum() >= FEWEST:
        learner.learn("category", codes >= 0, codes)
    for name, values in (("complexity", finished.complexity), ("hours", np.log1p(finished.hours))):
        if np.isfinite(values).sum() >= FEWEST:
            learner.learn(name, np.isfinite(values), values)
    terms = tuple(vectorizer.get_feature_names_out().tolist())
    return TriageModel(terms, floats(vectorizer.idf_), learner.common, categories, learner.linear, learner.texts)


_OPTIONS: dict[str, Any] = {
    "ngram_range": (1, 2), "sublinear_tf": True, "lowercase": True, "strip_accents": "unicode",
    "token_pattern": r"(?u)\b\w\w+\b", "dtype": np.float64,
}  # fmt: skip


def _vectorizer(terms: Sequence[str], idf: Floats) -> TfidfVectorizer:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415  (takes seconds to import)

    vectorizer = TfidfVectorizer(**_OPTIONS, vocabulary={term: column for column, term in enumerate(terms)})
    vectorizer.idf_ = idf
    return vectorizer


def _coded(names: Sequence[str | None]) -> tuple[Ints, tuple[str, ...]]:
    """A code for each task, −1 without a category; categories of fewer than 20 tasks share one."""
    words, counts = np.unique([name for name in names if name is not None] or [OTHER], return_counts=True)
    common = [str(word) for word, count in zip(words, counts, strict=True) if count >= FEWEST_OF_CATEGORY]
    categories = tuple(dict.fromkeys([*common, OTHER]))
    index = {name: code for code, name in enumerate(categories)}
    return np.array([-1 if name is None else index.get(name, index[OTHER]) for name in names]), categories


class _Learner:
    """Fits linear models and, on what they say, LightGBM models; `weights` is (tasks, terms)."""

    def __init__(self, weights: csr_matrix, common: Ints, seed: int) -> None:
        self._weights, self.common, self._seed = weights, common, seed
        self.linear: dict[str, Floats] = {}
        self.texts: dict[str, str] = {}

    def learn(self, name: str, known: Bools, target: Ints | Floats) -> None:
        weights, target = self._weights[known], target[known]
        self.linear[name] = _linear(name, weights, target)
        scores = self._unseen_scores(name, weights, target, len(self.linear[name]))
        parameters = {**NUMBER, "seed": self._seed}
        if name == "category":
            parameters = {**CATEGORY, "seed": self._seed, "num_class": int(target.max()) + 1}
        rounds = ROUNDS["category" if name == "category" else "number"]
        self.texts[name] = _fitted(parameters, _inputs(weights[:, self.common], scores), target, rounds)

    def _unseen_scores(self, name: str, weights: csr_matrix, target: Ints | Floats, outputs: int) -> Floats:
        """What linear models say about rows that they have not learned from."""
        fold = np.random.default_rng(self._seed).integers(0, FOLDS, len(target))
        scores = np.zeros((len(target), outputs))
        for number in range(FOLDS):
            rows, others = fold == number, fold != number
            matrix = _linear(name, weights[others], target[others])
            places = np.unique(target[others]) if name == "category" and outputs > 1 else np.arange(outputs)
            scores[np.ix_(rows, places.astype(np.int64))] = _linear_scores(weights[rows], matrix)
        return scores


def _linear(name: str, weights: csr_matrix, target: Ints | Floats) -> Floats:
    from sklearn.linear_model import LogisticRegression, Ridge  # noqa: PLC0415  (takes seconds to import)

    if name == "category":
        model = LogisticRegression(C=STRENGTH, tol=1e-3, max_iter=500).fit(weights, target)
    else:
        model = Ridge(alpha=RIDGE, solver="lsqr").fit(weights, target)
    matrix = np.column_stack([np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)])
    return floats(np.round(matrix, 6))


def _linear_scores(weights: csr_matrix, matrix: Floats) -> Floats:
    return floats(weights @ matrix[:, :-1].T + matrix[:, -1])


def _inputs(common: csr_matrix, scores: Floats) -> csr_matrix:
    from scipy.sparse import csr_matrix, hstack  # noqa: PLC0415

    return hstack([common, csr_matrix(scores)]).tocsr()


def _fitted(parameters: Mapping[str, object], inputs: csr_matrix, target: Ints | Floats, rounds: int) -> str:
    import lightgbm  # noqa: PLC0415  (takes seconds to import)

    rows = lightgbm.Dataset(inputs, np.asarray(target, dtype=np.float64))
    return str(lightgbm.train(dict(parameters), rows, num_boost_round=rounds).model_to_string())

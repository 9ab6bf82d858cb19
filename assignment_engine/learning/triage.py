"""Category, complexity and hours of a task from its words, learned on an organisation's own finished tasks.

Words and pairs of words are weighted by TF-IDF. A linear model reads all of them; LightGBM reads the common ones and,
for the category, how much likelier the words are in each category than elsewhere. The answer is a mean of both, with
the weight that was best on the newest tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
SEEN_IN, MOST_TERMS = 2, 30_000
COMMON_IN, SMOOTHING, FOLDS = 8, 0.3, 4
STRENGTH, RIDGE = 10.0, 1.0
OLDER_SHARE = 0.85
BLENDS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SHARED: dict[str, object] = {
    "min_data_in_leaf": 10, "feature_fraction": 0.3, "num_threads": 1, "deterministic": True, "force_row_wise": True,
    "verbose": -1,
}  # fmt: skip
CATEGORY = {**_SHARED, "objective": "multiclass", "learning_rate": 0.1, "num_leaves": 7}
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
class Reader:
    """What was learned about one field: `linear` (outputs, terms + 1), its last column a constant; the LightGBM `text`
    and the share of it in the answer; `log_counts` (outputs, terms) for the category."""

    linear: Floats = field(repr=False)
    text: str = field(repr=False)
    share: float
    log_counts: Floats | None = field(default=None, repr=False)

    def read(self, weights: csr_matrix, common: Ints) -> Floats:
        """Probabilities of the categories, shape (k, categories), or values, shape (k, 1)."""
        plain = self._linear(weights)
        return plain if self.share == 0.0 else (1.0 - self.share) * plain + self.share * self._trees(weights, common)

    def _linear(self, weights: csr_matrix) -> Floats:
        raw = floats(weights @ self.linear[:, :-1].T + self.linear[:, -1])
        return raw if self.log_counts is None else _softmax(raw)

    def _trees(self, weights: csr_matrix, common: Ints) -> Floats:
        inputs = _inputs(weights, common, self.log_counts)
        return floats(booster(self.text).predict(inputs, num_threads=1)).reshape(weights.shape[0], -1)


@dataclass(frozen=True)
class TriageModel:
    """`terms` are the words in the order of the columns with their weights `idf`, `common` those that LightGBM sees."""

    terms: tuple[str, ...] = field(repr=False)
    idf: Floats = field(repr=False)
    common: Ints = field(repr=False)
    categories: tuple[str, ...]
    readers: Mapping[str, Reader] = field(repr=False)

    def guess(self, texts: Sequence[str]) -> tuple[Guess, ...]:
        """One guess for each text, in their order."""
        if not texts:
            return ()
        weights = _vectorizer(self.terms, self.idf).transform(texts).tocsr()
        found = {name: reader.read(weights, self.common) for name, reader in self.readers.items()}
        return tuple(self._guess({name: values[row] for name, values in found.items()}) for row in range(len(texts)))

    def _guess(self, found: Mapping[str, Floats]) -> Guess:
        values: dict[str, Any] = {}
        if "category" in found:
            best = int(np.argmax(found["category"]))
            named = self.categories[best] if self.categories[best] != OTHER else None
            values |= {"category": named, "confidence": float(found["category"][best])}
        if "complexity" in found:
            values["complexity"] = float(np.clip(found["complexity"][0], 0.0, 1.0))
        if "hours" in found:
            values["hours"] = float(max(np.expm1(found["hours"][0]), 0.0))
        return Guess(**values)

    def save(self, directory: Path) -> None:
        readers = {
            name: {
                "linear": reader.linear.tolist(),
                "share": reader.share,
                "log_counts": None if reader.log_counts is None else reader.log_counts.tolist(),
            }
            for name, reader in self.readers.items()
        }
        content = {
            "terms": list(self.terms),
            "idf": self.idf.tolist(),
            "common": self.common.tolist(),
            "categories": list(self.categories),
            "readers": readers,
        }
        keep(directory, KIND, content, {name: reader.text for name, reader in self.readers.items()})

    @classmethod
    def load(cls, directory: Path) -> TriageModel:
        """
        Raises
        ------
        BundleError
            If the directory does not hold what was saved.
        """
        manifest, texts = kept(directory, KIND)
        readers = {
            name: Reader(
                floats(reader["linear"]),
                texts[name],
                float(reader["share"]),
                None if reader["log_counts"] is None else floats(reader["log_counts"]),
            )
            for name, reader in manifest["readers"].items()
        }
        common = np.array(manifest["common"], dtype=np.int64)
        return cls(tuple(manifest["terms"]), floats(manifest["idf"]), common, tuple(manifest["categories"]), readers)


def train_triage(finished: Finished, *, seed: int = 1) -> TriageModel:
    """Learn whatever the tasks have, in the order of time: a category, complexity and hours, each where it is known.

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
    learner = _Learner(np.flatnonzero(weights.getnnz(axis=0) >= COMMON_IN), seed)
    codes, categories = _coded(finished.category)
    readers: dict[str, Reader] = {}
    if len(categories) > 1 and (codes >= 0).sum() >= FEWEST:
        readers["category"] = learner.blended("category", weights[codes >= 0], codes[codes >= 0], len(categories))
    for name, values in (("complexity", finished.complexity), ("hours", np.log1p(finished.hours))):
        known = np.isfinite(values)
        if known.sum() >= FEWEST:
            readers[name] = learner.blended(name, weights[known], values[known], 1)
    terms = tuple(vectorizer.get_feature_names_out().tolist())
    return TriageModel(terms, floats(vectorizer.idf_), learner.common, categories, readers)


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


@dataclass(frozen=True)
class _Learner:
    """Fits both models; `common` are the columns that LightGBM sees."""

    common: Ints
    seed: int

    def blended(self, name: str, weights: csr_matrix, target: Ints | Floats, outputs: int) -> Reader:
        """The reader of one field, with the share of LightGBM that is best on the newest tasks."""
        older = int(OLDER_SHARE * len(target))
        tried = self._fitted(name, weights[:older], target[:older], outputs)
        shares = {share: replace(tried, share=share).read(weights[older:], self.common) for share in BLENDS}
        losses = {share: _loss(name, found, target[older:]) for share, found in shares.items()}
        best = min(losses, key=lambda share: losses[share])
        return replace(self._fitted(name, weights, target, outputs), share=best)

    def _fitted(self, name: str, weights: csr_matrix, target: Ints | Floats, outputs: int) -> Reader:
        linear = _linear(name, weights, target, outputs)
        if name != "category":
            inputs = _inputs(weights, self.common, None)
            return Reader(linear, _text({**NUMBER, "seed": self.seed}, inputs, target, ROUNDS["number"]), 0.5)
        parameters = {**CATEGORY, "seed": self.seed, "num_class": outputs}
        text = _text(parameters, self._unseen_inputs(weights, target, outputs), target, ROUNDS["category"])
        return Reader(linear, text, 0.5, _log_counts(weights, target, outputs))

    def _unseen_inputs(self, weights: csr_matrix, codes: Ints | Floats, outputs: int) -> csr_matrix:
        """Inputs whose log-counts each row had no part in."""
        from scipy.sparse import vstack  # noqa: PLC0415

        fold = np.random.default_rng(self.seed).integers(0, FOLDS, len(codes))
        rows = [np.flatnonzero(fold == number) for number in range(FOLDS)]
        parts = [
            _inputs(weights[part], self.common, _log_counts(weights[fold != i], codes[fold != i], outputs))
            for i, part in enumerate(rows)
        ]
        return vstack(parts).tocsr()[np.argsort(np.concatenate(rows))]


def _loss(name: str, found: Floats, target: Ints | Floats) -> float:
    if name == "category":
        return float(-np.mean(np.log(np.maximum(found[np.arange(len(target)), target.astype(np.int64)], 1e-9))))
    return float(np.mean(np.abs(found[:, 0] - target)))


def _linear(name: str, weights: csr_matrix, target: Ints | Floats, outputs: int) -> Floats:
    from sklearn.linear_model import LogisticRegression, Ridge  # noqa: PLC0415  (takes seconds to import)

    matrix = np.zeros((outputs, weights.shape[1] + 1))
    if name != "category":
        ridge = Ridge(alpha=RIDGE).fit(weights, target)
        matrix[0] = np.append(ridge.coef_, ridge.intercept_)
        return floats(np.round(matrix, 6))
    model = LogisticRegression(C=STRENGTH, max_iter=500).fit(weights, target)
    found = np.column_stack([model.coef_, model.intercept_])
    matrix[:, -1] = np.log(1e-9)  # categories that are not among these tasks
    matrix[model.classes_.astype(np.int64)] = np.vstack([-found, found]) / 2.0 if len(found) == 1 else found
    return floats(np.round(matrix, 6))


def _log_counts(weights: csr_matrix, codes: Ints | Floats, outputs: int) -> Floats:
    """How much likelier each word is in a category than elsewhere, shape (categories, terms)."""
    inside = np.zeros((outputs, weights.shape[1]))
    for code in range(outputs):
        inside[code] = np.asarray(weights[codes == code].sum(axis=0)).ravel()
    outside = inside.sum(axis=0) - inside
    shares = [(part + SMOOTHING) / (part + SMOOTHING).sum(axis=1, keepdims=True) for part in (inside, outside)]
    return floats(np.round(np.log(shares[0]) - np.log(shares[1]), 6))


def _inputs(weights: csr_matrix, common: Ints, log_counts: Floats | None) -> csr_matrix:
    from scipy.sparse import csr_matrix, hstack  # noqa: PLC0415

    if log_counts is None:
        return weights[:, common]
    return hstack([weights[:, common], csr_matrix(weights @ log_counts.T)]).tocsr()


def _softmax(raw: Floats) -> Floats:
    weight = np.exp(raw - raw.max(axis=1, keepdims=True))
    return floats(weight / weight.sum(axis=1, keepdims=True))


def _text(parameters: Mapping[str, object], inputs: csr_matrix, target: Ints | Floats, rounds: int) -> str:
    import lightgbm  # noqa: PLC0415  (takes seconds to import)

    rows = lightgbm.Dataset(inputs, np.asarray(target, dtype=np.float64))
    return str(lightgbm.train(dict(parameters), rows, num_boost_round=rounds).model_to_string())

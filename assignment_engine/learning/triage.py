"""Category, complexity and hours of a task from its words, learned on an organisation's own finished tasks.

Words and pairs of words are weighted by TF-IDF. A linear model reads all of them; LightGBM reads the common ones and,
for the category, how much likelier the words are in each category than elsewhere. The answer is a mean of both, with
the weight that was best on the newest tasks.
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
from assignment_engine.learning.keeping import keep, kept
from assignment_engine.learning.readers import Learner, Reader

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

KIND = "triage"
FEWEST = 200
FEWEST_OF_CATEGORY = 20
OTHER = "other"
COMMON_IN = 8
SEEN_IN, MOST_TERMS = 2, 30_000


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
    learner = Learner(np.flatnonzero(weights.getnnz(axis=0) >= COMMON_IN), seed)
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

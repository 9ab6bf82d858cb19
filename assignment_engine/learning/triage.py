"""Category, complexity and hours of a task from its words, learned on an organisation's own finished tasks.

Words and pairs of words are weighted by TF-IDF. A linear model reads all of them; LightGBM reads the common ones and,
for the category, how much likelier the words are in each category than elsewhere. The answer is a mean of both, with
the weight that was best on the newest tasks.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assignment_engine.domain.errors import BundleError, TrainingError
from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Floats, Ints, floats
from assignment_engine.learning.finished import Finished
from assignment_engine.learning.readers import Learner, Reader, as_told

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

FIELDS = ("category", "complexity", "hours")
FEWEST = 200
FEWEST_OF_CATEGORY, MOST_CATEGORIES = 20, 60
OTHER = "other"
COMMON_IN = 8
SEEN_IN, MOST_TERMS, MOST_NUMBERS = 2, 30_000, 1_000_000
TELLING = 3
_BETWEEN = r"\W+(?:\w\W+)*"  # single letters are no words


class Guess(Record):
    """What the words of one task say of one field: how likely it is right, and the words that told most."""

    value: str | float
    confidence: float
    words: tuple[str, ...] = ()


Guesses = Mapping[str, Guess]
Answers = NDArray[Any]


@dataclass(frozen=True)
class TriageModel:
    """`terms` are the words in the order of the columns with their weights `idf`, `common` those that LightGBM sees."""

    terms: tuple[str, ...] = field(repr=False)
    idf: Floats = field(repr=False)
    common: Ints = field(repr=False)
    categories: tuple[str, ...]
    readers: Mapping[str, Reader] = field(repr=False)

    def guess(self, texts: Sequence[str], sure: float = 0.0) -> tuple[Guesses, ...]:
        """What each text says of each field that was learned, where that is at least so `sure`; a rare category is not
        named."""
        if not texts:
            return ()
        weights, plain = self.weights(texts), [_Plain.of(text) for text in texts]
        guesses: list[dict[str, Guess]] = [{} for _ in texts]
        for name, reader in self.readers.items():
            read = reader.read(weights, self.common)
            outputs = read.values.argmax(axis=1)
            for row in np.flatnonzero(read.confidence >= sure).tolist():
                output = int(outputs[row])
                if name == "category" and self.categories[output] == OTHER:
                    continue
                part = slice(weights.indptr[row], weights.indptr[row + 1])
                told = _told(reader.linear, output, weights.indices[part], weights.data[part])
                guesses[row][name] = Guess(
                    value=self._value(name, output, read.values[row]),
                    confidence=float(read.confidence[row]),
                    words=self._standing(told, plain[row]),
                )
        return tuple(guesses)

    def weights(self, texts: Sequence[str]) -> csr_matrix:
        """How much each word counts in each text, shape (k, terms)."""
        found: csr_matrix = self._vectorizer.transform(texts).tocsr()
        return found

    def only(self, names: Collection[str]) -> TriageModel:
        """The same with these fields alone."""
        return replace(self, readers={name: reader for name, reader in self.readers.items() if name in names})

    def answers(self, name: str, texts: Sequence[str]) -> tuple[Answers, Floats]:
        """The answers about one field, and how likely each is right; `""` for a category that is not named."""
        read = self.readers[name].read(self.weights(texts), self.common)
        if name != "category":
            return as_told(name, read.values[:, 0]), read.confidence
        names = np.array(["" if name == OTHER else name for name in self.categories], dtype=object)
        return names[read.values.argmax(axis=1)], read.confidence

    @cached_property
    def _vectorizer(self) -> TfidfVectorizer:
        return _vectorizer(self.terms, self.idf)

    def _value(self, name: str, output: int, values: Floats) -> str | float:
        return self.categories[output] if name == "category" else float(as_told(name, values[:1])[0])

    def _standing(self, columns: Sequence[int], text: _Plain) -> tuple[str, ...]:
        """The words of these columns as they stand in the text, those that told most first."""
        terms = _apart(self.terms[column] for column in columns)
        return tuple(words for words in map(text.standing, terms) if words)[:TELLING]

    def texts(self) -> dict[str, str]:
        """Everything as texts, by name: LightGBM's own of each field, and one with the numbers of all of them."""
        numbers = {
            "terms": self.terms,
            "idf": self.idf.tolist(),
            "common": self.common.tolist(),
            "categories": self.categories,
            "readers": {
                name: {
                    "linear": reader.linear.tolist(),
                    "share": reader.share,
                    "log_counts": None if reader.log_counts is None else reader.log_counts.tolist(),
                    "trust": reader.trust.tolist(),
                }
                for name, reader in self.readers.items()
            },
        }
        return {"words": json.dumps(numbers), **{name: reader.text for name, reader in self.readers.items()}}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> TriageModel:
        """
        Raises
        ------
        BundleError
            If the texts are not those of a whole, consistent model; LightGBM is shown nothing else.
        """
        try:
            model = cls._read(texts)
            for reader in model.readers.values():
                reader.check(len(model.terms), model.common)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as exc:
            raise BundleError(f"what was learned of words is damaged: {type(exc).__name__}: {exc}") from exc
        return model

    @classmethod
    def _read(cls, texts: Mapping[str, str]) -> TriageModel:
        numbers = json.loads(texts["words"])
        readers = {
            name: Reader(
                floats(numbers["readers"][name]["linear"]),
                texts[name],
                float(numbers["readers"][name]["share"]),
                None if name != "category" else floats(numbers["readers"][name]["log_counts"]),
                floats(numbers["readers"][name]["trust"]),
            )
            for name in FIELDS
            if name in numbers["readers"]
        }
        terms, idf = tuple(map(str, numbers["terms"])), floats(numbers["idf"])
        common, categories = np.array(numbers["common"], dtype=np.int64), tuple(map(str, numbers["categories"]))
        if not len(terms) == len(set(terms)) == len(idf) or not np.isfinite(idf).all():
            raise ValueError("terms and their weights")
        if not all(0 <= column < len(terms) for column in common.tolist()):
            raise ValueError("common terms")
        if "category" in readers and len(readers["category"].linear) != len(categories):
            raise ValueError("categories")
        return cls(terms, idf, common, categories, readers)


def train_triage(finished: Finished, *, seed: int = 1) -> TriageModel:
    """Learn whatever the tasks have, in the order of time: a category, complexity and hours, each where it is known.

    Rare categories are learned as one, of which nothing is said.

    Raises
    ------
    TrainingError
        If fewer than 200 tasks have words, or they share none.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415  (takes seconds to import)

    if sum(bool(text.strip()) for text in finished.texts) < FEWEST:
        raise TrainingError(f"{len(finished)} tasks with words are too few to learn triage from")
    codes, categories = coded(finished.category)
    terms = min(MOST_TERMS, MOST_NUMBERS // len(categories))
    vectorizer = TfidfVectorizer(**_OPTIONS, min_df=SEEN_IN, max_features=terms)
    try:
        weights = vectorizer.fit_transform(finished.texts).tocsr()
    except ValueError as exc:
        raise TrainingError("no word stands in two tasks") from exc
    learner = Learner(np.flatnonzero(weights.getnnz(axis=0) >= COMMON_IN), seed)
    if not len(learner.common):
        raise TrainingError(f"no word stands in {COMMON_IN} tasks")
    readers: dict[str, Reader] = {}
    if len(categories) > 1 and (codes >= 0).sum() >= FEWEST:
        readers["category"] = learner.blended("category", weights[codes >= 0], codes[codes >= 0], len(categories))
    for name, values in (("complexity", finished.complexity), ("hours", np.log1p(finished.hours))):
        known = np.isfinite(values)
        if known.sum() >= FEWEST:
            readers[name] = learner.blended(name, weights[known], values[known], 1)
    words = tuple(vectorizer.get_feature_names_out().tolist())
    return TriageModel(words, floats(vectorizer.idf_), learner.common, categories, readers)


_OPTIONS: dict[str, Any] = {
    "ngram_range": (1, 2), "sublinear_tf": True, "lowercase": True, "strip_accents": "unicode",
    "token_pattern": r"(?u)\b\w\w+\b", "dtype": np.float64,
}  # fmt: skip


def _vectorizer(terms: Sequence[str], idf: Floats) -> TfidfVectorizer:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415  (takes seconds to import)

    vectorizer = TfidfVectorizer(**_OPTIONS, vocabulary={term: column for column, term in enumerate(terms)})
    vectorizer.idf_ = idf
    return vectorizer


def _told(linear: Floats, output: int, columns: NDArray[np.signedinteger], weights: Floats) -> list[int]:
    """Which of these columns told most for this output, more than for the mean of all; for a number, either way."""
    if len(linear) == 1:
        told = np.abs(weights * linear[0, columns])
    else:
        told = weights * (linear[output, columns] - linear[:, columns].mean(axis=0))
    order = np.argsort(-told, kind="stable")[: 3 * TELLING]
    return [int(columns[i]) for i in order if told[i] > 0.0]


def _apart(terms: Iterable[str]) -> list[str]:
    """Those that share no word with one before."""
    kept: list[str] = []
    seen: set[str] = set()
    for term in terms:
        if seen.isdisjoint(term.split(" ")):
            kept.append(term)
        seen.update(term.split(" "))
    return kept


@dataclass(frozen=True)
class _Plain:
    """A text without accents, as its words were learned; `at` is where each letter stands in the `text`."""

    text: str
    plain: str
    at: Sequence[int]

    @classmethod
    def of(cls, text: str) -> _Plain:
        if text.isascii():
            return cls(text, text, range(len(text)))
        letters = [(letter, at) for at, whole in enumerate(text) for letter in unicodedata.normalize("NFKD", whole)]
        kept = [(letter, at) for letter, at in letters if not unicodedata.combining(letter)]
        return cls(text, "".join(letter for letter, _ in kept), [at for _, at in kept])

    def standing(self, term: str) -> str | None:
        """The words of a term in their own spelling."""
        pattern = _BETWEEN.join(map(re.escape, term.split(" ")))
        found = re.search(rf"(?<!\w){pattern}(?!\w)", self.plain, re.IGNORECASE)
        return None if found is None else self.text[self.at[found.start()] : self.at[found.end() - 1] + 1]


def coded(names: Sequence[str | None]) -> tuple[Ints, tuple[str, ...]]:
    """A code for each task, −1 without a category; all but the 60 most common ones share one, and those of fewer than
    20 tasks."""
    counts = Counter(name for name in names if name is not None)
    ranked = sorted(counts, key=lambda name: (-counts[name], name))[:MOST_CATEGORIES]
    common = sorted(name for name in ranked if counts[name] >= FEWEST_OF_CATEGORY)
    categories = tuple(dict.fromkeys([*common, OTHER]))
    index = {name: code for code, name in enumerate(categories)}
    return np.array([-1 if name is None else index.get(name, index[OTHER]) for name in names]), categories

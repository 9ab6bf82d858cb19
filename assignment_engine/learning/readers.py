"""How one field of a task is read from the weights of its words: a linear model and LightGBM, mixed.

Each answer comes with how likely it is to be right: a category that is the true one, hours within a factor of two,
complexity within 0.15. That likelihood is learned too, from the newest tasks, which the models had not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator

from assignment_engine.domain.errors import BundleError
from assignment_engine.features.arrays import Bools, Floats, Ints, floats
from assignment_engine.learning.keeping import booster
from assignment_engine.scoring.lightgbm_scorer import sigmoid
from assignment_engine.scoring.model_text import read_trees

if TYPE_CHECKING:
    from lightgbm import Booster
    from scipy.sparse import csr_matrix

SMOOTHING, FOLDS = 0.3, 4
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
FACTOR, NEAR = 2.0, 0.15
TRUSTED = 4  # a constant and three signals
THINNED_WEIGHT = 0.25
_SMALLEST_HOURS, _SMALLEST_SHARE = 0.01, 1e-6


@dataclass(frozen=True)
class Read:
    """What was read out of k texts: probabilities of the categories, (k, categories), or values, (k, 1), and the
    likelihood that each answer is right, (k,)."""

    values: Floats
    confidence: Floats


@dataclass(frozen=True)
class Reader:
    """What was learned about one field: `linear` (outputs, terms + 1), its last column a constant; the LightGBM `text`
    and the share of it in the answer; `log_counts` (outputs, terms) for the category; `trust` weighs what tells how
    likely the answer is right."""

    linear: Floats = field(repr=False)
    text: str = field(repr=False)
    share: float
    log_counts: Floats | None = field(default=None, repr=False)
    trust: Floats = field(default_factory=lambda: np.zeros(TRUSTED), repr=False)

    def read(self, weights: csr_matrix, common: Ints) -> Read:
        """What the texts with these `weights` of words say."""
        values, signals = self.signals(weights, common)
        return Read(values, sigmoid(signals @ self.trust))

    def signals(self, weights: csr_matrix, common: Ints) -> tuple[Floats, Floats]:
        """The answers, and what tells how far they can be trusted, shape (k, 4).

        Of a category the log-odds of the likeliest, how far the second is behind it and the entropy of all; of a number
        itself, how far both models are apart, and how many words are known.
        """
        plain, trees = self._linear(weights), self._trees(weights, common)
        values = (1.0 - self.share) * plain + self.share * trees
        if self.log_counts is None:
            words = np.log1p(weights.getnnz(axis=1).astype(np.float64))
            told = (values[:, 0], np.abs(plain - trees)[:, 0], words)
        else:
            likely = np.clip(values, _SMALLEST_SHARE, 1.0 - _SMALLEST_SHARE)
            second, best = np.sort(likely, axis=1)[:, -2:].T
            told = (np.log(best / (1.0 - best)), best - second, -(likely * np.log(likely)).sum(axis=1))
        return values, np.column_stack([np.ones(len(values)), *told])

    def _linear(self, weights: csr_matrix) -> Floats:
        raw = floats(weights @ self.linear[:, :-1].T + self.linear[:, -1])
        return raw if self.log_counts is None else _softmax(raw)

    def _trees(self, weights: csr_matrix, common: Ints) -> Floats:
        inputs = _inputs(weights, common, self.log_counts)
        return floats(self._booster.predict(inputs, num_threads=1)).reshape(weights.shape[0], -1)

    @cached_property
    def _booster(self) -> Booster:
        return booster(self.text)

    def without_telling(self, weights: csr_matrix, rng: Generator) -> csr_matrix:
        """The same texts with some words hidden, those that tell most first: of each text a random share."""
        from sklearn.preprocessing import normalize  # noqa: PLC0415  (takes seconds to import)

        counts = np.diff(weights.indptr)
        row = np.repeat(np.arange(len(counts)), counts)
        output = self._linear(weights).argmax(axis=1)[row]
        told = weights.data * self.linear[output, weights.indices]
        order = np.lexsort((-(told if self.log_counts is not None else np.abs(told)), row))
        rank = np.empty(len(row), dtype=np.int64)
        rank[order] = np.arange(len(row)) - weights.indptr[row]
        fewer = weights.copy()
        fewer.data = np.where(rank >= (rng.random(len(counts)) * (counts + 1)).astype(np.int64)[row], fewer.data, 0.0)
        fewer.eliminate_zeros()
        normalised: csr_matrix = normalize(fewer)
        return normalised

    def check(self, terms: int, common: Ints) -> None:
        """Refuse what does not fit together, before LightGBM sees any of it.

        Raises
        ------
        BundleError
        """
        outputs = len(self.linear)
        shapes = [(self.linear, (outputs, terms + 1)), (self.trust, (TRUSTED,))]
        inputs, objective = len(common), str(NUMBER["objective"])
        if self.log_counts is not None:
            shapes.append((self.log_counts, (outputs, terms)))
            inputs, objective = inputs + outputs, f"multiclass num_class:{outputs}"
        if any(found.shape != shape or not np.isfinite(found).all() for found, shape in shapes):
            raise BundleError("what was learned of a field does not fit its words")
        read_trees(self.text, [f"Column_{i}" for i in range(inputs)], objective, outputs)


@dataclass(frozen=True)
class Learner:
    """Fits both models; `common` are the columns that LightGBM sees."""

    common: Ints
    seed: int

    def blended(self, name: str, weights: csr_matrix, target: Ints | Floats, outputs: int) -> Reader:
        """The reader of one field, with the share of LightGBM that is best on the newest tasks."""
        older = int(OLDER_SHARE * len(target))
        tried, newest = self._fitted(name, weights[:older], target[:older], outputs), target[older:]
        tries = {share: replace(tried, share=share) for share in BLENDS}
        found = {share: reader.signals(weights[older:], self.common) for share, reader in tries.items()}
        best = min(BLENDS, key=lambda share: _loss(name, found[share][0], newest))
        thinned = tries[best].without_telling(weights[older:], np.random.default_rng(self.seed))
        both = (found[best], tries[best].signals(thinned, self.common))
        told = [(signals, is_right(name, values, newest)) for values, signals in both]
        return replace(self._fitted(name, weights, target, outputs), share=best, trust=_trust(*told))

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


def is_right(name: str, values: Floats, target: Ints | Floats) -> Bools:
    """Whether each raw answer is right: the category itself, or near enough."""
    if name == "category":
        return np.asarray(values.argmax(axis=1) == target)
    return near(name, as_told(name, values[:, 0]), as_told(name, floats(target)))


def as_told(name: str, values: Floats) -> Floats:
    """Raw answers as people give them: complexity 0–1, hours of at least 0."""
    return np.asarray(np.clip(values, 0.0, 1.0) if name == "complexity" else np.maximum(np.expm1(values), 0.0))


def near(name: str, found: Floats, true: Floats) -> Bools:
    """Whether numbers as people give them are near enough: hours within a factor of two, complexity within 0.15."""
    if name == "complexity":
        return np.asarray(np.abs(found - true) <= NEAR + 1e-9)
    both = (np.log(np.maximum(hours, _SMALLEST_HOURS)) for hours in (found, true))
    return np.asarray(np.abs(np.subtract(*both)) <= np.log(FACTOR) + 1e-9)


def _trust(seen: tuple[Floats, Bools], thinned: tuple[Floats, Bools]) -> Floats:
    """The weights by which sigmoid(signals · weights) is how likely an answer is right.

    Learned from pairs of signals, (k, 4), and whether the answer was right, (k,). Where nearly every text tells enough,
    only `thinned` ones show what an answer is worth that has less to go by; they count a quarter.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  (takes seconds to import)

    told, right = np.vstack([seen[0], thinned[0]])[:, 1:], np.concatenate([seen[1], thinned[1]])
    weight = np.concatenate([np.ones(len(seen[1])), np.full(len(thinned[1]), THINNED_WEIGHT)])
    if right.all() or not right.any():
        return floats([np.log((right.sum() + 1.0) / ((~right).sum() + 1.0)), 0.0, 0.0, 0.0])
    centre, spread = told.mean(axis=0), np.maximum(told.std(axis=0), 1e-9)
    fit = LogisticRegression(C=1.0).fit((told - centre) / spread, right, sample_weight=weight)
    slopes = fit.coef_[0] / spread
    return floats(np.round([fit.intercept_[0] - slopes @ centre, *slopes], 6))


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

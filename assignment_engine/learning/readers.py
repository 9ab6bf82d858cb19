"""How one field of a task is read from the weights of its words: a linear model and LightGBM, mixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from assignment_engine.features.arrays import Floats, Ints, floats
from assignment_engine.learning.keeping import booster

if TYPE_CHECKING:
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
class Learner:
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

"""The calibrated probability of a good outcome, by a LightGBM bundle."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from assignment_engine.domain.errors import BundleError
from assignment_engine.domain.plans import Explanation, Term
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.definition import FEATURE_NAMES, feature_matrix
from assignment_engine.features.pairs import Loads, Pairs
from assignment_engine.scoring.bundle import Bundle, Predictor
from assignment_engine.scoring.forest.readiness import pays
from assignment_engine.scoring.forest.tables import Forest, compile_forest, not_covered
from assignment_engine.scoring.protocol import ScoreRow

_LEAST_LOG_ODDS = -700.0  # whose exponential is just small enough for a float


@dataclass(frozen=True)
class LightGbmScorer:
    """sigmoid(slope · raw + intercept), where raw is the model's log-odds and the rest its calibration."""

    bundle: Bundle = field(repr=False)
    threads: int = 1
    name: str = "lightgbm"
    confidence: float = 0.85

    def __post_init__(self) -> None:
        manifest = self.bundle.manifest
        if manifest.kind != "success":
            raise BundleError(
                f"bundle {manifest.version!r} is of kind {manifest.kind!r}: it ranks candidates for evaluation "
                "and is not served; expected kind 'success'"
            )

    @property
    def version(self) -> str:
        return self.bundle.manifest.version

    @property
    def features(self) -> tuple[str, ...]:
        return self.bundle.manifest.features

    @cached_property
    def not_covered(self) -> str | None:
        """Why the compiled forest cannot score this model; None when it can."""
        return not_covered(self.bundle.trees, self.features)

    @cached_property
    def forest(self) -> Forest:
        """The model as bit masks, if it is covered."""
        return compile_forest(self.bundle.trees, self.features)

    def describe(self) -> str:
        """What computes the scores of a whole problem, and why."""
        if self.not_covered:
            return f"Booster.predict: {self.not_covered}"
        return f"compiled forest ({len(self.bundle.trees)} trees); Booster.predict for small problems"

    def prepare(self, pairs: Pairs, loads: Loads) -> LightGbmScores:
        count = pairs.shape[0] * pairs.shape[1]
        if self.not_covered or not pays(self.forest, count):
            rows = BoosterRows(self.bundle.predictor, pairs, loads, self.features, self.threads)
            return LightGbmScores(self, rows, pairs.shape)
        from assignment_engine.scoring.forest.rows import ForestRows  # noqa: PLC0415  (numba takes half a second)

        return LightGbmScores(self, ForestRows.of(self.forest, pairs, loads, self.threads), pairs.shape)

    def score(self, features: Floats) -> ScoreRow:
        return self.calibrated(self.bundle.predictor.raw(features, self.threads))

    def calibrated(self, raw: Floats) -> ScoreRow:
        """The scores of raw values."""
        return ScoreRow(sigmoid(self._log_odds(raw)), raw)

    def explain(self, features: Floats) -> tuple[Explanation, ...]:
        """SHAP values of the log-odds; LightGBM has none of linear trees, whose explanations have no terms."""
        if any(tree.linear for tree in self.bundle.trees):
            raw = self.bundle.predictor.raw(features, self.threads)
            return tuple(_unexplained(float(base)) for base in self._log_odds(raw))
        shares = self.bundle.predictor.contributions(features, self.threads)
        slope = self.bundle.manifest.calibration.slope
        bases = self._log_odds(shares[:, -1])
        return tuple(
            _explanation(float(base), self.features, row, slope * share)
            for base, row, share in zip(bases, features, shares[:, :-1], strict=True)
        )

    def _log_odds(self, raw: Floats) -> Floats:
        calibration = self.bundle.manifest.calibration
        return calibration.slope * raw + calibration.intercept


class RawRows(Protocol):
    """Raw scores of one problem, read row by row while the loads change."""

    def raw(self, task: int, employees: Ints) -> Floats:
        """Raw scores of `task` for the given employees, shape (k,), at the loads of this moment."""
        ...

    def employee_changed(self, employee: int) -> None: ...


@dataclass(frozen=True)
class BoosterRows:
    """Raw scores by LightGBM itself, from feature vectors made row by row."""

    predictor: Predictor
    pairs: Pairs = field(repr=False)
    loads: Loads = field(repr=False)
    features: tuple[str, ...] = FEATURE_NAMES
    threads: int = 1

    def raw(self, task: int, employees: Ints) -> Floats:
        vectors = feature_matrix(self.pairs, self.loads, np.asarray(task), employees, self.features)
        return self.predictor.raw(vectors, self.threads)

    def employee_changed(self, employee: int) -> None:
        """Nothing is kept between rows."""


@dataclass(frozen=True)
class LightGbmScores:
    """Calibrated scores of one problem of `shape` (n tasks, m employees)."""

    scorer: LightGbmScorer
    rows: RawRows
    shape: tuple[int, int]

    def row(self, task: int, employees: Ints) -> ScoreRow:
        return self.scorer.calibrated(self.rows.raw(task, employees))

    def employee_changed(self, employee: int) -> None:
        self.rows.employee_changed(employee)

    def score_matrix(
        self, dtype: type[np.float32 | np.float64] = np.float64, *, progress: bool = False
    ) -> NDArray[np.float32 | np.float64]:
        """All scores at the loads of this moment, shape (n, m); nothing else of that size is made."""
        tasks, everyone = range(self.shape[0]), np.arange(self.shape[1])
        matrix = np.empty(self.shape, dtype=dtype)
        for task in tqdm(tasks, desc="scoring", unit="task", delay=2.0, leave=False) if progress else tasks:
            matrix[task] = self.row(task, everyone).scores
        return matrix


def sigmoid(log_odds: Floats) -> Floats:
    """Probability of the log-odds, shape (k,); does not overflow for large ones of either sign."""
    values = np.maximum(log_odds, _LEAST_LOG_ODDS)
    np.negative(values, out=values)
    np.exp(values, out=values)
    values += 1.0
    return np.reciprocal(values, out=values)


def _unexplained(log_odds: float) -> Explanation:
    note = "the model has linear trees, whose scores cannot be divided among the features"
    return Explanation(unit="log-odds", base=log_odds, terms=(), note=note)


def _explanation(base: float, names: tuple[str, ...], values: Floats, contributions: Floats) -> Explanation:
    return Explanation(
        unit="log-odds",
        base=base,
        terms=tuple(
            Term(feature=name, value=None if np.isnan(value) else float(value), contribution=float(contribution))
            for name, value, contribution in zip(names, values, contributions, strict=True)
        ),
    )

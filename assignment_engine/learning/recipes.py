"""How a model is fitted: the parameters that a person may want to change, and the fits themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Bools, Floats, Ints

if TYPE_CHECKING:
    from lightgbm import Booster

Positive = Annotated[float, Field(gt=0)]
Rounds = Annotated[int, Field(ge=1)]
MONOTONE = {
    "skill_match": 1, "capacity_fit": 1, "success_rate": 1, "performance": 1, "workload_ratio": -1, "time_pressure": -1,
}  # fmt: skip


class Recipe(Record):
    """What LightGBM is told. `patience` is the number of rounds without gain on later rows after which it stops."""

    objective: Literal["binary", "lambdarank", "quantile"]
    learning_rate: Positive = 0.05
    leaves: Annotated[int, Field(ge=2, le=64)] = 31
    min_data: Rounds = 50
    feature_fraction: Annotated[float, Field(gt=0, le=1)] = 0.8
    bagging_fraction: Annotated[float, Field(gt=0, le=1)] = 0.8
    lambda_l2: Annotated[float, Field(ge=0)] = 0.0
    rounds: Rounds = 400
    patience: Annotated[int, Field(ge=0)] = 30
    monotone: bool = False
    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.5

    def parameters(self, names: Sequence[str], seed: int) -> dict[str, object]:
        """Those of LightGBM; one thread and fixed order, so that the same seed gives the same model."""
        special: dict[str, dict[str, object]] = {
            "binary": {"metric": "binary_logloss"},
            "lambdarank": {"lambdarank_truncation_level": 10, "metric": "ndcg", "eval_at": [3]},
            "quantile": {"alpha": self.quantile, "metric": "quantile"},
        }
        constraints: dict[str, object] = {
            "monotone_constraints": [MONOTONE.get(name, 0) for name in names],
            "monotone_constraints_method": "basic",  # measured: the other methods of LightGBM 4.7 break them
        }
        return {
            "objective": self.objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_data,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": self.lambda_l2,
            "seed": seed,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
            **special[self.objective],
            **(constraints if self.monotone else {}),
        }


@dataclass(frozen=True)
class Rows:
    """k rows to learn from or to stop by: `groups` are the sizes of the candidate sets, for ranking."""

    features: Floats
    target: Floats
    groups: Ints | None = None
    weight: Floats | None = None

    def take(self, rows: Bools) -> Rows:
        return Rows(self.features[rows], self.target[rows], None, None if self.weight is None else self.weight[rows])


def fit(
    recipe: Recipe, rows: Rows, names: Sequence[str], *, seed: int, later: Rows | None = None,
    categorical: Sequence[str] = (),
) -> Booster:  # fmt: skip
    """Fit a model; with `later` rows it keeps the number of rounds that was best on them.

    Raises
    ------
    TrainingError
        If LightGBM cannot fit these rows.
    """
    import lightgbm  # noqa: PLC0415  (takes seconds to import)

    options: dict[str, Any] = {"feature_name": list(names), "categorical_feature": list(categorical)}
    data = lightgbm.Dataset(rows.features, rows.target, group=rows.groups, weight=rows.weight, **options)
    if later is None or not recipe.patience or not len(later.target):
        return lightgbm.train(recipe.parameters(names, seed), data, num_boost_round=recipe.rounds)
    valid = lightgbm.Dataset(
        later.features, later.target, group=later.groups, weight=later.weight, reference=data, **options
    )
    stop = lightgbm.early_stopping(recipe.patience, verbose=False)
    return lightgbm.train(
        recipe.parameters(names, seed), data, num_boost_round=recipe.rounds, valid_sets=[valid], callbacks=[stop]
    )


def predict(booster: Booster, features: Floats, *, raw: bool = False) -> Floats:
    """Predictions of the best round, shape (k,)."""
    if not len(features):
        return np.empty(0)
    return np.asarray(booster.predict(features, raw_score=raw, num_threads=1), dtype=np.float64)

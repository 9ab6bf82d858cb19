"""Logistic regression on the features: as good as trees while outcomes are few, and a yardstick afterwards."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assignment_engine.features.arrays import Bools, Floats
from assignment_engine.learning.recipes import Recipe

STRENGTH = 1.0
DRAWN, ROUNDS, BLANKED = 20_000, 300, 0.02


@dataclass(frozen=True)
class Logistic:
    """Standardised features, missing ones at their mean with a column that says so."""

    model: Any = field(repr=False)

    @classmethod
    def fitted(cls, features: Floats, good: Bools) -> Logistic:
        from sklearn.impute import SimpleImputer  # noqa: PLC0415  (takes seconds to import)
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
        from sklearn.pipeline import make_pipeline  # noqa: PLC0415
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

        model = make_pipeline(
            SimpleImputer(add_indicator=True, keep_empty_features=True),
            StandardScaler(),
            LogisticRegression(C=STRENGTH, max_iter=2000),
        )
        return cls(model.fit(_tame(features), good))

    def probability(self, features: Floats) -> Floats:
        return np.asarray(self.model.predict_proba(_tame(features))[:, 1], dtype=np.float64)


def student(features: Floats, good: Bools, names: Sequence[str], seed: int) -> str:
    """The text of a LightGBM model that gives the log-odds of a logistic regression.

    Served models are LightGBM text, so the regression teaches additive trees (no two features in one tree, with the
    monotone constraints of success models) on rows drawn feature by feature from the data.
    """
    import lightgbm  # noqa: PLC0415  (takes seconds to import)

    teacher, rng = Logistic.fitted(features, good), np.random.default_rng(seed)
    drawn = np.column_stack([rng.choice(column, DRAWN) for column in features.T])
    drawn[rng.random(drawn.shape) < BLANKED] = np.nan
    share = np.clip(teacher.probability(drawn), 1e-6, 1.0 - 1e-6)
    recipe = Recipe(objective="binary", learning_rate=0.2, leaves=15, min_data=50, monotone=True)
    parameters = {
        **recipe.parameters(names, seed),
        "objective": "regression",
        "metric": "l2",
        "interaction_constraints": [[position] for position in range(len(names))],
        "feature_fraction": 1.0,
    }
    rows = lightgbm.Dataset(drawn, np.log(share / (1.0 - share)), feature_name=list(names))
    text = str(lightgbm.train(parameters, rows, num_boost_round=ROUNDS).model_to_string())
    # bundles are read strictly, and these parameters matter to nobody after training
    return re.sub(r"(?m)^\[interaction_constraints: .*\]$", "[interaction_constraints: ]", text)


def _tame(features: Floats) -> Floats:
    """Large counts and hours on a logarithmic scale, so that a few of them do not rule the fit."""
    return np.where(np.abs(features) > 1.0, np.sign(features) * (1.0 + np.log(np.maximum(np.abs(features), 1.0))),
                    features)  # fmt: skip

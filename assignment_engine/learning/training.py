"""A bundle from a dataset: which model, which features, how far it may search, and what it is compared with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from assignment_engine.domain.errors import TrainingError
from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Bools, Floats
from assignment_engine.features.definition import feature_names
from assignment_engine.learning.dataset import Dataset
from assignment_engine.learning.logistic import student
from assignment_engine.learning.metrics import auc, log_loss, measures
from assignment_engine.learning.ranking import Sets, choice_measures
from assignment_engine.learning.recipes import Recipe, Rows, fit, predict
from assignment_engine.learning.train import (
    OBJECTIVE,
    SMALL,
    SMALLEST_SLICE,
    Split,
    blanked,
    libraries,
    platt,
    run_of,
    small_split,
    temporal_split,
)
from assignment_engine.scoring.bundle import Bundle, Calibration, Manifest, Predictor, text_sha256
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.lightgbm_scorer import sigmoid

SUCCESS = Recipe(objective="binary", learning_rate=0.05, leaves=15, min_data=40, rounds=200, patience=0, monotone=True)
CHOICE = Recipe(objective="lambdarank", rounds=200, patience=0)
RANKING_OBJECTIVE = "lambdarank"
INNER_SHARE = 0.8
_CHOICES: dict[str, tuple[float, ...]] = {
    "learning_rate": (0.02, 0.03, 0.05, 0.08, 0.12),
    "leaves": (7, 15, 31, 63),
    "min_data": (10, 20, 40, 80, 160),
    "feature_fraction": (0.5, 0.8, 1.0),
    "lambda_l2": (0.0, 1.0, 10.0),
    "rounds": (50, 100, 200, 400),
}


class Training(Record):
    """What to train. `trials` and `seconds` bound a search of parameters; 0 trials take those of `recipe`.

    `model` auto takes logistic regression below 2,000 outcomes, or where slices would be too small, else trees.
    """

    kind: Literal["success", "choice"] = "success"
    sets: tuple[Literal["recency", "context"], ...] = ()
    model: Literal["auto", "trees", "logistic"] = "auto"
    recipe: Recipe | None = None
    trials: Annotated[int, Field(ge=0, le=1000)] = 0
    seconds: Annotated[float, Field(gt=0)] = 300.0
    seed: int = 1
    name: str = "trained"
    version: str = "trained-1"
    data: str = "a log of decisions"


def train(data: Dataset, training: Training, *, created_at: datetime | None = None) -> Bundle:
    """Learn from the oldest decisions, calibrate on later ones and measure on the last.

    Each slice holds only what was known when it ended; the newest days of a slice, in which only quick work has an
    outcome, are left out.

    Raises
    ------
    TrainingError
        If there are too few outcomes, or the model does not order outcomes that it has not seen.
    """
    made = train_success if training.kind == "success" else train_choice
    return made(data, training, created_at or datetime.now(UTC))


def train_success(data: Dataset, training: Training, created_at: datetime) -> Bundle:
    """The calibrated probability of a good outcome."""
    judged = data.judged
    if len(judged) < SMALLEST_SLICE:
        raise TrainingError(f"{len(judged)} decisions with an outcome are too few to learn from")
    names, good = feature_names(training.sets), judged.good > 0.5
    split = temporal_split(judged.decided_at, judged.known_at)
    linear = training.model == "logistic" or (training.model == "auto" and not _enough_for_trees(split, len(judged)))
    if linear:
        split = small_split(judged.decided_at, judged.known_at)
    for words, rows in (("train on", split.train), ("calibrate with", split.calibrate), ("test on", split.test)):
        _check(good[rows], words)
    features = judged.columns(names)
    text, objective, used = _success_model(features, good, split, names, training, linear=linear)
    raw = _raw(text, features)
    # a regression is calibrated by its own fit, trees on decisions that they have not seen
    calibration = (
        Calibration(slope=1.0, intercept=0.0) if linear else platt(raw[split.calibrate], good[split.calibrate])
    )
    probability = sigmoid(calibration.slope * raw + calibration.intercept)
    metrics = {
        "model": measures(probability[split.test], good[split.test]),
        "constant": measures(np.full(int(split.test.sum()), good[split.train].mean()), good[split.test]),
        "fallback": {"auc": auc(WeightedFallback().score(judged.features[split.test]).scores, good[split.test])},
        "test": {"rows": float(split.test.sum()), "share_good": float(good[split.test].mean())},
        **used,
    }
    made = _Made(text, objective, calibration, names, metrics)
    return _bundle(made, training, judged.take(split.train), created_at)


def train_choice(data: Dataset, training: Training, created_at: datetime) -> Bundle:
    """A ranking of candidates, learned from decisions of people only; for evaluation, never served."""
    names = feature_names(training.sets)
    sets = _choice_sets(data)
    if not len(sets.decision):
        raise TrainingError("no decision of a person has other candidates to learn from")
    numbers = np.unique(sets.decision)
    decided = np.searchsorted(numbers, sets.decision)
    first, second = int(0.7 * len(numbers)), int(0.85 * len(numbers))
    if first < SMALLEST_SLICE or len(numbers) - second < SMALLEST_SLICE:
        raise TrainingError(f"{len(numbers)} decisions with candidates are too few to learn from")
    train_part, test_part = sets.take(decided < first), sets.take(decided >= second)
    recipe, used = _searched(training, CHOICE, lambda tried, seed: _ranking_loss(tried, train_part, names, seed))
    text = str(fit(recipe, _ranking_rows(train_part, names), names, seed=training.seed).model_to_string())
    found = Sets.of(test_part.decision)
    metrics = {
        "model": choice_measures(_raw(text, test_part.columns(names)), test_part.chosen, found),
        "random": choice_measures(np.zeros(len(test_part)), test_part.chosen, found),
        "fallback": choice_measures(WeightedFallback().score(test_part.features).scores, test_part.chosen, found),
        "test": {"decisions": float(len(found.sizes))},
        **used,
    }
    made = _Made(text, RANKING_OBJECTIVE, Calibration(slope=1.0, intercept=0.0), names, metrics)
    return _bundle(made, training, train_part, created_at)


@dataclass(frozen=True)
class _Made:
    text: str
    objective: str
    calibration: Calibration
    names: tuple[str, ...]
    metrics: dict[str, dict[str, float]]


def _bundle(made: _Made, training: Training, rows: Dataset, created_at: datetime) -> Bundle:
    manifest = Manifest(
        format=1,
        name=training.name,
        version=training.version,
        kind=training.kind,
        features=made.names,
        objective=made.objective,
        calibration=made.calibration,
        training=run_of(rows.decided_at, training.seed, training.data),
        metrics=made.metrics,
        libraries=libraries(),
        sha256=text_sha256(made.text),
        created_at=created_at,
    )
    return Bundle(manifest, made.text)


def _enough_for_trees(split: Split, outcomes: int) -> bool:
    return outcomes >= SMALL and min(split.train.sum(), split.calibrate.sum(), split.test.sum()) >= SMALLEST_SLICE


def _check(outcomes: Bools, words: str) -> None:
    if len(outcomes) < SMALLEST_SLICE:
        raise TrainingError(f"{len(outcomes)} decisions to {words} are too few, expected {SMALLEST_SLICE} or more")
    if outcomes.all() or not outcomes.any():
        raise TrainingError(f"all decisions to {words} ended alike")


def _raw(text: str, features: Floats) -> Floats:
    import lightgbm  # noqa: PLC0415  (takes seconds to import)

    return Predictor(lightgbm.Booster(model_str=text)).raw(features)


def _success_model(
    features: Floats, good: Bools, split: Split, names: tuple[str, ...], training: Training, *, linear: bool
) -> tuple[str, str, dict[str, dict[str, float]]]:
    if linear:
        text = student(features[split.train], good[split.train], names, training.seed)
        return text, "regression", {"parameters": {"logistic": 1.0}}
    learned = Rows(blanked(features[split.train], training.seed), good[split.train].astype(np.float64))
    recipe, used = _searched(training, SUCCESS, lambda tried, seed: _success_loss(tried, learned, names, seed))
    return str(fit(recipe, learned, names, seed=training.seed).model_to_string()), OBJECTIVE, used


def _success_loss(recipe: Recipe, rows: Rows, names: Sequence[str], seed: int) -> float:
    """Log-loss on the newest fifth of the rows, which are in the order of time."""
    first = np.arange(len(rows.target)) < INNER_SHARE * len(rows.target)
    booster = fit(recipe, rows.take(first), names, seed=seed)
    return log_loss(predict(booster, rows.features[~first]), rows.target[~first] > 0.5)


def _ranking_loss(recipe: Recipe, part: Dataset, names: Sequence[str], seed: int) -> float:
    numbers = np.unique(part.decision)
    first = part.decision < numbers[int(INNER_SHARE * len(numbers))]
    booster = fit(recipe, _ranking_rows(part.take(first), names), names, seed=seed)
    later = part.take(~first)
    return -choice_measures(predict(booster, later.columns(names), raw=True), later.chosen, Sets.of(later.decision))[
        "mrr"
    ]


def _ranking_rows(part: Dataset, names: Sequence[str]) -> Rows:
    return Rows(part.columns(names), part.chosen.astype(np.float64), Sets.of(part.decision).sizes)


def _choice_sets(data: Dataset) -> Dataset:
    """Decisions of people with two candidates or more, the chosen one among them; numbered in the order of time."""
    count = int(data.decision.max(initial=-1)) + 1
    size = np.bincount(data.decision, minlength=count)
    chosen = np.bincount(data.decision, weights=data.chosen, minlength=count)
    kept = data.take(((size >= 2) & (chosen == 1))[data.decision] & data.by_human)
    order = np.lexsort((kept.decision, kept.decided_at))
    kept = kept.take(order)
    _, first = np.unique(kept.decision, return_index=True)
    number = np.empty(count, dtype=np.int64)
    number[kept.decision[np.sort(first)]] = np.arange(len(first))
    return Dataset(**{**{n: getattr(kept, n) for n in kept.__dataclass_fields__}, "decision": number[kept.decision]})


def _searched(training: Training, usual: Recipe, loss: object) -> tuple[Recipe, dict[str, dict[str, float]]]:
    """The best of `trials` recipes drawn at random, and what it was; the usual one is the first that is tried."""
    recipe = training.recipe or usual
    if not training.trials:
        return recipe, {}
    rng, until = np.random.default_rng(training.seed), time.monotonic() + training.seconds
    best, lowest, tried = recipe, loss(recipe, training.seed), 1  # type: ignore[operator]
    while tried < training.trials and time.monotonic() < until:
        drawn = {name: rng.choice(values).item() for name, values in _CHOICES.items()}
        whole = {name: int(drawn[name]) for name in ("leaves", "min_data", "rounds")}
        candidate = Recipe(**{**recipe.model_dump(), **drawn, **whole})
        found = loss(candidate, training.seed)  # type: ignore[operator]
        best, lowest = (candidate, found) if found < lowest else (best, lowest)
        tried += 1
    values = {name: float(getattr(best, name)) for name in _CHOICES}
    return best, {"search": {"trials": float(tried), "inner_loss": lowest}, "parameters": values}

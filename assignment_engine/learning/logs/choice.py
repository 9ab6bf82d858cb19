"""Was the person who got the work on top? Rules of thumb and models that rank candidates, on the last decisions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from assignment_engine.features.arrays import Bools, Floats
from assignment_engine.features.definition import FEATURE_NAMES, feature_names
from assignment_engine.learning.logs.replayed import Replayed
from assignment_engine.learning.logs.slices import Slices
from assignment_engine.learning.ranking import Sets, choice_measures, relative
from assignment_engine.learning.recipes import Recipe, Rows, fit, predict
from assignment_engine.scoring.fallback import WeightedFallback

RANKER = Recipe(objective="lambdarank")
CLASSIFIER = Recipe(objective="binary")
SMALLEST_SET = 2


@dataclass(frozen=True)
class Model:
    """A row of the table that is learned."""

    name: str
    recipe: Recipe
    sets: tuple[str, ...] = ()
    relative: bool = False


MODELS = (
    Model("LightGBM binary, 17", CLASSIFIER),
    Model("LightGBM lambdarank, 17", RANKER),
    Model("lambdarank, 17 + relative", RANKER, relative=True),
    Model("lambdarank, 17 + recency", RANKER, ("recency",)),
    Model("lambdarank, 17 + relative + recency", RANKER, ("recency",), relative=True),
    Model("binary, 17 + relative + recency", CLASSIFIER, ("recency",), relative=True),
    Model("lambdarank, 17 + recency + context", RANKER, ("recency", "context")),
    Model("lambdarank, 17 + relative + recency + context", RANKER, ("recency", "context"), relative=True),
)


@dataclass(frozen=True)
class _Part:
    """The candidate sets of one slice of the decisions, those with two candidates or more."""

    replayed: Replayed
    sets: Sets

    @classmethod
    def of(cls, replayed: Replayed, decisions: Bools, *, with_chosen: bool = False) -> _Part:
        pairs = replayed.take(decisions[replayed.decision] & replayed.candidate)
        count = np.bincount(pairs.decision, minlength=len(decisions))
        enough = count >= SMALLEST_SET
        if with_chosen:
            enough &= np.bincount(pairs.decision, weights=pairs.chosen, minlength=len(decisions)) > 0
        pairs = pairs.take(enough[pairs.decision])
        return cls(pairs, Sets.of(pairs.decision))

    def features(self, model: Model) -> tuple[Floats, tuple[str, ...]]:
        names = feature_names(model.sets)
        values = self.replayed.columns(names)
        if not model.relative:
            return values, names
        more, labels = relative(values, names, self.sets)
        return np.column_stack([values, more]), names + labels


def choice_table(
    replayed: Replayed, slices: Slices, *, seeds: Sequence[int], models: Sequence[Model] = MODELS
) -> dict[str, object]:
    """Top-k and reciprocal rank of everything that can rank candidates, with coverage and the size of the sets.

    Models learn from the first slice and stop by the second; their rows are means over the seeds.
    """
    test = _Part.of(replayed, slices.test)
    if not len(test.sets.sizes):
        return {"n": 0, "rows": {}}
    found = np.bincount(test.sets.index, weights=test.replayed.chosen)
    rows = {name: choice_measures(score, test.replayed.chosen, test.sets) for name, score in _rules(test.replayed)}
    train, stop = (_Part.of(replayed, part, with_chosen=True) for part in (slices.train, slices.stop))
    if len(train.sets.sizes):
        for model in models:
            rows[model.name] = _learned(model, train, stop, test, seeds)
    return {
        "n": len(test.sets.sizes),
        "median_set": float(np.median(test.sets.sizes)),
        "coverage": float(found.mean()),
        "standard_error_top1": float(np.sqrt(0.25 / len(test.sets.sizes))),
        "rows": rows,
    }


def _rules(pairs: Replayed) -> Iterator[tuple[str, Floats]]:
    """Scores that need no learning."""
    at = pairs.names.index
    yield "random", np.zeros(len(pairs.decision))
    yield "least loaded", -pairs.features[:, at("workload_ratio")]
    yield "most frequent in category", pairs.frequency
    yield "last handler of category", pairs.last_in_category
    yield "weighted fallback", WeightedFallback().score(pairs.columns(FEATURE_NAMES)).scores
    yield "skill_match alone", pairs.features[:, at("skill_match")]


def _learned(model: Model, train: _Part, stop: _Part, test: _Part, seeds: Sequence[int]) -> dict[str, float]:
    (features, names), (later, _), (unseen, _) = (part.features(model) for part in (train, stop, test))
    if model.relative:
        later, unseen = (
            _aligned(part, model, names, values) for part, values in ((stop, later), (test, unseen))
        )  # fmt: skip
    results = []
    for seed in seeds:
        booster = fit(model.recipe, _rows(features, train, model), names, seed=seed, later=_rows(later, stop, model))
        results.append(choice_measures(predict(booster, unseen, raw=True), test.replayed.chosen, test.sets))
    return {name: float(np.mean([result[name] for result in results])) for name in results[0]}


def _aligned(part: _Part, model: Model, names: tuple[str, ...], values: Floats) -> Floats:
    """The columns of a slice in the order of the training slice; one that differs nowhere in it is missing."""
    own = part.features(model)[1]
    if own == names:
        return values
    missing = np.full(len(values), np.nan)
    return np.column_stack([values[:, own.index(name)] if name in own else missing for name in names])


def _rows(features: Floats, part: _Part, model: Model) -> Rows:
    groups = part.sets.sizes if model.recipe.objective == "lambdarank" else None
    return Rows(features, part.replayed.chosen.astype(np.float64), groups)

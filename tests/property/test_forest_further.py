"""The compiled forest gives the raw scores of LightGBM for models that declare feature sets beyond the 17."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment_engine.domain.types import CONTEXT_KINDS
from assignment_engine.features.definition import feature_matrix, feature_names
from assignment_engine.features.pairs import Pairs
from assignment_engine.features.recent import Counts, RecentArrays
from assignment_engine.scoring.forest.rows import ForestRows
from assignment_engine.scoring.forest.tables import compile_forest, not_covered
from assignment_engine.scoring.model_text import read_trees
from assignment_engine.scoring.tree_text import Tree
from tests.property.forests import GAPS, problem

TASKS = 5
Wide = tuple[lightgbm.Booster, tuple[Tree, ...]]


def trained(names: tuple[str, ...], seed: int, leaves: int) -> Wide:
    """A model of random data with missing values and zeros that asks for every feature."""
    rng = np.random.default_rng(seed)
    features = np.round(rng.random((400, len(names))), 2)
    gaps = rng.random(features.shape) < 0.2
    features[gaps] = rng.choice(GAPS, size=int(gaps.sum()))
    labels = np.nan_to_num(features) @ rng.normal(size=len(names)) > 0
    given: dict[str, Any] = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}
    given |= {"num_leaves": leaves, "feature_fraction": 0.3, "seed": seed}
    data = lightgbm.Dataset(features, labels.astype(float), feature_name=list(names))
    booster = lightgbm.train(given, data, 8)
    text = booster.model_to_string()
    return booster, read_trees(text, names, "binary sigmoid:1")


def recent(rng: np.random.Generator, people: int) -> RecentArrays:
    """Recent work of people some of whom are not known, with ids and categories that are not known either."""

    def table(columns: int) -> np.ndarray:
        values = np.round(rng.random((people, columns + 1)), 2)
        values[:, -1] = np.nan
        values[rng.random(values.shape) < 0.2] = np.nan
        return values

    known = rng.random(people) < 0.8
    handled, context, total = {}, {}, {}
    for kind in CONTEXT_KINDS:
        ids = int(rng.integers(0, 4))
        met = np.flatnonzero((rng.random((ids, people)) < 0.2) & known)
        times = rng.integers(1, 4, met.size).astype(float)
        handled[kind] = Counts.of(ids, known, met // people, met % people, times)
        context[kind] = rng.integers(0, ids + 1, TASKS)
        total[kind] = rng.choice([np.nan, 0.0, 1.0, 6.0], TASKS)
    return RecentArrays(
        since=table(0)[:, 0] + rng.random(people),
        since_category=table(3),
        since_department=table(2),
        count=rng.random(people),
        count_category=table(3),
        count_department=table(2),
        hour_share=np.where(known, rng.random(people), np.nan),
        handled=handled,
        category=rng.integers(0, 4, TASKS),
        department=rng.integers(0, 3, TASKS),
        context=context,
        context_total=total,
    )


def assert_same(wide: Wide, names: tuple[str, ...], pairs: Pairs, rng: np.random.Generator) -> None:
    booster, trees = wide
    assert not_covered(trees, names) is None
    loads, people = pairs.initial.copy(), pairs.shape[1]
    rows = ForestRows.of(compile_forest(trees, names), pairs, loads)
    for task in range(TASKS):
        for chosen in (np.arange(people), rng.permutation(people)[: rng.integers(1, people + 1)]):
            vectors = feature_matrix(pairs, loads, np.asarray(task), chosen, names)
            expected = booster.predict(vectors, raw_score=True)
            np.testing.assert_allclose(rows.raw(task, chosen), expected, rtol=0.0, atol=1e-12)
        changed = int(rng.integers(people))
        loads.add(changed, 7200)
        rows.employee_changed(changed)


@given(
    sets=st.sampled_from([("recency",), ("context",), ("recency", "context")]),
    seed=st.integers(0, 2**16),
    people=st.sampled_from([1, 7, 300]),
    leaves=st.sampled_from([15, 40]),
)
@settings(max_examples=6, deadline=None)
def test_rows_are_the_raw_scores_of_lightgbm(sets: tuple[str, ...], seed: int, people: int, leaves: int) -> None:
    """Whether recent work is known of all, of some or of nobody, and whoever is looked at."""
    names, rng = feature_names(sets), np.random.default_rng(seed)
    wide, pairs = trained(names, seed, leaves), problem(rng, TASKS, people)
    assert_same(wide, names, pairs, rng)
    known = replace(pairs, recent=recent(rng, people))
    assert_same(wide, names, known, rng)
    assert_same(wide, names, known.of_employees(rng.integers(0, people, people)), rng)

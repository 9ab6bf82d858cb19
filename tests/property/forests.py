"""Random models and random problems for the compiled forest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import lightgbm
import numpy as np
from hypothesis import strategies as st

from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.features.pairs import EmployeeArrays, Loads, Pairs, Requirement, TaskArrays
from assignment_engine.scoring.bundle import Bundle, Calibration, Manifest, TrainingRun, text_sha256
from assignment_engine.scoring.forest.tables import ZERO
from assignment_engine.scoring.model_text import read_trees
from assignment_engine.scoring.tree_text import Tree

WIDTH = len(FEATURE_NAMES)
GAPS = (np.nan, 0.0, -0.0, 1e-36, -1e-36, ZERO, -ZERO, np.nextafter(ZERO, 1.0), np.nextafter(-ZERO, -1.0))

MODELS = st.fixed_dictionaries(
    {
        "objective": st.sampled_from(["binary", "regression", "lambdarank"]),
        "num_leaves": st.sampled_from([2, 3, 7, 31, 32, 33, 64]),
        "max_depth": st.sampled_from([-1, 2, 5]),
        "use_missing": st.booleans(),
        "zero_as_missing": st.booleans(),
        "boost_from_average": st.booleans(),
        "monotone_constraints": st.sampled_from([None, [1, -1, 0] * 5 + [0, 0]]),
        "max_bin": st.sampled_from([3, 15, 255]),
        "min_data_in_leaf": st.sampled_from([1, 20, 1000]),
        "extra_trees": st.booleans(),
        "seed": st.integers(0, 2**16),
    }
)

BEYOND_THE_FOREST = st.fixed_dictionaries(
    {
        "objective": st.sampled_from(["binary", "regression", "lambdarank"]),
        "num_leaves": st.sampled_from([2, 7, 64, 65, 200]),
        "use_missing": st.booleans(),
        "zero_as_missing": st.booleans(),
        "boost_from_average": st.booleans(),
        "linear_tree": st.booleans(),
        "categorical_feature": st.sampled_from([None, [0], [3, 12], list(range(len(FEATURE_NAMES)))]),
        "max_cat_to_onehot": st.sampled_from([1, 4, 100]),
        "min_data_per_group": st.sampled_from([1, 50]),
        "cat_smooth": st.sampled_from([0.0, 10.0]),
        "min_data_in_leaf": st.sampled_from([1, 20, 1000]),
        "stop_early": st.booleans(),
        "seed": st.integers(0, 2**16),
    }
).filter(lambda parameters: not (parameters["linear_tree"] and parameters["zero_as_missing"]))


def train(parameters: dict[str, Any], rounds: int = 8) -> lightgbm.Booster:
    """A model of random data with missing values and zeros; few rows make a tree of a single leaf."""
    rng = np.random.default_rng(parameters["seed"])
    features = mixed(rng, 600)
    signal = np.nan_to_num(features) @ rng.normal(size=WIDTH) + rng.normal(size=600)
    ranking = parameters["objective"] == "lambdarank"
    labels = signal if parameters["objective"] == "regression" else (signal > np.median(signal)).astype(int)
    given = {"verbose": -1, "num_threads": 1, "deterministic": True}
    given |= {key: value for key, value in parameters.items() if value is not None}
    stop_early, categorical = given.pop("stop_early", False), given.pop("categorical_feature", [])
    features[:, categorical] = np.round(10.0 * features[:, categorical])
    data = lightgbm.Dataset(
        features,
        labels,
        feature_name=list(FEATURE_NAMES),
        group=[20] * 30 if ranking else None,
        categorical_feature=categorical,
        params=given,
        free_raw_data=False,
    )
    if not stop_early:
        return lightgbm.train(given, data, rounds)
    turned = lightgbm.Dataset(features[::-1], labels, group=data.group, reference=data, params=given)
    stop = lightgbm.early_stopping(1, verbose=False)
    return lightgbm.train(given, data, rounds, [turned], callbacks=[stop])


def mixed(rng: np.random.Generator, count: int) -> np.ndarray:
    """Feature vectors with rounded values (so that they repeat), both signs, missing values and zeros."""
    features = np.round(rng.normal(size=(count, WIDTH)), rng.integers(0, 4, WIDTH)[0])
    gaps = rng.random(features.shape) < 0.2
    features[gaps] = rng.choice(GAPS, size=int(gaps.sum()))
    return features


def trees_of(booster: lightgbm.Booster) -> tuple[Tree, ...]:
    text = booster.model_to_string()
    objective = next(line for line in text.split("\n") if line.startswith("objective="))
    return read_trees(text, FEATURE_NAMES, objective.removeprefix("objective="))


def bundle_of(booster: lightgbm.Booster) -> Bundle:
    """A bundle of the model with calibration that changes nothing."""
    text, moment = booster.model_to_string(), datetime(2026, 1, 1, tzinfo=UTC)
    objective = next(line for line in text.split("\n") if line.startswith("objective="))
    manifest = Manifest(
        format=1,
        name="random",
        version="random",
        kind="success",
        features=FEATURE_NAMES,
        objective=objective.removeprefix("objective="),
        calibration=Calibration(slope=1.0, intercept=0.0),
        training=TrainingRun(start=moment, end=moment, rows=600, seed=0, data="random"),
        metrics={},
        libraries={},
        sha256=text_sha256(text),
        created_at=moment,
    )
    return Bundle(manifest, text)


def near_thresholds(trees: tuple[Tree, ...], rng: np.random.Generator, count: int) -> np.ndarray:
    """Feature vectors of thresholds, their neighbours, missing values, zeros of all kinds and infinities."""
    columns = []
    for feature in range(WIDTH):
        own = np.concatenate([[0.5], *(tree.threshold[tree.feature == feature] for tree in trees)])
        pool = [own, np.nextafter(own, np.inf), np.nextafter(own, -np.inf), GAPS, [np.inf, -np.inf, 1e300, -1e300]]
        columns.append(rng.choice(np.concatenate(pool), size=count))
    return np.column_stack(columns)


def problem(rng: np.random.Generator, tasks: int, people: int, gap: float = 0.1) -> Pairs:
    """A problem of random arrays, with missing values everywhere they may be."""

    def values(*shape: int, high: float = 1.0) -> np.ndarray:
        drawn = np.round(rng.random(shape) * high, 2)
        drawn[rng.random(shape) < gap] = np.nan
        return drawn

    skills, departments, categories = 12, 3, 4
    sizes = rng.choice([0, 1, 2, 3, 9, 12], size=tasks)
    employees = EmployeeArrays(
        experience_years=values(people, high=5.0),
        max_hours=np.round(rng.random(people) * 40.0) * (rng.random(people) > gap),
        availability=rng.choice([0.0, 0.5, 1.0], size=people),
        performance=values(people),
        avg_completion_hours=values(people),
        department=values(people, departments + 1),
        success=values(people, categories + 1),
        held=values(people, skills),
    )
    work = TaskArrays(
        priority=rng.integers(1, 5, tasks).astype(float),
        complexity=values(tasks),
        estimated_hours=values(tasks, high=20.0),
        time_pressure=values(tasks),
        dependencies=rng.integers(0, 3, tasks).astype(float),
        age_hours=values(tasks) - 0.5,
        department=rng.integers(0, departments + 1, tasks),
        category=rng.integers(0, categories + 1, tasks),
        requirement=rng.integers(-1, tasks, tasks),
    )
    requirements = tuple(
        Requirement(np.sort(rng.choice(skills, size, replace=False)), 0.1 + 0.9 * rng.random(size)) for size in sizes
    )
    hours = np.round(rng.random(people) * 40.0)
    return Pairs(
        employee_ids=tuple(f"e{i}" for i in range(people)),
        task_ids=tuple(f"t{i}" for i in range(tasks)),
        employees=employees,
        tasks=work,
        requirements=requirements,
        initial=Loads(hours, (3600 * hours).astype(np.int64), values(people, high=3.0), np.zeros(people, np.int64)),
    )

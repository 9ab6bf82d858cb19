"""The model card of the shipped bundle, written from its manifest."""

from __future__ import annotations

from assignment_engine.features.definition import FEATURES
from assignment_engine.scoring.bundle import Manifest

_MEASURES = ("auc", "log_loss", "brier", "ece")
_TEXT = """# The shipped model

This file is written by `assignment-engine train-default`, which also makes the model; do not edit it.

**{version}** gives the probability that an assignment ends well: completed in time and not reopened. It is a LightGBM
model with monotone constraints, its raw score calibrated by Platt scaling on later decisions than it was trained on
(probability = sigmoid({slope:.3f} · raw {intercept:+.3f})).

## Data

**Not real.** The project simulates its own data: {data}.
Outcomes are drawn from a stated formula of skill match, experience against complexity, overload, time pressure,
unfinished dependencies, department, availability and two things that no record shows: a person's quality and their
affinity to a kind of work. Records have gaps, as real ones do. No person, company or data set stands behind it.

{rows} decisions to train on, {start} to {end} in simulated time; seed {seed}.

## Measured

{table}

The last slice is the latest 15 % of the decisions; the weighted fallback is a ranking score, so only its AUC can be
compared. The other organisation was never seen in training{truth}.
These numbers say that the model learned the simulation, not that it is right about your organisation.

## Use

It is a start: it prefers skilled, experienced people with free time, and knows what to do with missing values. Train
your own model as soon as a few thousand of your own outcomes are known.

Do not use it to judge, rate, pay, hire or dismiss people, nor show its scores as facts about anybody. Do not take its
probabilities at their word before you have compared them with your own outcomes.

## Reproduce

    assignment-engine train-default --seed {seed}

The same seed gives the same `model.txt`, byte for byte, with {libraries}.

## Features

{features}
"""


def model_card(manifest: Manifest) -> str:
    """Markdown text about a model trained on simulated data."""
    best = manifest.metrics.get("another organisation", {}).get("auc_of_truth")
    return _TEXT.format(
        version=manifest.version,
        slope=manifest.calibration.slope,
        intercept=manifest.calibration.intercept,
        data=manifest.training.data,
        rows=manifest.training.rows,
        start=manifest.training.start.date(),
        end=manifest.training.end.date(),
        seed=manifest.training.seed,
        table=_table(manifest.metrics),
        truth=f"; knowing the formula itself would reach an AUC of {best:.3f} there" if best else "",
        libraries=", ".join(f"{name} {number}" for name, number in manifest.libraries.items()),
        features="\n".join(
            f"{i}. `{feature.name}` ({feature.unit}): {feature.formula}; missing: {feature.missing}"
            for i, feature in enumerate(FEATURES, 1)
        ),
    )


def _table(metrics: dict[str, dict[str, float]]) -> str:
    rows = {
        "model, last slice": metrics.get("model", {}),
        "constant, last slice": metrics.get("constant", {}),
        "weighted fallback, last slice": metrics.get("fallback", {}),
        "model, another organisation": metrics.get("another organisation", {}),
    }
    lines = ["| | AUC | log-loss | Brier | calibration error |", "|---|---|---|---|---|"]
    return "\n".join(lines + [f"| {name} | {_cells(values)} |" for name, values in rows.items()])


def _cells(values: dict[str, float]) -> str:
    return " | ".join(f"{values[name]:.3f}" if name in values else "–" for name in _MEASURES)

"""Trains the bundle that comes with the engine, on organisations that the engine simulates itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from assignment_engine.learning.card import model_card
from assignment_engine.learning.metrics import auc, measures
from assignment_engine.learning.organisation import Decisions, simulate
from assignment_engine.learning.train import train_success
from assignment_engine.scoring.bundle import Bundle, save_bundle
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from assignment_engine.scoring.registry import promote

NAME = "default"
VERSION = "default-1"
ORGANISATIONS = 12
DECISIONS = 3000
PEOPLE = 24


def train_default(
    model_dir: Path,
    seed: int = 1,
    *,
    progress: bool = True,
    organisations: int = ORGANISATIONS,
    created_at: datetime | None = None,
) -> Bundle:
    """Simulate, train, save to `model_dir/default`, make it the champion and write its model card.

    The same seed gives the same `model.txt`, byte for byte, on the same library versions.
    """
    *seen, unseen = list(_organisations(seed, organisations + 1, progress))
    decisions = in_order(seen)
    bundle = train_success(
        decisions.features,
        decisions.good,
        decisions.decided_at,
        decisions.known_at,
        seed=seed,
        version=VERSION,
        data=f"{organisations} simulated organisations of {PEOPLE} people, {DECISIONS} decisions each",
        created_at=created_at,
    )
    bundle = _with_metrics(bundle, "another organisation", measure(bundle, unseen))
    save_bundle(bundle, model_dir / NAME)
    promote(model_dir, NAME)
    (model_dir / "README.md").write_text(model_card(bundle.manifest), "utf-8")
    return bundle


def in_order(parts: Sequence[Decisions]) -> Decisions:
    """All decisions of several organisations by the time at which they were made."""
    joined: dict[str, Any] = {f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Decisions)}
    order = np.argsort(joined["decided_at"], kind="stable")
    return Decisions(**{name: values[order] for name, values in joined.items()})


def measure(bundle: Bundle, decisions: Decisions) -> dict[str, float]:
    """The bundle on decisions it has not seen, with the AUC that knowing the truth would give."""
    probability = LightGbmScorer(bundle).score(decisions.features).scores
    return {**measures(probability, decisions.good), "auc_of_truth": auc(decisions.truth, decisions.good)}


def _with_metrics(bundle: Bundle, name: str, values: dict[str, float]) -> Bundle:
    metrics = {**bundle.manifest.metrics, name: values}
    return Bundle(bundle.manifest.model_copy(update={"metrics": metrics}), bundle.model_text)


def _organisations(seed: int, count: int, progress: bool) -> Iterable[Decisions]:
    """Those to learn from, and a last one to measure with."""
    from tqdm import tqdm  # noqa: PLC0415  (only the command line shows progress)

    for number in tqdm(range(count), "simulating organisations", disable=not progress):
        yield simulate(1000 * seed + number, people=PEOPLE, decisions=DECISIONS).decisions

"""The success model learned from chunks of a training log that lie on the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment_engine.distributed.cluster import Cluster, connected
from assignment_engine.distributed.fitting import Rows, fitted
from assignment_engine.domain.errors import InvalidInputError, TrainingError
from assignment_engine.features.arrays import Bools, Floats
from assignment_engine.features.definition import FEATURE_NAMES, feature_names
from assignment_engine.learning.dataset import Dataset, Instants, read_dataset
from assignment_engine.learning.metrics import auc, measures
from assignment_engine.learning.train import (
    OBJECTIVE,
    SMALLEST_SLICE,
    Split,
    blanked,
    libraries,
    platt,
    run_of,
    temporal_split,
)
from assignment_engine.learning.training import Training
from assignment_engine.scoring.bundle import Bundle, Manifest, Predictor, text_sha256
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.lightgbm_scorer import sigmoid

if TYPE_CHECKING:
    import pandas as pd
    from dask.delayed import Delayed
    from distributed import Client

ATTEMPTS = 3
MOST_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Judged:
    """The decisions of one chunk that have an outcome: features (k, f) in the order of the model, and the rest (k,)."""

    features: Floats
    good: Bools
    decided_at: Instants
    known_at: Instants
    first: Floats  # the 17, which the weighted fallback scores


def train_distributed(
    chunks: Sequence[Dataset | Path | pd.DataFrame | Delayed],
    client: Client | str,
    training: Training | None = None,
    *,
    created_at: datetime | None = None,
    attempts: int = ATTEMPTS,
    progress: bool = False,
) -> Bundle:
    """The calibrated probability of a good outcome, as `learning.training.train` learns it, by `lightgbm.dask`.

    The slices by time, the calibration and what is measured are the same. The trees are not the same to the digit:
    workers add up histograms of their own rows.

    Parameters
    ----------
    chunks : parts of a log in any order; paths are read by the workers, which must see them.
    training : its kind must be "success" and it must not search; `recipe` is the usual one by default.
    attempts : LightGBM cannot go on without a worker. When one is lost, training starts again, at most so many times.

    Raises
    ------
    TrainingError
        If there are too few outcomes, or the model does not order outcomes that it has not seen.
    InvalidInputError
        If the training asks for what runs on one machine only.
    ConfigurationError, ClusterError
        If Dask is not installed; if workers were lost in every attempt.
    """
    asked = training or Training()
    _check_asked(asked)
    with connected(client) as connection:
        return _Trainer(Cluster(connection, progress), asked, attempts).train(chunks, created_at or datetime.now(UTC))


def _check_asked(training: Training) -> None:
    for name, wrong, expected in (
        ("kind", training.kind != "success", "success; choices are few, and learned on one machine"),
        ("model", training.model == "logistic", "auto or trees; a regression is learned on one machine"),
        ("trials", training.trials > 0, "0; search on one machine, on a sample, and give the recipe"),
    ):
        if wrong:
            raise InvalidInputError.at(f"/{name}", f"expected {expected}")


class _Trainer:
    def __init__(self, cluster: Cluster, training: Training, attempts: int) -> None:
        self._cluster, self._training, self._attempts = cluster, training, attempts
        self._names = feature_names(training.sets)

    def train(self, chunks: Sequence[object], created_at: datetime) -> Bundle:
        judged = [self._cluster.submit(_judged, held, self._names) for held in self._held(chunks)]
        good, decided_at, known_at, sizes = self._outcomes(judged)
        split = _split(good, decided_at, known_at)
        ends = np.cumsum(sizes)[:-1]
        learned = [
            Rows(self._cluster.submit(_rows, part, mask, self._training.seed + number), int(mask.sum()))
            for number, (part, mask) in enumerate(zip(judged, np.split(split.train, ends), strict=True))
            if mask.any()
        ]
        text = fitted(self._cluster.client, learned, self._training, self._attempts)
        raw, fallback = self._raw(text, judged, np.split(split.calibrate | split.test, ends))
        return self._bundle(text, split, raw, fallback, good, decided_at, created_at)

    def _held(self, chunks: Sequence[object]) -> Iterator[Any]:
        """The chunks on the cluster: small enough to be sent, or made there."""
        for chunk in chunks:
            if isinstance(chunk, Dataset):
                pieces = max(1, -(-chunk.features.nbytes // MOST_BYTES))
                for rows in np.array_split(np.arange(len(chunk)), pieces):
                    yield self._cluster.held(chunk.take(rows))
            elif hasattr(chunk, "__dask_graph__"):
                yield self._cluster.client.compute(chunk)
            else:
                yield self._cluster.held(chunk)

    def _outcomes(self, judged: Sequence[Any]) -> tuple[Bools, Instants, Instants, list[int]]:
        """Of all chunks, one after the other: outcomes, when decided, when known; and the length of each chunk."""
        found = list(self._cluster.answers([self._cluster.submit(_outcome, part) for part in judged], "outcomes"))
        if not found:
            raise TrainingError("there is nothing to learn from")
        good, decided_at, known_at = (np.concatenate(part) for part in zip(*found, strict=True))
        return good, decided_at, known_at, [len(part[0]) for part in found]

    def _raw(self, text: str, judged: Sequence[Any], wanted: Sequence[Bools]) -> tuple[Floats, Floats]:
        """Raw scores of the model and scores of the weighted fallback for the wanted rows, elsewhere NaN."""
        model = self._cluster.held(text)
        futures = [self._cluster.submit(_scored, model, part, mask) for part, mask in zip(judged, wanted, strict=True)]
        raw, fallback = zip(*self._cluster.answers(futures, "calibrating"), strict=True)
        return np.concatenate(raw), np.concatenate(fallback)

    def _bundle(
        self,
        text: str,
        split: Split,
        raw: Floats,
        fallback: Floats,
        good: Bools,
        decided_at: Instants,
        created_at: datetime,
    ) -> Bundle:
        calibration = platt(raw[split.calibrate], good[split.calibrate])
        probability, tested = sigmoid(calibration.slope * raw[split.test] + calibration.intercept), good[split.test]
        metrics = {
            "model": measures(probability, tested),
            "constant": measures(np.full(len(tested), good[split.train].mean()), tested),
            "fallback": {"auc": auc(fallback[split.test], tested)},
            "test": {"rows": float(len(tested)), "share_good": float(tested.mean())},
        }
        training = self._training
        manifest = Manifest(
            format=1,
            name=training.name,
            version=training.version,
            kind="success",
            features=self._names,
            objective=OBJECTIVE,
            calibration=calibration,
            training=run_of(decided_at[split.train], training.seed, training.data),
            metrics=metrics,
            libraries=libraries(),
            sha256=text_sha256(text),
            created_at=created_at,
        )
        bundle = Bundle(manifest, text)
        _ = bundle.predictor  # what cannot be served must be found here
        return bundle


def _split(good: Bools, decided_at: Instants, known_at: Instants) -> Split:
    if len(good) < SMALLEST_SLICE:
        raise TrainingError(f"{len(good)} decisions with an outcome are too few to learn from")
    split = temporal_split(decided_at, known_at)
    for words, rows in (("train on", split.train), ("calibrate with", split.calibrate), ("test on", split.test)):
        if rows.sum() < SMALLEST_SLICE:
            raise TrainingError(f"{rows.sum()} decisions to {words} are too few, expected {SMALLEST_SLICE} or more")
        if good[rows].all() or not good[rows].any():
            raise TrainingError(f"all decisions to {words} ended alike")
    return split


def _judged(chunk: Any, names: Sequence[str]) -> Judged:
    data = chunk if isinstance(chunk, Dataset) else read_dataset(chunk)
    known = data.judged
    return Judged(
        known.columns(names), known.good > 0.5, known.decided_at, known.known_at, known.columns(FEATURE_NAMES)
    )


def _outcome(part: Judged) -> tuple[Bools, Instants, Instants]:
    return part.good, part.decided_at, part.known_at


def _rows(part: Judged, mask: Bools, seed: int) -> tuple[Floats, Floats]:
    return blanked(part.features[mask], seed), part.good[mask].astype(np.float64)


def _scored(text: str, part: Judged, mask: Bools) -> tuple[Floats, Floats]:
    import lightgbm  # noqa: PLC0415  (takes seconds to import)

    raw, fallback = np.full(mask.size, np.nan), np.full(mask.size, np.nan)
    raw[mask] = Predictor(lightgbm.Booster(model_str=text)).raw(part.features[mask])
    fallback[mask] = WeightedFallback().score(part.first[mask]).scores
    return raw, fallback

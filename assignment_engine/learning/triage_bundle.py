"""A triage model as it is kept: what it was learned from, what it was worth on later tasks, and its files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from assignment_engine.domain.errors import BundleError, TrainingError, field_errors
from assignment_engine.domain.records import Record
from assignment_engine.domain.types import Count, Instant, Number, Share
from assignment_engine.features.arrays import Bools, Floats, floats
from assignment_engine.learning.finished import Finished
from assignment_engine.learning.keeping import keep, kept
from assignment_engine.learning.readers import near
from assignment_engine.learning.train import libraries, run_of
from assignment_engine.learning.triage import FIELDS, Answers, TriageModel, train_triage
from assignment_engine.scoring.bundle import TrainingRun, Version

KIND = "triage"
FEWEST = 50
SURE = 0.6
BEYOND = 2.0
FieldName = Literal["category", "complexity", "hours"]


class Usual(Record):
    """What is most usual: the majority class and the medians of the tasks that were learned from."""

    category: str | None = None
    complexity: Number | None = None
    hours: Number | None = None

    @classmethod
    def of(cls, seen: Finished) -> Usual:
        counts = Counter(name for name in seen.category if name is not None)
        most = min(counts, key=lambda name: (-counts[name], name), default=None)
        return cls(category=most, complexity=_median(seen.complexity), hours=_median(seen.hours))


class Worth(Record):
    """How well one field is read on later tasks.

    `loss` is the share of wrong categories, the mean error of complexity or of log(1 + hours); `gain` is how much less
    it is than that of what was `usual`. `sure` is the share of answers with a confidence of 0.6 or more, of which
    `right_where_sure` are right.
    """

    tasks: Count
    loss: Number
    usual: Number
    gain: Number
    standard_error: Number
    sure: Share
    right: Share
    right_where_sure: Share | None = None

    @property
    def convinces(self) -> bool:
        """By two standard errors, because each of three fields is tried."""
        return self.gain > BEYOND * self.standard_error


class TriageManifest(Record):
    """What a triage model is; fields that were not read better than the usual are measured, but not served."""

    version: Version
    created_at: Instant
    training: TrainingRun
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1)]
    usual: Usual
    measured: dict[FieldName, Worth]
    libraries: dict[str, str]


@dataclass(frozen=True)
class TriageBundle:
    """A manifest with the model that belongs to it."""

    manifest: TriageManifest
    model: TriageModel = field(repr=False)

    def save(self, directory: Path) -> None:
        """Write it so that `directory` is never seen half written; an earlier bundle there is replaced."""
        keep(directory, KIND, {"about": self.manifest.model_dump(mode="json")}, self.model.texts())


def load_triage(directory: Path) -> TriageBundle:
    """The bundle in `directory`, checked before any of it is used.

    Raises
    ------
    BundleError
        If the directory does not hold what was saved.
    """
    content, texts = kept(directory, KIND)
    try:
        bundle = TriageBundle(_manifest(content), TriageModel.from_texts(texts))
    except BundleError as exc:
        raise BundleError(f"{directory}: {exc}") from exc
    if set(bundle.manifest.fields) != bundle.model.readers.keys():
        raise BundleError(f"{directory}: the fields of the manifest are not those that were learned")
    return bundle


def triage_manifest(directory: Path) -> TriageManifest:
    """The manifest alone; the files are checked, the model is not read.

    Raises
    ------
    BundleError
    """
    return _manifest(kept(directory, KIND)[0])


def train_triage_bundle(
    finished: Finished, name: str, *, data: str, seed: int = 1, created_at: datetime | None = None
) -> TriageBundle:
    """Learn from the older tasks and measure on later ones; only fields that are read better than the usual are kept.

    Raises
    ------
    TrainingError
        If there are too few finished tasks, or none of the fields is read better than the usual by more than
        two standard errors.
    """
    seen, later = finished.split() if len(finished) else (finished, finished)
    model, usual = train_triage(seen, seed=seed), Usual.of(seen)
    measured = {name: worth for name in model.readers if (worth := worth_of(model, usual, later, name))}
    better = tuple(name for name in FIELDS if name in measured and measured[name].convinces)
    if not better:
        told = "; ".join(f"{name}: gain {w.gain:.3f} ± {w.standard_error:.3f}" for name, w in measured.items())
        raise TrainingError(f"no field is read better than what is usual ({told or 'too few later tasks'})")
    manifest = TriageManifest(
        version=name,
        created_at=created_at or datetime.now(UTC),
        training=run_of(seen.created_at, seed, data),
        fields=better,
        usual=usual,
        measured=measured,
        libraries=libraries(),
    )
    return TriageBundle(manifest, model.only(better))


def worth_of(model: TriageModel, usual: Usual, later: Finished, name: str) -> Worth | None:
    """What one field is worth on tasks that the model has not seen; None where fewer than 50 have it."""
    tasks, constant = later.take(known_of(later, name)), getattr(usual, name)
    if len(tasks) < FEWEST or constant is None or name not in model.readers:
        return None
    answers, confidence = model.answers(name, tasks.texts)
    always = np.full(len(tasks), constant, dtype=answers.dtype)
    mine, other = losses_of(name, answers, tasks), losses_of(name, always, tasks)
    gain, error = mean_gain(mine, other)
    right, sure = right_of(name, answers, tasks), confidence >= SURE
    return Worth(
        tasks=len(tasks),
        loss=float(mine.mean()),
        usual=float(other.mean()),
        gain=gain,
        standard_error=error,
        sure=float(sure.mean()),
        right=float(right.mean()),
        right_where_sure=float(right[sure].mean()) if sure.any() else None,
    )


def known_of(tasks: Finished, name: str) -> Bools:
    """Which tasks have a true value of this field."""
    if name == "category":
        return np.array([category is not None for category in tasks.category], dtype=np.bool_)
    values: Floats = tasks.complexity if name == "complexity" else tasks.hours
    return np.isfinite(values)


def losses_of(name: str, answers: Answers, tasks: Finished) -> Floats:
    """How wrong each answer is: 1 for another category, the distance in complexity or in log(1 + hours)."""
    if name == "category":
        return floats(~right_of(name, answers, tasks))
    if name == "complexity":
        return floats(np.abs(answers - tasks.complexity))
    return floats(np.abs(np.log1p(answers.astype(np.float64)) - np.log1p(tasks.hours)))


def right_of(name: str, answers: Answers, tasks: Finished) -> Bools:
    """Whether each answer is right, by the measure of its confidence."""
    if name == "category":
        return np.asarray(answers == np.array([c or "" for c in tasks.category], dtype=object), dtype=np.bool_)
    return near(name, answers, getattr(tasks, name))


def mean_gain(mine: Floats, other: Floats) -> tuple[float, float]:
    """How much smaller the losses `mine` are than `other`, pair by pair, with the standard error of the mean."""
    difference = other - mine
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference)))


def _median(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def _manifest(content: dict[str, Any]) -> TriageManifest:
    try:
        return TriageManifest.model_validate(content.get("about"))
    except ValidationError as exc:
        wrong = "; ".join(f"{error.pointer or '/'}: {error.detail}" for error in field_errors(exc))
        raise BundleError(f"the manifest: {wrong}") from exc

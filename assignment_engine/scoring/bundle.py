"""A model bundle: a directory with `model.txt` (LightGBM text) and `manifest.json`, checked before it is used."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from assignment_engine.domain.errors import BundleError, field_errors
from assignment_engine.domain.records import Record
from assignment_engine.domain.types import ID_PATTERN, Count, Instant, Number
from assignment_engine.features.arrays import Floats, floats
from assignment_engine.features.definition import declared_sets, feature_names
from assignment_engine.scoring.model_files import read_model_file
from assignment_engine.scoring.model_text import read_trees
from assignment_engine.scoring.tree_text import Tree

if TYPE_CHECKING:
    from lightgbm import Booster

FORMAT = 1
MODEL_FILE = "model.txt"
MANIFEST_FILE = "manifest.json"
MAX_MODEL_BYTES = 64 * 2**20
MAX_MANIFEST_BYTES = 2**20

Version = Annotated[str, Field(pattern=ID_PATTERN)]


class Calibration(Record):
    """Platt scaling: probability = sigmoid(slope · raw + intercept)."""

    slope: Annotated[Number, Field(gt=0)]
    intercept: Number


class TrainingRun(Record):
    """What a model was trained on: the decisions made from `start` to `end`."""

    start: Instant
    end: Instant
    rows: Count
    seed: int
    data: str


class Manifest(Record):
    """What a bundle is; `metrics` has a table for the model and one for each thing it is compared with."""

    format: Literal[1]
    name: str
    version: Version
    kind: Literal["success", "choice"]
    features: tuple[str, ...]
    objective: str
    calibration: Calibration
    training: TrainingRun
    metrics: dict[str, dict[str, Number]]
    libraries: dict[str, str]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    created_at: Instant


@dataclass(frozen=True)
class Predictor:
    """Raw scores and their contributions by LightGBM itself."""

    booster: Booster = field(repr=False)

    def raw(self, features: Floats, threads: int = 1) -> Floats:
        """Raw scores (log-odds before calibration) of feature vectors, shape (k, f) → (k,)."""
        if not len(features):
            return np.empty(0)
        return floats(self.booster.predict(features, raw_score=True, num_threads=threads))

    def contributions(self, features: Floats, threads: int = 1) -> Floats:
        """SHAP values of the raw score, shape (k, f) → (k, f + 1); the last column is the base."""
        if not len(features):
            return np.empty((0, features.shape[1] + 1))
        return floats(self.booster.predict(features, pred_contrib=True, num_threads=threads))


@dataclass(frozen=True)
class Bundle:
    """A manifest with the model text that belongs to it."""

    manifest: Manifest
    model_text: str = field(repr=False)

    @cached_property
    def trees(self) -> tuple[Tree, ...]:
        """The trees of the model, checked."""
        return read_trees(self.model_text, self.manifest.features, self.manifest.objective)

    @cached_property
    def predictor(self) -> Predictor:
        """LightGBM's own predictor of this model."""
        return Predictor(_booster(self.model_text, len(self.trees)))


def load_bundle(directory: Path) -> Bundle:
    """Read the bundle in `directory`; the model text is checked before LightGBM sees any of it.

    Raises
    ------
    BundleError
        If a file is missing or too large, or anything in it is not what this engine computes and expects.
    """
    try:
        return _load(directory)
    except BundleError as exc:
        raise BundleError(f"{directory}: {exc}") from exc


def save_bundle(bundle: Bundle, directory: Path) -> None:
    """Write the bundle so that `directory` is never seen half written; an earlier bundle there is replaced."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as scratch:
        fresh, old = Path(scratch, "new"), Path(scratch, "old")
        fresh.mkdir()
        manifest = bundle.manifest.model_dump(mode="json")
        (fresh / MODEL_FILE).write_bytes(bundle.model_text.encode("ascii"))
        (fresh / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
        if directory.exists():
            directory.rename(old)
        fresh.rename(directory)


def text_sha256(model_text: str) -> str:
    return hashlib.sha256(model_text.encode("ascii")).hexdigest()


def _load(directory: Path) -> Bundle:
    manifest = _read_manifest(read_model_file(directory / MANIFEST_FILE, MAX_MANIFEST_BYTES, directory.parent))
    content = read_model_file(directory / MODEL_FILE, MAX_MODEL_BYTES, directory.parent)
    _check_features(manifest.features, feature_names(declared_sets(manifest.features)))
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise BundleError(f"the sha256 of {MODEL_FILE} is not the one in the manifest")
    bundle = Bundle(manifest, content.decode("ascii", errors="replace"))
    _ = bundle.predictor  # a model that LightGBM refuses must be found here, not while scoring
    return bundle


def _read_manifest(content: bytes) -> Manifest:
    try:
        fields: Any = json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise BundleError(f"{MANIFEST_FILE} is not JSON: {exc}") from exc
    if isinstance(fields, dict) and fields.get("format") != FORMAT:
        raise BundleError(f"unknown bundle format {fields.get('format')!r}, expected {FORMAT}")
    try:
        return Manifest.model_validate(fields)
    except ValidationError as exc:
        wrong = "; ".join(f"{error.pointer or '/'}: {error.detail}" for error in field_errors(exc))
        raise BundleError(f"{MANIFEST_FILE}: {wrong}") from exc


def _check_features(found: Sequence[str], expected: Sequence[str]) -> None:
    if tuple(found) == tuple(expected):
        return
    if len(found) != len(expected):
        raise BundleError(f"the model takes {len(found)} features, the engine computes {len(expected)}")
    position = next(i for i, (left, right) in enumerate(zip(found, expected, strict=True)) if left != right)
    raise BundleError(f"feature {position + 1} of the model is {found[position]!r}, expected {expected[position]!r}")


def _booster(text: str, trees: int) -> Booster:
    try:
        import lightgbm  # noqa: PLC0415  (takes seconds to import)
    except (ImportError, OSError) as exc:  # OSError: the system lacks libgomp
        raise BundleError(f"LightGBM cannot be loaded: {exc}") from exc
    try:
        booster = lightgbm.Booster(model_str=text)
    except (lightgbm.basic.LightGBMError, ValueError) as exc:  # ValueError: it reads the parameters as JSON
        raise BundleError(f"LightGBM refuses the model: {exc}") from exc
    if booster.num_trees() != trees:
        raise BundleError(f"LightGBM reads {booster.num_trees()} trees of {trees}")
    return booster

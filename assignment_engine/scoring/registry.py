"""Which bundle of a model directory is served: `champion.json` names its subdirectory."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from assignment_engine.domain.errors import BundleError
from assignment_engine.domain.types import ID_PATTERN
from assignment_engine.scoring.bundle import Bundle, load_bundle
from assignment_engine.scoring.champion import CHAMPION_FILE, Champion, alone, read_champion, replace_champion
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from assignment_engine.scoring.protocol import Scorer


def shipped_models() -> Path:
    """The directory of the bundles that come with the engine: package data, or `models/` of a source checkout."""
    package = Path(str(files("assignment_engine")))
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def load_scorer(model_dir: Path | None = None, threads: int = 1) -> tuple[Scorer, str | None]:
    """The champion of `model_dir` (by default the shipped one), or the weighted fallback and the reason for it."""
    try:
        return LightGbmScorer(load_champion(model_dir or shipped_models()), threads), None
    except BundleError as exc:
        return WeightedFallback(), f"no usable model bundle, scores are those of the weighted fallback: {exc}"


def load_champion(model_dir: Path) -> Bundle:
    """The bundle that `champion.json` names.

    Raises
    ------
    BundleError
        If none is named, or the one that is cannot be used.
    """
    return load_bundle(model_dir / champion_name(model_dir))


def champion_name(model_dir: Path) -> str:
    """The subdirectory that `champion.json` names."""
    return read_champion(model_dir).name


def promote(model_dir: Path, name: str) -> None:
    """Make the bundle in subdirectory `name` the champion, if it can be served.

    Raises
    ------
    BundleError
        If it cannot; the champion stays.
    """
    check_servable(model_dir, name)
    with alone(model_dir):
        generation = read_champion(model_dir).generation if (model_dir / CHAMPION_FILE).exists() else 0
        replace_champion(model_dir, Champion(name, generation + 1))


def check_servable(model_dir: Path, name: str) -> None:
    """Raise BundleError if the bundle in subdirectory `name` cannot be served."""
    if not re.fullmatch(ID_PATTERN, name):
        raise BundleError(f"{name!r} is not the name of a bundle")
    LightGbmScorer(load_bundle(model_dir / name))

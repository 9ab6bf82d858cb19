"""The models of an installation: which there are, and which of them is served."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from assignment_engine.domain.errors import BundleError, NotFoundError
from assignment_engine.learning import promotion
from assignment_engine.learning.judging import Metric
from assignment_engine.learning.promotion import Change, Listed
from assignment_engine.scoring.bundle import MANIFEST_FILE
from assignment_engine.services.training_log import logged_dataset
from assignment_engine.store.database import Database

MOST_JUDGED = 100_000


def bundles(model_dir: Path) -> tuple[Listed, ...]:
    """All bundles, the newest first, those that cannot be used last."""
    return promotion.listed(model_dir)


def promote(
    database: Database,
    model_dir: Path | None,
    name: str,
    *,
    metric: Metric = "log_loss",
    force: bool = False,
    reason: str | None = None,
) -> Change:
    """Make a bundle the champion if it is better on the logged decisions that came after those it was trained on.

    Raises
    ------
    NotFoundError
        If there is no such bundle.
    BundleError
        If it cannot be served, or `model_dir` is None: the models that come with the engine stay as they are.
    PromotionRefusedError, TrainingError
        If it is not shown to be better; `force` with a reason promotes all the same, on record.
    """
    directory = _own(model_dir)
    if not (directory / name / MANIFEST_FILE).is_file():
        raise NotFoundError("bundle", name)
    with database.read() as unit:
        now = unit.now()
        logged = None if force else logged_dataset(unit, most=MOST_JUDGED, candidates=False)
    return promotion.promote(directory, name, data=logged, now=now, metric=metric, force=force, reason=reason)


def rollback(model_dir: Path | None, *, now: datetime, reason: str | None = None) -> Change:
    """Make the champion before the present one the champion again.

    Raises
    ------
    BundleError
        If none is on record, it cannot be served any more, or the models are those that come with the engine.
    """
    return promotion.rollback(_own(model_dir), now=now, reason=reason)


def _own(model_dir: Path | None) -> Path:
    if model_dir is None:
        raise BundleError("MODEL_DIR is not set: the models that come with the engine are not changed")
    return model_dir

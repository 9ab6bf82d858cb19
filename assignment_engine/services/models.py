"""The models of an installation: which there are, and which of them is served."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from assignment_engine.domain.errors import BundleError, NotFoundError, TrainingError
from assignment_engine.learning import promotion
from assignment_engine.learning.eta import KIND as ETA
from assignment_engine.learning.eta_promotion import ListedEta, listed_eta, promote_eta, rollback_eta
from assignment_engine.learning.judging import Metric, report
from assignment_engine.learning.keeping import kind_of
from assignment_engine.learning.promotion import Change, Listed, as_change
from assignment_engine.learning.seats import Seat
from assignment_engine.learning.triage_bundle import KIND as TRIAGE
from assignment_engine.learning.triage_promotion import ListedTriage, listed_triage, promote_triage, rollback_triage
from assignment_engine.scoring.bundle import MANIFEST_FILE, Manifest, load_bundle
from assignment_engine.services.training_log import logged_dataset
from assignment_engine.services.triage.finished import finished_tasks
from assignment_engine.store.database import Database

MOST_JUDGED = 100_000
MOST_REPORTED = 20_000
SUCCESS = "success"


def bundles(model_dir: Path) -> tuple[Listed, ...]:
    """All bundles that score pairs, the newest first, those that cannot be used last."""
    return promotion.listed(model_dir)


def bundle_named(model_dir: Path, name: str) -> str:
    """The bundle of that name, or the only one that plans call so."""
    if (model_dir / name / MANIFEST_FILE).is_file():
        return name
    called = [listed.bundle for listed in bundles(model_dir) if listed.manifest and listed.manifest.version == name]
    return called[0] if len(called) == 1 else name


def triage_models(model_dir: Path) -> tuple[ListedTriage, ...]:
    """The same of those that read tickets."""
    return listed_triage(model_dir)


def eta_models(model_dir: Path) -> tuple[ListedEta, ...]:
    """The same of those that say when work will be done."""
    return listed_eta(model_dir)


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
    directory = changeable(model_dir)
    name = bundle_named(directory, name)
    if not (directory / name / MANIFEST_FILE).is_file():
        raise NotFoundError("bundle", name)
    if kind_of(directory / name) == ETA:
        with database.read() as unit:
            return as_change(promote_eta(directory, name, now=unit.now(), force=force, reason=reason))
    if kind_of(directory / name) == TRIAGE:
        return _promote_triage(database, directory, name, force=force, reason=reason)
    with database.read() as unit:
        now = unit.now()
        logged = None if force else logged_dataset(unit, most=MOST_JUDGED, candidates=False)
    return promotion.promote(directory, name, data=logged, now=now, metric=metric, force=force, reason=reason)


def judged(
    database: Database, model_dir: Path, name: str, *, ranking: bool = True
) -> tuple[Manifest, dict[str, Any] | str]:
    """What a bundle that scores pairs was trained on, and its report on later decisions of the log, or why none.

    Without `ranking` the candidates are not read, which are by far the largest part of the log.

    Raises
    ------
    NotFoundError
        If there is no such bundle that scores pairs.
    BundleError
        If it cannot be used.
    """
    if not any(listed.bundle == name for listed in bundles(model_dir)):
        raise NotFoundError("bundle", name)
    bundle = load_bundle(model_dir / name)
    with database.read() as unit:
        data = logged_dataset(unit, most=MOST_REPORTED, candidates=ranking)
    champion = promotion.champion(model_dir)
    other = None if champion is None or champion.manifest.version == bundle.manifest.version else champion
    try:
        return bundle.manifest, report(bundle, data, champion=other)
    except TrainingError as exc:
        return bundle.manifest, str(exc)


def changes(model_dir: Path) -> tuple[Change, ...]:
    """Promotions and rollbacks of all models, the latest first."""
    seats = [as_change(made) for kind in (ETA, TRIAGE) for made in Seat(model_dir, kind).changes()]
    latest_first = [*promotion.changes(model_dir)[::-1], *seats[::-1]]
    return tuple(sorted(latest_first, key=lambda change: change.at, reverse=True))


def _promote_triage(database: Database, directory: Path, name: str, *, force: bool, reason: str | None) -> Change:
    """The same for a triage model, which is judged on finished tasks instead of decisions."""
    with database.read() as unit:
        now = unit.now()
        finished = None if force else finished_tasks(unit)
    return as_change(promote_triage(directory, name, finished=finished, now=now, force=force, reason=reason))


def rollback(model_dir: Path | None, *, now: datetime, kind: str = SUCCESS, reason: str | None = None) -> Change:
    """Make the champion before the present one the champion again; each kind of model has its own.

    Raises
    ------
    BundleError
        If none is on record, it cannot be served any more, or the models are those that come with the engine.
    """
    directory = changeable(model_dir)
    if kind == ETA:
        return as_change(rollback_eta(directory, now=now, reason=reason))
    if kind == TRIAGE:
        return as_change(rollback_triage(directory, now=now, reason=reason))
    return promotion.rollback(directory, now=now, reason=reason)


def changeable(model_dir: Path | None) -> Path:
    """The directory of models, if it is one's own.

    Raises
    ------
    BundleError
        If none is set: the models that come with the engine stay as they are.
    """
    if model_dir is None:
        raise BundleError("MODEL_DIR is not set: the models that come with the engine are not changed")
    return model_dir

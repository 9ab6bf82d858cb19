"""Which bundle is the champion, and why: promotion on evidence, rollback, and a record of both.

The record is `promotions.jsonl` in the directory of the models, a line for each change, only ever added to.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Literal

from assignment_engine.domain.errors import BundleError, InvalidInputError, PromotionRefusedError
from assignment_engine.domain.records import Record
from assignment_engine.domain.types import Instant, Number
from assignment_engine.learning.dataset import Dataset
from assignment_engine.learning.judging import Metric, gain
from assignment_engine.scoring.bundle import MANIFEST_FILE, Manifest, load_bundle
from assignment_engine.scoring.registry import champion_name, load_champion
from assignment_engine.scoring.registry import promote as make_champion

RECORD_FILE = "promotions.jsonl"


class Evidence(Record):
    """How much better the challenger was, on how many decisions that it had not seen."""

    metric: Metric
    decisions: int
    against: str
    gain: Number
    standard_error: Number

    @property
    def convinces(self) -> bool:
        return self.gain > self.standard_error


class Change(Record):
    """One change of the champion."""

    at: Instant
    action: Literal["promote", "rollback"]
    bundle: str
    previous: str | None
    forced: bool = False
    reason: str | None = None
    evidence: Evidence | None = None


class Listed(Record):
    """A bundle of the directory; `problem` says why it cannot be used."""

    bundle: str
    champion: bool
    manifest: Manifest | None = None
    problem: str | None = None


def promote(
    model_dir: Path,
    name: str,
    *,
    data: Dataset | None,
    now: datetime,
    metric: Metric = "log_loss",
    force: bool = False,
    reason: str | None = None,
) -> Change:
    """Make a bundle the champion if it is better than the present one by more than the standard error.

    Raises
    ------
    PromotionRefusedError
        If it is not, or there is no data to show it; `force` with a reason promotes all the same, on record.
    BundleError
        If the bundle cannot be served.
    """
    if force and not (reason or "").strip():
        raise InvalidInputError.at("/reason", "expected why this promotion is forced")
    previous = current(model_dir)
    challenger = load_bundle(model_dir / name)
    evidence = None
    if data is not None:
        champion = load_champion(model_dir) if previous else None
        evidence = Evidence(**gain(challenger, champion, data, metric))
    if not force and (evidence is None or not evidence.convinces):
        raise PromotionRefusedError(name, _words(evidence))
    change = Change(
        at=now, action="promote", bundle=name, previous=previous, forced=force, reason=reason, evidence=evidence
    )
    return _apply(model_dir, change)


def rollback(model_dir: Path, *, now: datetime, reason: str | None = None) -> Change:
    """Make the champion before the present one the champion again.

    Raises
    ------
    BundleError
        If none is on record, or it cannot be served any more; the champion stays.
    """
    present = current(model_dir)
    previous = _before(changes(model_dir), present)
    if previous is None:
        raise BundleError(f"{model_dir}: no earlier champion is on record")
    return _apply(model_dir, Change(at=now, action="rollback", bundle=previous, previous=present, reason=reason))


def current(model_dir: Path) -> str | None:
    """The champion's name; None where nothing was promoted yet."""
    return champion_name(model_dir) if (model_dir / "champion.json").exists() else None


def changes(model_dir: Path) -> tuple[Change, ...]:
    """Everything on record, oldest first."""
    path = model_dir / RECORD_FILE
    if not path.exists():
        return ()
    try:
        return tuple(Change(**json.loads(line)) for line in path.read_text("utf-8").splitlines())
    except ValueError as exc:
        raise BundleError(f"{path} is damaged: {exc}") from exc


def listed(model_dir: Path) -> tuple[Listed, ...]:
    """All bundles of the directory, newest first; those that cannot be used last."""
    present = _if_readable(model_dir)
    found = [_listed(path.parent, present) for path in sorted(model_dir.glob(f"*/{MANIFEST_FILE}"))]
    return tuple(sorted(found, key=lambda entry: -entry.manifest.created_at.timestamp() if entry.manifest else 0.0))


def _listed(directory: Path, champion: str | None) -> Listed:
    name = directory.name
    try:
        return Listed(bundle=name, champion=name == champion, manifest=load_bundle(directory).manifest)
    except BundleError as exc:
        return Listed(bundle=name, champion=name == champion, problem=str(exc))


def _if_readable(model_dir: Path) -> str | None:
    try:
        return current(model_dir)
    except BundleError:
        return None


def _before(record: tuple[Change, ...], present: str | None) -> str | None:
    """The champion that `present` replaced; a rollback takes the promotion that it undid off the stack."""
    stack: list[str] = []
    for change in record:
        if change.action == "rollback" and stack:
            stack.pop()
        elif change.previous is not None:
            stack.append(change.previous)
    return stack[-1] if stack and stack[-1] != present else None


def _words(evidence: Evidence | None) -> str:
    if evidence is None:
        return "no data was given to show that it is better"
    return (
        f"on {evidence.decisions} later decisions its {evidence.metric} is better than that of {evidence.against} by "
        f"{evidence.gain:.4f}, standard error {evidence.standard_error:.4f}"
    )


def _apply(model_dir: Path, change: Change) -> Change:
    make_champion(model_dir, change.bundle)
    with (model_dir / RECORD_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(change.model_dump(mode="json")) + "\n")
    return change

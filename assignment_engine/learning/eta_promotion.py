"""Which ETA model is the champion, and why: promotion on what was measured when it was trained, and rollback."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import Field

from assignment_engine.domain.errors import BundleError, InvalidInputError, PromotionRefusedError
from assignment_engine.domain.records import Record
from assignment_engine.learning.eta import KIND, EtaModel
from assignment_engine.learning.seats import FieldGain, Seat, SeatChange

QUANTILES = ("p50", "p90")


class ListedEta(Record):
    """An ETA model of the directory; `problem` says why it cannot be used."""

    bundle: str
    champion: bool
    measured: dict[str, float] = Field(default_factory=dict)
    about: dict[str, Any] = Field(default_factory=dict)
    problem: str | None = None


def promote_eta(
    model_dir: Path, name: str, *, now: datetime, force: bool = False, reason: str | None = None
) -> SeatChange:
    """Make an ETA model the champion if, on work that was newer than what it learned from, one of its quantiles has a
    smaller pinball loss than what was in use, by more than the standard error, and neither has a larger one.

    Raises
    ------
    PromotionRefusedError
        If it has not; `force` with a reason promotes all the same, on record.
    BundleError
        If the model cannot be used, or another was promoted meanwhile.
    """
    if force and not (reason or "").strip():
        raise InvalidInputError.at("/reason", "expected why this promotion is forced")
    seat = Seat(model_dir, KIND)
    previous = seat.holder()
    evidence = evidence_of(EtaModel.load(model_dir / name))
    convinces = any(gain.convinces for gain in evidence) and not any(gain.is_worse for gain in evidence)
    if not force and not convinces:
        raise PromotionRefusedError(name, _words(evidence))
    change = SeatChange(
        at=now,
        kind=KIND,
        action="promote",
        bundle=name,
        previous=previous,
        forced=force,
        reason=reason,
        evidence=evidence,
    )
    return seat.give(change)


def rollback_eta(model_dir: Path, *, now: datetime, reason: str | None = None) -> SeatChange:
    """Make the champion before the present one the champion again.

    Raises
    ------
    BundleError
        If none is on record, or it cannot be used any more; the champion stays.
    """
    return Seat(model_dir, KIND).give_back(EtaModel.load, now=now, reason=reason)


def evidence_of(model: EtaModel) -> tuple[FieldGain, ...]:
    """How much smaller its pinball losses were than those of what it was measured against."""
    measured = model.measured
    return tuple(
        FieldGain(
            field=name,
            tasks=int(measured["finished"]),
            against=str(model.about.get("against", "the plain rule")),
            gain=measured[f"gain_{name}"],
            standard_error=measured[f"error_{name}"],
        )
        for name in QUANTILES
        if f"gain_{name}" in measured
    )


def listed_eta(model_dir: Path) -> tuple[ListedEta, ...]:
    """All ETA models of the directory, the newest first; those that cannot be used last."""
    paths, present = Seat(model_dir, KIND).candidates()
    found = [_listed(path, present) for path in paths]
    return tuple(sorted(found, key=lambda entry: str(entry.about.get("created_at", "")), reverse=True))


def _listed(directory: Path, champion: str | None) -> ListedEta:
    name = directory.name
    try:
        model = EtaModel.load(directory)
    except BundleError as exc:
        return ListedEta(bundle=name, champion=name == champion, problem=str(exc))
    return ListedEta(bundle=name, champion=name == champion, measured=dict(model.measured), about=dict(model.about))


def _words(evidence: tuple[FieldGain, ...]) -> str:
    if not evidence:
        return "it was not measured against anything"
    return "; ".join(
        f"the pinball loss of {gain.field} is smaller than that of {gain.against} by {gain.gain:.4f} h, standard "
        f"error {gain.standard_error:.4f}, on {gain.tasks} newer assignments"
        for gain in evidence
    )

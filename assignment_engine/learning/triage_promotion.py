"""Which triage model is the champion, and why: promotion on evidence, rollback, and what there is to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from assignment_engine.domain.errors import BundleError, InvalidInputError, PromotionRefusedError
from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Floats
from assignment_engine.learning.finished import Finished
from assignment_engine.learning.seats import FieldGain, Seat, SeatChange
from assignment_engine.learning.triage import FIELDS
from assignment_engine.learning.triage_bundle import (
    FEWEST,
    KIND,
    TriageBundle,
    TriageManifest,
    Worth,
    known_of,
    load_triage,
    losses_of,
    mean_gain,
    triage_manifest,
    worth_of,
)

USUAL = "what is usual"


class ListedTriage(Record):
    """A triage model of the directory; `problem` says why it cannot be used."""

    bundle: str
    champion: bool
    manifest: TriageManifest | None = None
    problem: str | None = None


class Judgement(Record):
    """What a triage model is worth on finished tasks that it has not seen, field by field."""

    bundle: str
    tasks: int
    worth: dict[str, Worth]
    against_champion: tuple[FieldGain, ...] = ()


def judge_triage(bundle: TriageBundle, finished: Finished, champion: TriageBundle | None = None) -> Judgement:
    """Everything there is to know before a triage model is promoted."""
    later = _unseen(finished, [bundle])
    found = {name: worth_of(bundle.model, bundle.manifest.usual, later, name) for name in bundle.manifest.fields}
    return Judgement(
        bundle=bundle.manifest.version,
        tasks=len(later),
        worth={name: worth for name, worth in found.items() if worth is not None},
        against_champion=() if champion is None else gains(bundle, champion, finished),
    )


def promote_triage(
    model_dir: Path,
    name: str,
    *,
    finished: Finished | None,
    now: datetime,
    force: bool = False,
    reason: str | None = None,
) -> SeatChange:
    """Make a triage model the champion if on later tasks it reads a field better than the present one, or than what is
    usual where there is none, by more than the standard error, and no field worse.

    Raises
    ------
    PromotionRefusedError
        If it does not, or there are no tasks to show it; `force` with a reason promotes all the same, on record.
    BundleError
        If the model cannot be used, or another was promoted meanwhile.
    """
    if force and not (reason or "").strip():
        raise InvalidInputError.at("/reason", "expected why this promotion is forced")
    seat = Seat(model_dir, KIND)
    previous = seat.holder()
    challenger = load_triage(model_dir / name)
    champion = None if previous is None else load_triage(model_dir / previous)
    evidence = () if finished is None else gains(challenger, champion, finished)
    if not force and not _convincing(evidence):
        raise PromotionRefusedError(name, _words(evidence))
    return seat.give(
        SeatChange(
            at=now,
            kind=KIND,
            action="promote",
            bundle=name,
            previous=previous,
            forced=force,
            reason=reason,
            evidence=evidence,
        )
    )


def rollback_triage(model_dir: Path, *, now: datetime, reason: str | None = None) -> SeatChange:
    """Make the champion before the present one the champion again.

    Raises
    ------
    BundleError
        If none is on record, or it cannot be used any more; the champion stays.
    """
    return Seat(model_dir, KIND).give_back(load_triage, now=now, reason=reason)


def gains(challenger: TriageBundle, champion: TriageBundle | None, finished: Finished) -> tuple[FieldGain, ...]:
    """How much better each field is read than by the champion on tasks that neither has seen; a field that one of them
    does not read is compared with what is usual, and one that fewer than 50 tasks have is left out."""
    later = _unseen(finished, [challenger] if champion is None else [challenger, champion])
    served = {*challenger.manifest.fields, *(champion.manifest.fields if champion else ())}
    return tuple(gain for name in FIELDS if name in served and (gain := _gain(challenger, champion, later, name)))


def _gain(challenger: TriageBundle, champion: TriageBundle | None, later: Finished, name: str) -> FieldGain | None:
    tasks = later.take(known_of(later, name))
    if len(tasks) < FEWEST:
        return None
    other = champion if champion is not None and name in champion.manifest.fields else None
    theirs = _usual_losses(challenger, name, tasks) if other is None else _losses(other, name, tasks)
    gain, error = mean_gain(_losses(challenger, name, tasks), theirs)
    against = USUAL if other is None else other.manifest.version
    return FieldGain(field=name, tasks=len(tasks), against=against, gain=gain, standard_error=error)


def _losses(bundle: TriageBundle, name: str, tasks: Finished) -> Floats:
    if name not in bundle.manifest.fields:
        return _usual_losses(bundle, name, tasks)
    return losses_of(name, bundle.model.answers(name, tasks.texts)[0], tasks)


def _usual_losses(bundle: TriageBundle, name: str, tasks: Finished) -> Floats:
    constant = getattr(bundle.manifest.usual, name)
    unknown = "" if name == "category" else np.nan
    return losses_of(name, np.array([unknown if constant is None else constant] * len(tasks), dtype=object), tasks)


def listed_triage(model_dir: Path) -> tuple[ListedTriage, ...]:
    """All triage models of the directory, the newest first; those that cannot be used last."""
    paths, present = Seat(model_dir, KIND).candidates()
    found = [_listed(path, present) for path in paths]
    return tuple(sorted(found, key=lambda entry: -entry.manifest.created_at.timestamp() if entry.manifest else 0.0))


def _listed(directory: Path, champion: str | None) -> ListedTriage:
    name = directory.name
    try:
        return ListedTriage(bundle=name, champion=name == champion, manifest=triage_manifest(directory))
    except BundleError as exc:
        return ListedTriage(bundle=name, champion=name == champion, problem=str(exc))


def _unseen(finished: Finished, bundles: Sequence[TriageBundle]) -> Finished:
    """The newest tasks, none of which these models have learned from."""
    if not len(finished):
        return finished
    ends = max(int(bundle.manifest.training.end.timestamp()) for bundle in bundles)
    _, later = finished.split()
    return later.take(later.created_at > np.datetime64(ends, "s"))


def _convincing(evidence: Sequence[FieldGain]) -> bool:
    return any(gain.convinces for gain in evidence) and not any(gain.is_worse for gain in evidence)


def _words(evidence: Sequence[FieldGain]) -> str:
    if not evidence:
        return f"fewer than {FEWEST} later finished tasks were given to show that it is better"
    told = (
        f"{gain.field} is read better than by {gain.against} by {gain.gain:.4f}, standard error "
        f"{gain.standard_error:.4f}, on {gain.tasks} later tasks"
        for gain in evidence
    )
    return "; ".join(told)

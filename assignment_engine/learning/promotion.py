"""Which bundle is the champion, and why: promotion on evidence, rollback, and a record of both.

The record is `promotions.jsonl` in the directory of the models, a line for each change, only ever added to. A change is
made by `champion.json`, which holds it too: where a process ended before it had written the line, the record is read
with it, and the next change writes the line that is missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Literal

from assignment_engine.domain.errors import (
    BundleError,
    ChampionChangedError,
    InvalidInputError,
    PromotionRefusedError,
)
from assignment_engine.domain.records import Record
from assignment_engine.domain.types import Instant, Number
from assignment_engine.learning.dataset import Dataset
from assignment_engine.learning.judging import Metric, gain
from assignment_engine.learning.keeping import KINDS, kind_of
from assignment_engine.learning.seats import FieldGain, SeatChange
from assignment_engine.scoring.bundle import MANIFEST_FILE, MODEL_FILE, Bundle, Manifest, load_bundle
from assignment_engine.scoring.champion import (
    CHAMPION_FILE,
    Champion,
    alone,
    read_champion,
    replace_champion,
    write_durably,
)
from assignment_engine.scoring.registry import check_servable, load_champion

RECORD_FILE = "promotions.jsonl"
ATTEMPTS = 3

Stamp = tuple[int, int, int, int]


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
    """One change of the champion; `gains` are the evidence for a model of another kind than those that score pairs.

    `generation` counts the changes of the directory.
    """

    at: Instant
    kind: str = "success"
    action: Literal["promote", "rollback"]
    bundle: str
    previous: str | None
    forced: bool = False
    reason: str | None = None
    evidence: Evidence | None = None
    gains: tuple[FieldGain, ...] = ()
    generation: int | None = None


def as_change(made: SeatChange) -> Change:
    """The change of a champion of another kind, as it is shown."""
    return Change(**{**made.model_dump(exclude={"evidence"}), "gains": made.evidence})


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

    Where another process changes the champion meanwhile, the bundle is compared with the new one.

    Raises
    ------
    PromotionRefusedError
        If it is not, or there is no data to show it; `force` with a reason promotes all the same, on record.
    BundleError
        If the bundle cannot be served.
    """
    if force and not (reason or "").strip():
        raise InvalidInputError.at("/reason", "expected why this promotion is forced")
    check_servable(model_dir, name)

    def decided(present: Champion | None) -> Change:
        evidence = None if data is None else _evidence(model_dir, name, present, data, metric)
        if not force and (evidence is None or not evidence.convinces):
            raise PromotionRefusedError(name, _words(evidence))
        return Change(
            at=now,
            action="promote",
            bundle=name,
            previous=present.name if present else None,
            forced=force,
            reason=reason,
            evidence=evidence,
        )

    return _changed(model_dir, decided)


def _evidence(model_dir: Path, name: str, present: Champion | None, data: Dataset, metric: Metric) -> Evidence:
    other = None if present is None else load_bundle(model_dir / present.name)
    return Evidence(**gain(load_bundle(model_dir / name), other, data, metric))


def rollback(model_dir: Path, *, now: datetime, reason: str | None = None) -> Change:
    """Make the champion before the present one the champion again.

    Raises
    ------
    BundleError
        If none is on record, or it cannot be served any more; the champion stays.
    """

    def decided(present: Champion | None) -> Change:
        name = present.name if present else None
        previous = _before(changes(model_dir), name)
        if previous is None:
            raise BundleError(f"{model_dir}: no earlier champion is on record")
        check_servable(model_dir, previous)
        return Change(at=now, action="rollback", bundle=previous, previous=name, reason=reason)

    return _changed(model_dir, decided)


def current(model_dir: Path) -> str | None:
    """The champion's name; None where nothing was promoted yet."""
    present = _present(model_dir)
    return present.name if present else None


def _present(model_dir: Path) -> Champion | None:
    return read_champion(model_dir) if (model_dir / CHAMPION_FILE).exists() else None


def refuse_champion(model_dir: Path, name: str) -> None:
    """Raise BundleError if a bundle of that name is served: writing over it would be a promotion without evidence."""
    if current(model_dir) == name:
        raise BundleError(f"{name!r} is the champion, which only a promotion changes; choose another name")


def champion(model_dir: Path) -> Bundle | None:
    """The champion's bundle; None where nothing was promoted yet.

    Raises
    ------
    BundleError
        If it cannot be used.
    """
    return load_champion(model_dir) if current(model_dir) else None


def unused_name(model_dir: Path, stem: str) -> str:
    """`stem` with the first number that no bundle of the directory has yet, such as `retrained-1`."""
    taken = {path.name for path in model_dir.iterdir()} if model_dir.is_dir() else set()
    return next(name for number in count(1) if (name := f"{stem}-{number}") not in taken)


def changes(model_dir: Path) -> tuple[Change, ...]:
    """Everything on record, oldest first."""
    recorded = _recorded(model_dir)
    missing = _unrecorded(model_dir, recorded)
    return tuple(recorded if missing is None else [*recorded, missing])


def listed(model_dir: Path) -> tuple[Listed, ...]:
    """All bundles of the directory that score pairs, newest first; those that cannot be used last."""
    present = _if_readable(model_dir)
    paths = (path.parent for path in sorted(model_dir.glob(f"*/{MANIFEST_FILE}")))
    found = [_listed(path, present) for path in paths if kind_of(path) not in KINDS]
    return tuple(sorted(found, key=lambda entry: -entry.manifest.created_at.timestamp() if entry.manifest else 0.0))


def _listed(directory: Path, champion: str | None) -> Listed:
    name = directory.name
    try:
        return Listed(bundle=name, champion=name == champion, manifest=_manifest(directory))
    except BundleError as exc:
        return Listed(bundle=name, champion=name == champion, problem=str(exc))


def _manifest(directory: Path) -> Manifest:
    try:
        files = [(directory / name).stat() for name in (MANIFEST_FILE, MODEL_FILE)]
    except OSError:
        return load_bundle(directory).manifest  # says what cannot be read
    return _checked(directory, tuple((file.st_ino, file.st_size, file.st_mtime_ns, file.st_ctime_ns) for file in files))


@lru_cache(maxsize=256)
def _checked(directory: Path, _: tuple[Stamp, ...]) -> Manifest:
    """That of a bundle that can be used. To read all its trees takes a while; for the same files once is enough."""
    return load_bundle(directory).manifest


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
    than = "worse" if evidence.gain < 0.0 else "better"
    return (
        f"on {evidence.decisions} later decisions its {evidence.metric} is {than} than that of {evidence.against} by "
        f"{abs(evidence.gain):.4f}, standard error {evidence.standard_error:.4f}"
    )


def _changed(model_dir: Path, decided: Callable[[Champion | None], Change]) -> Change:
    """Decide on a change and make it; once more if somebody else has changed the champion meanwhile."""
    for _ in range(ATTEMPTS - 1):
        with suppress(ChampionChangedError):
            return _apply(model_dir, decided, _present(model_dir))
    return _apply(model_dir, decided, _present(model_dir))


def _apply(model_dir: Path, decided: Callable[[Champion | None], Change], present: Champion | None) -> Change:
    """Make the change that is decided on for the `present` champion, on record.

    Deciding takes long and is done without the lock: the generation says whether it still holds.
    """
    change = decided(present)
    with alone(model_dir):
        now = _present(model_dir)
        if now != present:
            raise ChampionChangedError
        _complete_record(model_dir)
        generation = 1 + (now.generation if now else 0)
        change = change.model_copy(update={"generation": generation})
        replace_champion(model_dir, Champion(change.bundle, generation, change.model_dump(mode="json")))
        _complete_record(model_dir)
    return change


def _recorded(model_dir: Path) -> list[Change]:
    try:
        return [Change(**json.loads(line)) for line in _whole_lines(model_dir).splitlines()]
    except (ValueError, TypeError) as exc:
        raise BundleError(f"{model_dir / RECORD_FILE} is damaged: {exc}") from exc


def _whole_lines(model_dir: Path) -> bytes:
    """The record without what a process had written of a line when it ended."""
    path = model_dir / RECORD_FILE
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]


def _unrecorded(model_dir: Path, recorded: Sequence[Change]) -> Change | None:
    """What made the present champion, where the record does not end with it."""
    present = _present(model_dir)
    if present is None or present.change is None:
        return None
    is_last = recorded and recorded[-1].generation == present.generation
    return None if is_last else Change(**present.change)


def _complete_record(model_dir: Path) -> None:
    """Write the line that is missing, in the place of one that was half written."""
    missing = _unrecorded(model_dir, _recorded(model_dir))
    if missing is None:
        return
    path, whole = model_dir / RECORD_FILE, _whole_lines(model_dir)
    if path.exists():
        os.truncate(path, len(whole))
    write_durably(path, (json.dumps(missing.model_dump(mode="json")) + "\n").encode(), "ab")

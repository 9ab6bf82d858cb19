"""Which kept model of each kind is served: `champion-<kind>.json` beside the models names its subdirectory.

One small file is replaced whole, so whoever reads it sees the champion before or the one after. It also holds the
change that made it so, which a line of `promotions-<kind>.jsonl` repeats: when a process ends between the two, the next
change writes the line that is missing.
"""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from assignment_engine.domain.errors import BundleError
from assignment_engine.domain.records import Record
from assignment_engine.domain.types import ID_PATTERN, Count, Instant, Number
from assignment_engine.learning.keeping import MANIFEST, kind_of

Stamp = tuple[str, int, int, int]


class FieldGain(Record):
    """How much smaller the loss of the challenger was in one respect, on how many tasks that it had not seen."""

    field: str
    tasks: Count
    against: str
    gain: Number
    standard_error: Number

    @property
    def convinces(self) -> bool:
        return self.gain > self.standard_error

    @property
    def is_worse(self) -> bool:
        return self.gain < -self.standard_error


class SeatChange(Record):
    """One change of the champion of a kind."""

    at: Instant
    kind: str
    action: Literal["promote", "rollback"]
    bundle: str
    previous: str | None
    forced: bool = False
    reason: str | None = None
    evidence: tuple[FieldGain, ...] = ()


@dataclass(frozen=True)
class Seat:
    """The place of the champion of one kind in a directory of models."""

    model_dir: Path
    kind: str

    @property
    def file(self) -> Path:
        return self.model_dir / f"champion-{self.kind}.json"

    @property
    def record(self) -> Path:
        return self.model_dir / f"promotions-{self.kind}.jsonl"

    def holder(self) -> str | None:
        """The champion's name; None where nothing was promoted yet.

        Raises
        ------
        BundleError
            If the file is not one of ours.
        """
        present = self._present()
        return None if present is None else present.bundle

    def stamp(self, manifest: str) -> Stamp | None:
        """What changes when another champion is named, or the one of that name is replaced; None without one."""
        try:
            name = self.holder()
            if name is None:
                return None
            named, kept = self.file.stat(), (self.model_dir / name / manifest).stat()
        except (BundleError, OSError):
            return None
        return name, named.st_mtime_ns, named.st_ino, kept.st_ino

    def give(self, change: SeatChange) -> SeatChange:
        """Make the change, on record.

        Raises
        ------
        BundleError
            If somebody else has changed the champion meanwhile.
        """
        with self._alone():
            present = self.holder()
            if present != change.previous:
                raise BundleError(f"{present!r} was made the champion meanwhile; nothing was changed")
            self._complete_record()
            content = {"version": change.bundle, "change": change.model_dump(mode="json")}
            fresh = self.file.with_name(f".{self.file.name}.{uuid4().hex}")
            fresh.write_text(json.dumps(content) + "\n", "utf-8")
            fresh.replace(self.file)
            self._complete_record()
        return change

    def give_back(self, load: Callable[[Path], object], *, now: datetime, reason: str | None) -> SeatChange:
        """Make the champion before the present one the champion again, if `load` can read it.

        Raises
        ------
        BundleError
            If none is on record, or it cannot be used any more; the champion stays.
        """
        previous = self.before()
        if previous is None:
            raise BundleError(f"{self.model_dir}: no earlier {self.kind} model is on record")
        load(self.model_dir / previous)
        present = self.holder()
        return self.give(
            SeatChange(at=now, kind=self.kind, action="rollback", bundle=previous, previous=present, reason=reason)
        )

    def candidates(self) -> tuple[list[Path], str | None]:
        """The models of this kind, usable or not, and the champion's name, if that can be read."""
        try:
            present = self.holder()
        except BundleError:
            present = None
        paths = (path.parent for path in sorted(self.model_dir.glob(f"*/{MANIFEST}")))
        return [path for path in paths if kind_of(path) == self.kind], present

    def changes(self) -> tuple[SeatChange, ...]:
        """Everything on record, oldest first."""
        try:
            found = [SeatChange(**json.loads(line)) for line in self._lines().splitlines()]
        except (ValueError, TypeError) as exc:
            raise BundleError(f"{self.record} is damaged: {exc}") from exc
        present = self._present()
        return tuple(found if present is None or present in found[-1:] else [*found, present])

    def before(self) -> str | None:
        """The champion that the present one replaced; a rollback takes the promotion that it undid off the stack."""
        stack: list[str] = []
        for change in self.changes():
            if change.action == "rollback" and stack:
                stack.pop()
            elif change.previous is not None:
                stack.append(change.previous)
        return stack[-1] if stack and stack[-1] != self.holder() else None

    def _present(self) -> SeatChange | None:
        try:
            content: Any = json.loads(self.file.read_text("utf-8"))
            change = SeatChange(**content["change"])
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise BundleError(f"{self.file}: cannot read it: {exc.strerror}") from exc
        except (ValueError, TypeError, KeyError) as exc:
            raise BundleError(f"{self.file} is damaged") from exc
        if not re.fullmatch(ID_PATTERN, change.bundle):
            raise BundleError(f"{self.file} is damaged")
        return change

    def _complete_record(self) -> None:
        """Write the line of the present champion where it is missing."""
        present, lines = self._present(), self._lines()
        if present is None:
            return
        line = json.dumps(present.model_dump(mode="json")).encode("ascii") + b"\n"
        if not lines.endswith(line):
            with self.record.open("ab") as file:
                file.truncate(len(lines))
                file.write(line)

    def _lines(self) -> bytes:
        """The whole lines of the record; what a process had written of another when it ended does not count."""
        found = self.record.read_bytes() if self.record.exists() else b""
        return found[: found.rfind(b"\n") + 1]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time; the lock ends with the process that holds it."""
        with self.model_dir.joinpath(f".champion-{self.kind}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

"""Every error the engine raises. The docstring is the default message, facts are attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError


class EngineError(Exception):
    """The engine could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with the input: where (a JSON pointer) and what was expected."""

    pointer: str
    detail: str


class InvalidInputError(EngineError, ValueError):
    """The input is not valid."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors: Sequence[FieldError] = tuple(errors)
        super().__init__("; ".join(f"{e.pointer or '/'}: {e.detail}" for e in self.errors))

    @classmethod
    def at(cls, pointer: str, detail: str) -> InvalidInputError:
        return cls([FieldError(pointer, detail)])

    @classmethod
    def from_pydantic(cls, error: ValidationError, prefix: str = "") -> InvalidInputError:
        return cls(field_errors(error, prefix))


class NotFoundError(EngineError):
    """There is no such record."""

    def __init__(self, kind: str, record_id: str) -> None:
        self.kind, self.record_id = kind, record_id
        super().__init__(f"there is no {kind} {record_id!r}")


class AlreadyExistsError(EngineError):
    """A record with this id exists already."""

    def __init__(self, kind: str, record_id: str) -> None:
        self.kind, self.record_id = kind, record_id
        super().__init__(f"{kind} {record_id!r} exists already")


class ActiveWorkError(EngineError):
    """The record still has active assignments."""

    def __init__(self, kind: str, record_id: str) -> None:
        self.kind, self.record_id = kind, record_id
        super().__init__(f"{kind} {record_id!r} still has an active assignment")


class TransitionError(EngineError):
    """The event is not possible in the present state."""

    def __init__(self, event: str, status: str) -> None:
        self.event, self.status = event, status
        super().__init__(f"'{event}' is not possible: the present status is '{status}'")


class SessionClosedError(EngineError):
    """There is no such open session; log in again."""


class TaskTakenError(EngineError):
    """The task has an active assignment already."""

    def __init__(self, task_ids: Sequence[str], holders: Mapping[str, str]) -> None:
        self.task_ids, self.holders = tuple(task_ids), holders
        taken = (f"{task_id} to {holders[task_id]}" if task_id in holders else task_id for task_id in task_ids)
        super().__init__(f"already assigned: {', '.join(taken)}")


@dataclass(frozen=True)
class Shortfall:
    """How many hours somebody has left, and how many they would need."""

    employee_id: str
    left: float
    needed: float

    def __str__(self) -> str:
        return f"{self.employee_id} has {self.left:.6g} h left and needs {self.needed:.6g} h"


class CapacityExceededError(EngineError):
    """The work does not fit into the capacity that is left."""

    def __init__(self, shortfalls: Sequence[Shortfall]) -> None:
        self.shortfalls = tuple(shortfalls)
        self.employee_ids = tuple(each.employee_id for each in shortfalls)
        people = ", ".join(map(str, shortfalls))
        super().__init__(f"not enough capacity left: {people}; by hand it may be exceeded with allow_overload")


class PreviewExpiredError(EngineError):
    """The preview has expired."""

    def __init__(self, preview_id: str) -> None:
        self.preview_id = preview_id
        super().__init__(f"preview {preview_id!r} has expired; make a new one")


class EventsArchivedError(EngineError):
    """The events behind this position have left the database for the archive."""

    def __init__(self, position: int, oldest: int) -> None:
        self.position, self.oldest = position, oldest
        super().__init__(f"events up to {oldest - 1} are archived; read the state anew and go on after {oldest - 1}")


class EventsAheadError(EngineError):
    """No event has had this position yet: the reader has read from a database that was restored to an earlier state."""

    def __init__(self, position: int, newest: int) -> None:
        self.position, self.newest = position, newest
        super().__init__(
            f"no event has had position {position} yet, so the database is an earlier one, restored from a backup; "
            f"read the state anew and go on after {newest}"
        )


class PreviewConflictError(EngineError):
    """The plan no longer fits what is in the database."""

    def __init__(self, preview_id: str, conflicts: Sequence[Any]) -> None:
        self.preview_id, self.conflicts = preview_id, tuple(conflicts)
        super().__init__(f"{len(self.conflicts)} assignment(s) of preview {preview_id!r} conflict with later changes")


class TooManyPairsError(EngineError):
    """The plan would look at more pairs of task and employee than one call may."""

    def __init__(self, pairs: int, most: int) -> None:
        self.pairs, self.most = pairs, most
        super().__init__(f"{pairs:,} pairs of task and employee are more than {most:,}; plan fewer at once")


class StaleVersionError(EngineError):
    """The record was changed since it was read."""


class UnreadableFileError(EngineError):
    """The file cannot be read as a table."""


class FilesDeletedError(EngineError):
    """The files of the job were kept for their time, and deleted."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"the files of job {job_id!r} were kept for their time, and deleted; send the file again")


class LeaseLostError(EngineError):
    """Somebody else has taken the lease; nothing was changed."""


class RemoteServiceError(EngineError):
    """A service beside this one does not answer as it should."""


class BundleError(EngineError):
    """The model bundle cannot be used."""


class ChampionChangedError(BundleError):
    """Another bundle was made the champion meanwhile; nothing was changed."""


class TrainingError(EngineError):
    """The data does not give a usable model."""


class PromotionRefusedError(EngineError):
    """The bundle was not shown to be better than the champion."""

    def __init__(self, bundle: str, why: str) -> None:
        self.bundle, self.why = bundle, why
        super().__init__(f"bundle {bundle!r} is not promoted: {why}; it can be forced with a reason")


class RemoteModelError(EngineError):
    """The remote model did not answer."""


class InvalidPlanError(EngineError):
    """The plan breaks a rule of its problem; this is a fault of the engine."""


class ClusterError(EngineError):
    """The cluster did not finish the work."""


class ConfigurationError(EngineError):
    """The settings do not allow this."""


class KeySetError(EngineError):
    """There is no key set to check tokens with."""


class DatabaseError(EngineError):
    """The database refused the statement; nothing was changed."""


class DatabaseUnavailableError(DatabaseError):
    """The database cannot be reached."""


class DatabaseBusyError(DatabaseUnavailableError):
    """Others kept changing the same records; nothing was changed, try again."""


def field_errors(error: ValidationError, prefix: str = "") -> list[FieldError]:
    """The pydantic `error` as pointers below `prefix`, in the words of this project."""
    return [found for e in error.errors(include_url=False) for found in _found(e, prefix + _pointer(e["loc"]))]


def _found(error: Any, pointer: str) -> list[FieldError]:
    """What is wrong at `pointer`, or below it where a validator of a whole record said which field it is."""
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, InvalidInputError):
        return [FieldError(pointer + inner.pointer, inner.detail) for inner in cause.errors]
    return [FieldError(pointer, _detail(error))]


def _pointer(location: Sequence[int | str]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


def _detail(error: Any) -> str:
    message: str = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return "unknown field"
    if error["type"] == "missing":
        return "this field is required"
    if error["type"] == "value_error" and _is_compound(error["input"]):
        return message
    return f"{message} (got {shown(error['input'])})"


def _is_compound(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


def shown(value: object) -> str:
    """How a message quotes what was given: as Python writes it, cut where that is long; of records only that."""
    if _is_compound(value):
        return "a list" if isinstance(value, (list, tuple, set, frozenset)) else "an object"
    given = repr(value.value if isinstance(value, Enum) else value)
    return given if len(given) <= 60 else given[:57] + "..."

"""Closed sets of words, and the types of single fields with their validation."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from numbers import Real
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import uuid_utils
from pydantic import AfterValidator, BeforeValidator, Field, Strict, StringConstraints, ValidationInfo

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}$"
RESERVED_IDS = frozenset(
    {"queue", "status", "login", "me", "stream", "preview", "finalize", "import", "rollback", "candidates"}
)
SECONDS_PER_HOUR = 3600
DEFAULT_ESTIMATED_HOURS = 1.0


class Priority(StrEnum):
    """How much a task matters; `level` 4 is the most urgent."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def level(self) -> int:
        return _PRIORITY_LEVELS[self]

    @property
    def weight(self) -> int:
        """Weight in the objective: 8, 4, 2, 1."""
        return 1 << (self.level - 1)


_PRIORITY_LEVELS = {Priority.CRITICAL: 4, Priority.HIGH: 3, Priority.MEDIUM: 2, Priority.LOW: 1}


class Availability(StrEnum):
    """Whether a person can be planned at all; `partial` can."""

    AVAILABLE = "available"
    PARTIAL = "partial"
    BUSY = "busy"
    AWAY = "away"
    OFFLINE = "offline"

    @property
    def eligible(self) -> bool:
        return self in (Availability.AVAILABLE, Availability.PARTIAL)


class TaskStatus(StrEnum):
    PENDING = "pending"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ProcessingStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "failed"


class Method(StrEnum):
    """How a plan is made."""

    GREEDY = "greedy"
    BALANCED = "balanced"


def new_id() -> str:
    """A time-ordered UUIDv7 as text."""
    return str(uuid_utils.uuid7())


def whole_seconds(hours: float) -> int:
    """Hours as the whole seconds that capacity is counted in."""
    return round(hours * SECONDS_PER_HOUR)


def is_missing(value: object) -> bool:
    """None, NaN, NaT and the empty string stand for *not given*."""
    if value is None or value == "":
        return True
    if isinstance(value, Real):
        return math.isnan(value)
    return type(value).__name__ in ("NaTType", "NAType")


def _read_id(value: object) -> object:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return value
    return str(int(value.__index__()))


def _refuse_reserved(value: str) -> str:
    if value in RESERVED_IDS:
        raise ValueError("this word is reserved; choose another id")
    return value


def _read_number(value: object) -> object:
    """numpy scalars become plain numbers; everything else is left for the strict check."""
    item = getattr(value, "item", None)
    return item() if callable(item) else value


def read_instant(value: object, zone: tzinfo = UTC, *, end_of_day: bool = False) -> tuple[datetime, bool]:
    """`value` in UTC, and whether it was naive and read in `zone`.

    Takes datetimes, dates and ISO 8601 text. A date alone is its first moment, or its last with `end_of_day`.
    """
    moment = _parse_moment(value)
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.max if end_of_day else time.min).replace(tzinfo=zone)
        return moment.astimezone(UTC), False
    if moment.tzinfo is None:
        return moment.replace(tzinfo=zone).astimezone(UTC), True
    return moment.astimezone(UTC), False


def _parse_moment(value: object) -> datetime | date:
    to_python = getattr(value, "to_pydatetime", None)
    if callable(to_python):
        value = to_python()
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise ValueError("expected an ISO 8601 date or time")  # noqa: TRY004  (pydantic reports ValueError)
    text = value.strip()
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else datetime.fromisoformat(text)
    except ValueError as exc:
        raise ValueError("expected an ISO 8601 date or time") from exc


class InputNotes:
    """What reading the input had to assume: the zone of naive times, defaults; becomes the plan's warnings."""

    def __init__(self, zone: tzinfo | str = UTC) -> None:
        self.zone: tzinfo = ZoneInfo(zone) if isinstance(zone, str) else zone
        self._counts: dict[str, int] = {}

    def count(self, what: str, times: int = 1) -> None:
        if times:
            self._counts[what] = self._counts.get(what, 0) + times

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(f"{what}: {times}" for what, times in self._counts.items())


def _instant_reader(*, end_of_day: bool) -> Any:
    def read(value: object, info: ValidationInfo) -> object:
        if value is None:
            return None
        notes = info.context if isinstance(info.context, InputNotes) else InputNotes()
        moment, was_naive = read_instant(value, notes.zone, end_of_day=end_of_day)
        notes.count(f"{info.field_name} without a time zone, read as {notes.zone}", int(was_naive))
        return moment

    return read


def canonical_skill(name: str) -> str:
    """Lower case with single spaces: the form in which skills are compared."""
    return " ".join(name.lower().split())


def _read_skills(value: object) -> object:
    """A list, a mapping name → level, or `"python:0.8;sql"`; a name alone has level 1."""
    if isinstance(value, str):
        value = _skills_from_text(value)
    elif isinstance(value, Iterable) and not isinstance(value, Mapping):
        value = dict.fromkeys(_skill_names(value), 1.0)
    if not isinstance(value, Mapping):
        return value
    levels: dict[str, object] = {}
    for name, level in value.items():
        if not isinstance(name, str) or not canonical_skill(name):
            raise ValueError("expected skill names that are not empty")
        levels[canonical_skill(name)] = _read_number(level)
    return levels


def _skill_names(value: Iterable[object]) -> list[str]:
    names = list(value)
    if not all(isinstance(name, str) for name in names):
        raise ValueError("expected a list of skill names, a mapping name → level, or 'python:0.8;sql'")
    return [str(name) for name in names]


def _skills_from_text(text: str) -> dict[str, float]:
    levels = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        name, colon, level = part.rpartition(":")
        try:
            levels[name if colon else part] = float(level) if colon else 1.0
        except ValueError as exc:
            raise ValueError(
                f"expected 'skill:level' with a level in (0, 1], such as 'python:0.8;sql', at {part!r}"
            ) from exc
    return levels


def read_names(value: object) -> object:
    """A list of names, or one text with names separated by semicolons."""
    if isinstance(value, str):
        return tuple(piece.strip() for piece in value.split(";") if piece.strip())
    return value


def utc_text(moment: datetime) -> str:
    """`moment` as ISO 8601 in UTC with a `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def hours_between(start: datetime, end: datetime) -> float:
    return (end - start) / timedelta(hours=1)


Id = Annotated[str, BeforeValidator(_read_id), StringConstraints(pattern=ID_PATTERN)]
RecordId = Annotated[Id, AfterValidator(_refuse_reserved)]
Number = Annotated[float, BeforeValidator(_read_number), Strict(), Field(allow_inf_nan=False)]
NonNegative = Annotated[Number, Field(ge=0)]
Positive = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Count = Annotated[int, BeforeValidator(_read_number), Strict(), Field(ge=0)]
Units = Annotated[int, BeforeValidator(_read_number), Strict(), Field(ge=1)]
Flag = Annotated[bool, BeforeValidator(_read_number), Strict()]
Instant = Annotated[datetime, BeforeValidator(_instant_reader(end_of_day=False))]
Deadline = Annotated[datetime, BeforeValidator(_instant_reader(end_of_day=True))]
Level = Annotated[Number, Field(gt=0, le=1)]
Skills = Annotated[dict[str, Level], BeforeValidator(_read_skills)]
Names = Annotated[tuple[str, ...], BeforeValidator(read_names)]
Ids = Annotated[tuple[Id, ...], BeforeValidator(read_names)]
Text = Annotated[str, StringConstraints(strip_whitespace=True)]

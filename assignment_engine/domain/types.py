"""Closed sets of words, and the types of single fields with their validation."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import lru_cache
from numbers import Integral, Real
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import uuid_utils
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo

from assignment_engine.domain.errors import InvalidInputError, shown

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}$"
RESERVED_IDS = frozenset(
    {"queue", "status", "login", "me", "stream", "preview", "finalize", "import", "rollback", "candidates"}
)
SECONDS_PER_HOUR = 3600
ASSUMED_UTC = timezone(timedelta(0), "assumed UTC")
DEFAULT_ESTIMATED_HOURS = 1.0
RECENT_HALF_LIFE_HOURS = 72.0
CONTEXT_KINDS = ("raised_by", "entered_by", "symptom", "location", "parent")  # what is counted of `Task.context`
MAX_HOURS = 1e9  # sums over millions of tasks stay whole seconds in 64 bits
MAX_COUNT = 1_000_000_000
_LARGEST_INTEGER = 2**1023
_LONGEST_DATE = len("2026-W47-7")


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
    OPTIMAL = "optimal"


class Arm(StrEnum):
    """Who decides about a task while a part of them is held out: the control policy, or the engine as it is."""

    CONTROL = "control"
    ENGINE = "engine"


class Objective(StrEnum):
    """What the optimal method makes as good as possible: Σ priority weight · score, Σ score, or the smallest Σ cost."""

    WEIGHTED = "weighted"
    SCORE = "score"
    COST = "cost"


def new_id() -> str:
    """A time-ordered UUIDv7 as text."""
    return str(uuid_utils.uuid7())


def whole_seconds(hours: float) -> int:
    """Hours as the whole seconds that capacity is counted in."""
    return round(hours * SECONDS_PER_HOUR)


def is_missing(value: object) -> bool:
    """None, NaN, NaT and empty text stand for *not given*."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    if isinstance(value, Real) and not isinstance(value, Integral):
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
    number = item() if callable(item) else value
    if isinstance(number, int) and abs(number) > _LARGEST_INTEGER:  # no float is that large
        return math.inf if number > 0 else -math.inf
    return number


def _refuse_unstorable(value: str) -> str:
    try:
        stored = value.encode()
    except UnicodeEncodeError as exc:
        raise ValueError("expected text without lone surrogates") from exc
    if b"\0" in stored:
        raise ValueError("expected text without NUL characters")
    return value


def spelled(pattern: str, expected: str, longest: int) -> BeforeValidator:
    """Text in which `pattern` is found; otherwise the error says in words what was `expected`."""
    search = re.compile(pattern).search

    def check(value: object) -> object:
        if isinstance(value, str) and search(value) is None:
            raise ValueError(f"expected {expected}")
        return value

    accepted = Annotated[str, StringConstraints(max_length=longest, pattern=pattern)]
    return BeforeValidator(check, json_schema_input_type=accepted)


def read_instant(value: object, zone: tzinfo = UTC, *, end_of_day: bool = False) -> datetime:
    """`value` in UTC; the zone is `ASSUMED_UTC` where the input had none and was read in `zone`.

    Takes datetimes, dates and ISO 8601 text. A date alone is its first moment, or its last with `end_of_day`.
    """
    moment = _parse_moment(value)
    target = UTC
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.max if end_of_day else time.min, zone)
    elif moment.tzinfo is None:
        moment, target = moment.replace(tzinfo=zone), ASSUMED_UTC
    elif was_naive(moment):
        target = ASSUMED_UTC
    try:
        return moment.astimezone(target)
    except OverflowError as exc:
        raise ValueError("expected a time within the years 1 to 9999 of UTC") from exc


def was_naive(moment: datetime) -> bool:
    """Whether the time came without a zone."""
    return moment.tzname() == ASSUMED_UTC.tzname(None)


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
        return date.fromisoformat(text) if len(text) <= _LONGEST_DATE else datetime.fromisoformat(text)
    except ValueError as exc:
        raise ValueError("expected an ISO 8601 date or time") from exc


class InputNotes:
    """What reading the input had to assume, counted; becomes the plan's warnings. `zone` is that of naive times."""

    def __init__(self, zone: tzinfo | str = UTC) -> None:
        self.zone: tzinfo = _zone(zone) if isinstance(zone, str) else zone
        self._counts: dict[str, int] = {}

    def count(self, what: str, times: int = 1) -> None:
        if times:
            self._counts[what] = self._counts.get(what, 0) + times

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(f"{what}: {times}" for what, times in self._counts.items())


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise InvalidInputError.at("/time_zone", f"there is no time zone {name!r}") from exc


def _instant_reader(*, end_of_day: bool) -> Any:
    def read(value: object, info: ValidationInfo) -> object:
        if value is None:
            return None
        zone = info.context.zone if isinstance(info.context, InputNotes) else UTC
        return read_instant(value, zone, end_of_day=end_of_day)

    return read


@lru_cache(maxsize=10_000)
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
        if not isinstance(name, str) or not canonical_skill(_refuse_unstorable(name)):
            raise ValueError("expected skill names that are not empty")
        skill = canonical_skill(name)
        levels[skill] = _higher(_read_number(level), levels.get(skill))
    return levels


def _higher(level: object, other: object) -> object:
    """Of two levels given for one skill the higher counts."""
    return max(level, other) if isinstance(level, (int, float)) and isinstance(other, (int, float)) else level


def _skill_names(value: Iterable[object]) -> list[str]:
    names = list(value)
    if not all(isinstance(name, str) for name in names):
        raise ValueError("expected a list of skill names, a mapping name → level, or 'python:0.8;sql'")
    return [str(name) for name in names]


def _skills_from_text(text: str) -> dict[str, float]:
    levels: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        before, colon, level = part.rpartition(":")
        name = before if colon else part
        try:
            levels[name] = max(float(level) if colon else 1.0, levels.get(name, -math.inf))
        except ValueError as exc:
            raise ValueError(
                f"expected 'skill:level' with a level in (0, 1], such as 'python:0.8;sql', at {shown(part)}"
            ) from exc
    return levels


def read_names(value: object) -> object:
    """A list or array of names, one text with names separated by semicolons, or one number."""
    if isinstance(value, str):
        return tuple(piece.strip() for piece in value.split(";") if piece.strip())
    to_list = getattr(value, "tolist", None)
    plain = to_list() if callable(to_list) else value
    return (plain,) if isinstance(plain, int) and not isinstance(plain, bool) else plain


def utc_text(moment: datetime) -> str:
    """`moment` as ISO 8601 in UTC with a `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def hours_between(start: datetime, end: datetime) -> float:
    return (end - start) / timedelta(hours=1)


_IdText = BeforeValidator(_read_id, json_schema_input_type=Annotated[str, StringConstraints(pattern=ID_PATTERN)] | int)
_Plain = BeforeValidator(_read_number)
_FirstMoment = BeforeValidator(_instant_reader(end_of_day=False), json_schema_input_type=datetime | date)
_LastMoment = BeforeValidator(_instant_reader(end_of_day=True), json_schema_input_type=datetime | date)
_SkillForms = BeforeValidator(_read_skills, json_schema_input_type=dict[str, float] | list[str] | str)
_NameForms = BeforeValidator(read_names, json_schema_input_type=list[str] | str)
_Storable = AfterValidator(_refuse_unstorable)

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN), _IdText]
RecordId = Annotated[Id, AfterValidator(_refuse_reserved)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False), _Plain]
NonNegative = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0), _Plain]
Hours = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=MAX_HOURS), _Plain]
PositiveHours = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=MAX_HOURS), _Plain]
Rating = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=5), _Plain]
Share = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1), _Plain]
Level = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=1), _Plain]
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT), _Plain]
Units = Annotated[int, Field(strict=True, ge=1, le=MAX_COUNT), _Plain]
Flag = Annotated[bool, Field(strict=True), _Plain]
Instant = Annotated[datetime, _FirstMoment]
Deadline = Annotated[datetime, _LastMoment]
Skills = Annotated[dict[str, Level], _SkillForms]
Text = Annotated[str, _Storable]
Line = Annotated[str, StringConstraints(max_length=255), _Storable]
Word = Annotated[str, StringConstraints(max_length=64), _Storable]
Reason = Annotated[str, StringConstraints(max_length=4000), spelled(r"\S", "some text", 4000), _Storable]
Names = Annotated[tuple[Text, ...], _NameForms]
Ids = Annotated[tuple[Id, ...], _NameForms]

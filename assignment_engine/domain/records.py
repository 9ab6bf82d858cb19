"""The base of every record, and the people and tasks that the engine plans."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.types import (
    Availability,
    Count,
    Deadline,
    Hours,
    Id,
    Ids,
    Instant,
    Line,
    Names,
    NonNegative,
    PositiveHours,
    Priority,
    ProcessingStatus,
    Rating,
    RecordId,
    Share,
    Skills,
    TaskStatus,
    Text,
    Units,
    Word,
    is_missing,
)

TITLE_FROM_DESCRIPTION = 80


if TYPE_CHECKING:  # pydantic's metaclass has no public name
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class _RecordMeta(ModelMetaclass):
    """Construction reports bad fields as the engine's own error."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except ValidationError as exc:
            raise InvalidInputError.from_pydantic(exc) from exc


class Record(BaseModel, metaclass=_RecordMeta):
    """A frozen, validated value; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    @classmethod
    def unchecked(cls, **fields: Any) -> Self:
        """The record of values as its fields hold them, which were checked before they were stored.

        As `model_construct`, in a fifth of the time, because a plan reads everybody.

        Raises
        ------
        TypeError
            If a field is missing that has no default.
        """
        defaults = _defaults_of(cls)
        if not defaults.required <= fields.keys():
            raise TypeError(f"{cls.__name__} lacks {sorted(defaults.required - fields.keys())}")
        made = {name: make() for name, make in defaults.made if name not in fields}
        record = cls.__new__(cls)
        object.__setattr__(record, "__dict__", {**defaults.fixed, **made, **fields})
        object.__setattr__(record, "__pydantic_fields_set__", set(fields))
        object.__setattr__(record, "__pydantic_extra__", None)
        object.__setattr__(record, "__pydantic_private__", None)
        return record


class _Defaults(NamedTuple):
    """What the fields of a record hold that nobody gave: `fixed` has all of them, in their order."""

    fixed: dict[str, Any]
    made: tuple[tuple[str, Callable[[], Any]], ...]
    required: frozenset[str]


@lru_cache(maxsize=64)
def _defaults_of(cls: type[BaseModel]) -> _Defaults:
    fields = cls.model_fields
    made = {name: cast("Callable[[], Any]", f.default_factory) for name, f in fields.items() if f.default_factory}
    required = frozenset(name for name, field in fields.items() if field.is_required())
    fixed = {name: None if name in made or name in required else field.default for name, field in fields.items()}
    return _Defaults(fixed, tuple(made.items()), required)


ContextIds = Mapping[str, Collection[str]]
"""Kind of context → the ids that somebody asks about."""


class Tally(Record):
    """Good outcomes among all judged ones."""

    good: NonNegative = 0.0
    total: NonNegative = 0.0

    @model_validator(mode="after")
    def _good_is_part_of_total(self) -> Self:
        if self.good > self.total:
            raise InvalidInputError.at("/good", "expected good ≤ total")
        return self


class Priors(Record):
    """The outcomes of everybody, as a versioned snapshot, so that live and planned scores agree."""

    version: str = "none"
    everyone: Tally = Tally()
    handled: dict[str, dict[str, NonNegative]] = Field(
        default_factory=dict, description="kind of context → id → how often anybody was given work with it"
    )


class Recent(Record):
    """When somebody was last given work of some kind, and how much lately: a count decayed up to `last_at`."""

    last_at: Instant
    count: NonNegative = 1.0


class RecentWork(Record):
    """What a person was given lately and for whom; the feature sets `recency` and `context` are computed from it."""

    overall: Recent | None = None
    by_category: dict[str, Recent] = Field(default_factory=dict)
    by_department: dict[str, Recent] = Field(default_factory=dict)
    by_hour: Annotated[tuple[NonNegative, ...], Field(min_length=24, max_length=24)] = (0.0,) * 24
    handled: dict[str, dict[str, NonNegative]] = Field(default_factory=dict)


class EmployeeHistory(Record):
    """What is known of a person's work so far; counts only, so that it can be updated as work ends."""

    active_tasks: Count = 0
    completed: Count = 0
    completed_hours: NonNegative = 0.0
    outcomes: Tally = Tally()
    by_category: dict[str, Tally] = Field(default_factory=dict)
    by_department: dict[str, NonNegative] = Field(default_factory=dict)
    recent: RecentWork | None = None


class _Intake(Record):
    """A record that comes from outside: a missing value (None, NaN, empty text) counts as not given."""

    @model_validator(mode="before")
    @classmethod
    def _drop_missing(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            return {n: v for n, v in data.items() if n not in cls.model_fields or not is_missing(v)}
        return data


class Employee(_Intake):
    """A person who can be given tasks. Hours are of the current planning period."""

    employee_id: RecordId
    name: Line | None = None
    skills: Skills | None = Field(None, description="name → level in (0, 1]; a list means level 1; null is not known")
    experience_years: NonNegative | None = None
    current_workload: Hours = Field(0.0, description="hours of work already taken")
    max_workload: Hours = Field(40.0, description="capacity in hours")
    availability_status: Availability = Availability.AVAILABLE
    performance_rating: Rating | None = None
    department: Line | None = None
    queues: Names = Field((), description="names of the queues this person serves; empty means all")
    max_units: Units = 1
    shift_end: Instant | None = None
    history: EmployeeHistory | None = None


def title_from(description: str) -> str:
    return description.strip()[:TITLE_FROM_DESCRIPTION]


class Task(_Intake):
    """A piece of work that one person does."""

    task_id: RecordId
    title: Line | None = Field(None, description="defaults to the description's first 80 characters")
    description: Text | None = None
    required_skills: Skills | None = Field(None, description="name → level; null is not known yet, [] is none")
    minimum_levels: Skills = Field(default_factory=dict, description="skill → level below which nobody is considered")
    priority: Priority = Priority.MEDIUM
    estimated_hours: PositiveHours | None = None
    deadline: Deadline | None = Field(None, description="a date alone is the end of that day")
    complexity_score: Share | None = None
    status: TaskStatus = TaskStatus.PENDING
    category: Line | None = None
    department: Line | None = None
    dependencies: Ids = Field((), description="ids of tasks that must be completed before this one")
    queue: Word = "default"
    units: Units = 1
    ticket_number: Word | None = None
    scheduled_date: date | None = None
    preferred_employee: Id | None = None
    context: dict[Text, Text] = Field(default_factory=dict)
    created_at: Instant | None = None

    @model_validator(mode="before")
    @classmethod
    def _title_from_description(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and is_missing(data.get("title")) and isinstance(data.get("description"), str):
            return {**data, "title": title_from(data["description"])}
        return data


class StoredEmployee(Employee):
    """A person as the database holds them; `current_workload` includes the active assignments."""

    created_at: Instant
    updated_at: Instant
    version: Count = 1
    active_units: Count = 0
    session_id: str | None = None
    paused: bool = False
    free_at: Instant | None = Field(None, description="since when more work may be pushed; null: not now")


class StoredTask(Task):
    """A task as the database holds it."""

    created_at: Instant
    updated_at: Instant
    processing_status: ProcessingStatus = ProcessingStatus.PENDING
    processing_instance_id: str | None = None
    processed_at: Instant | None = None
    assigned_to_id: Id | None = None
    version: Count = 1
    enqueued_at: Instant | None = None
    rank_at: Instant | None = None
    dispatch_key: str | None = None
    dispatch_mode: str | None = Field(None, description="overrides the mode of the queue")

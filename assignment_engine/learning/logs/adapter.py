"""An adapter says how a log is read: which columns hold what, and a few rules. It is data (TOML), not code.

A log is a CSV file of one of two kinds: `tasks` has a row for each task, `events` has several rows for each case, one
for every change. `docs/your-own-log.md` explains every entry with two adapters that come with the engine.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.records import Record
from assignment_engine.domain.types import CONTEXT_KINDS

Columns = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
Positive = Annotated[float, Field(gt=0)]


class Operand(Record):
    """The value of a column in one row of a case. In a log of tasks every row is the same."""

    column: str
    row: Literal["first", "decision", "last"] = "decision"


Value = str | float | bool | Operand


class Condition(Record):
    """True of a row when the value of `column` is as stated; all that is stated must hold, a missing value fails.

    Comparisons by size are numeric. `row` is used where a whole case is judged: its row of the decision by default.
    """

    column: str
    row: Literal["first", "decision", "last"] = "decision"
    equals: Value | None = None
    is_not: Value | None = None
    one_of: tuple[str | float | bool, ...] | None = None
    none_of: tuple[str | float | bool, ...] | None = None
    at_most: float | Operand | None = None
    at_least: float | Operand | None = None
    below: float | Operand | None = None
    above: float | Operand | None = None
    matches: str | None = Field(None, description="a regular expression found anywhere in the value")
    present: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set - {"column", "row"}:
            raise ValueError("expected equals, is_not, one_of, none_of, at_most, at_least, below, above, matches, "
                             "or present")  # fmt: skip
        return self


class Plus(Record):
    """Working hours turned into calendar time: ceil(hours / per_day) · 7 / days_per_week days, or plain hours."""

    hours: str
    per_day: Positive | None = None
    days_per_week: Positive = 7


class Moment(Record):
    """A time: a column, the first event that fulfils conditions, or the earliest or latest of several times."""

    column: str | None = None
    row: Literal["first", "decision", "last"] = "decision"
    first_event: tuple[Condition, ...] | None = None
    earliest: tuple[Moment | str, ...] | None = None
    latest: tuple[Moment | str, ...] | None = None
    plus: Plus | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [name for name in ("column", "first_event", "earliest", "latest") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("expected exactly one of column, first_event, earliest, latest")
        return self


Time = Annotated[Moment, BeforeValidator(lambda value: {"column": value} if isinstance(value, str) else value)]


class Join(Record):
    """Another CSV file beside the log whose columns are added to the rows with the same `on`."""

    file: str
    on: str


class Reading(Record):
    """How the file is read. Without `dates` times are ISO 8601; times without a zone are in `time_zone`."""

    encoding: str = "utf-8"
    separator: str = ","
    missing: tuple[str, ...] = ()
    dates: str | None = None
    time_zone: str = "UTC"
    join: tuple[Join, ...] = ()


class Case(Record):
    """What one task is. `starts` splits the events of one id into several tasks, each starting where it holds."""

    id: Columns
    at: str | None = Field(None, description="the time of an event; logs of events only")
    keep: tuple[Condition, ...] = Field((), description="rows for which this does not hold are not read")
    starts: tuple[Condition, ...] = ()


class Decision(Record):
    """When somebody was chosen.

    In a log of events it is a row: the first that fulfils `where`, and, with `first_with_final`, that carries the
    values which these columns have on the case's last row. `at` is a column of that row, by default its own time.
    """

    at: str | None = None
    where: tuple[Condition, ...] = ()
    first_with_final: Columns = ()
    history_only: tuple[Condition, ...] = Field((), description="known to history, never a decision to be judged")


class Fields(Record):
    """Columns of the decision's row. Several columns for a category are joined."""

    person: str
    department: str | None = None
    category: Columns
    subcategory: Columns = ()
    priority: str | None = None
    estimated_hours: str | None = None
    created_at: str | None = None
    deadline: str | None = None
    dependencies: str | None = None
    complexity: str | None = None
    title: str | None = None


class Hours(Record):
    """How long the work took: a column, or the time from the decision to `until` (by default when the work left)."""

    column: str | None = None
    until: Time | None = None
    only: tuple[Condition, ...] = Field((), description="cases of which the hours count")


class Outcome(Record):
    """What a good outcome is, which cases have one, and from when on it is known (by default: when the work left)."""

    good: Annotated[tuple[Condition, ...], Field(min_length=1)]
    only: tuple[Condition, ...] = ()
    known: Time | None = None


class Candidates(Record):
    """Who could have been chosen: people with an assignment in the last days, in the same department if asked."""

    same_department: bool = False
    days: Positive = 30.0
    cap: Annotated[int, Field(ge=2, le=1000)] = 50


Rows = str | tuple[Condition, ...]


class Work(Record):
    """How a log is worked off again as a queue: when a task came, and when people were at it.

    In a log of events each is a rule for rows: every row that fulfils `arrives` is a new task of its case, and work
    goes from a row that fulfils `begins` to the next one of the case that fulfils `ends`, any number of times. In a
    log of tasks each is a column with a time.
    """

    arrives: Rows
    begins: Rows
    ends: Rows
    longest_hours: Positive = Field(12.0, description="work that stayed open for longer counts as so long")


class Adapter(Record):
    """Everything about one kind of log."""

    name: str
    kind: Literal["tasks", "events"]
    reading: Reading = Reading()
    case: Case
    decision: Decision = Decision()
    fields: Fields
    priorities: dict[str, Annotated[float, Field(ge=1, le=4)]] = Field(default_factory=dict)
    context: dict[str, str] = Field(default_factory=dict)
    left: Time | None = None
    hours: Hours = Hours()
    outcome: Outcome | None = None
    candidates: Candidates = Candidates()
    work: Work | None = Field(None, description="for `replay`")
    half_life_days: Positive = 90.0
    start: str | None = Field(None, description="ISO 8601; earlier decisions are history only")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "events" and self.case.at is None:
            raise ValueError("a log of events needs case.at, the time of an event")
        if self.kind == "tasks" and self.decision.at is None:
            raise ValueError("a log of tasks needs decision.at, the time of the decision")
        if self.kind == "tasks" and (self.case.starts or self.decision.first_with_final):
            raise ValueError("case.starts and decision.first_with_final are for logs of events")
        if self.work and any(
            isinstance(rule, str) != (self.kind == "tasks")
            for rule in (self.work.arrives, self.work.begins, self.work.ends)
        ):
            raise ValueError("work names columns in a log of tasks, and conditions in a log of events")
        if self.kind == "tasks" and "'first_event': " in str(self.model_dump(exclude_none=True)):
            raise ValueError("first_event is for logs of events")
        if self.left is None and self.outcome is not None and self.outcome.known is None:
            raise ValueError("an outcome needs outcome.known or left: the time from which on it is known")
        if self.left is None and self.hours.column is not None and self.hours.until is None:
            raise ValueError("hours need hours.until or left: the time from which on they are known")
        unknown = sorted(set(self.context) - set(CONTEXT_KINDS))
        if unknown:
            raise ValueError(f"unknown context {', '.join(unknown)}; expected {', '.join(CONTEXT_KINDS)}")
        return self


def read_adapter(source: Path | str) -> Adapter:
    """The adapter in a TOML file, or the shipped one of that name.

    Raises
    ------
    InvalidInputError
        If it cannot be read, or an entry is not what is expected there; the pointer names the entry.
    """
    path = Path(source)
    shipped = files("assignment_engine.learning.logs").joinpath("adapters", f"{source}.toml")
    try:
        text = path.read_text("utf-8") if path.is_file() or not shipped.is_file() else shipped.read_text("utf-8")
        content: dict[str, Any] = tomllib.loads(text)
    except OSError as exc:
        names = ", ".join(shipped_adapters())
        raise InvalidInputError.at("", f"cannot read the adapter: {exc.strerror}; shipped are {names}") from exc
    except (ValueError, RecursionError) as exc:
        raise InvalidInputError.at("", f"the adapter is not TOML: {exc}") from exc
    return Adapter(**content)


def shipped_adapters() -> tuple[str, ...]:
    """The names of the adapters that come with the engine."""
    directory = files("assignment_engine.learning.logs").joinpath("adapters")
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in directory.iterdir()))

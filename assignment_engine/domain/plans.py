"""What planning answers: a plan with its reasons and its report, and the stored preview of one."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import AliasChoices, Field

from assignment_engine.domain.assignments import Assignment
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.records import Record
from assignment_engine.domain.types import Instant, Method, Objective


class ScorerInfo(Record):
    """Which scorer gave the scores."""

    name: str
    version: str


class Term(Record):
    """One contribution to a score. `value` is None where the feature is missing."""

    feature: str
    value: float | None
    contribution: float


class Explanation(Record):
    """Why a score is what it is: `base` plus all contributions, in `unit`."""

    unit: Literal["score", "log-odds"]
    base: float
    terms: tuple[Term, ...]
    note: str | None = None


class PlannedAssignment(Record):
    """One pair of a plan. `hours` is what the task takes from the person's capacity."""

    task_id: str
    employee_id: str
    score: float
    confidence: float
    hours: float
    explanation: Explanation | None = None


class Obstacle(StrEnum):
    """Why a pair cannot be chosen. Relaxations have the same names."""

    CAPACITY = "capacity"
    MINIMUM_LEVEL = "minimum_level"
    MAX_ASSIGNMENTS = "max_assignments"
    AVAILABILITY = "availability"
    DEPARTMENT = "department"
    PAIR = "pair"
    DEPENDENCY = "dependency"
    SHIFT_END = "shift_end"
    REJECTED = "rejected"
    NO_DATA = "no_data"
    NO_EMPLOYEES = "no_employees"
    PRESENCE = "presence"
    UNITS = "units"
    QUEUE = "queue"
    SCHEDULED = "scheduled"
    RESERVED = "reserved"


class Reason(Record):
    """Why a task stayed unassigned; `employee_id` is the person who came nearest."""

    code: Obstacle
    detail: str
    employee_id: str | None = None


RelaxationValue = int | float | str | None
_TO = "null: what `from` names has to go; anything else can be sent back as it is"


class Change(Record):
    """One thing to change so that a task can be placed."""

    kind: Obstacle
    employee_id: str | None = None
    skill: str | None = None
    from_: RelaxationValue = Field(None, validation_alias=AliasChoices("from_", "from"), serialization_alias="from")
    to: RelaxationValue = Field(None, description=_TO)


class Relaxation(Record):
    """The smallest change of its kind that alone places the task; kind `combined` needs all of `changes`."""

    kind: Obstacle | Literal["combined"]
    employee_id: str | None = None
    skill: str | None = None
    from_: RelaxationValue = Field(None, validation_alias=AliasChoices("from_", "from"), serialization_alias="from")
    to: RelaxationValue = Field(None, description=_TO)
    changes: tuple[Change, ...] | None = None


class Unassigned(Record):
    """A task without a person, with the reasons and what would help."""

    task_id: str
    reasons: tuple[Reason, ...]
    relaxations: tuple[Relaxation, ...] = ()


class LoadSpread(Record):
    """How evenly work is spread over the people with capacity; ratios are load / capacity."""

    gini: float
    jain: float
    max_ratio: float
    by_employee: dict[str, float]


class Report(Record):
    """How good a plan is: its value, what no plan can surpass, and the relative gap between them.

    The objective is Σ weight · score on the scores at the start unless another one was asked for. For "cost" the bound
    is the least that doing these tasks can cost. Where tasks are mandatory, only plans that do all of them count.
    """

    value: float
    bound: float
    gap: float
    total_score: float
    load_before: LoadSpread
    load_after: LoadSpread
    warnings: tuple[str, ...] = ()
    objective: Objective = Objective.WEIGHTED


class Plan(Record):
    """Who should do what, what stays undone and why, and how good that is."""

    method: Method
    scorer: ScorerInfo
    assignments: tuple[PlannedAssignment, ...]
    unassigned: tuple[Unassigned, ...]
    report: Report


class Preview(Plan):
    """A stored plan that is not real yet."""

    preview_id: str
    expires_at: datetime


class Conflict(Record):
    """A planned assignment that no longer fits the database."""

    task_id: str
    employee_id: str
    reason: Literal["taken", "changed", "refused", "gone"]
    detail: str
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None


class FinalizeResult(Record):
    """What finalizing a preview made real, and what it left out."""

    preview_id: str
    assignments: tuple[Assignment, ...]
    skipped: tuple[Conflict, ...] = ()


class PreviewOutcome(Record):
    """Who asked for a preview, under which constraints, and what finalizing made of it; null where nobody has."""

    preview_id: str
    created_at: Instant
    created_by: str
    constraints: Constraints
    result: FinalizeResult | None

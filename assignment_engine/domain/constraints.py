"""What a plan may never break."""

from __future__ import annotations

from collections import Counter
from typing import Self

from pydantic import Field, model_validator

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.records import Record
from assignment_engine.domain.types import Count, Flag, Id, Skills

Pair = tuple[Id, Id]


class Constraints(Record):
    """Hard rules of one plan, beside capacity in hours and a task's own `minimum_levels`, which always hold."""

    max_assignments: Count | None = Field(None, description="most active assignments a person may have, old and new")
    minimum_levels: Skills = Field(default_factory=dict, description="skill → level that every chosen person must have")
    require_department: Flag = Field(False, description="a person only gets tasks of their own department")
    forbidden: frozenset[Pair] = Field(frozenset(), description="[task_id, employee_id] pairs that are never chosen")
    required: frozenset[Pair] = Field(frozenset(), description="[task_id, employee_id]: this task goes to that person")
    ready_only: Flag = Field(False, description="tasks with unfinished dependencies wait")
    respect_availability: Flag = Field(True, description="only people who are available or partially available")
    respect_shift_end: Flag = Field(False, description="the estimated hours must end before the person's shift does")

    @model_validator(mode="after")
    def _pairs_agree(self) -> Self:
        both = sorted(self.required & self.forbidden)
        if both:
            task_id, employee_id = both[0]
            detail = f"task {task_id!r} and employee {employee_id!r} are both required and forbidden"
            raise InvalidInputError.at("/required", detail)
        times = Counter(task_id for task_id, _ in self.required)
        doubled = sorted(task_id for task_id, count in times.items() if count > 1)
        if doubled:
            raise InvalidInputError.at("/required", f"task {doubled[0]!r} is required from more than one employee")
        return self

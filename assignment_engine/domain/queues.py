"""Named streams of tasks, each with its own rules of dispatch."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.records import Record
from assignment_engine.domain.types import Line, Number, Priority, Word

DEFAULT_QUEUE = "default"
MAX_SECONDS = 30 * 24 * 3600
MAX_WINDOW = 1000

Seconds = Annotated[Number, Field(ge=0, le=MAX_SECONDS)]
PositiveSeconds = Annotated[Number, Field(gt=0, le=MAX_SECONDS)]
QueueHours = Annotated[Number, Field(ge=0, le=MAX_SECONDS / 3600)]
Factor = Annotated[Number, Field(ge=0, lt=1)]
Window = Annotated[int, Field(strict=True, ge=1, le=MAX_WINDOW)]


class QueueMode(StrEnum):
    """`push`: given at once; `offer`: to be accepted within a time; `off`: nothing is dispatched."""

    PUSH = "push"
    OFFER = "offer"
    OFF = "off"


class QueuePolicy(StrEnum):
    """`score`: the best pair among those who have waited longest; `fifo`: the oldest task, the longest free person."""

    SCORE = "score"
    FIFO = "fifo"


class AutoAction(StrEnum):
    """What happens to an incoming ticket; `none` leaves it to the queue's mode."""

    NONE = "none"
    PUSH = "push"
    OFFER = "offer"
    QUEUE = "queue"


class RelaxStage(Record):
    """After so long a wait the minimum levels of a task count only by this factor."""

    after_seconds: PositiveSeconds
    factor: Factor


class AutoAssign(Record):
    """A rule for incoming tickets; what is not given fits every ticket, the first rule that fits counts."""

    category: Line | None = None
    priority: Priority | None = None
    action: AutoAction
    queue: Word | None = None

    @model_validator(mode="after")
    def _queue_where_needed(self) -> AutoAssign:
        if (self.action is AutoAction.QUEUE) != (self.queue is not None):
            raise InvalidInputError.at("/queue", "expected with the action 'queue', and only then")
        return self

    def fits(self, category: str | None, priority: Priority) -> bool:
        return self.category in (None, category) and self.priority in (None, priority)


class Queue(Record):
    """The settings of a queue."""

    name: Word
    mode: QueueMode = QueueMode.PUSH
    policy: QueuePolicy = QueuePolicy.SCORE
    offer_timeout_seconds: PositiveSeconds = 120.0
    ageing_hours_per_level: QueueHours = Field(4.0, description="hours of waiting that equal one level of priority")
    max_wait_hours: QueueHours = Field(8.0, description="a task that has waited longer goes first")
    window: Window = Field(50, description="how many tasks that a person can do are compared")
    people: Window = Field(200, description="how many free people are compared for a new task")
    relax: tuple[RelaxStage, ...] = ()
    wrap_up_seconds: Seconds = Field(0.0, description="rest between the end of a task and the next one")
    triage_wait_seconds: Seconds = Field(10.0, description="how long an untriaged task waits for triage")
    preferred_wait_seconds: Seconds = Field(60.0, description="how long a preferred employee who is busy is waited for")
    auto_assign: tuple[AutoAssign, ...] = Field((), description="rules for incoming tickets")

    @model_validator(mode="after")
    def _stages_rise(self) -> Queue:
        pairs = list(pairwise(self.relax))
        if any(b.after_seconds <= a.after_seconds or b.factor >= a.factor for a, b in pairs):
            raise InvalidInputError.at("/relax", "expected stages with rising after_seconds and falling factor")
        return self

    @property
    def max_wait(self) -> timedelta:
        return timedelta(hours=self.max_wait_hours)

    def rank_at(self, priority: Priority, enqueued_at: datetime) -> datetime:
        """The place in the queue; does not change while the task waits."""
        levels = 0 if self.policy is QueuePolicy.FIFO else priority.level
        return enqueued_at - levels * timedelta(hours=self.ageing_hours_per_level)

    def factor(self, waited: timedelta) -> float:
        """By how much minimum levels count after this wait."""
        reached = [stage.factor for stage in self.relax if waited >= timedelta(seconds=stage.after_seconds)]
        return min(reached, default=1.0)

    def next_stage(self, enqueued_at: datetime, now: datetime) -> datetime | None:
        """When the minimum levels are relaxed next."""
        moments = (enqueued_at + timedelta(seconds=stage.after_seconds) for stage in self.relax)
        return min((moment for moment in moments if moment > now), default=None)

    def action(self, category: str | None, priority: Priority) -> AutoAssign | None:
        """The rule for an incoming ticket, if any fits."""
        return next((rule for rule in self.auto_assign if rule.fits(category, priority)), None)

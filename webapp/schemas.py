"""What requests and answers hold. Fields, types and limits come from the engine's records."""

from __future__ import annotations

from copy import copy
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import SkipJsonSchema

from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.conversations import Conversation, NewConversation
from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.queues import Queue
from assignment_engine.domain.records import Employee, EmployeeHistory, StoredEmployee, StoredTask, Task
from assignment_engine.domain.types import (
    Availability,
    Flag,
    Id,
    Method,
    Priority,
    RecordId,
    Share,
    TaskStatus,
    new_id,
)
from assignment_engine.domain.waits import ExpectedWait
from assignment_engine.services.finalizing import OnConflict
from assignment_engine.services.imports import ImportMode

MAX_LIMIT = 200
MAX_PAGE = 1_000_000
MAX_TIME_BUDGET_SECONDS = 300
_READ_ONLY_OF_TASK = (
    *("status", "processing_status", "processing_instance_id", "processed_at"),
    *("assigned_to_id", "updated_at"),
)


def _refuse_read_only(_value: object) -> object:
    raise ValueError("this field is read only")


ReadOnly: TypeAlias = SkipJsonSchema[Annotated[None, BeforeValidator(_refuse_read_only)]]
TimeBudget = Annotated[float, Field(strict=True, gt=0, le=MAX_TIME_BUDGET_SECONDS, allow_inf_nan=False)]
SearchText = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]


class Body(BaseModel):
    """Unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Body):
    """There is nothing to say."""


class Changes(Body):
    """Fields to change; what is not sent stays."""

    def sent(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.model_fields_set}


def _optional(info: FieldInfo) -> FieldInfo:
    free = copy(info)
    free.default, free.default_factory = None, None
    return free


def _changes_of(kind: type[BaseModel], name: str, read_only: tuple[str, ...], **other: Any) -> type[Changes]:
    """A body in which every field of `kind` may be sent."""
    fields: dict[str, Any] = {n: (i.annotation, _optional(i)) for n, i in kind.model_fields.items()}
    hidden = dict.fromkeys(read_only, (ReadOnly, None))
    return create_model(name, __base__=Changes, **fields | other | hidden)


def _shown(kind: type[BaseModel], name: str, without: frozenset[str], **other: Any) -> type[BaseModel]:
    """What an answer shows of `kind`, always with every field."""
    fields: dict[str, Any] = {n: (i.annotation, copy(i)) for n, i in kind.model_fields.items() if n not in without}
    config = ConfigDict(json_schema_serialization_defaults_required=True)
    return create_model(name, __config__=config, **fields | other)


HIDDEN_OF_EMPLOYEE = frozenset(
    {"history", "version", "created_at", "updated_at", "active_units", "session_id", "paused", "free_at"}
)
HIDDEN_OF_TASK = frozenset({"version", "enqueued_at", "rank_at", "dispatch_key", "dispatch_mode"})

EmployeeRecord = _shown(StoredEmployee, "EmployeeRecord", HIDDEN_OF_EMPLOYEE)
ConversationRecord = _shown(Conversation, "ConversationRecord", frozenset({"version"}))
_COUNTED = (int, Field(default=0, description="how many conversations the task has"))
TaskRecord = _shown(
    StoredTask,
    "TaskRecord",
    HIDDEN_OF_TASK,
    conversations=(list[ConversationRecord], Field(default=[])),  # type: ignore[valid-type]  # made at run time
    conversation_count=_COUNTED,
)
ListedTask = _shown(StoredTask, "ListedTask", HIDDEN_OF_TASK, conversation_count=_COUNTED)
EXPECTED_WAIT: Any = (
    ExpectedWait | None,
    Field(description="until it is given to somebody; null: not pending, or nobody who could take it works here now"),
)
ReadTask = create_model("ReadTask", __base__=TaskRecord, expected_wait_seconds=EXPECTED_WAIT)


def page_of(kind: type[BaseModel], name: str) -> type[BaseModel]:
    return create_model(
        name,
        items=(list[kind], ...),  # type: ignore[valid-type]  # the class is made at run time
        total=(int, Field(description="counted up to 10,000")),
        page=(int, ...),
        limit=(int, ...),
        total_is_capped=(bool, ...),
        next_after=(str | None, Field(description="pass as `after` to read on, however deep")),
    )


EmployeePage = page_of(EmployeeRecord, "EmployeePage")
TaskPage = page_of(ListedTask, "TaskPage")
ConversationPage = page_of(ConversationRecord, "ConversationPage")


class NewEmployee(Employee):
    """A new person; without an id they get one."""

    employee_id: RecordId = Field(default_factory=new_id)
    history: SkipJsonSchema[Annotated[EmployeeHistory | None, BeforeValidator(_refuse_read_only)]] = None


class NewTask(Task):
    """A new task; without an id it gets one."""

    task_id: RecordId = Field(default_factory=new_id)
    conversations: tuple[NewConversation, ...] = ()
    status: SkipJsonSchema[Annotated[TaskStatus, BeforeValidator(_refuse_read_only)]] = TaskStatus.PENDING
    processing_status: ReadOnly = None
    processing_instance_id: ReadOnly = None
    processed_at: ReadOnly = None
    assigned_to_id: ReadOnly = None
    updated_at: ReadOnly = None


Title = Annotated[str, StringConstraints(min_length=1, max_length=255)]
if TYPE_CHECKING:  # made at run time from the records

    class QueueBody(Changes):
        name: str | None

    ConversationChanges: TypeAlias = Changes
    EmployeeChanges: TypeAlias = Changes
    TaskChanges: TypeAlias = Changes
else:
    QueueBody = _changes_of(Queue, "QueueBody", ())
    ConversationChanges = _changes_of(NewConversation, "ConversationChanges", ())
    EmployeeChanges = _changes_of(Employee, "EmployeeChanges", ("employee_id", "history"))
    TaskChanges = _changes_of(
        Task, "TaskChanges", ("task_id", "created_at", *_READ_ONLY_OF_TASK), title=(Title, Field(None))
    )


class PlanBody(Body):
    """What to plan. With neither ids nor records: all pending tasks, all employees; an empty list is none."""

    method: Method = Method.GREEDY
    weight: Share | None = Field(None, description="for balanced: how much load counts against score")
    time_budget_seconds: TimeBudget | None = Field(
        None, description="for optimal: when the best plan so far is taken; half of it at least is for the search"
    )
    objective: Literal["weighted", "score"] | None = Field(None, description="for optimal: whether priorities count")
    mandatory: Flag = Field(False, description="for optimal: do all tasks, at the price of a lower total")
    task_ids: tuple[Id, ...] | None = None
    employee_ids: tuple[Id, ...] | None = None
    tasks: tuple[Task, ...] | None = None
    employees: tuple[Employee, ...] | None = None
    constraints: Constraints = Constraints()


class PipelineBody(PlanBody):
    """A plan, made real at once with `finalize`."""

    finalize: Flag = False
    async_: Flag = Field(False, alias="async", description="let a worker do it; required above five million pairs")


class FinalizeBody(Body):
    """What to do with planned assignments that no longer fit."""

    on_conflict: OnConflict = OnConflict.REFUSE


class Parameters(BaseModel):
    """Parameters of a request; their schema is asked for on every one, so it is kept."""

    model_config = ConfigDict(frozen=True)

    if not TYPE_CHECKING:  # the same signature, which a cache hides

        @classmethod
        @cache
        def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
            return super().model_json_schema(*args, **kwargs)


class EmployeePath(Parameters):
    employee_id: str


class TaskPath(Parameters):
    task_id: str


class ConversationPath(Parameters):
    conversation_id: str


class PreviewPath(Parameters):
    preview_id: str


class AssetPath(Parameters):
    name: str


class CreatingHeaders(Parameters):
    """With the same key a repeated request has its effect once and gets the first answer."""

    key: str | None = Field(None, alias="Idempotency-Key", min_length=1, max_length=255)


class ChangingHeaders(Parameters):
    if_match: str | None = Field(None, alias="If-Match", description="the ETag of GET; 412 when it is stale")


class Query(Parameters):
    """Parameters that are not known are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Listing(Query):
    page: int = Field(1, ge=1, le=MAX_PAGE)
    limit: int = Field(50, ge=1, le=MAX_LIMIT)
    sort: SearchText | None = Field(None, description="a field, or -field for falling order")
    after: SearchText | None = Field(None, description="`next_after` of the page before; wins over `page`")
    q: SearchText | None = Field(None, description="text to look for")

    def given(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True)


class EmployeeListing(Listing):
    department: SearchText | None = None
    availability: Availability | None = Field(None, alias="availability_status")


class TaskListing(Listing):
    status: TaskStatus | None = None
    priority: Priority | None = None
    queue: SearchText | None = None
    category: SearchText | None = None
    ids: str | None = Field(None, description=f"only these tasks: at most {MAX_LIMIT} ids with commas between")

    def given(self) -> dict[str, Any]:
        chosen = super().given()
        return chosen if self.ids is None else {**chosen, "ids": _ids_in(self.ids)}


def _ids_in(text: str) -> list[str]:
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if not 0 < len(ids) <= MAX_LIMIT:
        raise InvalidInputError.at("/ids", f"expected 1 to {MAX_LIMIT} ids with commas between")
    return ids


class ConversationListing(Query):
    page: int = Field(1, ge=1, le=MAX_PAGE)
    limit: int = Field(50, ge=1, le=MAX_LIMIT)
    sort: SearchText | None = Field(None, description="created_at, updated_at or status; - in front for falling order")
    after: SearchText | None = Field(None, description="`next_after` of the page before; wins over `page`")

    def given(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True)


class CandidateQuery(Query):
    top_k: int = Field(5, ge=1, le=MAX_LIMIT)
    live: bool = Field(False, description="under the rules of live dispatch: who is present, and has units left")


class ImportQuery(Query):
    mode: ImportMode = ImportMode.ALL

"""Planning in the background: preview, and with `finalize` make it real."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.records import Employee, Record, Task
from assignment_engine.jobs.kinds import JobContext, JobResult
from assignment_engine.services.planning import PlanRequest, SchedulerService

_PLANNED = 0.9
_RECORDS: Mapping[str, type[Record]] = {"tasks": Task, "employees": Employee}


def pipeline_request(request: PlanRequest, actor: str, *, finalize: bool) -> dict[str, Any]:
    """The request as JSON that a worker understands; fields of records that were not given stay so."""
    plan = {field.name: _to_json(getattr(request, field.name)) for field in fields(request)}
    return {"plan": {**plan, "most_pairs": None}, "actor": actor, "finalize": finalize}


def _to_json(value: Any) -> Any:
    if isinstance(value, Record):
        return value.model_dump(mode="json", exclude_unset=True, by_alias=True)
    if isinstance(value, Collection) and not isinstance(value, str):
        return [_to_json(item) for item in value]
    return value


def _from_json(plan: Mapping[str, Any]) -> PlanRequest:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in plan.items()}
    for name, kind in _RECORDS.items():
        if values[name] is not None:
            values[name] = tuple(kind.model_validate(item) for item in values[name])
    values["constraints"] = Constraints.model_validate(plan["constraints"])
    return PlanRequest(**values)


class Pipeline:
    """Does jobs of kind `pipeline`. Planning again after a crash leaves an unused preview, which expires; finalizing
    again answers what it answered first."""

    def __init__(self, scheduler: SchedulerService) -> None:
        self._scheduler = scheduler

    def run(self, context: JobContext) -> JobResult:
        request, actor = _from_json(context.request["plan"]), context.request["actor"]
        planned = context.step("plan", lambda: self._plan(request, actor))
        context.progress(_PLANNED)
        if not context.request["finalize"]:
            return JobResult({**planned, "finalized": None})
        finalized = context.step("finalize", lambda: self._finalize(planned["preview_id"], actor))
        return JobResult({**planned, "finalized": finalized})

    def _plan(self, request: PlanRequest, actor: str) -> dict[str, Any]:
        preview = self._scheduler.preview(request, actor)
        return {
            "preview_id": preview.preview_id,
            "expires_at": preview.model_dump(mode="json")["expires_at"],
            "assigned": len(preview.assignments),
            "unassigned": len(preview.unassigned),
        }

    def _finalize(self, preview_id: str, actor: str) -> Mapping[str, int]:
        result = self._scheduler.finalize_assignments(preview_id, actor=actor)
        return {"assigned": len(result.assignments), "skipped": len(result.skipped)}

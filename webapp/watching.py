"""Whether this instance can work, what it is doing, and the numbers behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from pydantic import BaseModel
from werkzeug.exceptions import ServiceUnavailable

from assignment_engine.domain.types import Priority, utc_text
from assignment_engine.domain.watching import Waiting
from assignment_engine.services.watching import Check, open_tasks, readiness, waiting, workers
from webapp import render
from webapp.auth import Role, allow, open_to_all
from webapp.documents import operation_name
from webapp.metrics import CONTENT_TYPE, LATENCY_WINDOW_SECONDS
from webapp.problems import RETRY_AFTER_SECONDS, FieldProblem, documented, for_role, http_problem
from webapp.state import engine, state

_SECURED: list[dict[str, list[str]]] = [{"bearer": []}]
_TEXT = {"description": "OK", "content": {"text/plain": {"schema": {"type": "string"}}}}

blueprint = APIBlueprint("watching", __name__, abp_tags=[Tag(name="system")], operation_id_callback=operation_name)


class ReadyCheck(BaseModel):
    """One thing that work depends on."""

    name: str
    ok: bool


class Readiness(BaseModel):
    """Everything that work depends on is there."""

    status: Literal["ready"] = "ready"
    checks: tuple[ReadyCheck, ...]


class WorkerStatus(BaseModel):
    """One loop of a worker that was seen lately."""

    kind: str
    busy_with: str | None
    last_seen: datetime


class WaitingCount(BaseModel):
    """Pending tasks of one queue and priority, and how long the oldest waits."""

    queue: str
    priority: Priority
    tasks: int
    oldest_seconds: float


class DispatchLatency(BaseModel):
    """Seconds from the moment when a task and a person were both there until it was given, in this instance lately."""

    window_seconds: float
    dispatches: int
    median_seconds: float | None
    p95_seconds: float | None


class ScorerInUse(BaseModel):
    """What this instance scores with; `warning` says why it is not the champion."""

    name: str
    version: str
    warning: str | None


class InstanceStatus(BaseModel):
    """This instance, the workers beside it, what waits, and tasks by status and by processing status."""

    instance_id: str
    started_at: datetime
    scorer: ScorerInUse
    workers: tuple[WorkerStatus, ...]
    tasks: dict[str, int]
    processing: dict[str, int]
    waiting: tuple[WaitingCount, ...]
    dispatch: DispatchLatency


@blueprint.get("/health/ready", responses={HTTPStatus.OK: Readiness, **documented()})
@open_to_all
def ready() -> Response:
    """Say whether work can go on: database, tables, Redis where it is configured, and a worker seen lately."""
    checks = readiness(state().engine.database, state().engine.redis)
    if any(check.fault for check in checks):
        return _not_ready(checks)
    passed = Readiness(checks=tuple(ReadyCheck(name=check.name, ok=True) for check in checks))
    return render.answer(passed.model_dump_json().encode())


def _not_ready(checks: tuple[Check, ...]) -> Response:
    faults = [FieldProblem(pointer=f"/{check.name}", detail=check.fault) for check in checks if check.fault]
    detail = f"not ready: {', '.join(fault.pointer[1:] for fault in faults)}"
    return http_problem(ServiceUnavailable(detail, retry_after=RETRY_AFTER_SECONDS), faults)


@blueprint.get("/status", responses={HTTPStatus.OK: InstanceStatus, **for_role()}, security=_SECURED)
@allow(Role.PLANNER, Role.ADMIN)
def instance_status() -> Response:
    """Show this instance, the workers that were seen lately and what they hold, and how many tasks there are."""
    core, ended = engine().scheduler.follow(), engine().ended.get()
    with engine().database.read() as unit:
        now = unit.now()
        alive, waits, counts = workers(unit, now), waiting(unit), open_tasks(unit) + ended.tasks
    return render.answer(
        render.json_bytes(
            {
                "instance_id": state().instance_id,
                "started_at": utc_text(state().started_at),
                "scorer": {"name": core.scorer.name, "version": core.scorer.version, "warning": core.warning},
                "workers": [
                    {"kind": w.kind, "busy_with": w.busy_with, "last_seen": utc_text(w.last_seen)} for w in alive
                ],
                "tasks": dict(counts.tasks),
                "processing": dict(counts.processing),
                "waiting": [_waiting(part, now) for part in waits],
                "dispatch": _latency(state().metrics.latency.latest()),
            }
        )
    )


def _waiting(part: Waiting, now: datetime) -> dict[str, Any]:
    oldest = (now - part.oldest_at).total_seconds() if part.oldest_at else 0.0
    return {"queue": part.queue, "priority": part.priority, "tasks": part.tasks, "oldest_seconds": max(0.0, oldest)}


def _latency(seconds: Sequence[float]) -> dict[str, Any]:
    """The median and the 95th percentile of sorted values, as values that occurred."""
    last = len(seconds) - 1
    return {
        "window_seconds": LATENCY_WINDOW_SECONDS,
        "dispatches": len(seconds),
        "median_seconds": seconds[last // 2] if seconds else None,
        "p95_seconds": seconds[round(last * 0.95)] if seconds else None,
    }


@blueprint.get("/metrics", responses={HTTPStatus.OK: _TEXT, **for_role()}, security=_SECURED)
@allow(Role.PLANNER, Role.ADMIN)
def metrics() -> Response:
    """Show the numbers that Prometheus reads."""
    engine()
    return Response(state().metrics.page(), content_type=CONTENT_TYPE)

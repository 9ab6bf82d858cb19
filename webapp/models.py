"""The models of this installation: which there are, which one is served, and changing that."""

from __future__ import annotations

from http import HTTPStatus
from math import isfinite
from typing import Any, Literal

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from pydantic import Field, create_model

from assignment_engine.domain.records import Record
from assignment_engine.domain.types import Flag, Instant, Number
from assignment_engine.learning.eta import KIND as ETA
from assignment_engine.learning.eta_promotion import ListedEta
from assignment_engine.learning.judging import Metric
from assignment_engine.learning.promotion import Change, Listed
from assignment_engine.learning.triage_bundle import KIND as TRIAGE
from assignment_engine.learning.triage_promotion import ListedTriage
from assignment_engine.scoring.registry import shipped_models
from assignment_engine.services.models import (
    bundle_named,
    bundles,
    changes,
    eta_models,
    judged,
    promote,
    rollback,
    triage_models,
)
from webapp import render
from webapp.auth import Role, allow
from webapp.documents import operation_name
from webapp.problems import for_json, for_role
from webapp.schemas import Body, Parameters, SearchText, page_of
from webapp.state import engine

CHANGES_SHOWN = 20

blueprint = APIBlueprint(
    "models",
    __name__,
    url_prefix="/api/models",
    abp_tags=[Tag(name="models")],
    abp_security=[{"bearer": []}],
    operation_id_callback=operation_name,
)


class InUse(Record):
    """What this instance scores with now; `warning` says why it is not the champion."""

    name: str
    version: str
    warning: str | None = None


class ModelRecord(Record):
    """A bundle; `version` is the name under which it is promoted, `problem` says why it cannot be used.

    `scorer_version` is what plans, assignments and `/status` call one that scores pairs; it finds the bundle too. Of a
    model that reads tickets (`kind` triage), `features` are the fields that it reads.
    """

    version: str
    is_champion: bool
    scorer_version: str | None = None
    kind: str | None = None
    features: tuple[str, ...] = ()
    metrics: dict[str, dict[str, Number]] = Field(default_factory=dict)
    created_at: Instant | None = None
    problem: str | None = None


class Training(Record):
    """What a bundle has learned from."""

    start: Instant
    end: Instant
    rows: int
    data: str


class ModelReport(Record):
    """A bundle on the newest decisions that it has not seen.

    `report` is that of `assignment-engine evaluate --json`; null where the log cannot tell yet, and `why_not` says why.
    """

    version: str
    is_champion: bool
    scorer_version: str
    created_at: Instant
    features: tuple[str, ...]
    training: Training
    metrics: dict[str, dict[str, Number]]
    report: dict[str, Any] | None = None
    why_not: str | None = None


ModelPage = create_model(
    "ModelPage", __base__=page_of(ModelRecord, "ModelList"), in_use=(InUse, ...), changes=(tuple[Change, ...], ...)
)


class ModelPath(Parameters):
    version: str


class ReportQuery(Parameters):
    ranking: bool = Field(
        True, description="also how high the chosen people stand among the candidates; to read those takes longest"
    )


class RollbackBody(Body):
    """Why the last promotion was not good."""

    reason: SearchText | None = Field(None, description="goes on record")
    kind: Literal["success", "triage", "eta"] = Field(
        "success", description="which model: of pairs, of tickets, or of how long work takes"
    )


class PromotionBody(Body):
    """What the bundle must be better in than the champion, on logged decisions that it has not seen.

    A model that reads tickets is judged on finished tasks instead, by each field that it reads; it has no metric. One
    that says when work will be done was judged when it was trained.
    """

    metric: Metric = "log_loss"
    force: Flag = Field(False, description="promote it even if it is not better; needs a reason")
    reason: SearchText | None = Field(None, description="goes on record")


@blueprint.get("", responses={HTTPStatus.OK: ModelPage, **for_role()})
@allow(Role.PLANNER, Role.ADMIN)
def list_models() -> Response:
    """List all bundles, the newest first, what this instance scores with, and the latest promotions."""
    parts = engine()
    core = parts.scheduler.follow()
    model_dir = parts.settings.model_dir or shipped_models()
    found = [*map(_shown, bundles(model_dir)), *map(_shown_triage, triage_models(model_dir))]
    found += map(_shown_eta, eta_models(model_dir))
    page = ModelPage(
        items=found,
        total=len(found),
        page=1,
        limit=max(1, len(found)),
        total_is_capped=False,
        next_after=None,
        changes=changes(model_dir)[:CHANGES_SHOWN],
        in_use=InUse(name=core.scorer.name, version=core.scorer.version, warning=core.warning),
    )
    return render.answer(page.model_dump_json().encode())


@blueprint.get(
    "/<id:version>", responses={HTTPStatus.OK: ModelReport, **for_role(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)}
)
@allow(Role.PLANNER, Role.ADMIN)
def model_report(path: ModelPath, query: ReportQuery) -> Response:
    """Judge a bundle that scores pairs: measures, calibration, who it judges how truly, what counts, and drift."""
    parts = engine()
    model_dir = parts.settings.model_dir or shipped_models()
    name = bundle_named(model_dir, path.version)
    manifest, found = judged(parts.database, model_dir, name, ranking=query.ranking)
    (listed,) = (one for one in bundles(model_dir) if one.bundle == name)
    told = manifest.model_dump(include={"created_at", "features", "metrics"})
    training = Training(**manifest.training.model_dump(include=set(Training.model_fields)))
    shown = ModelReport(
        version=name,
        is_champion=listed.champion,
        scorer_version=manifest.version,
        training=training,
        report=None if isinstance(found, str) else found,
        why_not=found if isinstance(found, str) else None,
        **told,
    )
    return render.answer(render.json_bytes(_without_nan(shown.model_dump(mode="json"))))


@blueprint.post(
    "/<id:version>/promote",
    responses={HTTPStatus.OK: Change, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)},
)
@allow(Role.ADMIN)
def promote_model(path: ModelPath, body: PromotionBody) -> Response:
    """Make a bundle the champion; refused where the log does not show that it is better. All instances follow."""
    parts = engine()
    chosen = {"metric": body.metric, "force": body.force, "reason": body.reason}
    change = promote(parts.database, parts.settings.model_dir, path.version, **chosen)  # type: ignore[arg-type]
    parts.scheduler.follow(at_once=True)
    return render.answer(render.record_bytes(change))


@blueprint.post("/rollback", responses={HTTPStatus.OK: Change, **for_json(HTTPStatus.CONFLICT)})
@allow(Role.ADMIN)
def rollback_model(body: RollbackBody) -> Response:
    """Make the champion before the present one the champion again."""
    parts = engine()
    with parts.database.read() as unit:
        now = unit.now()
    change = rollback(parts.settings.model_dir, now=now, kind=body.kind, reason=body.reason)
    parts.scheduler.follow(at_once=True)
    return render.answer(render.record_bytes(change))


def _without_nan(value: Any) -> Any:
    """The same with null where a measure does not exist; JSON has no other word for it."""
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _shown(listed: Listed) -> ModelRecord:
    manifest = listed.manifest
    told = {"version": listed.bundle, "is_champion": listed.champion, "problem": listed.problem}
    if manifest is None:
        return ModelRecord(**told)
    of_it = manifest.model_dump(include={"kind", "features", "metrics", "created_at"})
    return ModelRecord(**told, scorer_version=manifest.version, **of_it)


def _shown_triage(listed: ListedTriage) -> ModelRecord:
    about = listed.manifest
    told: dict[str, Any] = {"version": listed.bundle, "is_champion": listed.champion, "kind": TRIAGE}
    if about is None:
        return ModelRecord(**told, problem=listed.problem)
    metrics = {name: worth.model_dump(exclude_none=True) for name, worth in about.measured.items()}
    return ModelRecord(**told, features=about.fields, metrics=metrics, created_at=about.created_at)


def _shown_eta(listed: ListedEta) -> ModelRecord:
    told: dict[str, Any] = {"version": listed.bundle, "is_champion": listed.champion, "kind": ETA}
    if listed.problem is not None:
        return ModelRecord(**told, problem=listed.problem)
    return ModelRecord(**told, metrics={"newest": listed.measured}, created_at=listed.about.get("created_at"))

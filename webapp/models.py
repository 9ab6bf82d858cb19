"""The models of this installation: which there are, which one is served, and changing that."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from pydantic import Field, create_model

from assignment_engine.domain.records import Record
from assignment_engine.domain.types import Flag, Instant, Number
from assignment_engine.learning.judging import Metric
from assignment_engine.learning.promotion import Change, Listed
from assignment_engine.scoring.registry import shipped_models
from assignment_engine.services.models import bundles, promote, rollback
from webapp import render
from webapp.auth import Role, allow
from webapp.documents import operation_name
from webapp.problems import for_json, for_role
from webapp.schemas import Body, Parameters, SearchText, page_of
from webapp.state import engine

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
    """A bundle; `version` is the name under which it is promoted, `problem` says why it cannot be used."""

    version: str
    is_champion: bool
    kind: str | None = None
    features: tuple[str, ...] = ()
    metrics: dict[str, dict[str, Number]] = Field(default_factory=dict)
    created_at: Instant | None = None
    problem: str | None = None


ModelPage = create_model("ModelPage", __base__=page_of(ModelRecord, "ModelList"), in_use=(InUse, ...))


class ModelPath(Parameters):
    version: str


class RollbackBody(Body):
    """Why the last promotion was not good."""

    reason: SearchText | None = Field(None, description="goes on record")


class PromotionBody(Body):
    """What the bundle must be better in than the champion, on logged decisions that it has not seen."""

    metric: Metric = "log_loss"
    force: Flag = Field(False, description="promote it even if it is not better; needs a reason")
    reason: SearchText | None = Field(None, description="goes on record")


@blueprint.get("", responses={HTTPStatus.OK: ModelPage, **for_role()})
@allow(Role.ADMIN)
def list_models() -> Response:
    """List all bundles, the newest first, and say what this instance scores with."""
    parts = engine()
    core = parts.scheduler.follow()
    found = [_shown(listed) for listed in bundles(parts.settings.model_dir or shipped_models())]
    page = ModelPage(
        items=found,
        total=len(found),
        page=1,
        limit=max(1, len(found)),
        total_is_capped=False,
        next_after=None,
        in_use=InUse(name=core.scorer.name, version=core.scorer.version, warning=core.warning),
    )
    return render.answer(page.model_dump_json().encode())


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
    change = rollback(parts.settings.model_dir, now=now, reason=body.reason)
    parts.scheduler.follow(at_once=True)
    return render.answer(render.record_bytes(change))


def _shown(listed: Listed) -> ModelRecord:
    manifest = listed.manifest
    told = {} if manifest is None else manifest.model_dump(include={"kind", "features", "metrics", "created_at"})
    return ModelRecord(version=listed.bundle, is_champion=listed.champion, problem=listed.problem, **told)

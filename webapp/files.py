"""Files: sending them in, what they are compared with, and fetching what came of them."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from flask import Response, send_file
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from pydantic import BaseModel, Field, StringConstraints

from assignment_engine.domain.background import FILES_DELETED_AT, Job
from assignment_engine.domain.errors import EngineError, FilesDeletedError, NotFoundError, UnreadableFileError
from assignment_engine.domain.files import ReferenceFile, UseCase
from assignment_engine.domain.types import Id, spelled
from assignment_engine.quality.report import FileKindOfResult
from assignment_engine.services.background import visible_jobs
from assignment_engine.services.cleaned import final_content
from assignment_engine.services.data_root import LONGEST_PATH, Own
from assignment_engine.services.dispatch.intake import import_content
from assignment_engine.services.files import FileOrder, remove_reference, submit_files
from assignment_engine.services.idempotency import Answer, Keep, keeping
from assignment_engine.services.idempotency import UseCase as Work
from assignment_engine.services.imports import ImportKind, ImportMode, ImportResult
from webapp import render
from webapp.auth import Role, allow
from webapp.documents import operation_name
from webapp.jobs import JobPath
from webapp.once import once, sent
from webapp.problems import for_json, for_role
from webapp.queues import Pages
from webapp.schemas import Body, CreatingHeaders, Nothing, Parameters, Query, page_of
from webapp.state import engine, identity, ready_dispatcher
from webapp.uploads import Upload, read_upload, upload_body

_ONE_OR_BOTH = r"^(UC1|UC4)(, ?(UC1|UC4))?$"
_TABLE = "text/csv"
_TYPES = {".html": "text/html", ".json": "application/json"}

blueprint = APIBlueprint(
    "files",
    __name__,
    abp_tags=[Tag(name="files")],
    abp_security=[{"bearer": []}],
    operation_id_callback=operation_name,
)
SelectedUcs = Annotated[str, spelled(_ONE_OR_BOTH, "UC1, UC4, or both with a comma between", len("UC1, UC4"))]
Directory = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PATH, pattern=r"^[^\x00]*$")]
ReferencePage = page_of(ReferenceFile, "ReferencePage")
_UPLOAD_BODY = upload_body(
    {"selected_ucs": {"type": "string", "pattern": _ONE_OR_BOTH}},
    {"reference_id": {"type": "string", "description": "by default the active one counts"}},
)
_REFERENCE_BODY = upload_body({"uc_type": {"type": "string", "enum": list(UseCase)}})
_DOWNLOAD: dict[str, Any] = {
    "description": "the file",
    "content": {kind: {"schema": {"type": "string"}} for kind in (_TABLE, *_TYPES.values())},
}


class UploadForm(Body):
    """What is to be done with a file that comes with it."""

    selected_ucs: SelectedUcs
    reference_id: Id | None = None


class ReferenceForm(Body):
    """Which agent a file that comes with it is for."""

    uc_type: UseCase


class DirectoryBody(Body):
    """A directory below `DATA_ROOT`, relative to it, and what is to be done with its files."""

    directory: Directory
    selected_ucs: SelectedUcs


class JobsSubmitted(BaseModel):
    """Jobs were written down; ask `/batch/status/…` what became of them."""

    job_ids: tuple[str, ...]


class ResultPath(Parameters):
    job_id: str
    name: str


class ReferencePath(Parameters):
    reference_id: str


class FinalQuery(Query):
    kind: ImportKind
    mode: ImportMode = Field(ImportMode.ALL)


@blueprint.post("/upload", request_body=_UPLOAD_BODY, responses={HTTPStatus.ACCEPTED: Job, **for_json()})
@allow(Role.ADMIN)
def upload_file(header: CreatingHeaders) -> Response:
    """Check, fill (UC1) and deduplicate (UC4) a file, as a job."""
    parts = engine()
    upload = read_upload(UploadForm, parts.files, parts.settings.max_upload_bytes)
    order = FileOrder(_use_cases(upload.fields.selected_ucs), identity().subject, upload.fields.reference_id)

    def submitted(name: str) -> Work:
        return lambda unit: Answer(HTTPStatus.ACCEPTED, render.record_bytes(submit_files(unit, order, [name])[0]))

    return _kept(upload, Own.UPLOADS, header, submitted)


@blueprint.post("/batch/process-directory", responses={HTTPStatus.ACCEPTED: JobsSubmitted, **for_json()})
@allow(Role.ADMIN)
def process_directory(body: DirectoryBody, header: CreatingHeaders) -> Response:
    """The same for each file in a directory, one job for each."""
    order = FileOrder(_use_cases(body.selected_ucs), identity().subject)
    names = engine().files.files_in(body.directory)

    def submitted(unit: Any) -> Answer:
        jobs = submit_files(unit, order, names)
        return Answer(HTTPStatus.ACCEPTED, render.json_bytes({"job_ids": [job.id for job in jobs]}))

    return sent(once(header).run(submitted))


@blueprint.get(
    "/batch/jobs/<id:job_id>/files/<name>",
    responses={HTTPStatus.OK: _DOWNLOAD, **for_role(HTTPStatus.NOT_FOUND, HTTPStatus.GONE)},
)
@allow(Role.PLANNER, Role.ADMIN)
def download_result(path: ResultPath) -> Response:
    """Fetch one of the files that a job made; planners from the jobs they started."""
    file = _result(_visible(path.job_id), lambda entry: bool(entry["name"] == path.name), path.name)
    answer = send_file(
        file,
        _TYPES.get(file.suffix, _TABLE),
        as_attachment=True,
        download_name=file.name,
        conditional=False,
        etag=False,
    )
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@blueprint.post(
    "/batch/jobs/<id:job_id>/import",
    responses={HTTPStatus.OK: ImportResult, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.GONE)},
)
@allow(Role.ADMIN)
def import_result(path: JobPath, query: FinalQuery, body: Nothing, header: CreatingHeaders) -> Response:  # noqa: ARG001  (refuses fields)
    """Bring the final file of a job into the engine."""
    final = _result(_visible(path.job_id), lambda entry: bool(entry["kind"] == FileKindOfResult.FINAL), "final")
    return sent(once(header).answer(lambda keep: _imported(final, query, keep)))


def _imported(final: Path, query: FinalQuery, keep: Keep) -> Answer:
    dispatcher, content = ready_dispatcher(), final_content(query.kind, final)

    def stored(unit: Any) -> Answer:
        result = import_content(unit, dispatcher, query.kind, query.mode, content)
        return Answer(HTTPStatus.OK, render.record_bytes(result))

    return engine().database.run(keeping(stored, keep))


@blueprint.post(
    "/reference-files",
    request_body=_REFERENCE_BODY,
    responses={HTTPStatus.CREATED: ReferenceFile, **for_json()},
)
@allow(Role.ADMIN)
def add_reference_file(header: CreatingHeaders) -> Response:
    """Keep a file that others are compared with; it is the active one of its agent from now on."""
    parts = engine()
    upload = read_upload(ReferenceForm, parts.files, parts.settings.max_upload_bytes)

    def added(name: str) -> Work:
        def add(unit: Any) -> Answer:
            reference = unit.files.add_reference(upload.fields.uc_type, name, unit.now())
            return Answer(HTTPStatus.CREATED, render.record_bytes(reference))

        return add

    return _kept(upload, Own.REFERENCES, header, added)


@blueprint.get("/reference-files", responses={HTTPStatus.OK: ReferencePage, **for_role()})
@allow(Role.ADMIN)
def list_reference_files(query: Pages) -> Response:
    """List the files that others are compared with, the latest first."""
    with engine().database.read() as unit:
        found = unit.files.references(page=query.page, limit=query.limit, after=query.after)
    return render.answer(render.json_bytes(render.page(found, render.record)))


@blueprint.delete(
    "/reference-files/<id:reference_id>",
    responses={HTTPStatus.NO_CONTENT: None, **for_role(HTTPStatus.NOT_FOUND)},
)
@allow(Role.ADMIN)
def delete_reference_file(path: ReferencePath) -> Response:
    """Delete a file that others were compared with; none takes its place."""
    parts = engine()
    parts.files.remove(parts.database.run(lambda unit: remove_reference(unit, path.reference_id)).file_path)
    return Response(status=HTTPStatus.NO_CONTENT)


def _use_cases(selected: str) -> tuple[UseCase, ...]:
    return tuple(UseCase(name) for name in dict.fromkeys(part.strip() for part in selected.split(",")))


def _kept(upload: Upload[Any], own: Own, header: CreatingHeaders, make: Callable[[str], Work]) -> Response:
    """Keep what was sent and do something with it, both or neither."""
    parts = engine()

    def work(keep: Keep) -> Answer:
        name = parts.files.keep(upload.content, own, upload.name)
        try:
            return parts.database.run(keeping(make(name), keep))
        except EngineError:
            parts.files.remove(name)
            raise

    told_by = upload.content_hash if header.key else "-"  # nobody asks for it without a key
    return sent(once(header, told_by).answer(work))


def _visible(job_id: str) -> Job:
    only_of = None if identity().role is Role.ADMIN else identity().subject
    with engine().database.read() as unit:
        return visible_jobs(unit, [job_id], only_of)[0]


def _result(job: Job, wanted: Callable[[Any], bool], name: str) -> Path:
    """A file that the job names among its results; only those are handed out."""
    results = job.results or {}
    entry = next((entry for entry in results.get("files", ()) if wanted(entry)), None)
    if entry is None:
        raise NotFoundError("file", name)
    if FILES_DELETED_AT in results:
        raise FilesDeletedError(job.id)
    try:
        return engine().files.result(job.id, entry["name"])
    except UnreadableFileError as exc:
        raise NotFoundError("file", name) from exc

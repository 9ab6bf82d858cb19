"""What went wrong, as problem+json: one table from errors to statuses."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Never

from flask import Flask, Response, request
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException, NotFound, RequestEntityTooLarge

from assignment_engine.domain import errors
from assignment_engine.domain.plans import Conflict
from assignment_engine.services.imports import ImportRefusedError, Rejected

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

STATUSES: Mapping[type[errors.EngineError], HTTPStatus] = {
    errors.InvalidInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ImportRefusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnreadableFileError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.AlreadyExistsError: HTTPStatus.CONFLICT,
    errors.ActiveWorkError: HTTPStatus.CONFLICT,
    errors.TransitionError: HTTPStatus.CONFLICT,
    errors.SessionClosedError: HTTPStatus.CONFLICT,
    errors.TaskTakenError: HTTPStatus.CONFLICT,
    errors.CapacityExceededError: HTTPStatus.CONFLICT,
    errors.PreviewConflictError: HTTPStatus.CONFLICT,
    errors.PreviewExpiredError: HTTPStatus.GONE,
    errors.FilesDeletedError: HTTPStatus.GONE,
    errors.EventsArchivedError: HTTPStatus.GONE,
    errors.EventsAheadError: HTTPStatus.GONE,
    errors.BundleError: HTTPStatus.CONFLICT,
    errors.TrainingError: HTTPStatus.CONFLICT,
    errors.PromotionRefusedError: HTTPStatus.CONFLICT,
    errors.StaleVersionError: HTTPStatus.PRECONDITION_FAILED,
    errors.DatabaseUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.KeySetError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.EngineError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class FieldProblem(BaseModel):
    """One thing wrong with the input: where, and what was expected."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()
    conflicts: tuple[Conflict, ...] | None = Field(None, description="what changed since the preview was made")
    rejected: tuple[Rejected, ...] | None = Field(None, description="the bad rows of an import")
    present_status: str | None = Field(None, description="the status that does not allow this")


def register_problems(app: Flask) -> None:
    """From now on every error of `app` is answered as a problem."""
    app.register_error_handler(errors.EngineError, _engine_problem)
    app.register_error_handler(HTTPException, http_problem)
    app.register_error_handler(Exception, _unexpected_problem)


def refuse_invalid(error: ValidationError) -> Never:
    """What request validation found, as the engine's own error."""
    raise errors.InvalidInputError.from_pydantic(error) from error


def documented(*statuses: HTTPStatus) -> dict[str | int | HTTPStatus, Any]:
    """OpenAPI responses of an operation that can fail in these ways, beside those that every one can."""
    always = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
    return {status: _documented(status) for status in (*statuses, *always)}


def for_role(*statuses: HTTPStatus) -> dict[str | int | HTTPStatus, Any]:
    """The same for an operation that needs a token and reads parameters."""
    refusals = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
    return documented(*refusals, HTTPStatus.UNPROCESSABLE_ENTITY, *statuses)


def for_json(*statuses: HTTPStatus) -> dict[str | int | HTTPStatus, Any]:
    """The same for an operation that reads a JSON body."""
    reading = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return for_role(*reading, *statuses)


def _documented(status: HTTPStatus) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": schema}}}


def _engine_problem(error: errors.EngineError) -> Response:
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("%s: %s", type(error).__name__, error, exc_info=error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unexpected()
    problem = Problem(type=_urn(error), title=status.phrase, status=status, detail=_detail(error), **_facts(error))
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return _response(problem, retry.items())


def _urn(error: errors.EngineError) -> str:
    words = re.findall(r"[A-Z][a-z]*", type(error).__name__.removesuffix("Error"))
    return f"urn:assignment-engine:{'-'.join(words).lower()}"


def _detail(error: errors.EngineError) -> str:
    if isinstance(error, errors.InvalidInputError) and len(error.errors) != 1:
        return f"{len(error.errors)} values are not valid"
    return _sendable(str(error))


def _facts(error: errors.EngineError) -> dict[str, Any]:
    match error:
        case errors.InvalidInputError():
            return {"errors": [FieldProblem(pointer=_sendable(e.pointer), detail=e.detail) for e in error.errors]}
        case ImportRefusedError():
            return {"rejected": error.rejected}
        case errors.PreviewConflictError():
            return {"conflicts": error.conflicts}
        case errors.TransitionError():
            return {"present_status": error.status}
    return {}


def _sendable(text: str) -> str:
    """Names that came with the request may hold half a surrogate pair, which no answer can."""
    return text.encode(errors="backslashreplace").decode()


def http_problem(error: HTTPException, faults: Iterable[FieldProblem] = ()) -> Response:
    """The problem of an error of HTTP, with its headers."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    headers = [(name, value) for name, value in error.get_headers() if name.lower() != "content-type"]
    return _response(Problem(title=error.name, status=status, detail=_words_of(error), errors=tuple(faults)), headers)


def _words_of(error: HTTPException) -> str:
    if isinstance(error, NotFound):
        return "there is nothing at this address"
    most, length = request.max_content_length, request.content_length
    if isinstance(error, RequestEntityTooLarge) and most is not None and (length is None or length > most):
        return f"the body is too large: at most {most:,} bytes are allowed"
    return error.description or error.name


def _unexpected_problem(error: Exception) -> Response:
    _log.error("%s", type(error).__name__, exc_info=error)
    return _unexpected()


def _unexpected() -> Response:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _response(Problem(title=status.phrase, status=status, detail="something went wrong here; it was logged"), ())


def _response(problem: Problem, headers: Iterable[tuple[str, str]]) -> Response:
    absent = {name for name in ("conflicts", "rejected", "present_status") if getattr(problem, name) is None}
    body = problem.model_dump_json(exclude=absent)
    return Response(body, problem.status, list(headers), content_type=MEDIA_TYPE)

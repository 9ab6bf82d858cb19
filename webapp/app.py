"""The application."""

from __future__ import annotations

from flask import current_app, g, request
from flask_openapi.models.info import Info
from flask_openapi.models.security_scheme import SecurityScheme
from flask_openapi.openapi import OpenAPI
from werkzeug.exceptions import BadRequest
from werkzeug.routing import BaseConverter

from assignment_engine import __version__
from assignment_engine.config import Settings
from assignment_engine.domain.errors import ConfigurationError, FieldError, InvalidInputError
from assignment_engine.domain.types import ID_PATTERN, RESERVED_IDS
from assignment_engine.wiring import build_engine, key_document
from webapp import (
    assignments,
    conversations,
    employees,
    events,
    files,
    imports,
    jobs,
    models,
    personnel,
    planning,
    queues,
    system,
    tasks,
    watching,
)
from webapp.auth import Tokens, access_of, check_role
from webapp.board import pages, session
from webapp.board.cookie import caller
from webapp.bodies import MAX_JSON_BYTES, MAX_OPEN_BYTES, JsonRequest, is_body_needed
from webapp.key_sets import Keys, PublicKeys, SecretKey
from webapp.limits import limit_calls
from webapp.metrics import Metrics
from webapp.problems import Problem, refuse_invalid, register_problems
from webapp.request_log import log_requests
from webapp.signs import EVERY_SECONDS, SignsOfLife, note_readers
from webapp.state import State, attach

DESCRIPTION = "Decides who should do what. Every error is problem+json; both /x and /x/ answer."


class IdConverter(BaseConverter):
    """Path segments that can be the id of a record; anything else is not there."""

    regex = rf"(?!(?:{'|'.join(sorted(RESERVED_IDS))})\Z)" + ID_PATTERN.strip("^$")


def create_app(settings: Settings | None = None) -> OpenAPI:
    """The web application for these settings, by default those of the environment; opens no connection yet.

    Raises
    ------
    ConfigurationError
        If the settings cannot be used, or there is no secret to check tokens with.
    """
    metrics = Metrics()
    engine = build_engine(settings, observed=metrics)
    app = _bare_app()
    attach(app, State(engine, Tokens(_keys(engine.settings)), metrics))
    log_requests(app, engine.settings.log_level)
    metrics.watch(app, engine)
    app.before_request(_check_access)
    limit_calls(app, engine.settings.rate_limit, engine.settings.redis_url)
    note_readers(app, SignsOfLife(min(EVERY_SECONDS, engine.settings.session_timeout_seconds / 6)))
    register_problems(app)
    pages.guard_answers(app)
    for part in (
        planning,
        assignments,
        personnel,
        queues,
        employees,
        tasks,
        conversations,
        imports,
        jobs,
        files,
        models,
        system,
        watching,
        events,
        session,
        pages,
    ):
        app.register_api(part.blueprint)
    return app


def _keys(settings: Settings) -> Keys:
    """What tokens are checked with: a key set, if there is one, otherwise the secret."""
    if settings.jwt_jwks is not None:
        return PublicKeys(key_document(settings.jwt_jwks))
    if settings.jwt_secret is None:
        raise ConfigurationError(
            "JWT_SECRET is required: a secret of at least 32 bytes, the same for every instance; or JWT_JWKS"
        )
    return SecretKey(settings.jwt_secret.get_secret_value())


def _bare_app() -> OpenAPI:
    """Flask with the rules of addresses, which only hold for what is registered later."""
    app = OpenAPI(
        __name__,
        info=Info(title="assignment-engine", version=__version__, description=DESCRIPTION),
        security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearerFormat="JWT")},
        validation_error_status=500,  # it adds its own kind of response to operations that lack this one; none does
        validation_error_model=Problem,
        validation_error_callback=refuse_invalid,
        doc_ui=False,
        static_folder=None,
    )
    app.openapi_version = "3.1.0"
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = IdConverter
    app.request_class = JsonRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_JSON_BYTES
    return app


def _check_access() -> None:
    """Nobody comes in where nobody was declared; addresses that do not exist and OPTIONS tell nothing."""
    if request.endpoint is None or request.method == "OPTIONS":
        return
    view = current_app.view_functions[request.endpoint]
    access = access_of(view)
    if access.is_open:
        request.max_content_length = MAX_OPEN_BYTES
    else:
        g.identity = caller()
        check_role(g.identity, access)
        _refuse_repeated()
        if "query" not in view.__annotations__:
            _refuse_query()
        if is_body_needed(view) and not request.get_data():
            raise BadRequest("a body is needed; {} leaves every field at its default")


def _refuse_repeated() -> None:
    """Of a parameter that comes twice only one would count, and nobody knew which."""
    repeated = [
        FieldError(f"/{name}", "given more than once") for name, all_of in request.args.lists() if len(all_of) > 1
    ]
    if repeated:
        raise InvalidInputError(repeated)


def _refuse_query() -> None:
    """A view that has parameters validates them itself; here are those that have none."""
    unknown = [FieldError(f"/{name}", "unknown field") for name in request.args]
    if unknown:
        raise InvalidInputError(unknown)

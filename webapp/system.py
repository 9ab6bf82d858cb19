"""Health, the OpenAPI document, and the page that shows it without reaching for the network."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from importlib.resources import files
from typing import cast

from flask import Response, current_app, render_template_string, send_from_directory
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from flask_openapi.openapi import OpenAPI
from pydantic import BaseModel

from assignment_engine import __version__
from webapp import render
from webapp.auth import open_to_all
from webapp.documents import document_of, operation_name
from webapp.problems import documented
from webapp.schemas import AssetPath

_ASSETS = str(files("flask_openapi_swagger") / "templates" / "swagger")
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>assignment-engine API</title>
<link rel="icon" href="{{ url_for('system.docs_asset', name='images/swagger.svg') }}">
<link rel="stylesheet" href="{{ url_for('system.docs_asset', name='css/swagger-ui.css') }}">
<div id="swagger-ui"></div>
<script src="{{ url_for('system.docs_asset', name='js/swagger-ui-bundle.js') }}"></script>
<script nonce="{{ nonce }}">
  SwaggerUIBundle({url: {{ url_for('system.openapi_document')|tojson }}, dom_id: "#swagger-ui", validatorUrl: null});
</script>
</html>
"""

blueprint = APIBlueprint("system", __name__, abp_tags=[Tag(name="system")], operation_id_callback=operation_name)


class Health(BaseModel):
    """The process answers."""

    status: str
    version: str


@blueprint.get("/health", responses={HTTPStatus.OK: Health, **documented()})
@open_to_all
def health() -> Response:
    """Say that the process answers, whatever the database does."""
    return render.answer(Health(status="ok", version=__version__).model_dump_json().encode())


@blueprint.get("/openapi.json", doc_ui=False)
@open_to_all
def openapi_document() -> Response:
    """Describe this API."""
    return render.answer(render.json_bytes(document_of(cast("OpenAPI", current_app))))


@blueprint.get("/docs", doc_ui=False)
@open_to_all
def docs() -> Response:
    """Show the description as a page; the browser is told to load nothing from elsewhere."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'self'; script-src 'nonce-{nonce}' 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
    )
    return Response(render_template_string(_PAGE, nonce=nonce), headers={"Content-Security-Policy": policy})


@blueprint.get("/docs/<path:name>", doc_ui=False)
@open_to_all
def docs_asset(path: AssetPath) -> Response:
    """Send a file of the page."""
    return send_from_directory(_ASSETS, path.name)

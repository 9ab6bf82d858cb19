"""How the code becomes the OpenAPI document."""

from __future__ import annotations

from typing import Any

from flask_openapi.openapi import OpenAPI
from pydantic import BaseModel

from webapp.bodies import is_body_needed
from webapp.links import add_links

_JSON = "application/json"


def document_of(app: OpenAPI) -> dict[str, Any]:
    """The OpenAPI document; a body that may say nothing at all may be left out, unless it makes a record."""
    document: dict[str, Any] = app.api_doc
    schemas = document["components"]["schemas"]
    operations = {one["operationId"]: one for item in document["paths"].values() for one in item.values()}
    needing = {endpoint.rpartition(".")[2] for endpoint, view in app.view_functions.items() if is_body_needed(view)}
    for name, operation in operations.items():
        body = operation.get("requestBody")
        if body is not None and _JSON in body["content"]:
            content = _resolved(body["content"][_JSON]["schema"], schemas)
            may_be_empty = content.get("type") == "object" and not content.get("required")
            body["required"] = name in needing or not may_be_empty
    add_links(operations)
    return document


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    found: dict[str, Any] = schema if reference is None else schemas[reference.rpartition("/")[2]]
    return found


def operation_name(*, name: str, **_: str) -> str:
    """The view's own name says what the operation does."""
    return name


def one_of(*kinds: type[BaseModel]) -> dict[str, Any]:
    """A response that is one of these records; each is documented where it is the only one."""
    choices = [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in kinds]
    return {"description": "OK", "content": {"application/json": {"schema": {"oneOf": choices}}}}

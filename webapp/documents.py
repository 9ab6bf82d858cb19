"""How the code becomes the OpenAPI document."""

from __future__ import annotations

from typing import Any

from flask_openapi.openapi import OpenAPI
from pydantic import BaseModel

from webapp.links import add_links

_JSON = "application/json"


def document_of(app: OpenAPI) -> dict[str, Any]:
    """The OpenAPI document; where a body may say nothing at all, it may be left out."""
    document: dict[str, Any] = app.api_doc
    schemas = document["components"]["schemas"]
    operations = {one["operationId"]: one for item in document["paths"].values() for one in item.values()}
    for operation in operations.values():
        body = operation.get("requestBody")
        if body is not None and _JSON in body["content"]:
            content = _resolved(body["content"][_JSON]["schema"], schemas)
            body["required"] = content.get("type") != "object" or bool(content.get("required"))
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

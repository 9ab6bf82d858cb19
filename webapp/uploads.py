"""Files that come with a form: straight to disk, beside where they will be kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import IO, Any, Generic, TypeVar

from flask import request
from pydantic import ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from assignment_engine.domain.errors import FieldError, InvalidInputError
from assignment_engine.services.data_root import DataRoot
from assignment_engine.services.files import refuse_no_table
from webapp.bodies import MULTIPART, stream_files
from webapp.schemas import Body

F = TypeVar("F", bound=Body)


@dataclass(frozen=True)
class Upload(Generic[F]):
    """A file and the fields beside it."""

    content: IO[bytes]
    name: str
    fields: F

    @property
    def content_hash(self) -> str:
        """What tells this form from another one."""
        self.content.seek(0)
        digest = hashlib.file_digest(self.content, "sha256").hexdigest()  # type: ignore[arg-type]  # a binary file is one
        self.content.seek(0)
        return json.dumps([digest, self.name, self.fields.model_dump(mode="json")])


def upload_body(required: Mapping[str, Any], optional: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """How a form with a file and these fields is documented."""
    needed = {"file": {"type": "string", "format": "binary"}, **required}
    schema = {"type": "object", "required": list(needed), "properties": {**needed, **optional}}
    return {"required": True, "content": {MULTIPART: {"schema": schema}}}


def read_upload(kind: type[F], root: DataRoot, most_bytes: int) -> Upload[F]:
    """The form of this request.

    Raises
    ------
    werkzeug.exceptions.RequestEntityTooLarge
    werkzeug.exceptions.UnsupportedMediaType
    InvalidInputError
        If a field is missing, unknown or not valid, or if the file cannot be a table.
    """
    if request.mimetype != MULTIPART:
        raise UnsupportedMediaType(f"expected {MULTIPART}")
    stream_files(root.incoming, most_bytes)
    problems = [FieldError(f"/{name}", "unknown field") for name in sorted(set(request.files) - {"file"})]
    if "file" not in request.files:
        problems.append(FieldError("/file", "this field is required, as a file"))
    if problems:
        raise InvalidInputError(problems)
    try:
        fields = kind.model_validate(request.form.to_dict())
    except ValidationError as exc:
        raise InvalidInputError.from_pydantic(exc) from exc
    file = request.files["file"]
    refuse_no_table(file.stream)
    return Upload(file.stream, file.filename or "", fields)

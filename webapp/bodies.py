"""Request bodies: strict JSON, and uploads that may be large."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Never, TypeVar, cast

from flask import Request, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from assignment_engine.domain.errors import FieldError, InvalidInputError
from assignment_engine.services.imports import ImportRefusedError, Rejected

MAX_JSON_BYTES = 32 * 1024 * 1024
MAX_OPEN_BYTES = 64 * 1024  # of callers without a token
MAX_UPLOAD_BYTES = 512 * 1024 * 1024
CSV_TYPE = "text/csv"
MULTIPART = "multipart/form-data"
_IN_MEMORY_BYTES = 1024 * 1024


View = TypeVar("View", bound=Callable[..., Any])


def body_needed(view: View) -> View:
    """Declare an endpoint that makes a record of its body: `{}` may be one, no body at all is a mistake."""
    vars(view)["is_body_needed"] = True
    return view


def is_body_needed(view: Callable[..., Any]) -> bool:
    return vars(view).get("is_body_needed", False) is True


class JsonRequest(Request):
    """A request whose JSON is read strictly and once, before anything is validated; no body at all is `{}`.

    `file_stream` makes what the files of a form are written to, where the usual place will not do.
    """

    file_stream: Callable[[], IO[bytes]] | None = None

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if self.file_stream is not None:
            return self.file_stream()
        return super()._get_file_stream(total_content_length, content_type, filename, content_length)

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body; `silent` is not honoured, because a body that cannot be read is never a body left out."""
        return self._strict_json

    @cached_property
    def _strict_json(self) -> Any:
        data = self.get_data()
        if not data:
            return {}
        if not self.is_json:
            raise UnsupportedMediaType("expected application/json")
        return parse_json(data)


def parse_json(data: bytes) -> Any:
    """`data` as JSON, without the constants that JSON does not have.

    Raises
    ------
    werkzeug.exceptions.BadRequest
    InvalidInputError
        If it is a mere text, which request validation would read as JSON once more.
    """
    try:
        body = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise BadRequest(f"the body is not valid JSON: {exc}") from exc
    if isinstance(body, str):
        raise InvalidInputError.at("", "expected a JSON object")
    return body


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not a JSON number")


def stream_files(make: Callable[[], IO[bytes]], most_bytes: int) -> None:
    """Write the files of this request's form to what `make` makes; call it before anything looks at the form."""
    current = cast("JsonRequest", request)
    current.max_content_length = most_bytes
    current.file_stream = make


def is_csv_upload() -> bool:
    return request.mimetype in (CSV_TYPE, MULTIPART)


@contextmanager
def csv_upload() -> Iterator[IO[bytes]]:
    """The CSV file of this request, from its start and as often as needed; large ones are on disk.

    Raises
    ------
    InvalidInputError
        If a form does not hold exactly the file.
    """
    request.max_content_length = MAX_UPLOAD_BYTES
    if request.mimetype == CSV_TYPE:
        with SpooledTemporaryFile(_IN_MEMORY_BYTES) as spool:
            shutil.copyfileobj(request.stream, spool)
            spool.seek(0)
            yield spool
    else:
        yield _form_file()


def _form_file() -> IO[bytes]:
    unknown = sorted((set(request.files) | set(request.form)) - {"file"})
    if unknown:
        raise InvalidInputError(FieldError(f"/{name}", "unknown field") for name in unknown)
    if "file" not in request.files:
        raise InvalidInputError.at("/file", "this field is required")
    return request.files["file"].stream


def refuse_unreadable(stream: IO[bytes]) -> None:
    """Name the first line that is not text, then go back to the start.

    Raises
    ------
    ImportRefusedError
    """
    for number, line in enumerate(stream, start=1):
        try:
            line.decode()
        except UnicodeDecodeError as exc:
            detail = f"expected UTF-8, found byte 0x{line[exc.start]:02x}"
            raise ImportRefusedError([Rejected(line=number, field="", detail=detail)]) from exc
    stream.seek(0)

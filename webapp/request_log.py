"""Lines of JSON: one for each request, who did what and how long it took, never tokens, queries or bodies."""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
from datetime import UTC, datetime
from typing import Any

import structlog
from flask import Flask, Response, g, has_request_context, request

from assignment_engine.domain.types import new_id, utc_text

HEADER = "X-Request-Id"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_LOGGER = "webapp"
_REQUESTS = f"{_LOGGER}.requests"


class LineFormatter(logging.Formatter):
    """Each record as a line of JSON. What is logged within a request says in which, by whom and during what.

    Of an exception it shows the kind and the places, not the message: that may quote what somebody wrote.
    """

    def format(self, record: logging.LogRecord) -> str:
        if record.name == _REQUESTS:
            return record.getMessage()  # a line already
        line: dict[str, Any] = {**_asking(), "event": record.getMessage(), "logger": record.name}
        if record.exc_info is not None and record.exc_info[0] is not None:
            line |= {"exception": record.exc_info[0].__name__, "at": _places(record.exc_info[2])}
        line |= {"level": record.levelname.lower(), "timestamp": utc_text(datetime.fromtimestamp(record.created, UTC))}
        return json.dumps(line)


def _places(innermost: Any) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(innermost)]


def _asking() -> dict[str, Any]:
    """Which request this is, who asks and what for; nothing outside of requests."""
    if not has_request_context():
        return {}
    who = g.get("identity")
    return {
        "request_id": g.get("request_id"),
        "actor": who and who.subject,
        "role": who and who.role.value,
        "action": request.endpoint,
    }


def log_requests(app: Flask, level: str) -> None:
    """Give each request of `app` an id and a line in the log."""
    logger = logging.getLogger(_LOGGER)
    logger.setLevel(level)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(LineFormatter())
        logger.addHandler(handler)
    log = structlog.wrap_logger(
        logging.getLogger(_REQUESTS),
        processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.JSONRenderer()],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    app.before_request(_begin)
    app.after_request(lambda response: _end(response, log))


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if _ACCEPTABLE.fullmatch(given) else new_id()
    g.started = time.perf_counter()


def _end(response: Response, log: Any) -> Response:
    response.headers[HEADER] = g.request_id
    log.info(
        "request",
        **_asking(),
        method=request.method,
        route=request.url_rule and request.url_rule.rule,
        status=response.status_code,
        milliseconds=round((time.perf_counter() - g.started) * 1000, 1),
    )
    return response

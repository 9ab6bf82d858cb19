"""One line of JSON for each request: who did what and how long it took, never tokens, queries or bodies."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

import structlog
from flask import Flask, Response, g, request

from assignment_engine.domain.types import new_id

HEADER = "X-Request-Id"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_LOGGER = "webapp"


def log_requests(app: Flask, level: str) -> None:
    """Give each request of `app` an id and a line in the log."""
    logger = logging.getLogger(_LOGGER)
    logger.setLevel(level)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
    log = structlog.wrap_logger(
        logging.getLogger(f"{_LOGGER}.requests"),
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
    who = g.get("identity")
    log.info(
        "request",
        request_id=g.request_id,
        actor=who and who.subject,
        role=who and who.role.value,
        method=request.method,
        route=request.url_rule and request.url_rule.rule,
        status=response.status_code,
        milliseconds=round((time.perf_counter() - g.started) * 1000, 1),
    )
    return response

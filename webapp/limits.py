"""How often one subject may call; heartbeats are counted apart, so that a busy client does not lose its session."""

from __future__ import annotations

import math
import time
from typing import Any

from flask import Flask, Response, g, request
from flask_limiter import Limiter
from flask_limiter.errors import RateLimitExceeded
from limits import parse_many
from limits.errors import StorageError
from werkzeug.exceptions import TooManyRequests

from assignment_engine.domain.errors import ConfigurationError
from webapp.problems import http_problem

UNLIMITED = "off"
_HEARTBEAT = "/heartbeat"
_REDIS_TIMEOUT_SECONDS = 0.5


def limit_calls(app: Flask, limit: str, redis_url: str | None) -> None:
    """Limit the calls that have a token. Instances count together in Redis; when it is away, each by itself.

    Raises
    ------
    ConfigurationError
        If the limit is not in the form `3000/minute`.
    """
    if limit.strip().lower() == UNLIMITED:
        return
    limiter = Limiter(
        key_func=_caller,
        application_limits=[_checked(limit)],
        application_limits_exempt_when=_is_open,
        in_memory_fallback_enabled=True,
        storage_uri=redis_url or "memory://",
        storage_options=_redis_options() if redis_url else {},
        strategy="fixed-window",
        headers_enabled=False,
        swallow_errors=True,  # of several requests that see Redis go away at once, only the first falls back by itself
    )
    limiter.init_app(app)
    app.register_error_handler(RateLimitExceeded, lambda error: _too_many(limiter, error))


def _checked(limit: str) -> str:
    try:
        parse_many(limit)
    except ValueError as exc:
        raise ConfigurationError("RATE_LIMIT: expected a limit such as 3000/minute, or off") from exc
    return limit


def _redis_options() -> dict[str, Any]:
    """One try and a short one: a request does not wait for Redis to come back."""
    from redis.backoff import NoBackoff  # noqa: PLC0415  (only where Redis is used)
    from redis.retry import Retry  # noqa: PLC0415

    return {
        "socket_connect_timeout": _REDIS_TIMEOUT_SECONDS,
        "socket_timeout": _REDIS_TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "wrap_exceptions": True,
    }


def _caller() -> str:
    kind = "heartbeat" if request.path.rstrip("/").endswith(_HEARTBEAT) else "call"
    return f"{kind}:{g.identity.subject}"


def _is_open() -> bool:
    """Only endpoints that are open to all have nobody."""
    return "identity" not in g


def _too_many(limiter: Limiter, error: RateLimitExceeded) -> Response:
    return http_problem(
        TooManyRequests(f"at most {error.description} are answered", retry_after=_seconds_to_wait(limiter))
    )


def _seconds_to_wait(limiter: Limiter) -> int:
    current = limiter.current_limit
    if current is None:
        return 1
    longest = int(current.limit.get_expiry())
    try:
        return min(max(1, math.ceil(current.reset_at - time.time())), longest)
    except StorageError:
        return longest

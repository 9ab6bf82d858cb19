"""Whether Redis answers."""

from __future__ import annotations

from assignment_engine.domain.errors import ConfigurationError

TIMEOUT_SECONDS = 0.5


class RedisPing:
    """Asks Redis for a sign of life, once and not for long. Creating it opens no connection.

    Raises
    ------
    ConfigurationError
        If the address is not one of Redis.
    """

    def __init__(self, url: str) -> None:
        from redis import Redis  # noqa: PLC0415  (only where Redis is used)
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        try:
            self._redis = Redis.from_url(
                url,
                socket_connect_timeout=TIMEOUT_SECONDS,
                socket_timeout=TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as exc:
            raise ConfigurationError("REDIS_URL is not an address such as redis://localhost:6379/0") from exc

    def reachable(self) -> bool:
        from redis import RedisError  # noqa: PLC0415

        try:
            return bool(self._redis.ping())
        except (RedisError, OSError):
            return False

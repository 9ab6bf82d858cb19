"""Redis Streams: where events go to, and where those about tickets come from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from assignment_engine.domain.errors import ConfigurationError, RemoteServiceError
from assignment_engine.domain.events import Published

TIMEOUT_SECONDS = 5.0
_CONSUMER = "engine"


@dataclass(frozen=True)
class Message:
    """One entry of a stream."""

    id: str
    fields: Mapping[str, str]


class RedisStreams:
    """A connection to one Redis server, made when it is first needed.

    Raises
    ------
    ConfigurationError
        If the address is not one of Redis.
    """

    def __init__(self, url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        if not url.startswith(("redis://", "rediss://", "unix://")):
            raise ConfigurationError("REDIS_URL: expected redis://, rediss:// or unix://")
        self._url, self._timeout = url, timeout_seconds

    @cached_property
    def client(self) -> Any:
        import redis  # noqa: PLC0415  (only where Redis is used)

        try:
            return redis.Redis.from_url(
                self._url,
                decode_responses=True,
                encoding_errors="replace",
                socket_timeout=self._timeout,
                socket_connect_timeout=self._timeout,
                protocol=2,  # answers have another form in the later one
            )
        except ValueError as exc:
            raise ConfigurationError("REDIS_URL cannot be used") from exc

    @contextmanager
    def speaking(self) -> Iterator[Any]:
        """The client; what Redis refuses or does not answer is a RemoteServiceError."""
        import redis  # noqa: PLC0415

        try:
            yield self.client
        except redis.RedisError as exc:
            raise RemoteServiceError(f"Redis does not do as asked ({type(exc).__name__})") from exc

    def close(self) -> None:
        """Close the connections that are open."""
        if "client" in self.__dict__:
            self.client.close()


class RedisSink:
    """Publishes events to a stream, each under its position: Redis itself refuses a second one.

    Parameters
    ----------
    most : about how many entries the stream keeps.
    """

    def __init__(self, server: RedisStreams, stream: str, most: int) -> None:
        self._server, self._stream, self._most = server, stream, most

    @property
    def name(self) -> str:
        return "redis"

    def resume(self, position: int) -> int:
        """`position`, or where the stream ends when Redis was started again with less than it had."""
        with self._server.speaking() as redis:
            if not redis.exists(self._stream):
                return 0
            last = str(redis.xinfo_stream(self._stream)["last-generated-id"])
        return min(position, int(last.partition("-")[0]))

    def send(self, events: Sequence[Published]) -> Iterator[int]:
        """Add all of them or none; the position of the last one.

        Raises
        ------
        RemoteServiceError
            If Redis does not take them, or the stream has other events at these positions.
        """
        with self._server.speaking() as redis:
            present = redis.xrange(self._stream, _entry_id(events[0]), _entry_id(events[-1]))
            self._add(redis, _behind(events, dict(present)))
        yield events[-1].position

    def close(self) -> None:
        """End the connection; the next call opens another."""
        self._server.close()

    def _add(self, redis: Any, events: Sequence[Published]) -> None:
        """One transaction: were one refused and the next one taken, the first could never be added."""
        with redis.pipeline(transaction=True) as pipeline:
            for event in events:
                fields = {"event_id": event.event_id, "position": event.position, "data": _json(event)}
                pipeline.xadd(self._stream, fields, id=_entry_id(event), maxlen=self._most, approximate=True)
            pipeline.execute()


def _behind(events: Sequence[Published], present: Mapping[str, Mapping[str, str]]) -> Sequence[Published]:
    """Those of `events` that come after all that the stream has; what it has must be the same events."""
    there = [event for event in events if _entry_id(event) in present]
    if any(present[_entry_id(event)].get("event_id") != event.event_id for event in there):
        raise RemoteServiceError("the stream has events of another database")
    last = there[-1].position if there else 0
    return [event for event in events if event.position > last]


def _entry_id(event: Published) -> str:
    return f"{event.position}-0"


def _json(event: Published) -> str:
    return json.dumps(event.data, ensure_ascii=False)


class RedisTickets:
    """Entries of a stream for one consumer group, in order, until they are acknowledged.

    All processes are the same consumer, one at a time: what one of them took and did not acknowledge, the next gets.
    """

    def __init__(self, server: RedisStreams, stream: str, group: str, wait_seconds: float = 1.0) -> None:
        self._server, self._stream, self._group = server, stream, group
        self._wait_milliseconds = round(wait_seconds * 1000)

    def read(self, most: int) -> tuple[Message, ...]:
        """The first entries that are not acknowledged: those taken before, otherwise new ones, after a short wait.

        Raises
        ------
        RemoteServiceError
        """
        with self._server.speaking() as redis:
            self._ensure_group(redis)
            taken = self._read(redis, "0", most, None)
            return taken or self._read(redis, ">", most, self._wait_milliseconds)

    def acknowledge(self, message_id: str) -> None:
        """This entry is done with.

        Raises
        ------
        RemoteServiceError
        """
        with self._server.speaking() as redis:
            redis.xack(self._stream, self._group, message_id)

    def close(self) -> None:
        """End the connection; the next call opens another."""
        self._server.close()

    def _ensure_group(self, redis: Any) -> None:
        if redis.exists(self._stream) and any(g["name"] == self._group for g in redis.xinfo_groups(self._stream)):
            return
        redis.xgroup_create(self._stream, self._group, id="0", mkstream=True)

    def _read(self, redis: Any, start: str, most: int, block: int | None) -> tuple[Message, ...]:
        found = redis.xreadgroup(self._group, _CONSUMER, {self._stream: start}, count=most, block=block)
        entries = found[0][1] if found else []
        return tuple(Message(entry_id, fields or {}) for entry_id, fields in entries)

"""Server-sent events: a bounded number of connections that stay open for a bounded time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import BoundedSemaphore

from flask import Response
from werkzeug.exceptions import ServiceUnavailable

from assignment_engine.domain.errors import DatabaseError
from assignment_engine.domain.events import Published

MOST_STREAMS = 16
LONGEST_SECONDS = 25.0
LOOK_EVERY_SECONDS = 0.25
SIGN_OF_LIFE_SECONDS = 5.0
RECONNECT_MILLISECONDS = 1000

ReadAfter = Callable[[int], Sequence[Published]]


@dataclass(frozen=True)
class Streams:
    """The streams of this process. Each holds a thread of the server, so there are only so many."""

    seconds: float = LONGEST_SECONDS
    free: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MOST_STREAMS))

    def answer(self, read: ReadAfter, after: int) -> Response:
        """A stream of what `read` finds behind position `after`.

        Raises
        ------
        werkzeug.exceptions.ServiceUnavailable
            When all streams are taken; the client reads page by page meanwhile.
        """
        if not self.free.acquire(blocking=False):
            raise ServiceUnavailable("all streams are taken; read page by page", retry_after=round(LONGEST_SECONDS))
        response = Response(_lines(read, after, self.seconds), mimetype="text/event-stream")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"  # proxies pass each event on at once
        response.call_on_close(self.free.release)
        return response


def _lines(read: ReadAfter, after: int, seconds: float) -> Iterator[str]:
    """Events as they come, then the end; the client connects again and says which it had last."""
    ends, quiet_since = time.monotonic() + seconds, time.monotonic()
    yield f"retry: {RECONNECT_MILLISECONDS}\nid: {after}\n\n"
    while time.monotonic() < ends:
        try:
            events = read(after)
        except DatabaseError:
            return
        if events:
            yield from _shown(events)
            after, quiet_since = events[-1].position, time.monotonic()
            continue
        if time.monotonic() - quiet_since > SIGN_OF_LIFE_SECONDS:  # how a client that is gone is noticed
            yield ":\n\n"
            quiet_since = time.monotonic()
        time.sleep(LOOK_EVERY_SECONDS)


def _shown(events: Iterable[Published]) -> Iterator[str]:
    for event in events:
        shown = json.dumps(event.model_dump(mode="json"), ensure_ascii=False)
        yield f"id: {event.position}\ndata: {shown}\n\n"

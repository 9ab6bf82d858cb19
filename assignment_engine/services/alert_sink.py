"""A receiver that is told of alerts and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assignment_engine.domain.events import Published
from assignment_engine.domain.live import ALERT_EVENTS
from assignment_engine.services.relay import Sink


class AlertSink:
    """Passes events about alerts on to another sink, in their order; what it leaves out counts as received."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    @property
    def name(self) -> str:
        return self._sink.name

    def resume(self, position: int) -> int:
        return self._sink.resume(position)

    def send(self, events: Sequence[Published]) -> Iterator[int]:
        """The position of each event once it is received or left out.

        Raises
        ------
        RemoteServiceError
        """
        for event in events:
            if event.data.get("event_type") in ALERT_EVENTS:
                yield from self._sink.send([event])
            else:
                yield event.position

    def close(self) -> None:
        self._sink.close()

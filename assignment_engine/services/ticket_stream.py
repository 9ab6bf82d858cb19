"""A stream of events about tickets, read by one process at a time, so that their order holds."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.events import read_ticket_event
from assignment_engine.services.events_in import EventsIn
from assignment_engine.services.leading import LEASE_SECONDS, Leadership
from assignment_engine.services.relay import STANDBY_SECONDS
from assignment_engine.store.database import Database

_log = logging.getLogger(__name__)

READ_AT_ONCE = 20
SOURCE = "stream"
ENVELOPE = "data"


class Message(Protocol):
    """One entry of a stream."""

    @property
    def id(self) -> str:
        """Its place in the stream."""

    @property
    def fields(self) -> Mapping[str, str]:
        """What it carries."""


class Source(Protocol):
    """A stream whose entries stay until they are acknowledged."""

    def read(self, most: int) -> Sequence[Message]:
        """The first entries that are not acknowledged; may wait a moment for some.

        Raises
        ------
        RemoteServiceError
        """

    def acknowledge(self, message_id: str) -> None:
        """This entry is done with.

        Raises
        ------
        RemoteServiceError
        """

    def close(self) -> None:
        """End the connections that are open."""


class TicketStream:
    """Takes in what a stream brings; what cannot be taken is put aside and acknowledged."""

    def __init__(
        self, database: Database, source: Source, events: EventsIn, holder: str, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._source, self._events = source, events
        self._leadership = Leadership(database, "tickets", holder, lease_seconds)

    def step(self, now: datetime) -> float:
        """Take in the next entries; seconds until the next look.

        Raises
        ------
        RemoteServiceError, DatabaseUnavailableError
            The entries that were not acknowledged come again.
        """
        if self._leadership.lead(now) is None:
            return STANDBY_SECONDS
        for message in self._source.read(READ_AT_ONCE):
            self._take_in(message)
            self._source.acknowledge(message.id)
        return 0.0

    def close(self) -> None:
        """End the connection, and let another process take over at once."""
        self._source.close()
        self._leadership.give_up()

    def _take_in(self, message: Message) -> None:
        try:
            event = read_ticket_event(event_fields(message.fields))
        except InvalidInputError as exc:
            _put_aside(self._events, message, exc)
        else:
            self._events.receive(event, SOURCE)


def event_fields(fields: Mapping[str, str]) -> Mapping[str, object]:
    """The event in an entry: the JSON of its field `data`, or the fields themselves.

    Raises
    ------
    InvalidInputError
    """
    if ENVELOPE not in fields:
        return fields
    try:
        event = json.loads(fields[ENVELOPE])
    except (ValueError, RecursionError) as exc:
        raise InvalidInputError.at(f"/{ENVELOPE}", "expected JSON") from exc
    if not isinstance(event, dict):
        raise InvalidInputError.at(f"/{ENVELOPE}", "expected a JSON object")
    return event


def _put_aside(events: EventsIn, message: Message, error: InvalidInputError) -> None:
    """An entry that cannot be read has no event id that could be trusted, but it has a place."""
    events.put_aside(f"{SOURCE}:{message.id}", SOURCE, _storable(message.fields), str(error))


def _storable(fields: Mapping[str, str]) -> Mapping[str, Any]:
    """Text without NUL, which PostgreSQL does not keep."""
    return {name.replace("\0", "�"): value.replace("\0", "�") for name, value in fields.items()}

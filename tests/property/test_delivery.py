"""Whatever happens in between, a receiver gets every event, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment_engine.domain.errors import RemoteServiceError
from assignment_engine.domain.events import Published
from assignment_engine.services.relay import Delivery, Relay
from assignment_engine.store.database import Database
from tests.databases import Servers, opened
from tests.happenings import happen, published, stock

THINGS = ("write", "number", "deliver", "refuse", "kill", "other relay", "other delivery")


class KilledError(BaseException):
    """The process ends here."""


class Receiver:
    """Takes events until something happens to it or to who sends them."""

    name = "receiver"

    def __init__(self) -> None:
        self.got: list[int] = []
        self.next: str | None = None

    def resume(self, position: int) -> int:
        return position

    def send(self, events: Sequence[Published]) -> Iterator[int]:
        for number, event in enumerate(events):
            if self.next == "refuse" and number == 1:
                raise RemoteServiceError("no")
            self.got.append(event.position)
            if self.next == "kill" and number == 1:
                raise KilledError
            yield event.position

    def close(self) -> None:
        """There is nothing to close."""


class House:
    """Processes that come and go around one database; a lease of no length lets each take over at once."""

    def __init__(self, database: Database) -> None:
        self._database, self._started, self._written = database, 0, 0
        self.receiver = Receiver()
        self._relay, self._delivery = self._new_relay(), self._new_delivery()

    def do(self, what: str) -> None:
        match what:
            case "write":
                self._written += 1
                happen(self._database, f"t{self._written}", events=("assign", "accept", "complete"))
            case "number":
                self._relay.step(datetime.now(UTC))
            case "other relay":
                self._relay = self._new_relay()
            case "other delivery":
                self._delivery = self._new_delivery()
            case _:
                self._deliver(what)

    def _deliver(self, what: str) -> None:
        self.receiver.next = what
        try:
            self._delivery.step(datetime.now(UTC))
        except KilledError:
            self._delivery = self._new_delivery()
        self.receiver.next = None
        with self._database.read() as unit:
            cursor = unit.cursors.get("receiver")
        if cursor.failures:
            self._database.run(lambda unit: unit.cursors.fail(cursor, "", unit.now(), 0.0))  # the pause is over

    def _new_relay(self) -> Relay:
        self._started += 1
        return Relay(self._database, f"process-{self._started}", lease_seconds=0.0)

    def _new_delivery(self) -> Delivery:
        self._started += 1
        return Delivery(self._database, self.receiver, f"process-{self._started}", lease_seconds=0.0)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(things=st.lists(st.sampled_from(THINGS), max_size=25))
def test_every_event_arrives_in_order(servers: Servers, things: list[str]) -> None:
    with servers["sqlite"].migrated() as url, opened(url) as database:
        stock(database)
        house = House(database)
        for thing in (*things, "write", "number", "deliver", "deliver"):
            house.do(thing)
        events = published(database)
        assert [event.position for event in events] == list(range(1, 3 * (things.count("write") + 1) + 1))
        assert list(dict.fromkeys(house.receiver.got)) == [event.position for event in events]

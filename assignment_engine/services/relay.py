"""Published events on their way: one leader gives positions, and each receiver is served in their order."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

from assignment_engine.domain.errors import LeaseLostError, RemoteServiceError
from assignment_engine.domain.events import Cursor, Published
from assignment_engine.domain.stored import Lease
from assignment_engine.services.leading import LEASE_SECONDS, Leadership
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

_log = logging.getLogger(__name__)

NUMBERED_AT_ONCE = 500
SENT_AT_ONCE = 200
IDLE_SECONDS = 0.2
STANDBY_SECONDS = 1.0
LONGEST_TURN_SECONDS = 2.0  # with one receiver's time-out this stays below the lease
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0


class Relay:
    """Gives committed events their positions, in one process at a time.

    Parameters
    ----------
    holder : the name of this process, unlike that of any other.
    on_numbered : called when there is something new to read.
    """

    def __init__(
        self,
        database: Database,
        holder: str,
        on_numbered: Callable[[], None] | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database, self._on_numbered = database, on_numbered
        self._leadership = Leadership(database, "relay", holder, lease_seconds)

    def step(self, now: datetime) -> float:
        """Number what waits; seconds until the next look."""
        lease = self._leadership.lead(now)
        if lease is None:
            return STANDBY_SECONDS
        with self._database.read() as unit:
            if not unit.outbox.has_unnumbered():
                return IDLE_SECONDS
        try:
            count = self._database.run(partial(_number, lease))
        except LeaseLostError:
            self._leadership.lose()
            return 0.0
        if self._on_numbered:
            self._on_numbered()
        return 0.0 if count == NUMBERED_AT_ONCE else IDLE_SECONDS

    def close(self) -> None:
        """Let another process take over at once."""
        self._leadership.give_up()


def _number(lease: Lease, unit: UnitOfWork) -> int:
    unit.leases.hold(lease)
    return unit.outbox.number(NUMBERED_AT_ONCE)


class Sink(Protocol):
    """A receiver of events outside."""

    @property
    def name(self) -> str:
        """What the receiver is called in the database and in logs."""

    def resume(self, position: int) -> int:
        """The position behind which to go on: `position`, or less when the receiver has lost what it had.

        Raises
        ------
        RemoteServiceError
        """

    def send(self, events: Sequence[Published]) -> Iterator[int]:
        """Send in order; the position of each event once the receiver has it for sure.

        Raises
        ------
        RemoteServiceError
            When it does not take the next one.
        """

    def close(self) -> None:
        """End the connections that are open."""


@dataclass(frozen=True)
class _Turn:
    """How far one turn came, and why not further."""

    reached: int
    error: str | None = None
    is_finished: bool = True


class Delivery:
    """Brings every event to one receiver: in order, at least once, again after a pause when it fails.

    Each receiver has its own lease and its own cursor, so that one that is dead holds up no other.
    """

    def __init__(self, database: Database, sink: Sink, holder: str, lease_seconds: float = LEASE_SECONDS) -> None:
        self._database, self._sink = database, sink
        self._leadership = Leadership(database, f"sink:{sink.name}", holder, lease_seconds)

    def step(self, now: datetime) -> float:
        """Send what is new; seconds until the next look."""
        lease = self._leadership.lead(now)
        if lease is None:
            return STANDBY_SECONDS
        with self._database.read() as unit:
            cursor, at = unit.cursors.get(self._sink.name), unit.now()
        if cursor.due_at is not None and cursor.due_at > at:
            return min(STANDBY_SECONDS, (cursor.due_at - at).total_seconds())
        turn = self._take_turn(cursor)
        if turn == _Turn(cursor.position) and not cursor.failures:
            return IDLE_SECONDS
        try:
            self._database.run(partial(_save, lease, cursor, turn))
        except LeaseLostError:
            self._leadership.lose()
        return 0.0 if not turn.is_finished else IDLE_SECONDS

    def close(self) -> None:
        """End the connection, and let another process take over at once."""
        self._sink.close()
        self._leadership.give_up()

    def _take_turn(self, cursor: Cursor) -> _Turn:
        reached = cursor.position
        until = time.monotonic() + LONGEST_TURN_SECONDS
        try:
            reached = self._sink.resume(reached)
            with self._database.read() as unit:
                events = unit.outbox.after(reached, SENT_AT_ONCE)
            for position in self._sink.send(events) if events else ():
                reached = position
                if time.monotonic() > until:
                    return _Turn(reached, is_finished=False)
        except RemoteServiceError as exc:
            _log.warning("%s after event %d: %s", self._sink.name, reached, exc)
            return _Turn(reached, str(exc))
        return _Turn(reached, is_finished=len(events) < SENT_AT_ONCE)


def _save(lease: Lease, cursor: Cursor, turn: _Turn, unit: UnitOfWork) -> None:
    unit.leases.hold(lease)
    now = unit.now()
    if turn.error is None:
        unit.cursors.move(cursor.name, turn.reached, now)
    else:
        failures = 1 if turn.reached > cursor.position else cursor.failures + 1
        failed = replace(cursor, position=turn.reached, failures=failures)
        unit.cursors.fail(failed, turn.error, now, pause_seconds(failures))


def pause_seconds(failures: int) -> float:
    """The pause after so many failures: twice as long each time, up to a minute, and never the same for all."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, 20))
    return random.uniform(longest / 2, longest)  # noqa: S311  (spreads retries, guards nothing)

"""The loop that keeps expected ends up to date and tells what goes wrong; one process at a time, by a lease."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from assignment_engine.domain.errors import LeaseLostError
from assignment_engine.domain.going import ActiveWork, NewEta
from assignment_engine.domain.stored import Lease
from assignment_engine.domain.troubles import Trouble, TroubleKind
from assignment_engine.services.detector import rules
from assignment_engine.services.detector.alerting import MOST_RAISED, Change, apply, changes_of
from assignment_engine.services.detector.watched import Watched, watched
from assignment_engine.services.dispatch.dispatcher import METHOD
from assignment_engine.services.eta import EtaPredictor
from assignment_engine.services.leading import Leadership
from assignment_engine.store.database import Database
from assignment_engine.store.rows import chunks
from assignment_engine.store.unit import UnitOfWork

DETECTOR = "detector"
STANDBY_SECONDS = 5.0
LEASES_PER_LOOK = 3.0
PAUSE_PER_LOOK = 9.0  # times as long as the look took: it takes a tenth of the time at most
WRITTEN_AT_ONCE = 200
LONGEST_PAUSE_SEEN = timedelta(seconds=60)
ANSWERS_EVERY = timedelta(seconds=60)
ANSWERS_SINCE = timedelta(days=90)
MOST_ANSWERS = 5000
MOST_DUE = 1000
DUE_WITHIN = timedelta(days=30)
Found = dict[TroubleKind, list[Trouble]]


class Detector:
    """Looks every `interval` at all work that goes on, at loads, and at what waits.

    Parameters
    ----------
    holder : the name of this process, unlike that of any other.
    """

    def __init__(self, database: Database, eta: EtaPredictor, holder: str, interval: timedelta) -> None:
        self._database, self._eta, self._seconds = database, eta, interval.total_seconds()
        self._leadership = Leadership(database, DETECTOR, holder, LEASES_PER_LOOK * self._seconds)
        self._looked_at: datetime | None = None
        self._answers_at: datetime | None = None

    def step(self, now: datetime) -> float:
        """One look, if this process is the one that looks; seconds until the next."""
        lease = self._leadership.lead(now)
        if lease is None:
            self._looked_at = None
            return min(STANDBY_SECONDS, self._seconds)
        self._eta.follow(self._database)
        began = time.monotonic()
        try:
            self._look(lease)
        except LeaseLostError:
            self._leadership.lose()
            return 0.0
        return max(self._seconds, PAUSE_PER_LOOK * (time.monotonic() - began))

    def close(self) -> None:
        """Let another process take over at once."""
        self._leadership.give_up()

    def _look(self, lease: Lease) -> None:
        with self._database.read() as unit:
            now = unit.now()
        self._note_pauses(lease, now)
        found: Found = {TroubleKind.LATE: [], TroubleKind.STUCK: []}
        for works in self._pages():
            page = watched(works, self._eta, now)
            self._tell(lease, page)
            found[TroubleKind.LATE] += [*rules.late(page), *rules.overdue(works, page, now)]
            found[TroubleKind.STUCK] += rules.stuck(page)
        with self._database.read() as unit:
            found |= self._elsewhere(unit, now)
            changes = changes_of(found, unit)
        if changes:
            self._database.run(partial(_apply, lease, changes))

    def _note_pauses(self, lease: Lease, now: datetime) -> None:
        """Count the time since the last look for the work of people who are paused."""
        passed = min(now - self._looked_at, LONGEST_PAUSE_SEEN) if self._looked_at else timedelta()
        self._looked_at = now
        if passed >= timedelta(seconds=1):
            self._database.run(partial(_note_pauses, lease, round(passed.total_seconds())))

    def _pages(self) -> Iterator[tuple[ActiveWork, ...]]:
        """All work that goes on, some at a time."""
        after = ""
        while True:
            with self._database.read() as unit:
                works = unit.going.active(after)
            if not works:
                return
            yield works
            after = works[-1].task_id
            self._leadership.lead(datetime.now(UTC))  # a long look must not lose its lease

    def _tell(self, lease: Lease, page: list[Watched]) -> None:
        """Write what has changed, a few rows at a time, so that nobody waits for long."""
        news = [each.news for each in page if each.is_news]
        for part in chunks(news, WRITTEN_AT_ONCE):
            self._database.run(partial(_write, lease, part))

    def _elsewhere(self, unit: UnitOfWork, now: datetime) -> Found:
        """Troubles that are not about work that goes on."""
        found: Found = {
            TroubleKind.OVERLOAD: list(rules.overload(unit.troubles.loaded(rules.LOADED_KEPT))),
            TroubleKind.STARVING: list(self._starving(unit, now)),
        }
        if self._answers_at is None or now - self._answers_at >= ANSWERS_EVERY:
            self._answers_at = now
            answers = unit.troubles.answers(METHOD, now - ANSWERS_SINCE, MOST_ANSWERS)
            found[TroubleKind.ACCEPTANCE] = list(rules.falling_acceptance(answers))
        return found

    def _starving(self, unit: UnitOfWork, now: datetime) -> Iterator[Trouble]:
        streams = unit.waiting.streams()
        for queue in {stream.queue.name: stream.queue for stream in streams}.values():
            keys = [stream.dispatch_key for stream in streams if stream.queue.name == queue.name]
            waiting = unit.troubles.waiting_since(keys, now - queue.max_wait, MOST_RAISED + 1)
            yield from rules.waiting_too_long(waiting, queue, now)
        due = unit.troubles.due_before(now + DUE_WITHIN, MOST_DUE)
        yield from rules.unassigned_near_deadline(due, self._eta, now)


def _note_pauses(lease: Lease, seconds: int, unit: UnitOfWork) -> None:
    unit.leases.hold(lease)
    unit.going.note_pauses(seconds)


def _write(lease: Lease, news: Sequence[NewEta], unit: UnitOfWork) -> None:
    unit.leases.hold(lease)
    unit.going.set_etas(news)


def _apply(lease: Lease, changes: list[Change], unit: UnitOfWork) -> None:
    unit.leases.hold(lease)
    apply(unit, changes, unit.now())

"""When a loop ran last, so that silence while nobody listened is not held against anybody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.engine import Connection

from assignment_engine.store.rows import insert_missing
from assignment_engine.store.tables import cycles

PAUSE_SEEN_AS_OUTAGE = timedelta(seconds=15)


class Cycles:
    """Stamps of loops that several processes may run."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, name: str, now: datetime, quiet: timedelta, pause: timedelta = PAUSE_SEEN_AS_OUTAGE) -> bool:
        """Stamp a cycle. False for as long as `quiet` after a time longer than `pause` in which no process ran one."""
        query = select(cycles).where(cycles.c.name == name)
        last = self._connection.execute(query.with_for_update()).one_or_none()
        if last is None:
            insert_missing(self._connection, cycles, [{"name": name, "last_at": now, "quiet_until": now + quiet}])
            return False
        quiet_until = last.quiet_until
        if now - last.last_at > pause:
            quiet_until = now + quiet
        stamped = update(cycles).where(cycles.c.name == name)
        self._connection.execute(stamped.values(last_at=now, quiet_until=quiet_until))
        return quiet_until is None or now >= quiet_until

    def listens(self, name: str, now: datetime, pause: timedelta = PAUSE_SEEN_AS_OUTAGE) -> bool:
        """Whether silence counts at this moment: `begin` may have said so before this process was stopped for long."""
        last: Row[Any] | None = self._connection.execute(select(cycles).where(cycles.c.name == name)).one_or_none()
        if last is None or now - last.last_at > pause:
            return False
        return last.quiet_until is None or bool(now >= last.quiet_until)

    def is_due(self, name: str, now: datetime, every: timedelta) -> bool:
        """Whether `every` has passed since this was so last; somebody else's time counts too."""
        insert_missing(self._connection, cycles, [{"name": name, "last_at": now - every}])
        mine = update(cycles).where(cycles.c.name == name, cycles.c.last_at <= now - every)
        return self._connection.execute(mine.values(last_at=now)).rowcount == 1

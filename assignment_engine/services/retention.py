"""Moving what was kept for its time out of the database, into compressed files of JSON lines.

A file is complete on disk before its rows are deleted. Who dies in between leaves rows that are archived once more:
lines may be there twice, with the same key, but none is missing.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from assignment_engine.domain.errors import LeaseLostError
from assignment_engine.domain.stored import Lease
from assignment_engine.domain.types import new_id, utc_text
from assignment_engine.services.leading import Leadership
from assignment_engine.store.archives import SHELVES, Kind, Row, Shelf
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

_log = logging.getLogger(__name__)

RETENTION = "retention"
EVERY_SECONDS = 3600.0
STANDBY_SECONDS = 60.0
ROWS_PER_FILE = 5000


class Retention:
    """One process at a time archives and deletes what is older than `keep` says, a file's worth of rows at a time.

    Parameters
    ----------
    holder : the name of this process, unlike that of any other.
    directory : where the files go, a directory for each table.
    keep : how long each kind of rows is kept; those that are not named are kept for ever.
    """

    def __init__(
        self,
        database: Database,
        holder: str,
        directory: Path,
        keep: Mapping[Kind, timedelta],
        rows_per_file: int = ROWS_PER_FILE,
    ) -> None:
        self._database, self._directory, self._keep = database, directory, keep
        self._rows = rows_per_file
        self._leadership = Leadership(database, RETENTION, holder)

    def step(self, now: datetime) -> float:
        """One file for each table that has old rows, if this process is the one; seconds until the next."""
        lease = self._leadership.lead(now)
        if lease is None:
            return STANDBY_SECONDS
        try:
            moved = [self._move(lease, shelf) for shelf in SHELVES if shelf.kind in self._keep]
        except LeaseLostError:
            self._leadership.lose()
            return 0.0
        return 0.0 if self._rows in moved else EVERY_SECONDS

    def close(self) -> None:
        """Let another process take over at once."""
        self._leadership.give_up()

    def _move(self, lease: Lease, shelf: Shelf) -> int:
        """Archive and delete at most so many rows; how many there were."""
        with self._database.read() as unit:
            before = self._before(unit, shelf)
            rows = unit.archives.oldest(shelf, before, self._rows)
        if rows:
            self._database.run(partial(_leave, lease, shelf.kind, before))
            path = write(self._directory / shelf.name, rows)
            self._database.run(partial(_delete, lease, shelf, rows))
            _log.info("%d rows of %s older than %s are in %s", len(rows), shelf.name, utc_text(before), path)
        return len(rows)

    def _before(self, unit: UnitOfWork, shelf: Shelf) -> datetime:
        """Rows older than this may go; events that somebody has still to read may not, nor what tells of the same."""
        before = unit.now() - self._keep[shelf.kind]
        needed = unit.archives.needed_from() if shelf.kind is Kind.HISTORY else None
        return before if needed is None else min(before, needed)


def _leave(lease: Lease, kind: Kind, before: datetime, unit: UnitOfWork) -> None:
    unit.leases.hold(lease)
    unit.archives.leave(kind, before)


def _delete(lease: Lease, shelf: Shelf, rows: Sequence[Row], unit: UnitOfWork) -> None:
    unit.leases.hold(lease)
    unit.archives.delete(shelf, [row[shelf.key.name] for row in rows])


def write(directory: Path, rows: Sequence[Row]) -> Path:
    """Write rows as compressed JSON lines into a new file, which is there whole or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{new_id()}.jsonl.gz"  # these ids grow with time, and so do the names
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        with gzip.open(file, "wt", encoding="utf-8") as lines:
            lines.writelines(json.dumps(row, default=_text, ensure_ascii=False) + "\n" for row in rows)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    _sync(directory)
    return path


def _sync(directory: Path) -> None:
    """A name is on disk when its directory is."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _text(value: object) -> str:
    return utc_text(value) if isinstance(value, datetime) else str(value)

"""Deleting what was sent and what came of it, when it was kept for its time.

First the row of the job says that its files are gone, then they are deleted. Who dies in between leaves files that the
next look finds, and nobody is handed a part of them meanwhile. Only what a row names is deleted, because others may
keep their files in the same directory; several processes may do this at once.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import PurePosixPath

from assignment_engine.domain.background import Job
from assignment_engine.services.data_root import DataRoot, Own
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

_log = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
LEFT_BEHIND = timedelta(days=1)
_AT_ONCE = 500


class OldFiles:
    """Deletes the files of jobs that ended longer than `keep` ago (zero: never), and what dead processes left behind.

    References and files of directories that are somebody else's stay.
    """

    def __init__(self, database: Database, root: DataRoot, keep: timedelta) -> None:
        self._database, self._root, self._keep = database, root, keep

    def step(self, _now: datetime) -> float:
        """Do it once; in how many seconds to do it again. The clock is that of the database."""
        with self._database.read() as unit:
            now = unit.now()
        self._sweep(now - LEFT_BEHIND)
        if self._keep:
            self._delete(now - self._keep)
        return EVERY_SECONDS

    def _sweep(self, before: datetime) -> None:
        """What was being sent, and what was being made, when a process died: hidden, and nobody's any more."""
        for own in (Own.UPLOADS, Own.RESULTS):
            for name in self._root.places_before(own, before):
                if name.startswith(".") and self._root.clear(own, name):
                    _log.info("%s/%s was left behind and is deleted", own, name)

    def _delete(self, before: datetime) -> None:
        results = [name for name in self._root.places_before(Own.RESULTS, before) if not name.startswith(".")]
        for ids in _parts(results):
            for job_id in self._noted(self._jobs(ids), before):
                self._clear(Own.RESULTS, job_id)
        uploads = [name for name in self._root.places_before(Own.UPLOADS, before) if not name.startswith(".")]
        for places in _parts(uploads):
            self._delete_uploads(places, before)

    def _delete_uploads(self, places: Sequence[str], before: datetime) -> None:
        """The uploads in these places, where all jobs on them ended long ago."""
        files = [file for place in places for file in self._root.uploads_in(place)]
        with self._database.read() as unit:
            jobs = unit.jobs.of_files(files)
        noted = self._noted(jobs, before)
        needed = {job.file_path for job in jobs if job.id not in noted}
        done = {job.file_path for job in jobs if job.id in noted} - needed
        for place in {PurePosixPath(file).parts[1] for file in done if file is not None}:
            self._clear(Own.UPLOADS, place)

    def _clear(self, own: Own, name: str) -> None:
        if not self._root.clear(own, name):
            _log.warning("%s/%s is to be deleted and cannot be; see who may write there", own, name)

    def _jobs(self, ids: Collection[str]) -> tuple[Job, ...]:
        with self._database.read() as unit:
            return unit.jobs.get_many(ids)

    def _noted(self, jobs: Collection[Job], before: datetime) -> Collection[str]:
        """Those of the jobs that ended before this moment; their rows say now that their files are gone."""
        ids = [job.id for job in jobs if job.completed_at is not None and job.completed_at < before]
        noted = self._database.run(partial(_note, ids, before)) if ids else {}
        for job_id in (job_id for job_id, is_news in noted.items() if is_news):
            _log.info("job %s: its upload and its results were kept for %s and are deleted", job_id, self._keep)
        return noted.keys()


def _note(ids: Collection[str], before: datetime, unit: UnitOfWork) -> dict[str, bool]:
    return unit.jobs.note_deletion(ids, before, unit.now())


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(names), _AT_ONCE):
        yield names[first : first + _AT_ONCE]

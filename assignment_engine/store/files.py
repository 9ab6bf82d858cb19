"""Reference files, and what processing each file took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, null, select, update
from sqlalchemy.engine import Connection

from assignment_engine.domain.errors import DatabaseBusyError, NotFoundError
from assignment_engine.domain.files import FileProcessingMetrics, ReferenceFile, UseCase
from assignment_engine.domain.stored import Page
from assignment_engine.domain.types import new_id
from assignment_engine.store.errors import ConstraintError
from assignment_engine.store.paging import fetch_page
from assignment_engine.store.tables import file_processing_metrics, reference_files

_KEY = reference_files.c.reference_id
_MEASURED = 10_000


@dataclass(frozen=True)
class FileTotals:
    """What was done to all files together, and how long each of the latest 10,000 took."""

    files: int
    rows: int
    issues_found: int
    seconds: Sequence[float]


class Files:
    """Reference files and metrics in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_reference(self, uc_type: UseCase, file_path: str, now: datetime) -> ReferenceFile:
        """Add a file, which is the active one of its agent from now on.

        Raises
        ------
        DatabaseBusyError
            If another one became active at the same time.
        """
        others = update(reference_files).where(reference_files.c.uc_type == uc_type)
        self._connection.execute(others.values(is_active=null()))
        row = {"reference_id": new_id(), "uc_type": uc_type, "file_path": file_path}
        try:
            self._connection.execute(insert(reference_files), {**row, "is_active": True, "created_at": now})
        except ConstraintError as exc:
            raise DatabaseBusyError from exc
        return self.reference(row["reference_id"])

    def reference(self, reference_id: str) -> ReferenceFile:
        """The file, or NotFoundError."""
        found = self._connection.execute(
            select(reference_files).where(reference_files.c.reference_id == reference_id)
        ).one_or_none()
        if found is None:
            raise NotFoundError("reference file", reference_id)
        return _record(found)

    def active(self) -> tuple[ReferenceFile, ...]:
        """The active file of each agent that has one."""
        query = select(reference_files).where(reference_files.c.is_active.is_(True))
        return tuple(_record(row) for row in self._connection.execute(query.order_by(reference_files.c.uc_type)))

    def references(self, *, page: int = 1, limit: int = 50, after: str | None = None) -> Page[ReferenceFile]:
        """One page of reference files, the latest first."""
        sorts = {"created_at": reference_files.c.created_at, "id": _KEY}
        return fetch_page(
            self._connection,
            select(reference_files),
            _KEY,
            sorts,
            lambda rows: tuple(_record(row) for row in rows),
            sort="-created_at",
            page=page,
            limit=limit,
            after=after,
        )

    def delete_reference(self, reference_id: str) -> None:
        """Forget the file."""
        self._connection.execute(delete(reference_files).where(reference_files.c.reference_id == reference_id))

    def measured(self, job_id: str, metrics: FileProcessingMetrics, now: datetime) -> None:
        """Keep what the file of this job took."""
        values = metrics.model_dump()
        row = {"job_id": job_id, "row_count": values.pop("rows"), "created_at": now, **values}
        self._connection.execute(insert(file_processing_metrics), row)

    def totals(self) -> FileTotals:
        """What was done to all files together."""
        table = file_processing_metrics.c
        sums = (func.coalesce(func.sum(column), 0) for column in (table.row_count, table.issues_found))
        count, rows, issues = self._connection.execute(select(func.count(), *sums)).one()
        latest = select(table.processing_time_seconds).order_by(table.created_at.desc()).limit(_MEASURED)
        seconds = self._connection.execute(latest).scalars().all()
        return FileTotals(count, int(rows), int(issues), seconds)


def _record(row: Row[Any]) -> ReferenceFile:
    return ReferenceFile(
        id=row.reference_id,
        uc_type=row.uc_type,
        file_path=row.file_path,
        is_active=bool(row.is_active),
        created_at=row.created_at,
    )

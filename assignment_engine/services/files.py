"""Use cases around files: what is to be checked, what it is compared with, and what has vanished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from assignment_engine.domain.background import Job, JobKind, NewJob
from assignment_engine.domain.errors import InvalidInputError, NotFoundError, UnreadableFileError
from assignment_engine.domain.files import ReferenceFile, UseCase
from assignment_engine.quality.reading import read_header
from assignment_engine.services.background import submit_job
from assignment_engine.store.unit import UnitOfWork

IsThere = Callable[[str], bool]


@dataclass(frozen=True)
class FileOrder:
    """What is to be done with files, and who wants it. Without a reference the active one of each agent counts."""

    use_cases: tuple[UseCase, ...]
    subject: str
    reference_id: str | None = None


def refuse_no_table(content: IO[bytes]) -> None:
    """Look at the beginning of a file that came in, then go back to its start.

    Raises
    ------
    InvalidInputError
        If it is empty, an archive or another binary file, or has no header.
    """
    content.seek(0)
    try:
        read_header(content)
    except UnreadableFileError as exc:
        raise InvalidInputError.at("/file", str(exc)) from exc
    content.seek(0)


def submit_files(unit: UnitOfWork, order: FileOrder, names: Sequence[str]) -> tuple[Job, ...]:
    """Write down one job for each of these files.

    Raises
    ------
    InvalidInputError
        If the reference is not there, or if it is of an agent that was not asked for.
    """
    references = {found.uc_type.value: found.file_path for found in _references(unit, order)}
    agents = [use_case.value for use_case in order.use_cases]

    def job(name: str) -> NewJob:
        return NewJob(
            JobKind.FILE,
            {"file": name, "use_cases": agents, "reference": references.get(UseCase.UC1)},
            order.subject,
            file_path=name,
            selected_ucs=",".join(agents),
            reference_file_path=references or None,
        )

    return tuple(submit_job(unit, job(name)) for name in names)


def _references(unit: UnitOfWork, order: FileOrder) -> tuple[ReferenceFile, ...]:
    if order.reference_id is None:
        return tuple(found for found in unit.files.active() if found.uc_type in order.use_cases)
    try:
        found = unit.files.reference(order.reference_id)
    except NotFoundError as exc:
        raise InvalidInputError.at("/reference_id", str(exc)) from exc
    if found.uc_type not in order.use_cases:
        raise InvalidInputError.at("/reference_id", f"this is a reference for {found.uc_type}, which was not selected")
    return (found,)


def remove_reference(unit: UnitOfWork, reference_id: str) -> ReferenceFile:
    """Forget a reference file. None takes its place; jobs that still wait for it fail.

    Raises
    ------
    NotFoundError
    """
    found = unit.files.reference(reference_id)
    unit.files.delete_reference(reference_id)
    return found


def missing_files(unit: UnitOfWork, is_there: IsThere) -> int:
    """How many active references, and files of jobs that have not ended, have vanished."""
    wanted = {found.file_path for found in unit.files.active()}
    wanted.update(job.file_path for job in unit.jobs.open_files() if job.file_path is not None)
    return sum(not is_there(path) for path in wanted)

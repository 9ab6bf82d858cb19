"""The kinds of jobs: what each does, and what a running one may ask of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from assignment_engine.domain.background import ErrorCategory, JobKind, JobProblem
from assignment_engine.domain.errors import (
    BundleError,
    ConfigurationError,
    DatabaseError,
    EngineError,
    UnreadableFileError,
)
from assignment_engine.store.unit import UnitOfWork

T = TypeVar("T")


class JobEndedError(EngineError):
    """This run of the job no longer counts: it was cancelled, begun anew, or another process took over."""


class JobContext(Protocol):
    """A job that runs, seen from the function that does it."""

    @property
    def job_id(self) -> str: ...

    @property
    def request(self) -> Mapping[str, Any]: ...

    def step(self, name: str, work: Callable[[], T]) -> T:
        """Do `work` and keep what it returns, which JSON must be able to hold: a run that goes on after a crash does
        not do it again. A step that was interrupted is done again, so it must bear that.

        Raises
        ------
        JobEndedError
        """
        ...

    def progress(self, share: float) -> None:
        """Say how much is done; call it at least every few minutes.

        Raises
        ------
        JobEndedError
            If the job is to end here.
        """
        ...


@dataclass(frozen=True)
class JobResult:
    """What came of a job; `metrics` are its numbers (rows, issues_found, …), `also` is done in the transaction that
    completes it."""

    results: Mapping[str, Any]
    metrics: Mapping[str, Any] | None = None
    also: Callable[[UnitOfWork], None] | None = None


@dataclass(frozen=True)
class JobWork:
    """What a kind of job does, and after how long it is given up."""

    run: Callable[[JobContext], JobResult]
    timeout_seconds: float = 3600.0


JobTable = Mapping[JobKind, JobWork]

_CATEGORIES: tuple[tuple[type[Exception], ErrorCategory], ...] = (
    (ConfigurationError, ErrorCategory.CONFIGURATION),
    (BundleError, ErrorCategory.CONFIGURATION),
    (DatabaseError, ErrorCategory.SYSTEM),
    (UnreadableFileError, ErrorCategory.FILE),
    (EngineError, ErrorCategory.PROCESSING),
    (FileNotFoundError, ErrorCategory.FILE),
    (PermissionError, ErrorCategory.FILE),
    (UnicodeError, ErrorCategory.FILE),
    (MemoryError, ErrorCategory.PROCESSING),
    (TimeoutError, ErrorCategory.PROCESSING),
    (OSError, ErrorCategory.SYSTEM),
)


def problem_of(error: Exception) -> JobProblem:
    """What clients are told. Messages of other libraries may hold data, so of those only the kind is told."""
    category = next((c for kind, c in _CATEGORIES if isinstance(error, kind)), ErrorCategory.PROCESSING)
    detail = str(error) if isinstance(error, EngineError) else f"the work failed ({type(error).__name__})"
    return JobProblem(category=category, detail=detail)

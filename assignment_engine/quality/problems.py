"""What was found wrong: counted in full, shown in part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from assignment_engine.domain.records import Record

SHOWN = 20
Severity = Literal["error", "warning", "note"]


class Issue(Record):
    """One kind of problem, of a column or of the file. `lines` are the first lines concerned, the header being 1."""

    code: str
    severity: Severity
    column: str | None = None
    count: int = 1
    detail: str
    lines: tuple[int, ...] = Field((), description="the first lines concerned, at most 20")


class IssueLog:
    """Collects problems while something is read, in bounded memory."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str | None], tuple[Severity, str]] = {}
        self._counts: dict[tuple[str, str | None], int] = {}
        self._lines: dict[tuple[str, str | None], list[int]] = {}

    def add(
        self,
        code: str,
        detail: str,
        line: int | None = None,
        *,
        column: str | None = None,
        severity: Severity = "error",
    ) -> None:
        """Count one; the detail of the first of its kind is the one that is shown."""
        key = (code, column)
        self._first.setdefault(key, (severity, detail))
        self._counts[key] = self._counts.get(key, 0) + 1
        lines = self._lines.setdefault(key, [])
        if line is not None and len(lines) < SHOWN:
            lines.append(line)

    def count(self, *codes: str) -> int:
        return sum(times for (code, _), times in self._counts.items() if code in codes)

    @property
    def issues(self) -> tuple[Issue, ...]:
        return tuple(
            Issue(
                code=key[0],
                column=key[1],
                severity=severity,
                detail=detail,
                count=self._counts[key],
                lines=tuple(self._lines[key]),
            )
            for key, (severity, detail) in self._first.items()
        )


def found(issues: Iterable[Issue]) -> int:
    """How many problems there are in all; notes are none."""
    return sum(issue.count for issue in issues if issue.severity != "note")

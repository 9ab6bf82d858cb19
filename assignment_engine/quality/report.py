"""What a check, a cleaning and a search for duplicates answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import Field

from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Bools
from assignment_engine.quality.drift import Drift
from assignment_engine.quality.gaps import GroupGap, RowGaps
from assignment_engine.quality.kinds import TypedColumn
from assignment_engine.quality.options import FillMethod
from assignment_engine.quality.problems import Issue
from assignment_engine.quality.profile import ColumnProfile
from assignment_engine.quality.rules import FileKind
from assignment_engine.quality.schema import SchemaComparison
from assignment_engine.quality.score import Score
from assignment_engine.quality.table import Table

Progress = Callable[[str, float], None]
"""Told the stage and the share of the whole that is done, 0 to 1."""


def silent(stage: str, share: float) -> None:
    """Progress that nobody looks at."""


class FillError(Record):
    """How one method did on cells that were known and hidden.

    For numbers the mean absolute error divided by the mean absolute deviation from the median (the median itself has
    1), for words the share of wrong ones. `by` is the grouping column of the method `group`.
    """

    method: FillMethod
    error: float
    by: str | None = None


class FilledColumn(Record):
    """What was done about the gaps of a column, and why."""

    column: str
    method: FillMethod
    by: str | None = None
    gaps: int
    filled: int
    measured: tuple[FillError, ...] = ()
    note: str | None = None


class QualityReport(Record):
    """Everything that a check found. `schema_comparison` and `drift` are empty without a reference."""

    file: str | None = None
    file_kind: FileKind
    encoding: str | None = None
    delimiter: str | None = None
    rows: int
    unreadable_rows: int = 0
    score: Score
    columns: tuple[ColumnProfile, ...]
    row_gaps: RowGaps
    group_gaps: tuple[GroupGap, ...]
    reference: str | None = None
    schema_comparison: SchemaComparison | None = None
    drift: tuple[Drift, ...] = ()
    issues: tuple[Issue, ...]
    suspect_rows: int

    @property
    def completeness(self) -> float | None:
        """Share of all cells that have a value; None where there are none."""
        cells = self.rows * len(self.columns)
        return sum(column.present for column in self.columns) / cells if cells else None


@dataclass(frozen=True)
class Checked:
    """A report with what it was made from. `suspect` marks the rows that an error or a repetition concerns."""

    report: QualityReport
    table: Table
    columns: tuple[TypedColumn, ...]
    suspect: Bools


class ReviewPair(Record):
    """Two rows that may be one: somebody should look. `differing` are the columns in which they differ."""

    first_line: int
    first_id: str
    second_line: int
    second_id: str
    similarity: float
    differing: tuple[str, ...]


class MappedId(Record):
    """Where a removed row went."""

    removed_line: int
    removed_id: str
    surviving_line: int
    surviving_id: str
    similarity: float
    reason: Literal["exact", "same_id", "fuzzy"]


class DuplicateReport(Record):
    """What the search for duplicates found."""

    rows: int
    clusters: int
    largest_cluster: int
    duplicates_removed: int
    exact: int
    same_id: int
    fuzzy: int
    review: int
    compared_pairs: int
    merged_cells: int = 0
    conflicts: dict[str, int] = Field(
        default_factory=dict, description="column → merged rows whose value the survivor's replaced"
    )
    weights: dict[str, float] = Field(default_factory=dict)
    id_column: str | None = None
    newest_by: str | None = None


class FileKindOfResult(StrEnum):
    """What an output file is."""

    CLEANED = "cleaned"
    DEDUPLICATED = "deduplicated"
    FINAL = "final"
    REPORT = "report"


class OutputFile(Record):
    """One file that a job wrote, by its name in the output directory."""

    name: str
    kind: FileKindOfResult


class SparseResult(Record):
    """UC1 in a job's results; scores and completeness are null where the file has no rows."""

    score: float | None
    score_after: float | None
    completeness: float | None
    completeness_after: float | None
    filled: dict[str, int]
    methods: dict[str, FillMethod]
    issues: int
    suspect_rows: int
    reference: str | None


class DuplicateResult(Record):
    """UC4 in a job's results."""

    duplicates_removed: int
    clusters: int
    exact: int
    fuzzy: int
    same_id: int
    review: int
    merged_cells: int


class ImpactTotals(Record):
    """Two plans in numbers: one with the suspect rows, one without.

    `at_stake` is Σ score of the assignments that change: those that only one plan has, and those of tasks whose person
    differs (the larger score of the two). `total_score` is that of all assignments of a plan.
    """

    method: str
    scorer: str
    suspect_tasks: int
    suspect_employees: int
    assigned_with: int
    assigned_without: int
    total_score_with: float
    total_score_without: float
    at_stake: float
    share_at_stake: float
    changed: int


class ChangedAssignment(Record):
    """A task that another person gets, or nobody, once the suspect rows are gone."""

    task_id: str
    suspect: bool = Field(description="whether a row of this assignment is suspect: of the task, or of the person")
    employee_with: str | None
    employee_without: str | None
    score_with: float | None
    score_without: float | None


class Impact(ImpactTotals):
    """What the suspect rows mean for a plan; `changes` begin with the highest scores."""

    changes: tuple[ChangedAssignment, ...]


class ImpactNotComputed(Record):
    """Why nobody knows what the suspect rows mean."""

    computed: Literal[False] = False
    reason: str


class ImpactResult(ImpactTotals):
    """The impact in a job's results: the first changes; all of them are in `file`."""

    computed: Literal[True] = True
    changes: tuple[ChangedAssignment, ...]
    file: str


class JobResults(Record):
    """What a job answers: its files, what each agent did (None where it was not asked), and what it means for a plan.

    `impact` is None where the file is none of tasks or employees, or where nobody could plan.
    """

    files: tuple[OutputFile, ...]
    uc1: SparseResult | None = None
    uc4: DuplicateResult | None = None
    impact: ImpactResult | ImpactNotComputed | None = None


class FullReport(Record):
    """Everything about one file, for programs: the HTML report says the same for people."""

    report: QualityReport
    fills: tuple[FilledColumn, ...]
    duplicates: DuplicateReport | None
    impact: ImpactResult | ImpactNotComputed | None


class Judge(Protocol):
    """Says what suspect rows of a file of tasks or employees mean for decisions. `suspect` has the shape (rows,)."""

    def __call__(self, kind: FileKind, table: Table, suspect: Bools) -> Impact | ImpactNotComputed: ...

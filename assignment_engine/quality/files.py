"""From file to file: check, clean, deduplicate, and the chain of them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from assignment_engine.domain.errors import InvalidInputError, UnreadableFileError
from assignment_engine.domain.files import FileProcessingMetrics, UseCase
from assignment_engine.features.arrays import Bools
from assignment_engine.quality.checking import check_table
from assignment_engine.quality.duplicates import Deduplicated, deduplicate_table
from assignment_engine.quality.filling import fill_table
from assignment_engine.quality.html import render
from assignment_engine.quality.options import QualityOptions
from assignment_engine.quality.problems import found
from assignment_engine.quality.reading import TableFile, read_file
from assignment_engine.quality.report import (
    ChangedAssignment,
    Checked,
    DuplicateReport,
    DuplicateResult,
    FileKindOfResult,
    FullReport,
    Impact,
    ImpactNotComputed,
    ImpactResult,
    ImpactTotals,
    JobResults,
    Judge,
    MappedId,
    OutputFile,
    Progress,
    QualityReport,
    ReviewPair,
    SparseResult,
    silent,
)
from assignment_engine.quality.report import FilledColumn as Fill
from assignment_engine.quality.rules import DECIDING
from assignment_engine.quality.table import Table
from assignment_engine.quality.writing import safe_stem, write_records, write_table

ALL = (UseCase.UC1, UseCase.UC4)
CHANGES_LISTED = 20


@dataclass(frozen=True)
class Processed:
    """What became of one file. `duplicates` is None where nobody asked for them."""

    results: JobResults
    metrics: FileProcessingMetrics
    report: QualityReport
    fills: tuple[Fill, ...] = ()
    duplicates: DuplicateReport | None = None

    def path_of(self, kind: FileKindOfResult, directory: Path) -> Path:
        """The first file of this kind in the directory it was written to."""
        return directory / next(file.name for file in self.results.files if file.kind is kind)


def check_file(
    path: Path, reference: Path | None = None, options: QualityOptions | None = None, progress: Progress = silent
) -> Checked:
    """Check a file, beside a reference if there is one.

    Raises
    ------
    UnreadableFileError
        If one of the two files cannot be read as a table.
    """
    file = read_file(path, options)
    checked = check_table(file.table, _reference(reference, options), options, file=file, progress=progress)
    return replace(checked, report=_named(checked.report, path, reference))


def _named(report: QualityReport, path: Path, reference: Path | None) -> QualityReport:
    return report.model_copy(update={"file": path.name, "reference": reference.name if reference else None})


def _reference(path: Path | None, options: QualityOptions | None) -> Table | None:
    if path is None:
        return None
    try:
        return read_file(path, options).table
    except UnreadableFileError as exc:
        raise UnreadableFileError(f"the reference {path.name!r}: {exc}") from exc


def clean_file(
    path: Path,
    out_dir: Path,
    reference: Path | None = None,
    options: QualityOptions | None = None,
    progress: Progress = silent,
) -> Processed:
    """UC1 alone: see `process_file`."""
    return process_file(path, out_dir, (UseCase.UC1,), reference, options, progress)


def deduplicate_file(
    path: Path, out_dir: Path, options: QualityOptions | None = None, progress: Progress = silent
) -> Processed:
    """UC4 alone: see `process_file`."""
    return process_file(path, out_dir, (UseCase.UC4,), None, options, progress)


@dataclass
class _Output:
    """The files of one job, in the order in which they are written."""

    directory: Path
    stem: str
    files: list[OutputFile] = field(default_factory=list)

    def add(self, ending: str, kind: FileKindOfResult) -> Path:
        name = f"{self.stem}.{ending}"
        self.files.append(OutputFile(name=name, kind=kind))
        return self.directory / name


def process_file(
    path: Path,
    out_dir: Path,
    use_cases: Collection[UseCase] = ALL,
    reference: Path | None = None,
    options: QualityOptions | None = None,
    progress: Progress = silent,
    judge: Judge | None = None,
) -> Processed:
    """Check a file, fill its gaps (UC1), merge its duplicates (UC4), and write the results to `out_dir`.

    Written are `<stem>.cleaned.csv`, `<stem>.deduplicated.csv`, `<stem>.id-map.csv` and `<stem>.review.csv`,
    `<stem>.final.csv` (the last of the first two), `<stem>.report.html` and `<stem>.report.json` (`FullReport`). The
    original is not touched. A second run writes the same files again. On a file of tasks or employees, `judge` says
    what the suspect rows (errors, warnings, and duplicates where UC4 was asked for) mean for a plan; the assignments
    that change go to `<stem>.impact.csv`.

    Raises
    ------
    UnreadableFileError
        If the file or the reference cannot be read as a table.
    InvalidInputError
        If the options do not fit the file, or if no use case is given.
    """
    if not use_cases:
        raise InvalidInputError.at("/selected_ucs", "expected UC1, UC4 or both")
    options = options or QualityOptions()
    started = time.perf_counter()
    out_dir.mkdir(parents=True, exist_ok=True)
    output = _Output(out_dir, safe_stem(path.name))
    progress("reading", 0.0)
    file, other = read_file(path, options), _reference(reference, options)
    checked = check_table(file.table, other, options, file=file, progress=_part(progress, 0.05, 0.3))
    found, table = _Found(_named(checked.report, path, reference), checked.suspect), file.table
    if UseCase.UC1 in use_cases:
        table, found.fills = _fill_gaps(table, output, options, _part(progress, 0.3, 0.5))
        found.sparse = _sparse_result(found.report, check_table(table, other, options, file=file).report, found.fills)
    if UseCase.UC4 in use_cases:
        merged = _merge_duplicates(table, output, options, _part(progress, 0.5, 0.8))
        found.duplicates, found.suspect = merged.report, found.suspect | ~merged.kept
    _link_final(output)
    progress("planning", 0.8)
    if judge and found.report.file_kind in DECIDING:
        found.impact = judge(found.report.file_kind, file.table, found.suspect)
    results = _told(found, output)
    progress("done", 1.0)
    metrics = _metrics(file, found.report, results.uc4, time.perf_counter() - started)
    return Processed(results, metrics, found.report, found.fills, found.duplicates)


@dataclass
class _Found:
    """What became known about a file, step by step."""

    report: QualityReport
    suspect: Bools
    fills: tuple[Fill, ...] = ()
    sparse: SparseResult | None = None
    duplicates: DuplicateReport | None = None
    impact: Impact | ImpactNotComputed | None = None


def _told(found: _Found, output: _Output) -> JobResults:
    """Everything that was found, in reports and in short."""
    impact = _impact_result(found.impact, output)
    page = output.add("report.html", FileKindOfResult.REPORT)
    write_report(page, found.report, found.fills, found.duplicates, found.impact)
    full = FullReport(report=found.report, fills=found.fills, duplicates=found.duplicates, impact=impact)
    output.add("report.json", FileKindOfResult.REPORT).write_text(full.model_dump_json(), "utf-8")
    merges = _duplicate_result(found.duplicates) if found.duplicates else None
    return JobResults(files=tuple(output.files), uc1=found.sparse, uc4=merges, impact=impact)


def _metrics(
    file: TableFile, report: QualityReport, merges: DuplicateResult | None, seconds: float
) -> FileProcessingMetrics:
    return FileProcessingMetrics(
        file_size_bytes=file.size_bytes,
        rows=file.table.rows,
        issues_found=found(report.issues) + (merges.duplicates_removed if merges else 0),
        processing_time_seconds=seconds,
    )


def write_report(
    path: Path,
    report: QualityReport,
    fills: tuple[Fill, ...] = (),
    duplicates: DuplicateReport | None = None,
    impact: Impact | ImpactNotComputed | None = None,
) -> None:
    """The report as one HTML file that needs nothing else."""
    path.write_text(render(report, fills, duplicates, impact), "utf-8")


def _part(progress: Progress, first: float, last: float) -> Progress:
    def of_part(stage: str, share: float) -> None:
        progress(stage, first + (last - first) * share)

    return of_part


def _fill_gaps(
    table: Table, output: _Output, options: QualityOptions, progress: Progress
) -> tuple[Table, tuple[Fill, ...]]:
    filled = fill_table(table, options, progress)
    write_table(output.add("cleaned.csv", FileKindOfResult.CLEANED), filled.table, escape=options.escape_formulas)
    return filled.table, filled.columns


def _merge_duplicates(table: Table, output: _Output, options: QualityOptions, progress: Progress) -> Deduplicated:
    merged = deduplicate_table(table, options, progress)
    path = output.add("deduplicated.csv", FileKindOfResult.DEDUPLICATED)
    write_table(path, merged.table, escape=options.escape_formulas)
    write_records(output.add("id-map.csv", FileKindOfResult.REPORT), MappedId, merged.mapped)
    write_records(output.add("review.csv", FileKindOfResult.REPORT), ReviewPair, merged.review)
    return merged


def _impact_result(
    impact: Impact | ImpactNotComputed | None, output: _Output
) -> ImpactResult | ImpactNotComputed | None:
    """The impact as a job tells it: the first changes in its results, all of them in a file."""
    if not isinstance(impact, Impact):
        return impact
    path = output.add("impact.csv", FileKindOfResult.REPORT)
    write_records(path, ChangedAssignment, impact.changes)
    totals = {name: getattr(impact, name) for name in ImpactTotals.model_fields}
    return ImpactResult(**totals, changes=impact.changes[:CHANGES_LISTED], file=path.name)


def _link_final(output: _Output) -> None:
    """The last table under the name of the final file, without a second copy where the file system can."""
    tables = (FileKindOfResult.CLEANED, FileKindOfResult.DEDUPLICATED)
    last = [file for file in output.files if file.kind in tables][-1]
    final = output.add("final.csv", FileKindOfResult.FINAL)
    final.unlink(missing_ok=True)
    try:
        os.link(output.directory / last.name, final)
    except OSError:
        shutil.copyfile(output.directory / last.name, final)


def _sparse_result(before: QualityReport, after: QualityReport, fills: Collection[Fill]) -> SparseResult:
    return SparseResult(
        score=_rounded(before.score.total, 2),
        score_after=_rounded(after.score.total, 2),
        completeness=_rounded(before.completeness, 4),
        completeness_after=_rounded(after.completeness, 4),
        filled={entry.column: entry.filled for entry in fills if entry.filled},
        methods={entry.column: entry.method for entry in fills if entry.filled},
        issues=found(before.issues),
        suspect_rows=before.suspect_rows,
        reference=before.reference,
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _duplicate_result(report: DuplicateReport) -> DuplicateResult:
    return DuplicateResult(**{name: getattr(report, name) for name in DuplicateResult.model_fields})

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
from assignment_engine.quality.checking import check_table
from assignment_engine.quality.duplicates import deduplicate_table
from assignment_engine.quality.filling import fill_table
from assignment_engine.quality.html import render
from assignment_engine.quality.options import QualityOptions
from assignment_engine.quality.problems import found
from assignment_engine.quality.reading import TableFile, read_file
from assignment_engine.quality.report import (
    Checked,
    DuplicateReport,
    DuplicateResult,
    FileKindOfResult,
    Impact,
    JobResults,
    MappedId,
    OutputFile,
    Progress,
    QualityReport,
    ReviewPair,
    SparseResult,
    silent,
)
from assignment_engine.quality.report import FilledColumn as Fill
from assignment_engine.quality.table import Table
from assignment_engine.quality.writing import safe_stem, write_records, write_table

ALL = (UseCase.UC1, UseCase.UC4)


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
) -> Processed:
    """Check a file, fill its gaps (UC1), merge its duplicates (UC4), and write the results to `out_dir`.

    Written are `<stem>.cleaned.csv`, `<stem>.deduplicated.csv`, `<stem>.id-map.csv` and `<stem>.review.csv`,
    `<stem>.final.csv` (the last of the first two) and `<stem>.report.html`. The original is not touched. A second run
    writes the same files again.

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
    file = read_file(path, options)
    other = _reference(reference, options)
    checked = check_table(file.table, other, options, file=file, progress=_part(progress, 0.05, 0.3)).report
    report, table = _named(checked, path, reference), file.table
    fills: tuple[Fill, ...] = ()
    sparse = duplicates = None
    if UseCase.UC1 in use_cases:
        table, fills = _fill_gaps(table, output, options, _part(progress, 0.3, 0.5))
        sparse = _sparse_result(report, check_table(table, other, options, file=file).report, fills)
    if UseCase.UC4 in use_cases:
        duplicates = _merge_duplicates(table, output, options, _part(progress, 0.5, 0.9))
    _link_final(output)
    write_report(output.add("report.html", FileKindOfResult.REPORT), report, fills, duplicates)
    progress("done", 1.0)
    merges = _duplicate_result(duplicates) if duplicates else None
    results = JobResults(files=tuple(output.files), uc1=sparse, uc4=merges)
    metrics = _metrics(file, report, merges, time.perf_counter() - started)
    return Processed(results, metrics, report, fills, duplicates)


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
    impact: Impact | None = None,
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


def _merge_duplicates(table: Table, output: _Output, options: QualityOptions, progress: Progress) -> DuplicateReport:
    merged = deduplicate_table(table, options, progress)
    path = output.add("deduplicated.csv", FileKindOfResult.DEDUPLICATED)
    write_table(path, merged.table, escape=options.escape_formulas)
    write_records(output.add("id-map.csv", FileKindOfResult.REPORT), MappedId, merged.mapped)
    write_records(output.add("review.csv", FileKindOfResult.REPORT), ReviewPair, merged.review)
    return merged.report


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
        score=round(before.score.total, 2),
        score_after=round(after.score.total, 2),
        completeness=round(before.completeness, 4),
        completeness_after=round(after.completeness, 4),
        filled={entry.column: entry.filled for entry in fills if entry.filled},
        methods={entry.column: entry.method for entry in fills if entry.filled},
        issues=found(before.issues),
        suspect_rows=before.suspect_rows,
        reference=before.reference,
    )


def _duplicate_result(report: DuplicateReport) -> DuplicateResult:
    return DuplicateResult(**{name: getattr(report, name) for name in DuplicateResult.model_fields})

"""Bringing the result of a cleaning into the engine, in one call."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from assignment_engine.domain.intake import CsvContent
from assignment_engine.quality.reading import read_file
from assignment_engine.quality.writing import unescape_table, write_rows
from assignment_engine.services.imports import ImportKind, ImportMode, ImportResult, csv_content, store_content
from assignment_engine.store.unit import UnitOfWork


def import_final(unit: UnitOfWork, kind: ImportKind, mode: ImportMode, path: Path) -> ImportResult:
    """Import the final file of a job; the apostrophes that disarm formulas in it are taken off again.

    Raises
    ------
    UnreadableFileError
        If the file is gone or no table.
    ImportRefusedError
        In mode `all`, if any row is bad.
    InvalidInputError
        If the header lacks a required column.
    """
    return store_content(unit, kind, mode, final_content(kind, path))


def final_content(kind: ImportKind, path: Path) -> CsvContent[Any]:
    """The rows of a final file, read before any transaction begins.

    Raises
    ------
    UnreadableFileError
        If the file is gone or no table.
    InvalidInputError
        If the header lacks a required column.
    """
    table = unescape_table(read_file(path).table)
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as stream:
        write_rows(stream, table)
        stream.seek(0)
        return csv_content(kind, stream)

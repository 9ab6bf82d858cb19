"""Writing tables so that nothing in them is run by whoever opens them."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from pydantic import BaseModel

from assignment_engine.quality.kinds import read_numbers
from assignment_engine.quality.table import Table

BATCH = 20_000
STARTS = "=+-@\t\r＝＋－＠"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST_NAME = 80


def safe_stem(name: str) -> str:
    """A file name without its ending, of letters, digits, dots, hyphens and underscores only."""
    stem = Path(name.replace("\\", "/")).name
    for ending in (".gz", ".csv", ".tsv", ".txt"):
        stem = stem.removesuffix(ending)
    return _UNSAFE.sub("_", stem).strip("._-")[:LONGEST_NAME] or "file"


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run the text: it begins like a formula and is no number."""
    return text[:1] != "" and text[0] in STARTS and bool(read_numbers([text]) != read_numbers([text]))


def escaped(text: str) -> str:
    """The text with an apostrophe in front if it is a formula."""
    return f"'{text}" if is_formula(text) else text


def unescaped(text: str) -> str:
    """The reverse of `escaped`."""
    return text[1:] if text[:1] == "'" and is_formula(text[1:]) else text


def escape_table(table: Table) -> tuple[Table, int]:
    """The table with formulas disarmed, in names too, and the number of cells concerned."""
    count = 0
    columns = []
    for column in table.columns:
        risky = [code for code, word in enumerate(column.words) if word[:1] in STARTS and is_formula(word)]
        count += int(column.counts[risky].sum())
        words = list(column.words)
        for code in risky:
            words[code] = f"'{words[code]}"
        columns.append(replace(column, name=escaped(column.name), words=tuple(words)))
    return replace(table, columns=tuple(columns)), count


def unescape_table(table: Table) -> Table:
    """The reverse of `escape_table`."""
    columns = (
        replace(column, name=unescaped(column.name), words=tuple(unescaped(word) for word in column.words))
        for column in table.columns
    )
    return replace(table, columns=tuple(columns))


def write_rows(stream: IO[str], table: Table) -> None:
    """Header and rows as comma separated text."""
    writer = csv.writer(stream)
    writer.writerow(table.names)
    for first in range(0, table.rows, BATCH):
        writer.writerows(table.texts(first, min(first + BATCH, table.rows)))


def write_table(path: Path, table: Table, *, escape: bool = True) -> int:
    """Write a UTF-8 CSV file, whole or not at all; how many cells were disarmed.

    The file appears under its name when it is complete.
    """
    safe, count = escape_table(table) if escape else (table, 0)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as stream:
            write_rows(stream, safe)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return count


def write_records(path: Path, kind: type[BaseModel], records: Iterable[BaseModel]) -> None:
    """Records as a CSV file; lists are separated by semicolons, formulas are disarmed."""
    names = list(kind.model_fields)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        for record in records:
            writer.writerow([escaped(_text(getattr(record, name))) for name in names])


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ";".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
